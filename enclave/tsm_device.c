/*  tsm_device.c - TDX quotes through Linux's configfs-tsm.

    Each quote has a report folder of its own, which is made and removed: nobody else has business
    there. Written bytes take effect when inblob is closed, and a failure then is not told: that the
    generation went up by one, and no more until the quote was read, is how one knows. Where it did
    not, or the kernel is busy with somebody else's quote, it is tried again a few times.  */

#include "enclave/quote_device.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "enclave/dcap_quote.h"

enum {
    S_TRIES = 5,
    S_PAUSE_MS = 10,
    S_LINE_MAX = 32,          /* provider, generation */
    S_OUTBLOB_MAX = 32 * 1024 /* the kernel's own limit */
};

typedef struct {
    tacit_quote_device_t device; /* first */
    const tacit_device_files_t *files;
    char root[TACIT_DEVICE_PATH_MAX];
    uint8_t outblob[S_OUTBLOB_MAX];
} s_tsm_t;

static tacit_status_t s_check_provider(const s_tsm_t *self, const char *folder,
                                       tacit_error_t *error)
{
    char provider[S_LINE_MAX];
    tacit_status_t status =
        tacit_device_read_line(self->files, folder, "provider", provider, sizeof provider, error);
    if (!status && strcmp(provider, "tdx_guest") != 0) {
        status = tacit_error_claim(error, TACIT_UNSUPPORTED, "tsm.provider", "tdx_guest", provider);
    }
    return status;
}

static tacit_status_t s_generation(const s_tsm_t *self, const char *folder, uint64_t *ret_number,
                                   tacit_error_t *error)
{
    char line[S_LINE_MAX];
    char *end = NULL;
    tacit_status_t status =
        tacit_device_read_line(self->files, folder, "generation", line, sizeof line, error);
    if (status) {
        return status;
    }
    errno = 0;
    uint64_t number = strtoull(line, &end, 10);
    if (errno != 0 || end == line || *end != '\0' || line[0] == '-') {
        return tacit_error_claim(error, TACIT_MALFORMED, "tsm.generation", "a number", line);
    }
    *ret_number = number;
    return TACIT_OK;
}

/*  BUSY where somebody else wrote, or our own write did not arrive.  */
static tacit_status_t s_try(s_tsm_t *self, const char *folder, const uint8_t report_data[64],
                            size_t *ret_size, tacit_error_t *error)
{
    uint64_t before = 0;
    uint64_t after = 0;
    tacit_status_t status = s_generation(self, folder, &before, error);
    if (!status) {
        status = tacit_device_write(self->files, folder, "inblob",
                                    tacit_span(report_data, TACIT_REPORT_DATA_SIZE), error);
    }
    if (!status) {
        status = tacit_device_read(self->files, folder, "outblob", self->outblob,
                                   sizeof self->outblob, ret_size, error);
    }
    if (!status) {
        status = s_generation(self, folder, &after, error);
    }
    if (!status && after - before != 1) {
        char got[S_LINE_MAX];
        snprintf(got, sizeof got, "%" PRIu64, after - before);
        status = tacit_error_claim(error, TACIT_BUSY, "tsm.generation", "one write", got);
    }
    return status;
}

static tacit_status_t s_try_often(s_tsm_t *self, const char *folder, const uint8_t report_data[64],
                                  size_t *ret_size, tacit_error_t *error)
{
    const struct timespec pause = {.tv_nsec = S_PAUSE_MS * 1000000L};
    tacit_status_t status = TACIT_BUSY;
    for (int i = 0; i < S_TRIES && status == TACIT_BUSY; i++) {
        if (i > 0) {
            nanosleep(&pause, NULL);
        }
        status = s_try(self, folder, report_data, ret_size, error);
    }
    return status;
}

/*  Newer kernels may give DICE tokens (CBOR) in the place of quotes.  */
static tacit_status_t s_check_quote(tacit_span_t outblob, const uint8_t report_data[64],
                                    tacit_error_t *error)
{
    tacit_dcap_quote_t parsed;
    tacit_status_t status = tacit_dcap_quote_parse(outblob, &parsed, error);
    if (status || !parsed.is_tdx) {
        return tacit_error_claim(error, TACIT_UNSUPPORTED, "tsm.outblob", "a TDX quote",
                                 "another thing");
    }
    if (sodium_memcmp(parsed.td.bytes.data + TACIT_TD_REPORT_DATA, report_data,
                      TACIT_REPORT_DATA_SIZE) != 0) {
        return tacit_error_claim(error, TACIT_REPORT_DATA_MISMATCH, "tsm.outblob",
                                 "a quote over what was written", "another");
    }
    return TACIT_OK;
}

/*  A folder that nobody had: a former life of this pid may have left one behind.  */
static tacit_status_t s_make_folder(const s_tsm_t *self, char folder[TACIT_DEVICE_PATH_MAX],
                                    tacit_error_t *error)
{
    static atomic_uint s_count;
    for (int i = 0; i < S_TRIES; i++) {
        if (snprintf(folder, TACIT_DEVICE_PATH_MAX, "%s/tacit-%d-%u", self->root, (int)getpid(),
                     atomic_fetch_add(&s_count, 1)) >= TACIT_DEVICE_PATH_MAX) {
            return tacit_error_set(error, TACIT_BAD_INPUT, "the device's path is too long");
        }
        if (self->files->make_folder(self->files->self, folder) == 0) {
            return TACIT_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return tacit_device_failed(folder, error);
}

static tacit_status_t s_quote(tacit_quote_device_t *device, const uint8_t report_data[64],
                              uint8_t *ret_quote, size_t *ret_size, tacit_error_t *ret_error)
{
    s_tsm_t *self = (s_tsm_t *)device;
    char folder[TACIT_DEVICE_PATH_MAX];
    size_t size = 0;
    tacit_status_t status = s_make_folder(self, folder, ret_error);
    if (status) {
        return status;
    }
    status = s_check_provider(self, folder, ret_error);
    if (!status) {
        status = s_try_often(self, folder, report_data, &size, ret_error);
    }
    (void)self->files->remove_folder(self->files->self, folder);
    if (!status) {
        status = s_check_quote(tacit_span(self->outblob, size), report_data, ret_error);
    }
    if (!status) {
        memcpy(ret_quote, self->outblob, size); /* parsing takes no more than TACIT_QUOTE_MAX */
        *ret_size = size;
    }
    return status;
}

static void s_destroy(tacit_quote_device_t *device)
{
    free(device);
}

tacit_status_t tacit_tsm_device_new(const char *root, const tacit_device_files_t *files,
                                    tacit_quote_device_t **ret_device, tacit_error_t *ret_error)
{
    char folder[TACIT_DEVICE_PATH_MAX];
    s_tsm_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->device =
        (tacit_quote_device_t){.tee = TACIT_TEE_TDX, .quote = s_quote, .destroy = s_destroy};
    self->files = files;
    size_t length = strnlen(root, sizeof self->root);
    tacit_status_t status =
        length == sizeof self->root
            ? tacit_error_set(ret_error, TACIT_BAD_INPUT, "the device's path is too long")
            : TACIT_OK;
    if (!status) {
        memcpy(self->root, root, length);
        status = s_make_folder(self, folder, ret_error);
    }
    if (!status) {
        status = s_check_provider(self, folder, ret_error);
        (void)files->remove_folder(files->self, folder);
    }
    if (status) {
        free(self);
        return status;
    }
    *ret_device = &self->device;
    return TACIT_OK;
}
