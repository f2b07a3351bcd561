/*  remote_model_keys.c - which workers are accepted, and that they can have the request key.  */

#include "clients/lib/remote_model_internal.h"
#include "idl/keys.h"

static bool s_accepts(const tacit_remote_model_t *self, const uint8_t measurement[32])
{
    for (size_t i = 0; i < self->measurement_count; i++) {
        if (memcmp(self->measurements[i], measurement, 32) == 0) {
            return true;
        }
    }
    return false;
}

/*  Adds what runs now; the key stays the same, as requests under it are on their way.  */
tacit_status_t tacit_remote_add_workers(tacit_remote_model_t *self, tacit_error_t *ret_error)
{
    uint8_t found[TACIT_REQUEST_KEYS_MAX][32];
    size_t count = 0;
    tacit_status_t status = tacit_user_workers(self->user, found, TACIT_REQUEST_KEYS_MAX, &count,
                                               &self->workers, ret_error);
    bool accepted = false;
    for (size_t i = 0; i < count && !status; i++) {
        bool known = s_accepts(self, found[i]);
        if (!known && !self->pinned && self->measurement_count < TACIT_REQUEST_KEYS_MAX) {
            memcpy(self->measurements[self->measurement_count++], found[i], 32);
            known = true;
        }
        accepted = accepted || known;
    }
    if (!status && !accepted) {
        status = TACIT_INFERENCE_NO_WORKER;
        tacit_error_set_named(ret_error, status, "no_worker",
                              "no worker of an accepted measurement is attested");
        tacit_error_remedy(ret_error, "verify lists what runs; --measurement accepts it");
    }
    return status;
}

static tacit_status_t s_put_key(const tacit_remote_model_t *self, tacit_client_t *keys,
                                const uint8_t measurement[32], tacit_error_t *ret_error)
{
    tacit_keys_put_request_key_args_t args = {
        .owner = tacit_span(self->reference.owner, 32),
        .name = tacit_span_string(self->reference.name),
        .measurement = tacit_span(measurement, 32),
        .request_key = tacit_secret_span(self->request_key),
    };
    tacit_keys_put_request_key_result_t result = {0};
    tacit_status_t status = tacit_keys_put_request_key_call(keys, &args, &result, ret_error);
    if (status == TACIT_KEYS_NOT_ENROLLED) {
        tacit_error_remedy(ret_error, "run init with this identity");
    }
    return status;
}

/*  Loads or makes the key, and tells the key service what is new to it; again: everything.  */
tacit_status_t tacit_remote_share_key(tacit_remote_model_t *self, bool again,
                                      tacit_error_t *ret_error)
{
    bool fresh[TACIT_REQUEST_KEYS_MAX] = {false};
    bool any = again;
    tacit_client_t *keys = NULL;
    tacit_secret_destroy(&self->request_key);
    tacit_status_t status =
        tacit_request_keys_open(self->identity, self->reference.owner, self->reference.name,
                                (const uint8_t(*)[32])self->measurements, self->measurement_count,
                                &self->request_key, fresh, ret_error);
    for (size_t i = 0; i < self->measurement_count; i++) {
        any = any || fresh[i];
    }
    if (status || !any) {
        return status;
    }
    status = tacit_user_connect(self->user, TACIT_ROLE_KEYS, &keys, ret_error);
    for (size_t i = 0; i < self->measurement_count && !status; i++) {
        if (again || fresh[i]) {
            status = s_put_key(self, keys, self->measurements[i], ret_error);
        }
    }
    tacit_client_destroy(&keys);
    return status;
}
