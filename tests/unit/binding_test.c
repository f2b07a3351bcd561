/*  binding_test.c - the binding between ends that are their keys alone: order, freshness, what is
    altered on the way, who stands between. With enclaves: binding_attested_test.c.  */

#include "tests/unit/binding_pair.h"

#include "enclave/schedule.h"
#include "enclave/seal.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int s_setup(void **state)
{
    static binding_pair_t pair;
    binding_pair_init(&pair);
    *state = &pair;
    return 0;
}

static int s_teardown(void **state)
{
    binding_pair_clear(*state);
    return 0;
}

/*  As many steps as step says went well, and the next is refused with that code.  */
static void s_assert_refused(binding_pair_t *pair, int from, tacit_status_t code)
{
    pair->error.code = TACIT_OK;
    assert_int_equal(binding_pair_run(pair, from), code);
    assert_int_equal(pair->error.code, code);
    assert_true(pair->error.message[0]);
    assert_null(pair->client_session);
}

static void both_ends_hold_one_session(void **state)
{
    binding_pair_t *pair = *state;
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    const tacit_session_t *client = pair->client_session;
    const tacit_session_t *server = pair->server_session;
    assert_memory_equal(client->id, server->id, TACIT_SESSION_ID_SIZE);
    assert_memory_equal(client->exporter, server->exporter, 32);
    assert_memory_equal(client->send_key->data, server->receive_key->data, TACIT_KEY_SIZE);
    assert_memory_equal(client->receive_key->data, server->send_key->data, TACIT_KEY_SIZE);
    assert_memory_not_equal(client->send_key->data, client->receive_key->data, TACIT_KEY_SIZE);
    assert_memory_equal(client->peer_curve, pair->server_curve, 32);
    assert_memory_equal(server->peer_curve, pair->client_curve, 32);
    assert_memory_equal(client->policy_head, pair->server.policy_head, 32);
    assert_int_equal(client->peer_role, TACIT_ROLE_MESH);
    assert_int_equal(server->peer_role, TACIT_ROLE_USER);
    assert_false(client->peer_attested || server->peer_attested);
    assert_int_equal(client->expires_ms, pair->now_ms + TACIT_SESSION_LIFETIME_MS);
    assert_int_equal(server->expires_ms, pair->now_ms + TACIT_SESSION_LIFETIME_MS);
}

static void no_two_sessions_are_alike(void **state)
{
    binding_pair_t *pair = *state;
    binding_pair_t again;
    binding_pair_init(&again);
    memcpy(again.client_curve, pair->client_curve, 32);
    memcpy(again.server_curve, pair->server_curve, 32);
    memcpy(again.client_seen, pair->client_curve, 32);
    memcpy(again.server_seen, pair->server_curve, 32);
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    assert_int_equal(binding_pair_run(&again, 0), TACIT_OK);
    assert_memory_not_equal(pair->client_session->id, again.client_session->id, 16);
    assert_memory_not_equal(pair->client_session->exporter, again.client_session->exporter, 32);
    assert_memory_not_equal(pair->client_session->send_key->data,
                            again.client_session->send_key->data, 32);
    binding_pair_clear(&again);
}

static void refuses_another_mesh(void **state)
{
    binding_pair_t *pair = *state;
    pair->server.mesh_id[0] ^= 1;
    s_assert_refused(pair, 0, TACIT_WRONG_MESH);
    assert_null(pair->server_binding);
}

static void refuses_roles_that_do_not_exist(void **state)
{
    binding_pair_t *pair = *state;
    static const uint8_t roles[] = {0, 6, 15, 19, 255};
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    for (size_t i = 0; i < sizeof roles; i++) {
        pair->open.role = roles[i];
        s_assert_refused(pair, 1, TACIT_ROLE_REFUSED);
    }
    pair->expected = TACIT_ROLE_NONE;
    tacit_binding_destroy(&pair->client_binding);
    assert_int_equal(binding_pair_open(pair), TACIT_BAD_INPUT);
    assert_null(pair->client_binding);
}

static void an_enclave_role_needs_platform_and_result(void **state)
{
    binding_pair_t *pair = *state;
    pair->client.role = TACIT_ROLE_WORKER;
    assert_int_equal(binding_pair_open(pair), TACIT_BAD_INPUT);
    pair->client.role = TACIT_ROLE_USER;
    pair->server.role = TACIT_ROLE_KEYS;
    s_assert_refused(pair, 0, TACIT_BAD_INPUT);
}

static void who_expects_an_enclave_takes_nothing_less(void **state)
{
    binding_pair_t *pair = *state;
    static const uint8_t issuer[32] = {1};
    pair->expected = TACIT_ROLE_KEYS;
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID);
    tacit_binding_destroy(&pair->client_binding);
    tacit_binding_destroy(&pair->server_binding);
    pair->client.issuer = issuer;
    s_assert_refused(pair, 0, TACIT_RESULT_INVALID);
}

static void refuses_evidence_of_who_is_no_enclave(void **state)
{
    binding_pair_t *pair = *state;
    static const uint8_t bytes[TACIT_RESULT_SIZE];
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.result = tacit_span(bytes, sizeof bytes);
    s_assert_refused(pair, 3, TACIT_PROTOCOL_ERROR);
    tacit_binding_destroy(&pair->client_binding);
    tacit_binding_destroy(&pair->server_binding);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    pair->accept.quote = tacit_span(bytes, 1);
    s_assert_refused(pair, 2, TACIT_PROTOCOL_ERROR);
}

/*  p - 1 + offset, little-endian, for p = 2^255 - 19.  */
static void s_near_prime(uint8_t offset, uint8_t ret_point[32])
{
    memset(ret_point, 0xff, 32);
    ret_point[0] = (uint8_t)(0xec + offset);
    ret_point[31] = 0x7f;
}

static void refuses_points_of_small_order(void **state)
{
    binding_pair_t *pair = *state;
    uint8_t points[5][32] = {{0}, {1}};
    for (uint8_t i = 0; i < 3; i++) {
        s_near_prime(i, points[2 + i]);
    }
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        memcpy(pair->accept.ephemeral, points[i], 32);
        s_assert_refused(pair, 2, TACIT_PROTOCOL_ERROR);
        assert_string_equal(pair->error.claim, "binding.ephemeral");
        tacit_binding_destroy(&pair->server_binding);
        memcpy(pair->open.ephemeral, points[i], 32);
        s_assert_refused(pair, 1, TACIT_PROTOCOL_ERROR);
        assert_null(pair->server_binding);
        tacit_binding_destroy(&pair->client_binding);
    }
}

static void refuses_what_was_altered_in_open(void **state)
{
    binding_pair_t *pair = *state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        pair->open.nonce[0] ^= i == 0;
        pair->open.ephemeral[0] ^= i == 1;
        pair->open.role = i == 2 ? TACIT_ROLE_OPERATOR : pair->open.role;
        s_assert_refused(pair, 1, TACIT_CONFIRMATION_FAILED);
        assert_null(pair->server_session);
        tacit_binding_destroy(&pair->client_binding);
        tacit_binding_destroy(&pair->server_binding);
    }
}

static void refuses_what_was_altered_in_accept(void **state)
{
    binding_pair_t *pair = *state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        pair->accept.session_id[15] ^= i == 0;
        pair->accept.policy_head[31] ^= i == 1;
        pair->accept.nonce[31] ^= i == 2;
        pair->accept.ephemeral[3] ^= i == 3;
        s_assert_refused(pair, 2, TACIT_CONFIRMATION_FAILED);
        assert_null(pair->server_session);
        tacit_binding_destroy(&pair->client_binding);
        tacit_binding_destroy(&pair->server_binding);
    }
}

static void refuses_every_flipped_bit_of_a_mac(void **state)
{
    binding_pair_t *pair = *state;
    for (size_t bit = 0; bit < 512; bit += 17) {
        for (int server = 0; server < 2; server++) {
            assert_int_equal(binding_pair_open(pair), TACIT_OK);
            assert_int_equal(binding_pair_accept(pair), TACIT_OK);
            assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
            if (server) {
                assert_int_equal(binding_pair_server_finish(pair), TACIT_OK);
            }
            (server ? pair->mac : pair->confirm.mac)[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            s_assert_refused(pair, server ? 4 : 3, TACIT_CONFIRMATION_FAILED);
            binding_pair_clear(pair);
        }
    }
}

static void refuses_who_stands_between(void **state)
{
    binding_pair_t *pair = *state;
    pair->client_seen[0] ^= 1; /* the server's socket shows another key than the client's */
    s_assert_refused(pair, 0, TACIT_CONFIRMATION_FAILED);
    binding_pair_clear(pair);
    pair->client_seen[0] ^= 1;
    pair->server_seen[0] ^= 1; /* and the other way round */
    s_assert_refused(pair, 0, TACIT_CONFIRMATION_FAILED);
    binding_pair_clear(pair);
    pair->server_seen[0] ^= 1;
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
}

static void refuses_its_own_words(void **state)
{
    binding_pair_t *pair = *state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        memcpy(i == 0 ? pair->accept.nonce : pair->accept.ephemeral,
               i == 0 ? pair->open.nonce : pair->open.ephemeral, 32);
        s_assert_refused(pair, 2, TACIT_PROTOCOL_ERROR);
        assert_string_equal(pair->error.claim, "binding.peer");
        binding_pair_clear(pair);
    }
    memcpy(pair->client_seen, pair->server_curve, 32); /* a server that reached itself */
    s_assert_refused(pair, 0, TACIT_PROTOCOL_ERROR);
    binding_pair_clear(pair);
    memcpy(pair->client_seen, pair->client_curve, 32);
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    memcpy(pair->mac, pair->confirm.mac, 64); /* its own confirmation back */
    s_assert_refused(pair, 4, TACIT_CONFIRMATION_FAILED);
}

static void a_server_refuses_a_nonce_too_old(void **state)
{
    binding_pair_t *pair = *state;
    for (uint64_t late = 0; late < 2; late++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
        pair->now_ms += TACIT_BINDING_OPEN_MS + late;
        assert_int_equal(binding_pair_server_finish(pair), late ? TACIT_NONCE_REFUSED : TACIT_OK);
        pair->now_ms -= TACIT_BINDING_OPEN_MS + late;
        binding_pair_clear(pair);
    }
}

/*  A client's nonce is as old as the clock says, which may also have been put back.  */
static void a_client_refuses_a_nonce_too_old(void **state)
{
    binding_pair_t *pair = *state;
    const uint64_t start = pair->now_ms;
    const uint64_t bad[] = {start + TACIT_BINDING_OPEN_MS + 60000,
                            start - TACIT_BINDING_OPEN_MS - 1};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(binding_pair_open(pair), TACIT_OK);
        pair->now_ms = bad[i];
        assert_int_equal(binding_pair_accept(pair), TACIT_OK);
        s_assert_refused(pair, 2, TACIT_NONCE_REFUSED);
        binding_pair_clear(pair);
    }
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    pair->now_ms = start + TACIT_BINDING_OPEN_MS;
    assert_int_equal(binding_pair_run(pair, 1), TACIT_OK);
}

/*  A step that must be refused for its order; nothing is possible afterwards.  */
static void s_assert_out_of_order(binding_pair_t *pair, tacit_status_t (*step)(binding_pair_t *),
                                  tacit_status_t (*after)(binding_pair_t *))
{
    assert_int_equal(step(pair), TACIT_PROTOCOL_ERROR);
    assert_string_equal(pair->error.claim, "binding.state");
    assert_int_equal(after(pair), TACIT_PROTOCOL_ERROR);
    assert_string_equal(pair->error.claim, "binding.state");
    binding_pair_clear(pair);
}

static void refuses_steps_out_of_order(void **state)
{
    binding_pair_t *pair = *state;
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    s_assert_out_of_order(pair, binding_pair_client_finish, binding_pair_confirm);

    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    s_assert_out_of_order(pair, binding_pair_confirm, binding_pair_client_finish);
}

static void refuses_steps_of_the_other_side(void **state)
{
    binding_pair_t *pair = *state;
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    tacit_binding_t *client = pair->client_binding;
    pair->client_binding = pair->server_binding;
    pair->server_binding = client;
    assert_int_equal(binding_pair_confirm(pair), TACIT_PROTOCOL_ERROR);
    assert_int_equal(binding_pair_server_finish(pair), TACIT_PROTOCOL_ERROR);
    assert_int_equal(binding_pair_client_finish(pair), TACIT_PROTOCOL_ERROR);
}

static void every_step_is_taken_once(void **state)
{
    binding_pair_t *pair = *state;
    assert_int_equal(binding_pair_run(pair, 0), TACIT_OK);
    assert_int_equal(binding_pair_server_finish(pair), TACIT_PROTOCOL_ERROR);
    assert_int_equal(binding_pair_client_finish(pair), TACIT_PROTOCOL_ERROR);
    assert_int_equal(binding_pair_confirm(pair), TACIT_PROTOCOL_ERROR);
    assert_non_null(pair->server_session); /* what was established stands */
    assert_non_null(pair->client_session);
}

static void a_failed_binding_stays_failed(void **state)
{
    binding_pair_t *pair = *state;
    assert_int_equal(binding_pair_open(pair), TACIT_OK);
    assert_int_equal(binding_pair_accept(pair), TACIT_OK);
    assert_int_equal(binding_pair_confirm(pair), TACIT_OK);
    pair->confirm.mac[0] ^= 1;
    assert_int_equal(binding_pair_server_finish(pair), TACIT_CONFIRMATION_FAILED);
    pair->confirm.mac[0] ^= 1;
    assert_int_equal(binding_pair_server_finish(pair), TACIT_PROTOCOL_ERROR);
    assert_null(pair->server_session);
}

static void expansions_are_told_apart(void **state)
{
    (void)state;
    tacit_schedule_facts_t facts = {.ends = {{.role = TACIT_ROLE_USER}, {.role = TACIT_ROLE_KEYS}}};
    uint8_t secrets[2][32];
    uint8_t outputs[5][64];
    tacit_schedule_t schedules[2] = {{.root = NULL}};
    for (size_t i = 0; i < 2; i++) {
        randombytes_buf(secrets[i], 32);
        (void)crypto_scalarmult_base(facts.ends[i].ephemeral, secrets[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tacit_schedule_start(&facts, (tacit_side_t)i, secrets[i], &schedules[i]),
                         TACIT_OK);
    }
    assert_memory_equal(schedules[0].root->data, schedules[1].root->data, 64);
    assert_memory_equal(schedules[0].transcript, schedules[1].transcript, 64);
    const tacit_span_t none = tacit_span(NULL, 0);
    tacit_schedule_expand(&schedules[0], "a", TACIT_SIDE_CLIENT, none, outputs[0], 64);
    tacit_schedule_expand(&schedules[0], "a", TACIT_SIDE_SERVER, none, outputs[1], 64);
    tacit_schedule_expand(&schedules[0], "b", TACIT_SIDE_CLIENT, none, outputs[2], 64);
    tacit_schedule_expand(&schedules[0], "a", TACIT_SIDE_CLIENT, tacit_span("", 1), outputs[3], 64);
    tacit_schedule_commitment(&schedules[0], TACIT_SIDE_CLIENT, outputs[4]);
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(outputs[i], outputs[k], 64);
        }
    }
    tacit_schedule_commitment(&schedules[1], TACIT_SIDE_CLIENT, outputs[0]);
    assert_memory_equal(outputs[0], outputs[4], 64);
    tacit_schedule_clear(&schedules[0]);
    tacit_schedule_clear(&schedules[1]);
}

#define S_TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(both_ends_hold_one_session),
        S_TEST(no_two_sessions_are_alike),
        S_TEST(refuses_another_mesh),
        S_TEST(refuses_roles_that_do_not_exist),
        S_TEST(an_enclave_role_needs_platform_and_result),
        S_TEST(who_expects_an_enclave_takes_nothing_less),
        S_TEST(refuses_evidence_of_who_is_no_enclave),
        S_TEST(refuses_points_of_small_order),
        S_TEST(refuses_what_was_altered_in_open),
        S_TEST(refuses_what_was_altered_in_accept),
        S_TEST(refuses_every_flipped_bit_of_a_mac),
        S_TEST(refuses_who_stands_between),
        S_TEST(refuses_its_own_words),
        S_TEST(a_server_refuses_a_nonce_too_old),
        S_TEST(a_client_refuses_a_nonce_too_old),
        S_TEST(refuses_steps_out_of_order),
        S_TEST(refuses_steps_of_the_other_side),
        S_TEST(every_step_is_taken_once),
        S_TEST(a_failed_binding_stays_failed),
        cmocka_unit_test(expansions_are_told_apart),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
