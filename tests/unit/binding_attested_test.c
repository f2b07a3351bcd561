/*  binding_attested_test.c - the binding between enclaves: this program is signed as a worker and
    quoted by a simulated platform in its own process. Each attack has its code; the positive
    control is the same exchange unaltered.  */

#include "tests/unit/binding_pair.h"

#include "enclave/clock.h"
#include "enclave/schedule.h"
#include "rpc/actor.h"
#include "services/platform/platformd.h"
#include "tests/unit/test_actor.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S_START_MS = 60 * 1000, S_STEP_CONFIRM = 2, S_STEP_SERVER_FINISH = 3 };

/*  The platform, and the attestation service's key, for all cases.  */
static char s_folder[64] = "/tmp/tacit-binding-XXXXXX";
static zactor_t *s_platformd;
static tacit_platform_t *s_platform;
static uint8_t s_issuer[32];
static uint8_t s_issuer_secret[64];
static tacit_claims_t s_claims; /* of this program's quotes */

/*  Two enclaves, each with a result of its own.  */
typedef struct s_world {
    binding_pair_t pair;
    tacit_result_t client; /* what results say; s_renew encodes them */
    tacit_result_t server;
    uint8_t client_result[TACIT_RESULT_SIZE];
    uint8_t server_result[TACIT_RESULT_SIZE];
} s_world_t;

static void s_renew(s_world_t *world)
{
    tacit_result_sign(&world->client, s_issuer_secret, world->client_result);
    tacit_result_sign(&world->server, s_issuer_secret, world->server_result);
}

static tacit_result_t s_result(const binding_pair_t *pair, const uint8_t curve_key[32])
{
    tacit_result_t result = {
        .role = TACIT_ROLE_WORKER,
        .simulated = true,
        .product_id = s_claims.product_id,
        .svn = s_claims.svn,
        .debug = s_claims.debug,
        .issued_ms = pair->now_ms,
        .expires_ms = pair->now_ms + TACIT_RESULT_LIFETIME_MS,
    };
    memcpy(result.curve_key, curve_key, 32);
    memcpy(result.attestation_key_sha256, s_claims.attestation_key_sha256, 32);
    memcpy(result.mrenclave, s_claims.mrenclave, 32);
    memcpy(result.mrsigner, s_claims.mrsigner, 32);
    memcpy(result.policy_head, pair->server.policy_head, 32);
    memcpy(result.mesh_id, pair->server.mesh_id, 32);
    return result;
}

static void s_make_enclave(tacit_party_t *party, const uint8_t *result)
{
    party->role = TACIT_ROLE_WORKER;
    party->platform = s_platform;
    party->result = tacit_span(result, TACIT_RESULT_SIZE);
    party->issuer = s_issuer;
}

static int s_setup(void **state)
{
    static s_world_t world;
    binding_pair_t *pair = &world.pair;
    binding_pair_init(pair);
    pair->expected = TACIT_ROLE_WORKER;
    s_make_enclave(&pair->client, world.client_result);
    s_make_enclave(&pair->server, world.server_result);
    world.client = s_result(pair, pair->client_curve);
    world.server = s_result(pair, pair->server_curve);
    s_renew(&world);
    *state = &world;
    return 0;
}

static int s_teardown(void **state)
{
    s_world_t *world = *state;
    binding_pair_clear(&world->pair);
    return 0;
}

/*  Only the client's key counts: it is a user.  */
static void s_make_user(binding_pair_t *pair)
{
    pair->client.role = TACIT_ROLE_USER;
    pair->client.platform = NULL;
    pair->client.result = tacit_span(NULL, 0);
}

static void s_assert_refused(binding_pair_t *pair, int from, tacit_status_t code, const char *claim)
{
    pair->error.code = TACIT_OK;
    assert_int_equal(binding_pair_run(pair, from), code);
    assert_int_equal(pair->error.code, code);
    assert_string_equal(pair->error.claim, claim);
    assert_null(pair->client_session);
    binding_pair_clear(pair);
}

static void enclaves_establish_a_session(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    const tacit_session_t *client = pair->client_session;
    const tacit_session_t *server = pair->server_session;
    assert_true(client->peer_attested && server->peer_attested);
    assert_memory_equal(client->peer_result.curve_key, pair->server_curve, 32);
    assert_memory_equal(server->peer_result.curve_key, pair->client_curve, 32);
    assert_memory_equal(server->peer_result.mrenclave, s_claims.mrenclave, 32);
    assert_int_equal(server->peer_role, TACIT_ROLE_WORKER);
    assert_memory_equal(client->send_key->data, server->receive_key->data, 32);
    assert_memory_equal(client->exporter, server->exporter, 32);
    assert_int_equal(client->expires_ms, world->server.expires_ms);
}

static void a_user_binds_to_an_enclave(void **state)
{
    s_world_t *world = *state;
    s_make_user(&world->pair);
    assert_int_equal(binding_pair_run(&world->pair, 0), TACIT_OK);
    assert_true(world->pair.client_session->peer_attested);
    assert_false(world->pair.server_session->peer_attested);
    assert_int_equal(world->pair.confirm.quote.size, 0);
}

static void a_session_ends_with_the_earlier_result(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    world->client.expires_ms = pair->now_ms + 1000;
    s_renew(world);
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    assert_int_equal(pair->client_session->expires_ms, pair->now_ms + 1000);
    assert_int_equal(pair->server_session->expires_ms, pair->now_ms + 1000);
    binding_pair_clear(pair);
    world->server.expires_ms = pair->now_ms + 10;
    s_renew(world);
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    assert_int_equal(pair->client_session->expires_ms, pair->now_ms + 10);
    assert_int_equal(pair->server_session->expires_ms, pair->now_ms + 10);
}

static void refuses_a_quote_of_another_session(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    binding_pair_t before = *pair;
    before.client.curve_public = before.client_curve;
    before.server.curve_public = before.server_curve;
    assert_int_equal(binding_pair_run(&before, 0), TACIT_OK);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    pair->accept.quote = before.accept.quote;
    s_assert_refused(pair, S_STEP_CONFIRM, TACIT_REPORT_DATA_MISMATCH, "quote.report_data");
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.quote = before.confirm.quote;
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_REPORT_DATA_MISMATCH, "quote.report_data");
    binding_pair_clear(&before);
}

static void refuses_a_whole_replayed_accept(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    binding_pair_t before = *pair;
    before.client.curve_public = before.client_curve;
    before.server.curve_public = before.server_curve;
    assert_int_equal(binding_pair_run(&before, 0), TACIT_OK);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    pair->accept = before.accept;
    s_assert_refused(pair, S_STEP_CONFIRM, TACIT_REPORT_DATA_MISMATCH, "quote.report_data");
    binding_pair_clear(&before);
}

static void refuses_reflected_evidence(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.quote = pair->accept.quote; /* the server's own quote of this very session */
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_REPORT_DATA_MISMATCH, "quote.report_data");
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.result = pair->accept.result; /* and its own result */
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_RESULT_INVALID, "result.curve_key");
}

static void refuses_another_role(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    pair->expected = TACIT_ROLE_KEYS;
    s_assert_refused(pair, 0, TACIT_ROLE_REFUSED, "result.role");
    pair->expected = TACIT_ROLE_WORKER;
    world->client.role = TACIT_ROLE_GATEWAY;
    s_renew(world);
    s_assert_refused(pair, 0, TACIT_ROLE_REFUSED, "result.role");
}

static void refuses_expired_results(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    const tacit_result_t good = world->client;
    world->client.issued_ms -= 2000;
    world->client.expires_ms = pair->now_ms;
    s_renew(world);
    s_assert_refused(pair, 0, TACIT_RESULT_EXPIRED, "result.expires"); /* its own */
    /*  Later, by either side's clock, than the other's result lasts.  */
    world->client = good;
    world->client.expires_ms = pair->now_ms + 1000;
    s_renew(world);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->now_ms += 1000;
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_RESULT_EXPIRED, "result.expires");
    pair->now_ms -= 1000;
    world->client = good;
    world->server.expires_ms = pair->now_ms + 1000;
    s_renew(world);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    pair->now_ms += 1000;
    s_assert_refused(pair, S_STEP_CONFIRM, TACIT_RESULT_EXPIRED, "result.expires");
}

static void a_session_does_not_begin_expired(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    world->server.expires_ms = pair->now_ms + 1000;
    s_renew(world);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->now_ms += 1000;
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_RESULT_EXPIRED, "own result.expires");
}

static void refuses_results_of_others(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    const tacit_result_t good = world->server;
    uint8_t other[32];
    uint8_t other_secret[64];
    (void)crypto_sign_keypair(other, other_secret);
    s_make_user(pair);

    world->server.curve_key[0] ^= 1;
    s_renew(world);
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID, "result.curve_key");
    world->server = good;
    world->server.policy_head[0] ^= 1;
    s_renew(world);
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID, "result.policy_head");
    world->server = good;
    s_renew(world);
    pair->client.issuer = other;
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID, "result.signature");
    pair->client.issuer = NULL;
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID, "result.issuer");
    pair->client.issuer = s_issuer;
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
}

static void refuses_results_of_another_mesh(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    uint8_t foreign[TACIT_RESULT_SIZE];
    tacit_result_t result = world->client;
    result.mesh_id[0] ^= 1;
    tacit_result_sign(&result, s_issuer_secret, foreign);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.result = tacit_span(foreign, sizeof foreign);
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_RESULT_INVALID, "result.mesh_id");
    pair->client.mesh_id[0] ^= 1;
    s_assert_refused(pair, 0, TACIT_WRONG_MESH, "binding.mesh_id");
}

static void refuses_who_has_no_result_to_show(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    pair->server.issuer = NULL;
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID, "own result.issuer");
}

static void a_quote_must_agree_with_the_result(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    tacit_result_t *result = &world->client;
    const tacit_result_t good = *result;
    static const char *const claims[] = {
        "quote.attestation_key", "quote.mrenclave", "quote.mrsigner",
        "quote.product_id",      "quote.svn",       "quote.debug"};
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        *result = good;
        result->attestation_key_sha256[31] ^= i == 0;
        result->mrenclave[0] ^= i == 1;
        result->mrsigner[0] ^= i == 2;
        result->product_id = (uint16_t)(result->product_id + (i == 3));
        result->svn = (uint16_t)(result->svn + (i == 4));
        result->debug = i == 5 ? !result->debug : result->debug;
        s_renew(world);
        s_assert_refused(pair, 0, TACIT_RESULT_INVALID, claims[i]);
    }
}

static void refuses_missing_and_damaged_evidence(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    uint8_t quote[TACIT_QUOTE_MAX + 1] = {0};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
        tacit_binding_confirm_t *confirm = &pair->confirm;
        memcpy(quote, confirm->quote.data, confirm->quote.size);
        if (i == 0) {
            confirm->result = tacit_span(NULL, 0);
        } else if (i == 1) {
            confirm->quote = tacit_span(NULL, 0);
        } else if (i == 2) {
            confirm->quote.size--;
        } else if (i == 3) {
            confirm->result.size--;
        } else if (i == 4) {
            confirm->quote = tacit_span(quote, sizeof quote);
        } else {
            quote[i == 5 ? 112 : 440] ^= 1; /* MRENCLAVE, signature */
            confirm->quote.data = quote;
        }
        tacit_status_t status = binding_pair_server_finish(pair);
        assert_true(status == TACIT_RESULT_INVALID || status == TACIT_EVIDENCE_MALFORMED ||
                    status == TACIT_SIGNATURE_INVALID);
        assert_int_equal(pair->error.code, status);
        assert_null(pair->server_session);
        binding_pair_clear(pair);
    }
}

static void evidence_is_not_exchanged_on_the_way(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    uint8_t other[TACIT_RESULT_SIZE]; /* as valid, for the same key */
    tacit_result_t result = world->client;
    result.expires_ms -= 1000;
    tacit_result_sign(&result, s_issuer_secret, other);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.result = tacit_span(other, sizeof other);
    s_assert_refused(pair, S_STEP_SERVER_FINISH, TACIT_CONFIRMATION_FAILED, "binding.mac");
    result = world->server;
    result.expires_ms -= 1000;
    tacit_result_sign(&result, s_issuer_secret, other);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    pair->accept.result = tacit_span(other, sizeof other);
    s_assert_refused(pair, S_STEP_CONFIRM, TACIT_CONFIRMATION_FAILED, "binding.mac");
}

/*  A server of the test's own, made from the key schedule alone: what the client accepts from it
    says that binding.c follows schedule.h, and it can quote what a true one would not.  */
static void s_own_accept(s_world_t *world, tacit_quote_purpose_t purpose, tacit_side_t quoted_side,
                         uint8_t *quote, tacit_schedule_t *schedule)
{
    binding_pair_t *pair = &world->pair;
    uint8_t secret[32];
    uint8_t commitment[64];
    size_t size = 0;
    tacit_schedule_facts_t facts = {
        .ends = {{.role = pair->client.role}, {.role = TACIT_ROLE_WORKER}}};
    tacit_schedule_end_t *client = &facts.ends[TACIT_SIDE_CLIENT];
    tacit_schedule_end_t *server = &facts.ends[TACIT_SIDE_SERVER];
    memcpy(client->curve, pair->client_curve, 32);
    memcpy(client->ephemeral, pair->open.ephemeral, 32);
    memcpy(client->nonce, pair->open.nonce, 32);
    memcpy(server->curve, pair->server_curve, 32);
    randombytes_buf(secret, sizeof secret);
    (void)crypto_scalarmult_base(server->ephemeral, secret);
    randombytes_buf(server->nonce, 32);
    memcpy(facts.mesh_id, pair->server.mesh_id, 32);
    memcpy(facts.policy_head, pair->server.policy_head, 32);
    assert_int_equal(tacit_schedule_start(&facts, TACIT_SIDE_SERVER, secret, schedule), TACIT_OK);
    tacit_schedule_commitment(schedule, quoted_side, commitment);
    assert_int_equal(
        tacit_platform_quote(s_platform, purpose, commitment, quote, &size, &pair->error),
        TACIT_OK);
    memcpy(pair->accept.session_id, facts.session_id, sizeof facts.session_id);
    memcpy(pair->accept.policy_head, facts.policy_head, 32);
    memcpy(pair->accept.nonce, server->nonce, 32);
    memcpy(pair->accept.ephemeral, server->ephemeral, 32);
    pair->accept.result = tacit_span(world->server_result, TACIT_RESULT_SIZE);
    pair->accept.quote = tacit_span(quote, size);
}

static void only_this_sides_binding_quote_counts(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    static const struct {
        tacit_quote_purpose_t purpose;
        tacit_side_t side;
        tacit_status_t verdict;
    } cases[] = {
        {TACIT_QUOTE_BINDING, TACIT_SIDE_SERVER, TACIT_OK},
        {TACIT_QUOTE_BINDING, TACIT_SIDE_CLIENT, TACIT_REPORT_DATA_MISMATCH},
        {TACIT_QUOTE_INTRODUCTION, TACIT_SIDE_SERVER, TACIT_REPORT_DATA_MISMATCH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t quote[TACIT_QUOTE_MAX];
        tacit_schedule_t schedule = {.root = NULL};
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        s_own_accept(world, cases[i].purpose, cases[i].side, quote, &schedule);
        assert_int_equal(binding_pair_confirm(pair), cases[i].verdict);
        tacit_schedule_clear(&schedule);
        binding_pair_clear(pair);
    }
}

static void a_renewed_result_changes_nothing_under_way(void **state)
{
    s_world_t *world = *state;
    binding_pair_t *pair = &world->pair;
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    world->client.svn++;
    world->server.svn++;
    s_renew(world);
    memset(pair->client.policy_head, 1, 32);
    memset(pair->server.policy_head, 1, 32);
    assert_int_equal(binding_pair_run(pair, S_STEP_CONFIRM), TACIT_OK);
}

/*  Claims of this program, from a quote over nothing in particular.  */
static tacit_status_t s_measure(tacit_error_t *error)
{
    static uint8_t quote[TACIT_QUOTE_MAX];
    static const uint8_t commitment[64];
    size_t size = 0;
    tacit_status_t status =
        tacit_platform_quote(s_platform, TACIT_QUOTE_BINDING, commitment, quote, &size, error);
    return status == TACIT_OK
               ? tacit_evidence_verify_report(tacit_span(quote, size), &s_claims, error)
               : status;
}

static int s_start(void **state)
{
    (void)state;
    static tacit_platformd_args_t args;
    char endpoint[TACIT_ENDPOINT_MAX];
    tacit_error_t error = {0};
    if (!mkdtemp(s_folder)) {
        return -1;
    }
    snprintf(args.state, sizeof args.state, "%s/state", s_folder);
    snprintf(args.socket, sizeof args.socket, "%s/socket", s_folder);
    (void)crypto_sign_keypair(s_issuer, s_issuer_secret);
    s_platformd = test_actor_new(tacit_platformd_actor, &args);
    if (!s_platformd || tacit_actor_wait(s_platformd, S_START_MS, endpoint, &error) != TACIT_OK ||
        tacit_platform_connect(args.socket, &s_platform, &error) != TACIT_OK ||
        s_measure(&error) != TACIT_OK) {
        print_error("%s: %s: wants %s, got %s\n", error.message, error.claim, error.expected,
                    error.got);
        return -1;
    }
    return 0;
}

static int s_stop(void **state)
{
    (void)state;
    tacit_platform_destroy(&s_platform);
    zactor_destroy(&s_platformd);
    zdir_t *folder = zdir_new(s_folder, NULL);
    zdir_remove(folder, true);
    zdir_destroy(&folder);
    return 0;
}

#define S_TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(enclaves_establish_a_session),
        S_TEST(a_user_binds_to_an_enclave),
        S_TEST(a_session_ends_with_the_earlier_result),
        S_TEST(refuses_a_quote_of_another_session),
        S_TEST(refuses_a_whole_replayed_accept),
        S_TEST(refuses_reflected_evidence),
        S_TEST(refuses_another_role),
        S_TEST(refuses_expired_results),
        S_TEST(a_session_does_not_begin_expired),
        S_TEST(refuses_results_of_others),
        S_TEST(refuses_results_of_another_mesh),
        S_TEST(refuses_who_has_no_result_to_show),
        S_TEST(a_quote_must_agree_with_the_result),
        S_TEST(refuses_missing_and_damaged_evidence),
        S_TEST(evidence_is_not_exchanged_on_the_way),
        S_TEST(only_this_sides_binding_quote_counts),
        S_TEST(a_renewed_result_changes_nothing_under_way),
    };
    if (tacit_process_init() != TACIT_OK) {
        return 1;
    }
    zsys_set_logsender(NULL);
    return cmocka_run_group_tests(tests, s_start, s_stop);
}
