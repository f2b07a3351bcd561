/*  nsm_fuzz.c - foreign bytes as every response of a Nitro security module.

    The first byte says at which request the input is the answer; those before are answered as the
    module would, so that the fuzzer gets past PCR16, to the document. A device that comes about has
    seen its register locked over its own version, and nothing but that.  */

#include <stdlib.h>

#include "enclave/cbor_writer.h"
#include "enclave/launch.h"
#include "enclave/quote_device.h"

enum { REQUESTS = 5, PRODUCT = 5, SVN = 7 };

typedef struct module {
    tacit_span_t answer;
    int at; /* the request that it answers */
    int request;
    uint8_t pcr[TACIT_REGISTER_SIZE];
} module_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*  Describe, extend, lock, describe; whoever asks more is answered with the input.  */
static void s_answer(const module_t *module, tacit_cbor_writer_t *out)
{
    bool last = module->request == REQUESTS - 2;
    if (module->request == 2) {
        tacit_cbor_write_text(out, "LockPCR");
        return;
    }
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, 1);
    tacit_cbor_write_text(out, module->request == 1 ? "ExtendPCR" : "DescribePCR");
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, 2);
    tacit_cbor_write_text(out, "lock");
    tacit_cbor_write_head(out, TACIT_CBOR_SIMPLE, last ? 21 : 20);
    tacit_cbor_write_text(out, "data");
    tacit_cbor_write_bytes(out, tacit_span(module->pcr, sizeof module->pcr));
}

static tacit_status_t s_exchange(void *self, tacit_span_t request, uint8_t *ret_response,
                                 size_t max, size_t *ret_size, tacit_error_t *ret_error)
{
    module_t *module = self;
    tacit_cbor_writer_t out = tacit_cbor_writer(ret_response, max);
    (void)request;
    if (module->request >= module->at || module->request >= REQUESTS - 1) {
        tacit_cbor_write_raw(&out, module->answer.data, module->answer.size);
    } else {
        s_answer(module, &out);
    }
    module->request++;
    *ret_size = out.size;
    return out.failed ? tacit_error_set(ret_error, TACIT_TOO_LARGE, NULL) : TACIT_OK;
}

static void s_close(void *self)
{
    (void)self;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tacit_self_t program = {.product_id = PRODUCT, .svn = SVN};
    uint8_t pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE];
    uint8_t quote[TACIT_QUOTE_MAX];
    static const uint8_t commitment[64];
    tacit_error_t error = {0};
    if (size < 1) {
        return 0;
    }
    module_t module = {.answer = tacit_span(data + 1, size - 1), .at = data[0] % REQUESTS};
    tacit_launch_pcrs(&program, tacit_span(NULL, 0), pcrs);
    memcpy(module.pcr, pcrs[TACIT_LAUNCH_PCR_VERSION], sizeof module.pcr);
    const tacit_nsm_transport_t transport = {
        .self = &module, .exchange = s_exchange, .close = s_close};
    tacit_quote_device_t *device = NULL;
    tacit_status_t status = tacit_nsm_device_new(transport, PRODUCT, SVN, &device, &error);
    if (status == TACIT_OK) {
        size_t quote_size = 0;
        status = tacit_quote_device_quote(device, TACIT_QUOTE_BINDING, commitment, quote,
                                          &quote_size, &error);
        if (status == TACIT_OK && quote_size > TACIT_QUOTE_MAX) {
            abort();
        }
        tacit_quote_device_destroy(&device);
    }
    if (status != TACIT_OK && (error.code != status || error.message[0] == '\0')) {
        abort();
    }
    return 0;
}
