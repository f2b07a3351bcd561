/*  gramine_device.c - quotes through Gramine's /dev/attestation.

    user_report_data takes all 64 bytes in one write; quote is made when it is opened. The files are
    the process's, so that two threads that used them at once would get each other's quotes: a lock
    is held from the write to the end of the read, and what came is compared.  */

#include "enclave/quote_device.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/dcap_quote.h"

enum { S_TYPE_MAX = 16 };

typedef struct {
    tacit_quote_device_t device; /* first */
    const tacit_device_files_t *files;
    char root[TACIT_DEVICE_PATH_MAX];
} s_gramine_t;

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;

static tacit_status_t s_check(tacit_span_t quote, const uint8_t report_data[64],
                              tacit_error_t *error)
{
    tacit_dcap_quote_t parsed;
    tacit_status_t status = tacit_dcap_quote_parse(quote, &parsed, error);
    if (!status && (parsed.is_tdx ||
                    sodium_memcmp(parsed.report.data, report_data, TACIT_REPORT_DATA_SIZE) != 0)) {
        status = tacit_error_claim(error, TACIT_REPORT_DATA_MISMATCH, "gramine.quote",
                                   "a quote over what was written", "another");
        tacit_error_remedy(error, "nothing else in the process may use /dev/attestation");
    }
    return status;
}

static tacit_status_t s_quote(tacit_quote_device_t *device, const uint8_t report_data[64],
                              uint8_t *ret_quote, size_t *ret_size, tacit_error_t *ret_error)
{
    const s_gramine_t *self = (const s_gramine_t *)device;
    size_t size = 0;
    pthread_mutex_lock(&s_lock);
    tacit_status_t status =
        tacit_device_write(self->files, self->root, "user_report_data",
                           tacit_span(report_data, TACIT_REPORT_DATA_SIZE), ret_error);
    if (!status) {
        status = tacit_device_read(self->files, self->root, "quote", ret_quote, TACIT_QUOTE_MAX,
                                   &size, ret_error);
    }
    pthread_mutex_unlock(&s_lock);
    if (!status) {
        status = s_check(tacit_span(ret_quote, size), report_data, ret_error);
    }
    if (!status) {
        *ret_size = size;
    }
    return status;
}

static void s_destroy(tacit_quote_device_t *device)
{
    free(device);
}

tacit_status_t tacit_gramine_device_new(const char *root, const tacit_device_files_t *files,
                                        tacit_quote_device_t **ret_device, tacit_error_t *ret_error)
{
    char type[S_TYPE_MAX];
    tacit_status_t status =
        tacit_device_read_line(files, root, "attestation_type", type, sizeof type, ret_error);
    if (status) {
        return status;
    }
    if (strcmp(type, "dcap") != 0) {
        tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "gramine.attestation_type", "dcap", type);
        tacit_error_remedy(ret_error, "say sgx.remote_attestation = \"dcap\" in the manifest");
        return TACIT_UNSUPPORTED;
    }
    s_gramine_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->device =
        (tacit_quote_device_t){.tee = TACIT_TEE_SGX, .quote = s_quote, .destroy = s_destroy};
    self->files = files;
    snprintf(self->root, sizeof self->root, "%s", root); /* it was short enough to be read from */
    *ret_device = &self->device;
    return TACIT_OK;
}
