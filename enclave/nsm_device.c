/*  nsm_device.c - documents from a Nitro security module.

    Requests and responses are maps of one entry, {"Name": {..}}, or a name alone where there is
    nothing to say; a refusal is {"Error": "Code"}.  */

#include "enclave/quote_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "enclave/cbor_writer.h"
#include "enclave/evidence_refusal.h"
#include "enclave/launch.h"
#include "enclave/nitro_document.h"

enum {
    S_REQUEST_MAX = 0x1000, /* the driver's own limits */
    S_RESPONSE_MAX = 0x3000,
    S_CBOR_TRUE = 21
};

_Static_assert((int)S_RESPONSE_MAX <= (int)TACIT_QUOTE_MAX, "a document fits where quotes go");

/*  --- the driver ------------------------------------------------------------------------------ */

typedef struct {
    struct iovec request;
    struct iovec response;
} s_message_t;

typedef struct {
    int fd;
    char path[TACIT_DEVICE_PATH_MAX];
} s_driver_t;

static tacit_status_t s_exchange(void *argument, tacit_span_t request, uint8_t *ret_response,
                                 size_t max, size_t *ret_size, tacit_error_t *ret_error)
{
    const s_driver_t *driver = argument;
    s_message_t message = {
        .request = {.iov_base = (void *)(uintptr_t)request.data, .iov_len = request.size},
        .response = {.iov_base = ret_response, .iov_len = max}};
    if (ioctl(driver->fd, _IOWR(0x0A, 0, s_message_t), &message) != 0) {
        return tacit_device_failed(driver->path, ret_error);
    }
    if (message.response.iov_len > max) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "%s says too much", driver->path);
    }
    *ret_size = message.response.iov_len;
    return TACIT_OK;
}

static void s_close(void *argument)
{
    s_driver_t *driver = argument;
    close(driver->fd);
    free(driver);
}

tacit_status_t tacit_nsm_open(const char *path, tacit_nsm_transport_t *ret_transport,
                              tacit_error_t *ret_error)
{
    s_driver_t *driver = calloc(1, sizeof *driver);
    if (!driver) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    snprintf(driver->path, sizeof driver->path, "%s", path);
    driver->fd = open(path, O_RDWR | O_CLOEXEC);
    if (driver->fd < 0) {
        tacit_status_t status = tacit_device_failed(driver->path, ret_error);
        free(driver);
        return status;
    }
    *ret_transport =
        (tacit_nsm_transport_t){.self = driver, .exchange = s_exchange, .close = s_close};
    return TACIT_OK;
}

/*  --- requests and responses ------------------------------------------------------------------ */

typedef struct {
    tacit_quote_device_t device; /* first */
    tacit_nsm_transport_t transport;
    tacit_self_t program; /* product and SVN */
    uint8_t response[S_RESPONSE_MAX];
} s_nsm_t;

static tacit_status_t s_bad_response(tacit_error_t *error)
{
    return tacit_error_claim(error, TACIT_MALFORMED, "nsm.response", "the one that was asked for",
                             "another");
}

static bool s_is(const tacit_cbor_t *item, const char *text)
{
    return item->type == TACIT_CBOR_TEXT &&
           tacit_span_equal(item->content, tacit_span_string(text));
}

static tacit_status_t s_refused(const tacit_cbor_t *code, tacit_error_t *error)
{
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)(code->content.size < 31 ? code->content.size : 31),
             code->type == TACIT_CBOR_TEXT ? (const char *)code->content.data : "");
    return tacit_error_claim(error, TACIT_PLATFORM_REFUSED, "nsm.response", "an answer", text);
}

/*  What a response of that name says: its map; for a name alone an item of that text.  */
static tacit_status_t s_take(tacit_span_t response, const char *name, tacit_cbor_t *ret_content,
                             tacit_error_t *error)
{
    tacit_cbor_t whole;
    tacit_cbor_t key;
    tacit_cbor_t value;
    if (!tacit_cbor_read(response, &whole)) {
        return s_bad_response(error);
    }
    if (s_is(&whole, name)) {
        *ret_content = whole;
        return TACIT_OK;
    }
    tacit_span_t rest = whole.content;
    if (whole.type != TACIT_CBOR_MAP || whole.number != 1 || !tacit_cbor_next(&rest, &key) ||
        !tacit_cbor_next(&rest, &value)) {
        return s_bad_response(error);
    }
    if (s_is(&key, "Error")) {
        return s_refused(&value, error);
    }
    if (!s_is(&key, name)) {
        return s_bad_response(error);
    }
    *ret_content = value;
    return TACIT_OK;
}

static bool s_find(const tacit_cbor_t *map, const char *name, tacit_cbor_t *ret_value)
{
    tacit_cbor_t key;
    tacit_cbor_t value;
    tacit_span_t rest = map->content;
    while (map->type == TACIT_CBOR_MAP && tacit_cbor_next(&rest, &key) &&
           tacit_cbor_next(&rest, &value)) {
        if (s_is(&key, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/*  Asks, and gives what the response of that name says; borrowed until the next.  */
static tacit_status_t s_ask(s_nsm_t *self, const tacit_cbor_writer_t *request, const char *name,
                            tacit_cbor_t *ret_content, tacit_error_t *error)
{
    size_t size = 0;
    if (request->failed) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "the request is too large");
    }
    tacit_status_t status =
        self->transport.exchange(self->transport.self, tacit_span(request->data, request->size),
                                 self->response, sizeof self->response, &size, error);
    return status ? status : s_take(tacit_span(self->response, size), name, ret_content, error);
}

static void s_start(tacit_cbor_writer_t *out, const char *name, unsigned members)
{
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, 1);
    tacit_cbor_write_text(out, name);
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, members);
}

static void s_add_index(tacit_cbor_writer_t *out)
{
    tacit_cbor_write_text(out, "index");
    tacit_cbor_write_head(out, TACIT_CBOR_UNSIGNED, TACIT_LAUNCH_PCR_VERSION);
}

/*  --- PCR16 ----------------------------------------------------------------------------------- */

static tacit_status_t s_extend(s_nsm_t *self, tacit_error_t *error)
{
    uint8_t bytes[S_REQUEST_MAX];
    uint8_t event[TACIT_REGISTER_SIZE];
    tacit_cbor_t said = {0};
    tacit_cbor_writer_t request = tacit_cbor_writer(bytes, sizeof bytes);
    tacit_launch_version_event(&self->program, event);
    s_start(&request, "ExtendPCR", 2);
    s_add_index(&request);
    tacit_cbor_write_text(&request, "data");
    tacit_cbor_write_bytes(&request, tacit_span(event, sizeof event));
    tacit_status_t status = s_ask(self, &request, "ExtendPCR", &said, error);
    if (!status) {
        request.size = 0;
        s_start(&request, "LockPCR", 1);
        s_add_index(&request);
        status = s_ask(self, &request, "LockPCR", &said, error);
    }
    return status;
}

static tacit_status_t s_describe(s_nsm_t *self, bool *ret_locked,
                                 uint8_t ret_value[TACIT_REGISTER_SIZE], tacit_error_t *error)
{
    uint8_t bytes[S_REQUEST_MAX];
    tacit_cbor_t said = {0};
    tacit_cbor_t lock;
    tacit_cbor_t data;
    tacit_cbor_writer_t request = tacit_cbor_writer(bytes, sizeof bytes);
    s_start(&request, "DescribePCR", 1);
    s_add_index(&request);
    tacit_status_t status = s_ask(self, &request, "DescribePCR", &said, error);
    if (status) {
        return status;
    }
    if (!s_find(&said, "lock", &lock) || lock.type != TACIT_CBOR_SIMPLE ||
        !s_find(&said, "data", &data) || data.type != TACIT_CBOR_BYTES ||
        data.content.size != TACIT_REGISTER_SIZE) {
        return s_bad_response(error);
    }
    *ret_locked = lock.number == S_CBOR_TRUE;
    memcpy(ret_value, data.content.data, TACIT_REGISTER_SIZE);
    return TACIT_OK;
}

/*  Extended and locked once in an enclave's life; a restarted program finds its own value.  */
static tacit_status_t s_claim_version(s_nsm_t *self, tacit_error_t *error)
{
    uint8_t pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE];
    uint8_t value[TACIT_REGISTER_SIZE];
    bool locked = false;
    tacit_status_t status = s_describe(self, &locked, value, error);
    if (!status && !locked) {
        status = s_extend(self, error);
        if (!status) {
            status = s_describe(self, &locked, value, error);
        }
    }
    if (status) {
        return status;
    }
    tacit_launch_pcrs(&self->program, tacit_span(NULL, 0), pcrs);
    if (!locked || memcmp(value, pcrs[TACIT_LAUNCH_PCR_VERSION], sizeof value) != 0) {
        return tacit_evidence_refuse(error, TACIT_ALREADY_EXISTS, "nsm.pcr16",
                                     "locked over this product and SVN", "another value");
    }
    return TACIT_OK;
}

/*  --- documents ------------------------------------------------------------------------------- */

static tacit_status_t s_check(tacit_span_t bytes, const uint8_t user_data[], tacit_error_t *error)
{
    tacit_nitro_document_t document;
    tacit_status_t status = tacit_nitro_document_parse(bytes, &document, error);
    if (!status &&
        !tacit_span_equal(document.user_data, tacit_span(user_data, TACIT_LAUNCH_USER_DATA_SIZE))) {
        status = tacit_error_claim(error, TACIT_REPORT_DATA_MISMATCH, "nsm.document",
                                   "one over what was sent", "another");
    }
    return status;
}

static tacit_status_t s_quote(tacit_quote_device_t *device, const uint8_t report_data[64],
                              uint8_t *ret_quote, size_t *ret_size, tacit_error_t *ret_error)
{
    s_nsm_t *self = (s_nsm_t *)device;
    uint8_t bytes[S_REQUEST_MAX];
    uint8_t user_data[TACIT_LAUNCH_USER_DATA_SIZE];
    tacit_cbor_t said = {0};
    tacit_cbor_t document;
    tacit_cbor_writer_t request = tacit_cbor_writer(bytes, sizeof bytes);
    tacit_launch_user_data(&self->program, report_data, user_data);
    s_start(&request, "Attestation", 3);
    tacit_cbor_write_text(&request, "user_data");
    tacit_cbor_write_bytes(&request, tacit_span(user_data, sizeof user_data));
    tacit_cbor_write_text(&request, "nonce");
    tacit_cbor_write_null(&request);
    tacit_cbor_write_text(&request, "public_key");
    tacit_cbor_write_null(&request);
    tacit_status_t status = s_ask(self, &request, "Attestation", &said, ret_error);
    if (!status && (!s_find(&said, "document", &document) || document.type != TACIT_CBOR_BYTES)) {
        status = s_bad_response(ret_error);
    }
    if (!status) {
        status = s_check(document.content, user_data, ret_error);
    }
    if (!status) {
        memcpy(ret_quote, document.content.data, document.content.size);
        *ret_size = document.content.size;
    }
    return status;
}

static void s_destroy(tacit_quote_device_t *device)
{
    s_nsm_t *self = (s_nsm_t *)device;
    self->transport.close(self->transport.self);
    free(self);
}

tacit_status_t tacit_nsm_device_new(tacit_nsm_transport_t transport, uint16_t product_id,
                                    uint16_t svn, tacit_quote_device_t **ret_device,
                                    tacit_error_t *ret_error)
{
    s_nsm_t *self = calloc(1, sizeof *self);
    if (!self) {
        transport.close(transport.self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->device =
        (tacit_quote_device_t){.tee = TACIT_TEE_NITRO, .quote = s_quote, .destroy = s_destroy};
    self->transport = transport;
    self->program = (tacit_self_t){.product_id = product_id, .svn = svn};
    tacit_status_t status = s_claim_version(self, ret_error);
    if (status) {
        s_destroy(&self->device);
        return status;
    }
    *ret_device = &self->device;
    return TACIT_OK;
}
