/*  attestd.c - the actor: two endpoints, one loop, and the handlers of both contracts.

    Whoever asks for a result is judged on the evidence and on the connection it came by. The reason
    of a refusal is the operator's to read, in full and for long; whose evidence is genuine hears it
    about itself; anybody else is a stranger, and hears the code.  */

#include "services/attestation/attestd.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "idl/attestation.h"
#include "idl/introduction.h"
#include "rpc/drain.h"
#include "rpc/introduction.h"
#include "rpc/log.h"
#include "rpc/mesh.h"
#include "rpc/server.h"
#include "rpc/zap.h"
#include "services/attestation/identity.h"
#include "services/attestation/member_table.h"
#include "services/attestation/policy_service.h"
#include "services/attestation/refusal_service.h"

enum { S_RENEW_CHECK_MS = 1000 };

typedef struct {
    tacit_identity_t *identity;
    tacit_policy_store_t *policies;
    tacit_member_table_t *members;
    tacit_refusal_service_t refusals;
    tacit_server_t *introduction; /* plaintext */
    tacit_server_t *server;       /* CURVE */
    tacit_standing_t standing;    /* who may speak to it */
    zloop_t *loop;
} s_attestd_t;

static uint64_t s_policy_number(const s_attestd_t *self)
{
    const tacit_policy_t *policy = tacit_policy_store_policy(self->policies);
    return policy ? tacit_policy_number(policy) : 0;
}

/*  Attests itself under the policy in force, and has its sessions follow it.  */
static tacit_status_t s_follow_policy(s_attestd_t *self, tacit_error_t *ret_error)
{
    const tacit_policy_t *policy = tacit_policy_store_policy(self->policies);
    if (policy) {
        tacit_standing_take(&self->standing, tacit_policy_rules(policy), (uint64_t)zclock_mono());
    }
    return tacit_identity_attest(self->identity, tacit_policy_store_head(self->policies),
                                 s_policy_number(self), ret_error);
}

/*  --- introduction ---------------------------------------------------------------------------- */

static void s_copy_collateral(tacit_arena_t *arena, const tacit_collateral_t *from,
                              tacit_introduction_introduce_result_t *ret_result)
{
    ret_result->tcb_info = tacit_arena_copy(arena, from->tcb_info);
    ret_result->qe_identity = tacit_arena_copy(arena, from->qe_identity);
    ret_result->tcb_signing_chain = tacit_arena_copy(arena, from->tcb_signing_chain);
    ret_result->pck_crl_issuer_chain = tacit_arena_copy(arena, from->pck_crl_issuer_chain);
    ret_result->root_crl = tacit_arena_copy(arena, from->root_crl);
    ret_result->pck_crl = tacit_arena_copy(arena, from->pck_crl);
}

static tacit_status_t s_introduce(void *argument, tacit_call_t *call,
                                  const tacit_introduction_introduce_args_t *args,
                                  tacit_introduction_introduce_result_t *ret_result)
{
    s_attestd_t *self = argument;
    tacit_identity_t *identity = self->identity;
    tacit_error_t *error = tacit_call_error(call);
    uint8_t commitment[64];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size = 0;
    tacit_collateral_t collateral;
    void *storage = NULL;
    tacit_introduction_commitment(args->nonce.data, identity->curve_public, identity->result_public,
                                  identity->mesh_id, commitment);
    tacit_status_t status = tacit_platform_quote(identity->platform, TACIT_QUOTE_INTRODUCTION,
                                                 commitment, quote, &quote_size, error);
    if (!status) {
        status = tacit_platform_collateral(identity->platform, &collateral, &storage, error);
    }
    if (status) {
        return status;
    }
    tacit_arena_t *arena = tacit_call_arena(call);
    ret_result->curve_key = tacit_span(identity->curve_public, 32);
    ret_result->result_key = tacit_span(identity->result_public, 32);
    ret_result->mesh_id = tacit_span(identity->mesh_id, 32);
    ret_result->endpoint = tacit_span_string(tacit_server_endpoint(self->server));
    ret_result->quote = tacit_arena_copy(arena, tacit_span(quote, quote_size));
    s_copy_collateral(arena, &collateral, ret_result);
    free(storage);
    return TACIT_OK;
}

/*  --- attest ---------------------------------------------------------------------------------- */

static void s_state_case(const tacit_attestation_attest_args_t *args,
                         const tacit_session_t *session, tacit_case_t *ret_case)
{
    *ret_case = (tacit_case_t){
        .role = (tacit_role_t)args->role,
        .quote = args->quote,
        .collateral =
            {
                .tcb_info = args->tcb_info,
                .qe_identity = args->qe_identity,
                .tcb_signing_chain = args->tcb_signing_chain,
                .pck_crl_issuer_chain = args->pck_crl_issuer_chain,
                .root_crl = args->root_crl,
                .pck_crl = args->pck_crl,
            },
        .curve_key = session->peer_curve,
        .signing_key = args->signing_key.data,
    };
    uint8_t commitment[64];
    tacit_attest_commitment(ret_case->role, session->exporter, session->peer_curve,
                            args->signing_key.data, args->mesh_id.data, commitment);
    tacit_report_data(TACIT_QUOTE_BINDING, commitment, ret_case->report_data);
}

static tacit_status_t s_judge(s_attestd_t *self, const tacit_attestation_attest_args_t *args,
                              const tacit_session_t *session, tacit_member_t *ret_member,
                              bool *ret_genuine, tacit_error_t *ret_error)
{
    tacit_identity_t *identity = self->identity;
    if (memcmp(args->mesh_id.data, identity->mesh_id, 32) != 0) {
        return tacit_error_claim(ret_error, TACIT_WRONG_MESH, "mesh id", "this mesh", "another");
    }
    if (!tacit_role_is_enclave((tacit_role_t)args->role) || args->role == TACIT_ROLE_ATTESTATION) {
        return tacit_error_claim(ret_error, TACIT_ROLE_REFUSED, "role",
                                 "keys, models, gateway or worker",
                                 tacit_role_name((tacit_role_t)args->role));
    }
    tacit_case_t judged;
    s_state_case(args, session, &judged);
    tacit_verifier_t verifier = {
        .policy = tacit_policy_store_policy(self->policies),
        .policy_head = tacit_policy_store_head(self->policies),
        .policy_number = s_policy_number(self),
        .root_sha256 = identity->root_sha256,
        .mesh_id = identity->mesh_id,
        .result_secret = identity->result_secret->data,
        .collateral = identity->collateral,
    };
    return tacit_judge(&verifier, &judged, tacit_now_ms(), &ret_member->result,
                       ret_member->result_bytes, ret_genuine, ret_error);
}

static tacit_status_t s_attest(void *argument, tacit_call_t *call,
                               const tacit_attestation_attest_args_t *args,
                               tacit_attestation_attest_result_t *ret_result)
{
    s_attestd_t *self = argument;
    tacit_error_t *error = tacit_call_error(call);
    if (!tacit_policy_store_policy(self->policies)) {
        return tacit_policy_service_none(call);
    }
    tacit_member_t member = {0};
    bool genuine = false;
    tacit_status_t status = s_judge(self, args, tacit_call_session(call), &member, &genuine, error);
    if (status) {
        return tacit_refusal_service_refuse(&self->refusals, call, (tacit_role_t)args->role,
                                            genuine);
    }
    if (args->endpoint.size >= sizeof member.endpoint) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "the endpoint is too long");
    }
    memcpy(member.endpoint, args->endpoint.data, args->endpoint.size);
    status = tacit_member_table_put(self->members, &member, tacit_now_ms());
    if (status) {
        return tacit_error_set(error, status, "%d members are attested", TACIT_MEMBERS_MAX);
    }
    ret_result->result = tacit_arena_copy(tacit_call_arena(call),
                                          tacit_span(member.result_bytes, TACIT_RESULT_SIZE));
    return ret_result->result.data ? TACIT_OK : TACIT_NO_MEMORY;
}

static tacit_status_t s_leave(void *argument, tacit_call_t *call,
                              const tacit_attestation_leave_args_t *args,
                              tacit_attestation_leave_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    s_attestd_t *self = argument;
    tacit_member_table_remove(self->members, tacit_call_session(call)->peer_curve);
    return TACIT_OK;
}

/*  --- look-up --------------------------------------------------------------------------------- */

static tacit_status_t s_lookup(void *argument, tacit_call_t *call,
                               const tacit_attestation_lookup_args_t *args,
                               tacit_attestation_lookup_result_t *ret_result)
{
    s_attestd_t *self = argument;
    const tacit_member_t *found[TACIT_MESH_PEERS_MAX];
    size_t count = tacit_member_table_find(self->members, (tacit_role_t)args->role, tacit_now_ms(),
                                           found, TACIT_MESH_PEERS_MAX);
    tacit_attestation_member_t *items =
        tacit_arena_alloc(tacit_call_arena(call), (count ? count : 1) * sizeof *items);
    if (!items) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        items[i].endpoint = tacit_span_string(found[i]->endpoint);
        items[i].result = tacit_span(found[i]->result_bytes, TACIT_RESULT_SIZE);
    }
    ret_result->members.items = items;
    ret_result->members.count = count;
    return TACIT_OK;
}

/*  --- policy ---------------------------------------------------------------------------------- */

static tacit_status_t s_head(void *argument, tacit_call_t *call,
                             const tacit_attestation_head_args_t *args,
                             tacit_attestation_head_result_t *ret_result)
{
    (void)args;
    s_attestd_t *self = argument;
    if (!tacit_policy_store_policy(self->policies)) {
        return tacit_policy_service_none(call);
    }
    if (tacit_call_peer(call)) {
        tacit_member_table_hear(self->members, tacit_call_peer(call), tacit_now_ms());
    }
    ret_result->head = tacit_span(tacit_policy_store_head(self->policies), 32);
    return TACIT_OK;
}

static tacit_status_t s_policy(void *argument, tacit_call_t *call,
                               const tacit_attestation_policy_args_t *args,
                               tacit_attestation_policy_result_t *ret_result)
{
    (void)args;
    s_attestd_t *self = argument;
    return tacit_policy_service_read(self->policies, call, ret_result);
}

static tacit_status_t s_apply_policy(void *argument, tacit_call_t *call,
                                     const tacit_attestation_apply_policy_args_t *args,
                                     tacit_attestation_apply_policy_result_t *ret_result)
{
    s_attestd_t *self = argument;
    tacit_status_t status = tacit_policy_service_apply(self->policies, call, args);
    if (status) {
        return status;
    }
    /*  Everybody is judged anew; sessions of who is not end soon (rpc/standing.h).  */
    tacit_member_table_clear(self->members);
    status = s_follow_policy(self, tacit_call_error(call));
    ret_result->head = tacit_span(tacit_policy_store_head(self->policies), 32);
    tacit_log(TACIT_LOG_INFO, "policy_applied", "policy %llu is in force",
              (unsigned long long)tacit_policy_number(tacit_policy_store_policy(self->policies)));
    return status;
}

static tacit_status_t s_policy_history(void *argument, tacit_call_t *call,
                                       const tacit_attestation_policy_history_args_t *args,
                                       tacit_attestation_policy_history_result_t *ret_result)
{
    s_attestd_t *self = argument;
    return tacit_policy_service_history(self->policies, call, args, ret_result);
}

static tacit_status_t s_policy_at(void *argument, tacit_call_t *call,
                                  const tacit_attestation_policy_at_args_t *args,
                                  tacit_attestation_policy_at_result_t *ret_result)
{
    s_attestd_t *self = argument;
    return tacit_policy_service_at(self->policies, call, args, ret_result);
}

/*  --- refusals -------------------------------------------------------------------------------- */

static tacit_status_t s_report(void *argument, tacit_call_t *call,
                               const tacit_attestation_report_args_t *args,
                               tacit_attestation_report_result_t *ret_result)
{
    (void)ret_result;
    s_attestd_t *self = argument;
    return tacit_refusal_service_report(&self->refusals, self->members, call, args);
}

static tacit_status_t s_audit(void *argument, tacit_call_t *call,
                              const tacit_attestation_audit_args_t *args,
                              tacit_attestation_audit_result_t *ret_result)
{
    s_attestd_t *self = argument;
    return tacit_refusal_service_audit(&self->refusals, call, args, ret_result);
}

/*  --- the actor ------------------------------------------------------------------------------- */

static const tacit_introduction_handlers_t s_introduction_handlers = {.introduce = s_introduce};

static const tacit_attestation_handlers_t s_handlers = {
    .attest = s_attest,
    .leave = s_leave,
    .lookup = s_lookup,
    .head = s_head,
    .policy = s_policy,
    .apply_policy = s_apply_policy,
    .policy_history = s_policy_history,
    .policy_at = s_policy_at,
    .audit = s_audit,
    .report = s_report,
};

static int s_on_renew(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_attestd_t *self = argument;
    const tacit_result_t *result = &self->identity->result;
    if (tacit_platform_is_lost(self->identity->platform)) {
        tacit_log(TACIT_LOG_ERROR, "platform_lost", "without a platform nothing can be counted");
        return -1;
    }
    tacit_refusal_service_settle(&self->refusals, tacit_now_ms());
    if (tacit_now_ms() >= result->issued_ms + (result->expires_ms - result->issued_ms) / 2) {
        tacit_error_t error = {.code = TACIT_OK};
        if (tacit_identity_attest(self->identity, tacit_policy_store_head(self->policies),
                                  s_policy_number(self), &error)) {
            tacit_log_error("attestation_failed", &error);
        }
    }
    return 0;
}

static tacit_status_t s_open_state(s_attestd_t *self, const tacit_service_args_t *args,
                                   tacit_error_t *ret_error)
{
    self->members = tacit_member_table_new();
    if (!self->members) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_identity_new(args, &self->identity, ret_error);
    if (!status) {
        status = tacit_policy_store_open(args->state, args->trust.operator_signing_key,
                                         self->identity->mesh_id, self->identity->platform,
                                         &self->policies, ret_error);
    }
    if (!status) {
        status = tacit_refusal_journal_open(args->state, self->identity->mesh_id,
                                            self->identity->platform, &self->refusals.journal,
                                            ret_error);
    }
    if (!status) {
        status = s_follow_policy(self, ret_error);
    }
    return status;
}

static tacit_status_t s_open_endpoints(s_attestd_t *self, const tacit_service_args_t *args,
                                       tacit_error_t *ret_error)
{
    tacit_server_config_t config = {
        .endpoint = args->listen,
        .public_key = self->identity->curve_public,
        /*  NOLINTNEXTLINE(clang-analyzer-core.NullDereference): s_open_state set it  */
        .secret_key = self->identity->curve_secret->data,
        .party = &self->identity->party,
        .operator_key = args->trust.operator_curve_key,
        .standing = &self->standing,
        .refusals = &self->refusals.sessions,
        .zap_domain = "tacit.attestation",
    };
    tacit_server_config_t plain = {
        .endpoint = args->introduction[0] ? args->introduction : args->trust.introduction,
        .zap_domain = TACIT_ZAP_INTRODUCTION,
    };
    tacit_status_t status = tacit_server_new(&config, &self->server, ret_error);
    if (!status) {
        status = tacit_server_new(&plain, &self->introduction, ret_error);
    }
    if (!status) {
        status = tacit_server_add(self->server, &tacit_attestation_service, &s_handlers, self);
    }
    if (!status) {
        status = tacit_server_add(self->introduction, &tacit_introduction_service,
                                  &s_introduction_handlers, self);
    }
    if (!status) {
        status = tacit_server_attach(self->server, self->loop);
    }
    if (!status) {
        status = tacit_server_attach(self->introduction, self->loop);
    }
    if (!status) {
        tacit_server_tell_of(self->server, self->introduction); /* nobody can ask there */
    }
    return status;
}

static tacit_status_t s_start(s_attestd_t *self, const tacit_service_args_t *args,
                              tacit_error_t *ret_error)
{
    self->loop = zloop_new();
    if (!self->loop) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_open_state(self, args, ret_error);
    if (!status) {
        status = s_open_endpoints(self, args, ret_error);
    }
    return status;
}

static void s_stop(s_attestd_t *self)
{
    zloop_destroy(&self->loop);
    tacit_server_destroy(&self->introduction);
    tacit_server_destroy(&self->server);
    tacit_policy_store_destroy(&self->policies);
    tacit_member_table_destroy(&self->members);
    if (self->refusals.journal) {
        tacit_refusal_service_settle(&self->refusals, tacit_now_ms());
    }
    tacit_refusal_journal_destroy(&self->refusals.journal);
    tacit_identity_destroy(&self->identity);
}

void tacit_attestd_actor(zsock_t *pipe, void *args)
{
    zsock_signal(pipe, 0);
    s_attestd_t self = {0};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_zap_start();
    if (s_start(&self, args, &error)) {
        tacit_actor_failed(pipe, &error);
        tacit_actor_linger(pipe);
    } else {
        tacit_drain_t drain = {.server = self.server};
        tacit_drain_attach(&drain, pipe, self.loop);
        zloop_timer(self.loop, S_RENEW_CHECK_MS, 0, s_on_renew, &self);
        tacit_actor_ready(pipe, tacit_server_endpoint(self.server));
        zloop_start(self.loop);
    }
    s_stop(&self);
    tacit_zap_stop();
}
