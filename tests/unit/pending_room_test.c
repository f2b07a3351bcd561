/*  pending_room_test.c - each limit of pending calls at its last one and one above.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/pending_room.h"

enum { S_LARGE = TACIT_CALL_LARGE_MIN };

static tacit_room_t s_room(size_t count, uint64_t bytes, size_t own_count, size_t held)
{
    const tacit_pending_room_t taken = {.count = count, .bytes = bytes, .own_count = own_count};
    tacit_room_t room = tacit_pending_room(&taken, held, false);
    assert_true(tacit_pending_room(&taken, held, true) >= room);
    return room;
}

static void a_connection_has_so_many(void **state)
{
    (void)state;
    size_t most = TACIT_CALLS_PENDING_PER_CONNECTION_MAX;
    assert_int_equal(s_room(most - 1, 0, most - 1, 1), TACIT_ROOM_FOR_ALL);
    assert_int_equal(s_room(most, 0, most, 1), TACIT_ROOM_NONE);
}

static void an_endpoint_has_more_for_who_has_none(void **state)
{
    (void)state;
    assert_int_equal(s_room(TACIT_CALLS_PENDING_MAX - 1, 0, 0, 1), TACIT_ROOM_FOR_ALL);
    assert_int_equal(s_room(TACIT_CALLS_PENDING_MAX, 0, 0, 1), TACIT_ROOM_FOR_NEW);
    assert_int_equal(s_room(TACIT_CALLS_PENDING_HARD_MAX - 1, 0, 0, 1), TACIT_ROOM_FOR_NEW);
    assert_int_equal(s_room(TACIT_CALLS_PENDING_HARD_MAX, 0, 0, 1), TACIT_ROOM_NONE);
}

static void bytes_have_limits_of_their_own(void **state)
{
    (void)state;
    uint64_t all = TACIT_CALLS_PENDING_BYTES_MAX - S_LARGE;
    uint64_t hard = TACIT_CALLS_PENDING_BYTES_HARD_MAX - S_LARGE;
    assert_int_equal(s_room(1, all, 0, S_LARGE), TACIT_ROOM_FOR_ALL);
    assert_int_equal(s_room(1, all + 1, 0, S_LARGE), TACIT_ROOM_FOR_NEW);
    assert_int_equal(s_room(1, hard, 0, S_LARGE), TACIT_ROOM_FOR_NEW);
    assert_int_equal(s_room(1, hard + 1, 0, S_LARGE), TACIT_ROOM_NONE);
}

/*  Of a worker that has an answer others wait for.  */
static void enclaves_are_let_in_further(void **state)
{
    (void)state;
    tacit_pending_room_t taken = {.bytes = TACIT_CALLS_PENDING_BYTES_ENCLAVE_MAX - S_LARGE};
    assert_int_equal(tacit_pending_room(&taken, S_LARGE, false), TACIT_ROOM_NONE);
    assert_int_equal(tacit_pending_room(&taken, S_LARGE, true), TACIT_ROOM_FOR_NEW);
    taken.bytes++;
    assert_int_equal(tacit_pending_room(&taken, S_LARGE, true), TACIT_ROOM_NONE);
}

/*  Else a worker that waits for a job could not say that it lives.  */
static void bytes_of_others_do_not_keep_small_calls_out(void **state)
{
    (void)state;
    assert_int_equal(s_room(1, UINT64_MAX / 2, 1, S_LARGE - 1), TACIT_ROOM_FOR_ALL);
    assert_int_equal(s_room(1, UINT64_MAX / 2, 1, S_LARGE), TACIT_ROOM_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_has_so_many),
        cmocka_unit_test(an_endpoint_has_more_for_who_has_none),
        cmocka_unit_test(bytes_have_limits_of_their_own),
        cmocka_unit_test(enclaves_are_let_in_further),
        cmocka_unit_test(bytes_of_others_do_not_keep_small_calls_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
