/*  channel_fixed.c - a channel's source for endpoints that are known beforehand.  */

#include <stdlib.h>

#include "enclave/secret.h"
#include "rpc/channel.h"

typedef struct {
    tacit_client_config_t config; /* its keys are those below */
    uint8_t public_key[32];
    tacit_secret_t *secret_key;
    tacit_target_t targets[TACIT_CHANNEL_ROUTES_MAX];
    size_t count;
} s_fixed_t;

static tacit_status_t s_resolve(void *self, tacit_target_t *ret_targets, size_t max,
                                size_t *ret_count, tacit_error_t *ret_error)
{
    (void)ret_error;
    const s_fixed_t *fixed = self;
    size_t count = fixed->count < max ? fixed->count : max;
    memcpy(ret_targets, fixed->targets, count * sizeof *ret_targets);
    *ret_count = count;
    return TACIT_OK;
}

static tacit_status_t s_connect(void *self, const tacit_target_t *target, const atomic_bool *stop,
                                tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    const s_fixed_t *fixed = self;
    tacit_client_config_t config = fixed->config;
    config.endpoint = target->endpoint;
    config.server_key = fixed->secret_key ? target->server_key : NULL;
    config.public_key = fixed->public_key;
    config.secret_key = fixed->secret_key ? fixed->secret_key->data : NULL;
    config.stop = stop;
    return tacit_client_new(&config, ret_client, ret_error);
}

static void s_destroy(void *self)
{
    s_fixed_t *fixed = self;
    tacit_secret_destroy(&fixed->secret_key);
    free(fixed);
}

tacit_status_t tacit_channel_fixed(const tacit_client_config_t *config,
                                   const tacit_target_t *targets, size_t count,
                                   tacit_channel_source_t *ret_source, tacit_error_t *ret_error)
{
    if (count == 0 || count > TACIT_CHANNEL_ROUTES_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a channel has 1 to %d endpoints",
                               (int)TACIT_CHANNEL_ROUTES_MAX);
    }
    s_fixed_t *fixed = calloc(1, sizeof *fixed);
    if (!fixed) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (config->secret_key) {
        if (tacit_secret_copy(tacit_span(config->secret_key, 32), &fixed->secret_key)) {
            free(fixed);
            return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        }
        memcpy(fixed->public_key, config->public_key, sizeof fixed->public_key);
    }
    fixed->config = *config;
    fixed->config.metrics = NULL; /* dialing threads must not count */
    memcpy(fixed->targets, targets, count * sizeof *targets);
    fixed->count = count;
    *ret_source = (tacit_channel_source_t){.resolve = s_resolve,
                                           .connect = s_connect,
                                           .destroy = s_destroy,
                                           .self = fixed,
                                           .fixed = true};
    return TACIT_OK;
}
