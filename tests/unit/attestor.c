/*  attestor.c - the introduction and the calls of a node, answered without a policy or a store.  */

#include "attestor.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "enclave/clock.h"
#include "enclave/whole_file.h"
#include "idl/attestation.h"
#include "idl/introduction.h"
#include "platform_fixture.h"
#include "rpc/introduction.h"
#include "rpc/mesh.h"
#include "rpc/zap.h"
#include "tests/unit/test_actor.h"
#include "tests/unit/test_service.h"

enum { S_ROOT_MAX = 64 * 1024, S_BIND_TRIES = 200, S_BIND_PAUSE_MS = 25 };

/*  --- what it says of others ------------------------------------------------------------------ */

static void s_issue(attestor_t *self, tacit_role_t role, const uint8_t curve_key[32],
                    uint8_t ret_bytes[TACIT_RESULT_SIZE])
{
    tacit_result_t result = {
        .role = role,
        .simulated = true,
        .tcb_status = TACIT_TCB_UP_TO_DATE,
        .product_id = self->claims.product_id,
        .svn = self->claims.svn,
        .issued_ms = tacit_now_ms(),
        .expires_ms = tacit_now_ms() + TACIT_RESULT_LIFETIME_MS,
    };
    memcpy(result.curve_key, curve_key, 32);
    memcpy(result.attestation_key_sha256, self->claims.attestation_key_sha256, 32);
    memcpy(result.mrenclave, self->claims.mrenclave, 32);
    memcpy(result.mrsigner, self->claims.mrsigner, 32);
    memcpy(result.mesh_id, self->party.mesh_id, 32);
    memcpy(result.policy_head, self->head, 32);
    tacit_result_sign(&result, self->result_secret, ret_bytes);
}

static tacit_status_t s_attest(void *argument, tacit_call_t *call,
                               const tacit_attestation_attest_args_t *args,
                               tacit_attestation_attest_result_t *ret_result)
{
    attestor_t *self = argument;
    uint8_t result[TACIT_RESULT_SIZE];
    self->head[0] = atomic_load(&self->policy);
    s_issue(self, (tacit_role_t)args->role, tacit_call_peer(call), result);
    ret_result->result =
        tacit_arena_copy(tacit_call_arena(call), tacit_span(result, sizeof result));
    atomic_fetch_add(&self->attested, 1);
    return TACIT_OK;
}

static tacit_status_t s_leave(void *argument, tacit_call_t *call,
                              const tacit_attestation_leave_args_t *args,
                              tacit_attestation_leave_result_t *ret_result)
{
    (void)argument;
    (void)call;
    (void)args;
    (void)ret_result;
    return TACIT_OK;
}

static tacit_status_t s_lookup(void *argument, tacit_call_t *call,
                               const tacit_attestation_lookup_args_t *args,
                               tacit_attestation_lookup_result_t *ret_result)
{
    attestor_t *self = argument;
    (void)call;
    (void)args;
    (void)ret_result;
    atomic_fetch_add(&self->looked, 1);
    return TACIT_OK; /* nobody */
}

static tacit_status_t s_head(void *argument, tacit_call_t *call,
                             const tacit_attestation_head_args_t *args,
                             tacit_attestation_head_result_t *ret_result)
{
    attestor_t *self = argument;
    (void)call;
    (void)args;
    self->head[0] = atomic_load(&self->policy);
    ret_result->head = tacit_span(self->head, sizeof self->head);
    return TACIT_OK;
}

/*  --- its own evidence ------------------------------------------------------------------------ */

static tacit_status_t s_introduce(void *argument, tacit_call_t *call,
                                  const tacit_introduction_introduce_args_t *args,
                                  tacit_introduction_introduce_result_t *ret_result)
{
    attestor_t *self = argument;
    tacit_arena_t *arena = tacit_call_arena(call);
    uint8_t commitment[64];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t size = 0;
    tacit_collateral_t collateral;
    void *storage = NULL;
    tacit_introduction_commitment(args->nonce.data, self->public_key, self->result_public,
                                  self->party.mesh_id, commitment);
    tacit_status_t status = tacit_platform_quote(self->platform, TACIT_QUOTE_INTRODUCTION,
                                                 commitment, quote, &size, tacit_call_error(call));
    if (!status) {
        status = tacit_platform_collateral(self->platform, &collateral, &storage,
                                           tacit_call_error(call));
    }
    if (!status) {
        *ret_result = (tacit_introduction_introduce_result_t){
            .curve_key = tacit_span(self->public_key, 32),
            .result_key = tacit_span(self->result_public, 32),
            .mesh_id = tacit_span(self->party.mesh_id, 32),
            .endpoint = tacit_span_string(tacit_server_endpoint(self->server)),
            .quote = tacit_arena_copy(arena, tacit_span(quote, size)),
            .tcb_info = tacit_arena_copy(arena, collateral.tcb_info),
            .qe_identity = tacit_arena_copy(arena, collateral.qe_identity),
            .tcb_signing_chain = tacit_arena_copy(arena, collateral.tcb_signing_chain),
            .pck_crl_issuer_chain = tacit_arena_copy(arena, collateral.pck_crl_issuer_chain),
            .root_crl = tacit_arena_copy(arena, collateral.root_crl),
            .pck_crl = tacit_arena_copy(arena, collateral.pck_crl),
        };
    }
    free(storage);
    return status;
}

/*  --- its lives ------------------------------------------------------------------------------- */

static const tacit_introduction_handlers_t s_introduction = {.introduce = s_introduce};
static const tacit_attestation_handlers_t s_attestation = {
    .attest = s_attest,
    .leave = s_leave,
    .lookup = s_lookup,
    .head = s_head,
};

/*  The port of the life before is free once libzmq's own thread has closed it.  */
static tacit_server_t *s_bind(const tacit_server_config_t *config)
{
    tacit_server_t *server = NULL;
    for (int i = 0; i < S_BIND_TRIES && tacit_server_new(config, &server, NULL); i++) {
        zclock_sleep(S_BIND_PAUSE_MS);
    }
    assert_non_null(server);
    return server;
}

static void s_actor(zsock_t *pipe, void *argument)
{
    attestor_t *self = argument;
    zloop_t *loop = zloop_new();
    tacit_zap_start();
    tacit_server_t *plain = s_bind(&(tacit_server_config_t){.endpoint = self->trust.introduction,
                                                            .zap_domain = TACIT_ZAP_INTRODUCTION});
    self->server = s_bind(&(tacit_server_config_t){
        .endpoint = "tcp://127.0.0.1:*",
        .public_key = self->public_key,
        .secret_key = self->secret_key,
        .party = &self->party,
        .zap_domain = "tacit.test",
    });
    snprintf(self->trust.introduction, sizeof self->trust.introduction, "%s",
             tacit_server_endpoint(plain));
    assert_int_equal(
        tacit_server_add(plain, &tacit_introduction_service, &s_introduction, self) ||
            tacit_server_add(self->server, &tacit_attestation_service, &s_attestation, self) ||
            tacit_server_attach(plain, loop) || tacit_server_attach(self->server, loop),
        TACIT_OK);
    zloop_reader(loop, pipe, test_service_on_pipe, NULL);
    zloop_set_nonstop(loop, true);
    zsock_signal(pipe, 0);
    zloop_start(loop);
    zloop_destroy(&loop);
    tacit_server_destroy(&plain);
    tacit_server_destroy(&self->server);
    tacit_zap_stop();
}

void attestor_init(attestor_t *attestor, const char *folder)
{
    char path[256];
    uint8_t *root = NULL;
    size_t size = 0;
    const tacit_self_t *program = tacit_platform_self(platform_fixture());
    *attestor = (attestor_t){
        .trust = {.simulated = true,
                  .attestation_svn = program->svn,
                  .introduction = "tcp://127.0.0.1:*"},
    };
    snprintf(path, sizeof path, "%s/platform/root.der", folder);
    assert_int_equal(tacit_whole_file_read(path, S_ROOT_MAX, &root, &size), TACIT_OK);
    crypto_hash_sha256(attestor->trust.root_sha256, root, size);
    free(root);
    memcpy(attestor->trust.attestation_mrsigner, program->mrsigner, 32);
    crypto_sign_keypair(attestor->result_public, attestor->result_secret);
}

/*  What quotes of this program say, by one over nothing in particular.  */
static void s_measure(attestor_t *self)
{
    static const uint8_t commitment[64];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t size = 0;
    assert_int_equal(
        tacit_platform_quote(self->platform, TACIT_QUOTE_BINDING, commitment, quote, &size, NULL),
        TACIT_OK);
    assert_int_equal(tacit_evidence_verify_report(tacit_span(quote, size), &self->claims, NULL),
                     TACIT_OK);
}

void attestor_start(attestor_t *attestor)
{
    atomic_store(&attestor->attested, 0);
    atomic_store(&attestor->looked, 0);
    attestor->platform = platform_fixture_connect();
    s_measure(attestor);
    crypto_box_keypair(attestor->public_key, attestor->secret_key);
    attestor->party = (tacit_party_t){
        .role = TACIT_ROLE_ATTESTATION,
        .curve_public = attestor->public_key,
        .platform = attestor->platform,
        .result = tacit_span(attestor->result, sizeof attestor->result),
        .issuer = attestor->result_public,
    };
    tacit_trust_mesh_id(&attestor->trust, attestor->party.mesh_id);
    s_issue(attestor, TACIT_ROLE_ATTESTATION, attestor->public_key, attestor->result);
    attestor->actor = test_actor_new(s_actor, attestor);
    assert_non_null(attestor->actor);
}

void attestor_stop(attestor_t *attestor)
{
    zactor_destroy(&attestor->actor);
    tacit_platform_destroy(&attestor->platform);
}
