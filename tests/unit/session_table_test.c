/*  session_table_test.c - bounds, expiry and who gives way.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/session_table.h"

static tacit_session_table_t *s_table;

static int s_setup(void **state)
{
    (void)state;
    s_table = calloc(1, sizeof *s_table);
    return s_table && sodium_init() >= 0 ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_session_table_clear(s_table);
    assert_int_equal(s_table->connections, 0);
    assert_int_equal(s_table->sessions, 0);
    assert_int_equal(s_table->bindings, 0);
    free(s_table);
    return 0;
}

/*  The number-th connection, of peer number peer.  */
static tacit_connection_id_t s_id(uint32_t peer, uint32_t number)
{
    tacit_connection_id_t id = {.routing = {0}};
    memcpy(id.peer, &peer, sizeof peer);
    memcpy(id.routing + 1, &number, sizeof number);
    return id;
}

static tacit_binding_t *s_binding(void)
{
    static const uint8_t own[32] = {1};
    static const uint8_t peer[32] = {2};
    tacit_party_t party = {.role = TACIT_ROLE_USER, .curve_public = own};
    tacit_binding_t *binding = NULL;
    tacit_binding_open_t open;
    assert_int_equal(tacit_binding_client(&party, peer, TACIT_ROLE_MESH, &binding, &open),
                     TACIT_OK);
    return binding;
}

static tacit_session_t *s_session(bool attested)
{
    tacit_session_t *session = calloc(1, sizeof *session);
    assert_non_null(session);
    session->peer_attested = attested;
    return session;
}

static tacit_status_t s_bind(uint32_t peer, uint32_t number, uint64_t now)
{
    tacit_connection_id_t id = s_id(peer, number);
    tacit_binding_t *binding = s_binding();
    tacit_status_t status = tacit_session_table_bind(s_table, &id, (int)number, now, &binding);
    assert_true((status == TACIT_OK) == (binding == NULL));
    tacit_binding_destroy(&binding);
    return status;
}

static tacit_connection_t *s_find(uint32_t peer, uint32_t number, uint64_t now)
{
    tacit_connection_id_t id = s_id(peer, number);
    return tacit_session_table_find(s_table, &id, now);
}

static tacit_status_t s_establish_as(uint32_t peer, uint32_t number, uint64_t now, bool attested)
{
    tacit_connection_id_t id = s_id(peer, number);
    tacit_connection_t *row = NULL;
    tacit_status_t status = tacit_session_table_open(s_table, &id, (int)number, now, &row);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_session_t *session = s_session(attested);
    status = tacit_session_table_establish(s_table, row, 100000, now, &session);
    tacit_session_destroy(&session);
    tacit_session_table_unbind(s_table, row);
    return status;
}

static tacit_status_t s_establish(uint32_t peer, uint32_t number, uint64_t now)
{
    return s_establish_as(peer, number, now, false);
}

static bool s_has_session(uint32_t peer, uint32_t number, uint64_t now)
{
    const tacit_connection_t *row = s_find(peer, number, now);
    return row && row->session && !row->expired;
}

static void keys_are_peer_and_connection(void **state)
{
    (void)state;
    assert_int_equal(s_establish(1, 1, 0), TACIT_OK);
    assert_true(s_has_session(1, 1, 0));
    assert_false(s_has_session(2, 1, 0));
    assert_false(s_has_session(1, 2, 0));
}

static void a_handshake_lives_thirty_seconds(void **state)
{
    (void)state;
    assert_int_equal(s_bind(1, 1, 1000), TACIT_OK);
    assert_non_null(s_find(1, 1, 1000 + TACIT_BINDING_OPEN_MS - 1)->binding);
    assert_null(s_find(1, 1, 1000 + TACIT_BINDING_OPEN_MS)->binding);
    tacit_session_table_sweep(s_table, 1000 + TACIT_BINDING_OPEN_MS);
    assert_int_equal(s_table->connections, 0);
}

static void a_session_lives_its_time_and_is_remembered_as_expired(void **state)
{
    (void)state;
    assert_int_equal(s_establish(1, 1, 1000), TACIT_OK);
    assert_true(s_has_session(1, 1, 1000 + 99999));
    assert_false(s_has_session(1, 1, 1000 + 100000));
    assert_true(s_find(1, 1, 1000 + 100000)->expired);
    assert_null(s_find(1, 1, 1000 + 100000)->session);
    assert_int_equal(s_table->sessions, 0);
}

static void no_session_lives_longer_than_the_lifetime(void **state)
{
    (void)state;
    tacit_connection_id_t id = s_id(1, 1);
    tacit_connection_t *row = NULL;
    tacit_session_t *session = s_session(false);
    assert_int_equal(tacit_session_table_open(s_table, &id, 1, 0, &row), TACIT_OK);
    assert_int_equal(tacit_session_table_establish(s_table, row, UINT64_MAX, 0, &session),
                     TACIT_OK);
    assert_true(s_has_session(1, 1, TACIT_SESSION_LIFETIME_MS - 1));
    assert_false(s_has_session(1, 1, TACIT_SESSION_LIFETIME_MS));
}

static void binding_again_ends_the_session(void **state)
{
    (void)state;
    assert_int_equal(s_establish(1, 1, 0), TACIT_OK);
    assert_int_equal(s_bind(1, 1, 0), TACIT_OK);
    assert_false(s_has_session(1, 1, 0));
    assert_false(s_find(1, 1, 0)->expired);
    assert_non_null(s_find(1, 1, 0)->binding);
    assert_int_equal(s_bind(1, 1, 0), TACIT_OK);
    assert_int_equal(s_table->bindings, 1);
}

static void the_oldest_handshake_gives_way(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TACIT_BINDINGS_MAX; i++) {
        assert_int_equal(s_bind(i, i, 100 + i), TACIT_OK);
    }
    assert_int_equal(s_table->bindings, TACIT_BINDINGS_MAX);
    assert_int_equal(s_bind(9999, 9999, 1000), TACIT_OK);
    assert_int_equal(s_table->bindings, TACIT_BINDINGS_MAX);
    assert_null(s_find(0, 0, 1000));
    assert_non_null(s_find(1, 1, 1000));
    assert_non_null(s_find(9999, 9999, 1000));
}

static void the_idle_session_gives_way_enclaves_last(void **state)
{
    (void)state;
    assert_int_equal(s_establish_as(0, 0, 1, true), TACIT_OK);
    for (uint32_t i = 1; i < TACIT_SESSIONS_MAX; i++) {
        assert_int_equal(s_establish(i, i, 100 + i), TACIT_OK);
    }
    assert_true(s_has_session(1, 1, 5000)); /* used: now the youngest */
    assert_int_equal(s_establish(9999, 9999, 6000), TACIT_OK);
    assert_int_equal(s_table->sessions, TACIT_SESSIONS_MAX);
    assert_true(s_has_session(0, 0, 6000));
    assert_true(s_has_session(1, 1, 6000));
    assert_false(s_has_session(2, 2, 6000));
    assert_true(s_has_session(3, 3, 6000));
}

static void sessions_of_one_key_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(s_establish(2, 5000, 0), TACIT_OK);
    for (uint32_t i = 0; i < TACIT_SESSIONS_PER_PEER_MAX; i++) {
        assert_int_equal(s_establish(1, i, 100 + i), TACIT_OK);
    }
    assert_int_equal(s_establish(1, 9999, 1000), TACIT_OK);
    assert_int_equal(s_table->sessions, TACIT_SESSIONS_PER_PEER_MAX + 1);
    assert_false(s_has_session(1, 0, 1000));
    assert_true(s_has_session(1, 1, 1000));
    assert_true(s_has_session(2, 5000, 1000));
}

static void rows_with_pending_calls_stay(void **state)
{
    (void)state;
    tacit_connection_t *held[TACIT_CONNECTIONS_MAX];
    for (uint32_t i = 0; i < TACIT_CONNECTIONS_MAX; i++) {
        tacit_connection_id_t id = s_id(i, i);
        assert_int_equal(tacit_session_table_open(s_table, &id, 1, 0, &held[i]), TACIT_OK);
        tacit_session_table_hold(held[i]);
    }
    tacit_connection_id_t more = s_id(9999, 9999);
    tacit_connection_t *row = NULL;
    assert_int_equal(tacit_session_table_open(s_table, &more, 1, 0, &row), TACIT_BUSY);
    assert_null(row);
    for (uint32_t i = 0; i < TACIT_CONNECTIONS_MAX; i++) {
        tacit_session_table_release(s_table, held[i]);
    }
    assert_int_equal(s_table->connections, 0);
    assert_int_equal(tacit_session_table_open(s_table, &more, 1, 0, &row), TACIT_OK);
}

static void a_pending_call_keeps_its_session_readable(void **state)
{
    (void)state;
    assert_int_equal(s_establish(1, 1, 0), TACIT_OK);
    tacit_connection_t *row = s_find(1, 1, 0);
    tacit_session_table_hold(row);
    tacit_session_table_end_fd(s_table, 2);
    assert_false(row->ended);
    tacit_session_table_end_fd(s_table, 1);
    assert_true(row->ended);
    assert_non_null(row->session);
    assert_null(s_find(1, 1, 0));
    assert_int_equal(s_table->sessions, 0);
    tacit_session_table_release(s_table, row);
}

static void ends_the_sessions_of_a_key(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(s_establish(i / 2, i, 0), TACIT_OK);
    }
    assert_int_equal(s_bind(0, 10, 0), TACIT_OK);
    tacit_connection_id_t id = s_id(0, 0);
    tacit_session_table_end_peer(s_table, id.peer);
    assert_true(s_find(0, 0, 0)->expired && s_find(0, 1, 0)->expired);
    assert_null(s_find(0, 10, 0)->binding);
    assert_true(s_has_session(1, 2, 0) && s_has_session(1, 3, 0));
    tacit_session_table_end_peer(s_table, NULL);
    assert_int_equal(s_table->sessions, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keys_are_peer_and_connection),
        CASE(a_handshake_lives_thirty_seconds),
        CASE(a_session_lives_its_time_and_is_remembered_as_expired),
        CASE(no_session_lives_longer_than_the_lifetime),
        CASE(binding_again_ends_the_session),
        CASE(the_oldest_handshake_gives_way),
        CASE(the_idle_session_gives_way_enclaves_last),
        CASE(sessions_of_one_key_are_bounded),
        CASE(rows_with_pending_calls_stay),
        CASE(a_pending_call_keeps_its_session_readable),
        CASE(ends_the_sessions_of_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
