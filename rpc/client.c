/*  client.c - a client's life: connecting and binding over one DEALER, and its end.  */

#include "rpc/client_internal.h"

#include "enclave/clock.h"
#include "rpc/client_bind.h"

static tacit_status_t s_await_up(tacit_client_t *self, uint64_t until_ms, tacit_error_t *ret_error)
{
    (void)tacit_client_pump(self);
    while (!self->up && self->lost.code == TACIT_OK && tacit_client_now() < until_ms) {
        tacit_client_sleep(self, until_ms);
        (void)tacit_client_pump(self);
    }
    if (self->lost.code == TACIT_OK && !self->up) {
        tacit_client_lose(self, TACIT_UNREACHABLE, "no answer in time");
    }
    return tacit_client_check_lost(self, ret_error);
}

static uint32_t s_left(uint64_t until_ms)
{
    uint64_t now = tacit_client_now();
    return until_ms > now ? (uint32_t)(until_ms - now) : 1;
}

static tacit_status_t s_connect(tacit_client_t *self, const tacit_client_config_t *config,
                                tacit_error_t *ret_error)
{
    uint32_t connect_ms = config->connect_ms ? config->connect_ms : TACIT_CLIENT_CONNECT_MS;
    uint64_t until_ms = tacit_client_now() + connect_ms;
    tacit_endpoint_connect_t endpoint = {
        .address = config->endpoint,
        .server_key = config->server_key,
        .public_key = config->public_key,
        .secret_key = config->secret_key,
        .connect_ms = connect_ms > INT_MAX ? INT_MAX : connect_ms,
    };
    tacit_status_t status = tacit_endpoint_connect(&endpoint, &self->endpoint, ret_error);
    if (status == TACIT_OK) {
        status = s_await_up(self, until_ms, ret_error);
    }
    if (status == TACIT_OK && config->party) {
        status = tacit_client_bind(self, config, s_left(until_ms), &self->session, ret_error);
    }
    if (self->session) {
        uint64_t now = tacit_now_ms();
        uint64_t left = self->session->expires_ms > now ? self->session->expires_ms - now : 0;
        self->session_end_ms =
            tacit_client_now() +
            (left < TACIT_SESSION_LIFETIME_MS ? left : TACIT_SESSION_LIFETIME_MS);
    }
    tacit_client_metrics_connected(self->metrics, status);
    return status;
}

tacit_status_t tacit_client_new(const tacit_client_config_t *config, tacit_client_t **ret_client,
                                tacit_error_t *ret_error)
{
    if (config->party && !config->server_key) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a plaintext endpoint has no sessions");
    }
    tacit_client_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_buffer_init(&self->out, TACIT_FRAME_MAX);
    tacit_batch_init(&self->held);
    self->coalesce = config->coalesce;
    self->stop = config->stop;
    self->metrics = config->metrics;
    self->arena = tacit_arena_new();
    tacit_status_t status = self->arena ? s_connect(self, config, ret_error)
                                        : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status != TACIT_OK) {
        tacit_client_destroy(&self);
        return status;
    }
    self->stop = NULL;
    *ret_client = self;
    return TACIT_OK;
}

void tacit_client_destroy(tacit_client_t **client)
{
    tacit_client_t *self = client ? *client : NULL;
    if (!self) {
        return;
    }
    tacit_outstanding_clear(&self->calls);
    tacit_client_lane_end(self, NULL);
    tacit_endpoint_destroy(&self->endpoint);
    tacit_session_destroy(&self->session);
    tacit_arena_destroy(&self->arena);
    tacit_buffer_free(&self->out);
    tacit_batch_free(&self->held);
    free(self->result);
    free(self);
    *client = NULL;
}

const tacit_session_t *tacit_client_session(const tacit_client_t *client)
{
    return client->session;
}

void *tacit_client_socket(tacit_client_t *client)
{
    client->lane.polled = true;
    return tacit_endpoint_socket(client->endpoint);
}
