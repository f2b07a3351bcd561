/*  client_bind.c - see client_bind.h. What is said and checked is enclave/binding.h's.  */

#include "rpc/client_bind.h"

#include "enclave/clock.h"
#include "idl/session.h"
#include "rpc/client_internal.h"

static uint32_t s_left(uint64_t until_ms)
{
    uint64_t now = tacit_client_now();
    return until_ms > now ? (uint32_t)(until_ms - now) : 1;
}

static tacit_status_t s_open(tacit_client_t *client, tacit_binding_t *binding,
                             const tacit_binding_open_t *open, uint64_t until_ms,
                             tacit_binding_confirm_t *ret_confirm, tacit_error_t *ret_error)
{
    tacit_session_open_args_t args = {
        .role = open->role,
        .mesh_id = tacit_span(open->mesh_id, sizeof open->mesh_id),
        .nonce = tacit_span(open->nonce, sizeof open->nonce),
        .ephemeral = tacit_span(open->ephemeral, sizeof open->ephemeral),
    };
    tacit_session_open_result_t result = {.has_result = false};
    tacit_status_t status =
        tacit_client_call(client, &tacit_session_open, &args, tacit_span(NULL, 0), s_left(until_ms),
                          &result, NULL, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_binding_accept_t accept = {.result = result.result, .quote = result.quote};
    tacit_cursor_t cursors[] = {tacit_cursor(result.session_id), tacit_cursor(result.policy_head),
                                tacit_cursor(result.nonce), tacit_cursor(result.ephemeral)};
    tacit_cursor_copy(&cursors[0], accept.session_id, sizeof accept.session_id);
    tacit_cursor_copy(&cursors[1], accept.policy_head, sizeof accept.policy_head);
    tacit_cursor_copy(&cursors[2], accept.nonce, sizeof accept.nonce);
    tacit_cursor_copy(&cursors[3], accept.ephemeral, sizeof accept.ephemeral);
    return tacit_binding_client_confirm(binding, tacit_now_ms(), &accept, ret_confirm, ret_error);
}

static tacit_status_t s_confirm(tacit_client_t *client, tacit_binding_t *binding,
                                const tacit_binding_confirm_t *confirm, uint64_t until_ms,
                                tacit_session_t **ret_session, tacit_error_t *ret_error)
{
    tacit_session_confirm_args_t args = {
        .result = confirm->result,
        .has_result = confirm->result.size > 0,
        .quote = confirm->quote,
        .has_quote = confirm->quote.size > 0,
        .mac = tacit_span(confirm->mac, sizeof confirm->mac),
    };
    tacit_session_confirm_result_t result = {.mac = {NULL, 0}};
    tacit_status_t status =
        tacit_client_call(client, &tacit_session_confirm, &args, tacit_span(NULL, 0),
                          s_left(until_ms), &result, NULL, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    uint8_t mac[sizeof confirm->mac] = {0};
    tacit_cursor_t cursor = tacit_cursor(result.mac);
    tacit_cursor_copy(&cursor, mac, sizeof mac);
    return tacit_binding_client_finish(binding, mac, ret_session, ret_error);
}

tacit_status_t tacit_client_bind(tacit_client_t *client, const tacit_client_config_t *config,
                                 uint32_t timeout_ms, tacit_session_t **ret_session,
                                 tacit_error_t *ret_error)
{
    uint64_t until_ms = tacit_client_now() + timeout_ms;
    tacit_binding_t *binding = NULL;
    tacit_binding_open_t open;
    tacit_binding_confirm_t confirm;
    tacit_status_t status =
        tacit_binding_client(config->party, config->server_key, config->peer_role, &binding, &open);
    if (status != TACIT_OK) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = s_open(client, binding, &open, until_ms, &confirm, ret_error);
    if (status == TACIT_OK) {
        status = s_confirm(client, binding, &confirm, until_ms, ret_session, ret_error);
    }
    tacit_binding_destroy(&binding);
    return status;
}
