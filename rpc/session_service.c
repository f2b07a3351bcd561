/*  session_service.c - from messages to enclave/binding.h and into the session table.

    Who the peer is comes from the call (ZAP's User-Id), never from arguments. Nothing waits here
    but for the platform's quote. Who is refused a session is a stranger, who learns the code alone;
    why is put where the operator finds it.  */

#include "rpc/session_service.h"

#include "enclave/clock.h"
#include "rpc/call.h"
#include "rpc/server_fault.h"
#include "rpc/server_lane.h"

void tacit_session_service_settle(tacit_session_service_t *self)
{
    tacit_link_event_t event;
    while (tacit_endpoint_event(self->endpoint, &event)) {
        self->links_up += event.link == TACIT_LINK_UP;
        self->links_failed += event.link == TACIT_LINK_FAILED;
        if (event.link == TACIT_LINK_LOST) {
            self->links_lost++;
            tacit_session_table_end_fd(self->table, event.fd);
        }
    }
}

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

typedef struct {
    const tacit_standing_t *standing;
    uint64_t now_ms;
} s_judge_t;

static bool s_holds(const tacit_session_t *session, const void *argument)
{
    const s_judge_t *judge = argument;
    return tacit_standing_check(judge->standing, session, judge->now_ms, NULL) == TACIT_OK;
}

void tacit_session_service_judge(const tacit_session_service_t *self)
{
    const s_judge_t judge = {.standing = self->standing, .now_ms = s_now()};
    if (self->standing) {
        tacit_session_table_judge(self->table, s_holds, &judge);
    }
}

/*  Attested roles are proved by evidence; this one by the key alone.  */
static tacit_status_t s_check_role(const tacit_session_service_t *self, const tacit_call_t *call,
                                   uint8_t role, tacit_error_t *error)
{
    if (role == TACIT_ROLE_MESH) {
        return tacit_error_claim(error, TACIT_ROLE_REFUSED, "role", "a role that calls",
                                 "the supervisor, which only answers");
    }
    if (role == TACIT_ROLE_OPERATOR &&
        (!self->operator_key ||
         memcmp(self->operator_key, call->id.peer, TACIT_CURVE_KEY_SIZE) != 0)) {
        return tacit_error_claim(error, TACIT_ROLE_REFUSED, "role", "the operator's CURVE key",
                                 "another key");
    }
    return TACIT_OK;
}

static tacit_binding_open_t s_read_open(const tacit_session_open_args_t *args)
{
    tacit_binding_open_t open = {.role = args->role};
    memcpy(open.mesh_id, args->mesh_id.data, sizeof open.mesh_id);
    memcpy(open.nonce, args->nonce.data, sizeof open.nonce);
    memcpy(open.ephemeral, args->ephemeral.data, sizeof open.ephemeral);
    return open;
}

static void s_write_accept(const tacit_binding_accept_t *accept,
                           tacit_session_open_result_t *ret_result)
{
    ret_result->session_id = tacit_span(accept->session_id, sizeof accept->session_id);
    ret_result->policy_head = tacit_span(accept->policy_head, sizeof accept->policy_head);
    ret_result->nonce = tacit_span(accept->nonce, sizeof accept->nonce);
    ret_result->ephemeral = tacit_span(accept->ephemeral, sizeof accept->ephemeral);
    ret_result->result = accept->result;
    ret_result->has_result = accept->result.size > 0;
    ret_result->quote = accept->quote;
    ret_result->has_quote = accept->quote.size > 0;
}

/*  A key that the policy names is told that it does; so is the operator's.  */
static bool s_may_know(const tacit_session_service_t *self, const tacit_call_t *call,
                       tacit_status_t status)
{
    return status == TACIT_USER_REVOKED ||
           (self->operator_key &&
            memcmp(self->operator_key, call->id.peer, TACIT_CURVE_KEY_SIZE) == 0);
}

static tacit_status_t s_refuse(const tacit_session_service_t *self, tacit_call_t *call,
                               tacit_role_t role, tacit_status_t status)
{
    if (status == TACIT_OK) {
        return status;
    }
    if (call->error.code != status) {
        tacit_error_set(&call->error, status, NULL);
    }
    tacit_refusals_add(self->refusals, call->id.peer, role, &call->error);
    if (!s_may_know(self, call, status)) {
        tacit_error_conceal(&call->error);
    }
    return status;
}

static tacit_status_t s_open(void *context, tacit_call_t *call,
                             const tacit_session_open_args_t *args,
                             tacit_session_open_result_t *ret_result)
{
    tacit_session_service_t *self = context;
    if (!call->curve) {
        return TACIT_UNKNOWN_METHOD;
    }
    tacit_status_t status = s_check_role(self, call, args->role, &call->error);
    if (status == TACIT_OK) {
        status = tacit_standing_admits(self->standing, (tacit_role_t)args->role, call->id.peer,
                                       &call->error);
    }
    if (status != TACIT_OK) {
        return s_refuse(self, call, (tacit_role_t)args->role, status);
    }
    tacit_binding_accept_t *accept = tacit_arena_alloc(call->arena, sizeof *accept);
    if (!accept) {
        return TACIT_NO_MEMORY;
    }
    tacit_session_service_settle(self);
    tacit_binding_open_t open = s_read_open(args);
    tacit_binding_t *binding = NULL;
    status = tacit_binding_server(self->party, call->id.peer, tacit_now_ms(), &open, &binding,
                                  accept, &call->error);
    if (status == TACIT_OK) {
        s_write_accept(accept, ret_result);
        status = tacit_session_table_bind(self->table, &call->id,
                                          zmq_msg_get(&call->frame, ZMQ_SRCFD), s_now(), &binding);
    }
    tacit_binding_destroy(&binding);
    return s_refuse(self, call, (tacit_role_t)args->role, status);
}

/*  Development builds can make a session short.  */
static uint64_t s_expires(const tacit_call_t *call, uint64_t expires_ms, uint64_t now_ms)
{
#ifdef TACIT_FAULTS
    uint32_t ms = tacit_server_fault_session(call->server, call->id.peer);
    if (ms > 0 && now_ms + ms < expires_ms) {
        return now_ms + ms;
    }
#endif
    (void)call;
    (void)now_ms;
    return expires_ms;
}

static tacit_status_t s_establish(const tacit_session_service_t *self, const tacit_call_t *call,
                                  tacit_connection_t *row, tacit_session_t **session,
                                  tacit_error_t *error)
{
    uint64_t now = tacit_now_ms();
    uint64_t expires = s_expires(call, (*session)->expires_ms, now);
    if (expires <= now) {
        return tacit_error_set(error, TACIT_SESSION_EXPIRED, NULL);
    }
    return tacit_session_table_establish(self->table, row, expires - now, s_now(), session);
}

static tacit_status_t s_confirm(void *context, tacit_call_t *call,
                                const tacit_session_confirm_args_t *args,
                                tacit_session_confirm_result_t *ret_result)
{
    const tacit_session_service_t *self = context;
    tacit_connection_t *row = tacit_session_table_find(self->table, &call->id, s_now());
    if (!row || !row->binding) {
        tacit_error_claim(&call->error, TACIT_NONCE_REFUSED, "session.confirm",
                          "a binding that was opened on this connection and not long ago", "none");
        return s_refuse(self, call, TACIT_ROLE_NONE, TACIT_NONCE_REFUSED);
    }
    tacit_role_t role = tacit_binding_peer_role(row->binding);
    tacit_binding_confirm_t confirm = {.result = args->result, .quote = args->quote};
    memcpy(confirm.mac, args->mac.data, sizeof confirm.mac);
    uint8_t *mac = tacit_arena_alloc(call->arena, sizeof confirm.mac);
    tacit_session_t *session = NULL;
    tacit_status_t status = mac ? tacit_binding_server_finish(row->binding, tacit_now_ms(),
                                                              &confirm, mac, &session, &call->error)
                                : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        status = tacit_standing_check(self->standing, session, s_now(), &call->error);
    }
    if (status == TACIT_OK) {
        status = s_establish(self, call, row, &session, &call->error);
        ret_result->mac = tacit_span(mac, sizeof confirm.mac);
    }
    tacit_session_destroy(&session);
    tacit_session_table_unbind(self->table, row);
    return s_refuse(self, call, role, status);
}

/*  The server has the lanes; it is there while its call runs.  */
static tacit_status_t s_lane(void *context, tacit_call_t *call,
                             const tacit_session_lane_args_t *args,
                             tacit_session_lane_result_t *ret_result)
{
    (void)context;
    return tacit_server_lane_open(call->server, call, args->cipher, ret_result);
}

const tacit_session_handlers_t tacit_session_service_handlers = {
    .open = s_open,
    .confirm = s_confirm,
    .lane = s_lane,
};
