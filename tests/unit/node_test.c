/*  node_test.c - a node attests again whenever the attestation service cannot know it any more:
    however it came by its connection to it.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "attestor.h"
#include "platform_fixture.h"
#include "rpc/node.h"
#include "state_folder.h"

enum { S_TURN_MS = 450 }; /* of the loop: once longer than between two looks of the node */

static char s_folder[STATE_FOLDER_MAX];
static attestor_t s_attestor;
static tacit_node_t *s_node;

static int s_begin(void **state)
{
    tacit_error_t error = {.code = TACIT_OK};
    (void)state;
    state_folder_make(s_folder);
    platform_fixture_start(s_folder);
    attestor_init(&s_attestor, s_folder);
    attestor_start(&s_attestor);
    char socket[STATE_FOLDER_MAX + 32];
    snprintf(socket, sizeof socket, "%s/platform.socket", s_folder);
    tacit_node_config_t config = {
        .role = TACIT_ROLE_WORKER, .trust = &s_attestor.trust, .platform_socket = socket};
    if (tacit_node_new(&config, &s_node, &error) || tacit_node_attest(s_node, "", &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    assert_int_equal(atomic_load(&s_attestor.attested), 1);
    return 0;
}

static int s_end(void **state)
{
    (void)state;
    tacit_node_destroy(&s_node);
    if (s_attestor.actor) {
        attestor_stop(&s_attestor);
    }
    platform_fixture_end();
    state_folder_remove(s_folder);
    return 0;
}

static int s_on_end(zloop_t *loop, int timer, void *unused)
{
    (void)loop;
    (void)timer;
    (void)unused;
    return -1;
}

/*  The node has looked once after its attestation service.  */
static void s_turn(void)
{
    zloop_t *loop = zloop_new();
    assert_int_equal(tacit_node_attach(s_node, loop), TACIT_OK);
    assert_true(zloop_timer(loop, S_TURN_MS, 1, s_on_end, NULL) >= 0);
    zloop_start(loop);
    zloop_destroy(&loop);
    assert_false(tacit_node_is_evicted(s_node));
}

static tacit_status_t s_look_up(void)
{
    tacit_peer_t peer;
    size_t count = 0;
    return tacit_node_lookup(s_node, TACIT_ROLE_KEYS, &peer, 1, &count, NULL);
}

static void it_attests_once_where_nothing_changes(void **state)
{
    (void)state;
    s_turn();
    assert_int_equal(s_look_up(), TACIT_OK);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 1);
}

static void it_attests_again_under_another_policy(void **state)
{
    (void)state;
    atomic_store(&s_attestor.policy, 1);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 2);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 2);
}

static void it_attests_to_an_attestation_service_that_was_started_again(void **state)
{
    (void)state;
    attestor_stop(&s_attestor);
    s_turn();
    attestor_start(&s_attestor);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 1);
}

/*  Look-ups run on threads of their own: one may find it before the node's own look.  */
static void it_attests_to_one_that_a_look_up_found_first(void **state)
{
    (void)state;
    attestor_stop(&s_attestor);
    s_turn(); /* the node has seen that it is gone */
    assert_int_equal(s_look_up(), TACIT_UNREACHABLE);
    attestor_start(&s_attestor);
    assert_int_equal(s_look_up(), TACIT_OK);
    assert_int_equal(atomic_load(&s_attestor.looked), 1);
    assert_int_equal(atomic_load(&s_attestor.attested), 0);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 1);
    s_turn();
    assert_int_equal(atomic_load(&s_attestor.attested), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_attests_once_where_nothing_changes, s_begin, s_end),
        cmocka_unit_test_setup_teardown(it_attests_again_under_another_policy, s_begin, s_end),
        cmocka_unit_test_setup_teardown(it_attests_to_an_attestation_service_that_was_started_again,
                                        s_begin, s_end),
        cmocka_unit_test_setup_teardown(it_attests_to_one_that_a_look_up_found_first, s_begin,
                                        s_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
