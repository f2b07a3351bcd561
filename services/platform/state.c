/*  state.c - opening and making the platform's state.  */

#include "services/platform/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/whole_file.h"
#include "services/platform/sealing.h"

_Static_assert((int)TACIT_PKI_STATE_MAX == (int)TACIT_NITRO_STATE_MAX, "one file for either");

typedef struct {
    const char *folder;
    const tacit_tee_t *tee; /* wanted; NULL: any */
    bool whole;             /* pki.pem is there, so that everything has to be */
} s_opening_t;

static tacit_status_t s_path(const s_opening_t *opening, const char *name, char ret_path[PATH_MAX],
                             tacit_error_t *ret_error)
{
    return (size_t)snprintf(ret_path, PATH_MAX, "%s/%s", opening->folder, name) < PATH_MAX
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
}

static tacit_status_t s_failed(const s_opening_t *opening, const char *name, tacit_status_t status,
                               tacit_error_t *ret_error)
{
    tacit_error_set(ret_error, status, "cannot use %s in %s: %s", name, opening->folder,
                    tacit_status_text(status));
    tacit_error_remedy(ret_error,
                       "restore the folder from a backup as a whole, or remove it to set "
                       "up a new platform (what was sealed is lost then)");
    return status;
}

static tacit_status_t s_open_folder(tacit_platform_state_t *state, s_opening_t *opening,
                                    tacit_error_t *ret_error)
{
    struct stat facts;
    char path[PATH_MAX];
    if (mkdir(opening->folder, 0700) != 0 && errno != EEXIST) {
        return s_failed(opening, "the folder", TACIT_STORAGE_FAILED, ret_error);
    }
    if (stat(opening->folder, &facts) != 0 || facts.st_uid != geteuid() ||
        (facts.st_mode & 022) != 0) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED,
                               "%s must be the platform's own, and writable by nobody else",
                               opening->folder);
    }
    tacit_status_t status = s_path(opening, "lock", path, ret_error);
    if (status) {
        return status;
    }
    state->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (state->lock < 0) {
        return s_failed(opening, "lock", TACIT_STORAGE_FAILED, ret_error);
    }
    return flock(state->lock, LOCK_EX | LOCK_NB) == 0
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BUSY, "another platform runs with the state %s",
                                 opening->folder);
}

/*  A secret file: TACIT_OK, NOT_FOUND, or another failure.  */
static tacit_status_t s_load_secret(const char *path, size_t size_max, tacit_secret_t **ret_secret)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, size_max, &bytes, &size);
    if (status) {
        return status;
    }
    status = size == 0 ? TACIT_CORRUPT : tacit_secret_copy(tacit_span(bytes, size), ret_secret);
    sodium_memzero(bytes, size);
    free(bytes);
    return status;
}

static tacit_status_t s_make_fuse_key(const char *path, tacit_secret_t **ret_key)
{
    tacit_status_t status = tacit_secret_random(TACIT_FUSE_KEY_SIZE, ret_key);
    return status ? status : tacit_whole_file_replace(path, tacit_secret_span(*ret_key), 0600);
}

static tacit_status_t s_open_fuse_key(tacit_platform_state_t *state, const s_opening_t *opening,
                                      tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = s_path(opening, "fuse.key", path, ret_error);
    if (status) {
        return status;
    }
    status = s_load_secret(path, TACIT_FUSE_KEY_SIZE, &state->fuse_key);
    if (status == TACIT_NOT_FOUND && !opening->whole) {
        status = s_make_fuse_key(path, &state->fuse_key);
    }
    if (!status && state->fuse_key->size != TACIT_FUSE_KEY_SIZE) {
        status = TACIT_CORRUPT;
    }
    return status ? s_failed(opening, "fuse.key", status, ret_error) : TACIT_OK;
}

static tacit_status_t s_open_counters(tacit_platform_state_t *state, const s_opening_t *opening,
                                      tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = s_path(opening, "counters.db", path, ret_error);
    if (status) {
        return status;
    }
    if (opening->whole && access(path, F_OK) != 0) {
        return s_failed(opening, "counters.db", TACIT_CORRUPT, ret_error);
    }
    return tacit_counters_open(path, &state->counters, ret_error);
}

/*  --- the vendor ------------------------------------------------------------------------------
 */

static tacit_status_t s_new_vendor(tacit_platform_state_t *state, tacit_tee_t tee,
                                   tacit_secret_t **ret_bytes)
{
    tacit_status_t status = TACIT_OK;
    const tacit_pki_options_t options = {.tee = tee};
    if (tee == TACIT_TEE_NITRO) {
        status = tacit_nitro_vendor_new(&state->nitro);
        return status ? status : tacit_nitro_vendor_export(state->nitro, ret_bytes);
    }
    status = tacit_pki_new(&options, &state->pki);
    return status ? status : tacit_pki_export(state->pki, ret_bytes);
}

static tacit_status_t s_make_vendor(tacit_platform_state_t *state, const s_opening_t *opening,
                                    const char *path)
{
    tacit_secret_t *bytes = NULL;
    state->tee = opening->tee ? *opening->tee : TACIT_TEE_SGX;
    tacit_status_t status = s_new_vendor(state, state->tee, &bytes);
    if (!status) {
        status = tacit_whole_file_replace(path, tacit_secret_span(bytes), 0600);
    }
    tacit_secret_destroy(&bytes);
    return status;
}

static tacit_status_t s_load_vendor(tacit_platform_state_t *state, const char *path)
{
    tacit_secret_t *bytes = NULL;
    tacit_status_t status = s_load_secret(path, TACIT_PKI_STATE_MAX, &bytes);
    if (!status && tacit_nitro_vendor_is_state(tacit_secret_span(bytes))) {
        state->tee = TACIT_TEE_NITRO;
        status = tacit_nitro_vendor_import(tacit_secret_span(bytes), &state->nitro);
    } else if (!status) {
        status = tacit_pki_import(tacit_secret_span(bytes), &state->pki);
        state->tee = status ? state->tee : tacit_pki_tee(state->pki);
    }
    tacit_secret_destroy(&bytes);
    return status;
}

static tacit_status_t s_check_kind(const tacit_platform_state_t *state, const s_opening_t *opening,
                                   tacit_error_t *ret_error)
{
    if (!opening->tee || *opening->tee == state->tee) {
        return TACIT_OK;
    }
    tacit_error_claim(ret_error, TACIT_BAD_INPUT, "the platform's kind",
                      tacit_tee_name(*opening->tee), tacit_tee_name(state->tee));
    tacit_error_remedy(ret_error, "a platform stays what it is: start another in another folder");
    return TACIT_BAD_INPUT;
}

static tacit_status_t s_open_vendor(tacit_platform_state_t *state, const s_opening_t *opening,
                                    tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = s_path(opening, "pki.pem", path, ret_error);
    if (!status) {
        status = opening->whole ? s_load_vendor(state, path) : s_make_vendor(state, opening, path);
        status = status ? s_failed(opening, "pki.pem", status, ret_error)
                        : s_check_kind(state, opening, ret_error);
    }
    if (!status) {
        status = s_path(opening, "root.der", path, ret_error);
    }
    if (!status) {
        status = tacit_whole_file_replace(path, tacit_platform_state_root_der(state), 0644);
        status = status ? s_failed(opening, "root.der", status, ret_error) : TACIT_OK;
    }
    return status;
}

tacit_span_t tacit_platform_state_root_der(const tacit_platform_state_t *state)
{
    return state->nitro ? tacit_nitro_vendor_root_der(state->nitro)
                        : tacit_pki_root_der(state->pki);
}

tacit_status_t tacit_platform_state_refresh(tacit_platform_state_t *state, uint64_t now_s,
                                            bool *ret_issued)
{
    bool due = state->nitro ? tacit_nitro_vendor_due(state->nitro, now_s)
                            : tacit_pki_due(state->pki, now_s);
    tacit_status_t status = TACIT_OK;
    if (due) {
        status = state->nitro ? tacit_nitro_vendor_refresh(state->nitro)
                              : tacit_pki_issue(state->pki, NULL);
    }
    if (!status) {
        *ret_issued = due;
    }
    return status;
}

static tacit_status_t s_open(tacit_platform_state_t *state, s_opening_t *opening,
                             tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = s_open_folder(state, opening, ret_error);
    if (!status) {
        status = s_path(opening, "pki.pem", path, ret_error);
    }
    if (status) {
        return status;
    }
    opening->whole = access(path, F_OK) == 0;
    status = s_open_fuse_key(state, opening, ret_error);
    if (!status) {
        status = s_open_counters(state, opening, ret_error);
    }
    return status ? status : s_open_vendor(state, opening, ret_error);
}

tacit_status_t tacit_platform_state_open(const char *folder, const tacit_tee_t *tee,
                                         tacit_platform_state_t **ret_state,
                                         tacit_error_t *ret_error)
{
    s_opening_t opening = {.folder = folder, .tee = tee};
    tacit_platform_state_t *state = sodium_init() < 0 ? NULL : calloc(1, sizeof *state);
    if (!state) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    state->lock = -1;
    tacit_status_t status = s_open(state, &opening, ret_error);
    if (status) {
        tacit_platform_state_destroy(&state);
        return status;
    }
    *ret_state = state;
    return TACIT_OK;
}

void tacit_platform_state_destroy(tacit_platform_state_t **state)
{
    if (!state || !*state) {
        return;
    }
    tacit_platform_state_t *self = *state;
    tacit_pki_destroy(&self->pki);
    tacit_nitro_vendor_destroy(&self->nitro);
    tacit_counters_destroy(&self->counters);
    tacit_secret_destroy(&self->fuse_key);
    if (self->lock >= 0) {
        close(self->lock);
    }
    free(self);
    *state = NULL;
}
