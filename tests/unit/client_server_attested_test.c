/*  client_server_attested_test.c - attested callers over the wire: this program is signed as a
    worker and quoted by a simulated platform in its own process.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "enclave/clock.h"
#include "idl/echo.h"
#include "rpc/actor.h"
#include "services/platform/platformd.h"
#include "tests/unit/echo_service.h"
#include "tests/unit/test_actor.h"

enum { S_START_MS = 60 * 1000 };

static char s_folder[64] = "/tmp/tacit-attested-XXXXXX";
static zactor_t *s_platformd;
static tacit_platform_t *s_platform;
static uint8_t s_issuer[32]; /* the attestation service's result key */
static uint8_t s_issuer_secret[64];
static tacit_claims_t s_claims; /* of this program's quotes */

static echo_service_t s_echo;
static uint8_t s_server_result[TACIT_RESULT_SIZE];
static echo_keys_t s_worker;
static uint8_t s_worker_result[TACIT_RESULT_SIZE];

static void s_issue(const uint8_t curve_key[32], uint64_t lifetime_ms, uint8_t *ret_bytes)
{
    tacit_result_t result = {
        .role = TACIT_ROLE_WORKER,
        .simulated = true,
        .product_id = s_claims.product_id,
        .svn = s_claims.svn,
        .debug = s_claims.debug,
        .issued_ms = tacit_now_ms(),
        .expires_ms = tacit_now_ms() + lifetime_ms,
    };
    memcpy(result.curve_key, curve_key, 32);
    memcpy(result.attestation_key_sha256, s_claims.attestation_key_sha256, 32);
    memcpy(result.mrenclave, s_claims.mrenclave, 32);
    memcpy(result.mrsigner, s_claims.mrsigner, 32);
    memcpy(result.mesh_id, s_echo.party.mesh_id, 32);
    tacit_result_sign(&result, s_issuer_secret, ret_bytes);
}

static void s_make_enclave(tacit_party_t *party, const uint8_t *result)
{
    party->role = TACIT_ROLE_WORKER;
    party->platform = s_platform;
    party->result = tacit_span(result, TACIT_RESULT_SIZE);
    party->issuer = s_issuer;
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

static int s_start_platform(void)
{
    static tacit_platformd_args_t args;
    char endpoint[TACIT_ENDPOINT_MAX];
    tacit_error_t error = {.code = TACIT_OK};
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

static int s_start(void **state)
{
    (void)state;
    if (s_start_platform() != 0) {
        return -1;
    }
    echo_init(&s_echo);
    echo_make_keys(&s_worker);
    s_issue(s_echo.server.public_key, TACIT_RESULT_LIFETIME_MS, s_server_result);
    s_make_enclave(&s_echo.party, s_server_result);
    echo_start(&s_echo);
    return 0;
}

static int s_stop(void **state)
{
    (void)state;
    echo_stop(&s_echo);
    tacit_platform_destroy(&s_platform);
    zactor_destroy(&s_platformd);
    zdir_t *folder = zdir_new(s_folder, NULL);
    zdir_remove(folder, true);
    zdir_destroy(&folder);
    return 0;
}

/*  A connection of this program as a worker, or as a user.  */
static tacit_status_t s_connect(const echo_keys_t *keys, const uint8_t *result,
                                tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_party_t party = echo_party(&s_echo, keys, TACIT_ROLE_USER);
    party.issuer = s_issuer;
    if (result) {
        s_make_enclave(&party, result);
    }
    tacit_client_config_t config = echo_config(&s_echo, keys);
    config.party = &party;
    return tacit_client_new(&config, ret_client, ret_error);
}

static void a_worker_is_let_in_as_a_worker(void **state)
{
    (void)state;
    tacit_client_t *client = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    s_issue(s_worker.public_key, TACIT_RESULT_LIFETIME_MS, s_worker_result);
    tacit_status_t status = s_connect(&s_worker, s_worker_result, &client, &error);
    assert_string_equal(status == TACIT_OK ? "" : error.message, "");
    const tacit_session_t *session = tacit_client_session(client);
    assert_true(session->peer_attested);
    assert_memory_equal(session->peer_result.curve_key, s_echo.server.public_key, 32);
    tacit_echo_as_worker_args_t worker = {0};
    tacit_echo_as_worker_result_t result;
    assert_int_equal(tacit_echo_as_worker_call(client, &worker, &result, NULL), TACIT_OK);
    assert_int_equal(result.role, TACIT_ROLE_WORKER);
    tacit_echo_as_keys_args_t keys = {0};
    assert_int_equal(tacit_echo_as_keys_call(client, &keys, NULL, NULL), TACIT_CALLER_REFUSED);
    tacit_echo_as_user_args_t user = {0};
    assert_int_equal(tacit_echo_as_user_call(client, &user, NULL, NULL), TACIT_CALLER_REFUSED);
    tacit_client_destroy(&client);
}

static void a_user_of_an_enclave_is_no_worker(void **state)
{
    (void)state;
    tacit_client_t *client = NULL;
    assert_int_equal(s_connect(&s_echo.user, NULL, &client, NULL), TACIT_OK);
    assert_true(tacit_client_session(client)->peer_attested);
    tacit_echo_as_worker_args_t worker = {0};
    tacit_echo_as_user_args_t user = {0};
    assert_int_equal(tacit_echo_as_worker_call(client, &worker, NULL, NULL), TACIT_CALLER_REFUSED);
    assert_int_equal(tacit_echo_as_user_call(client, &user, NULL, NULL), TACIT_OK);
    tacit_client_destroy(&client);
}

/*  The channel is of one key, the result speaks of another.  */
static void another_ones_result_is_refused(void **state)
{
    (void)state;
    tacit_client_t *client = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    echo_keys_t thief;
    echo_make_keys(&thief);
    s_issue(s_worker.public_key, TACIT_RESULT_LIFETIME_MS, s_worker_result);
    assert_int_equal(s_connect(&thief, s_worker_result, &client, &error), TACIT_RESULT_INVALID);
    assert_null(client);
}

/*  Sessions end with the result that they rest on, at both ends.  */
static void a_session_ends_with_its_result(void **state)
{
    (void)state;
    tacit_client_t *client = NULL;
    s_issue(s_worker.public_key, 700, s_worker_result);
    assert_int_equal(s_connect(&s_worker, s_worker_result, &client, NULL), TACIT_OK);
    tacit_echo_as_worker_args_t worker = {0};
    assert_int_equal(tacit_echo_as_worker_call(client, &worker, NULL, NULL), TACIT_OK);
    zclock_sleep(800);
    assert_int_equal(tacit_echo_as_worker_call(client, &worker, NULL, NULL), TACIT_SESSION_EXPIRED);
    /*  A client that does not look at its clock hears it from the server.  */
    tacit_method_t careless = tacit_echo_as_worker;
    careless.caller = TACIT_CALLER_ANYONE;
    assert_int_equal(
        tacit_client_call(client, &careless, &worker, tacit_span(NULL, 0), 0, NULL, NULL, NULL),
        TACIT_SESSION_EXPIRED);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_let_in_as_a_worker),
        cmocka_unit_test(a_user_of_an_enclave_is_no_worker),
        cmocka_unit_test(another_ones_result_is_refused),
        cmocka_unit_test(a_session_ends_with_its_result),
    };
    return cmocka_run_group_tests(tests, s_start, s_stop);
}
