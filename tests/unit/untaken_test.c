/*  untaken_test.c - bytes of answers that nobody takes, counted: every limit at its last byte and
    one above, and what shrinks the counts.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "rpc/untaken.h"

#define S_UNIT ((size_t)TACIT_UNTAKEN_MESSAGE_MIN)

enum { S_MS = 1000000 };

/*  In units: 4 hold, 8 of one, 12 of all, 16 for who has none.  */
static const tacit_untaken_limits_t s_limits = {
    .hold = 4 * S_UNIT, .most = 8 * S_UNIT, .all = 12 * S_UNIT, .all_most = 16 * S_UNIT};

static const tacit_connection_id_t s_a = {.peer = {1}, .routing = {0, 0, 0, 0, 1}};
static const tacit_connection_id_t s_b = {.peer = {1}, .routing = {0, 0, 0, 1, 1}};
static const tacit_connection_id_t s_c = {.peer = {2}, .routing = {0, 0, 0, 0, 1}};

static tacit_untaken_t *s_untaken;
static zmq_msg_t s_messages[64];
static size_t s_count;
static size_t s_freed;

static int s_setup(void **state)
{
    (void)state;
    s_untaken = tacit_untaken_new(&s_limits);
    s_count = 0;
    s_freed = 0;
    return s_untaken ? 0 : -1;
}

static void s_take_all(void)
{
    while (s_count > 0) {
        zmq_msg_close(&s_messages[--s_count]);
    }
}

static int s_teardown(void **state)
{
    (void)state;
    s_take_all();
    tacit_untaken_destroy(&s_untaken);
    return 0;
}

static void s_free(void *data, void *hint)
{
    (void)hint;
    s_freed++;
    free(data);
}

/*  A message to that connection, which nobody takes yet.  */
static zmq_msg_t *s_send_by(const tacit_connection_id_t *id, int fd, size_t size)
{
    zmq_msg_t *message = &s_messages[s_count++];
    uint8_t *bytes = calloc(1, size);
    bytes[size - 1] = 7;
    assert_int_equal(zmq_msg_init_data(message, bytes, size, s_free, NULL), 0);
    assert_int_equal(tacit_untaken_count(s_untaken, id, fd, message), TACIT_OK);
    assert_int_equal(zmq_msg_size(message), size);
    assert_int_equal(((const uint8_t *)zmq_msg_data(message))[size - 1], 7);
    return message;
}

static zmq_msg_t *s_send(const tacit_connection_id_t *id, size_t size)
{
    return s_send_by(id, -1, size);
}

static void small_messages_are_not_counted(void **state)
{
    (void)state;
    assert_false(tacit_untaken_is_large(TACIT_UNTAKEN_MESSAGE_MIN - 1));
    assert_true(tacit_untaken_is_large(TACIT_UNTAKEN_MESSAGE_MIN));
    (void)s_send(&s_a, 8 * S_UNIT);
    assert_true(tacit_untaken_fits(s_untaken, &s_a, TACIT_UNTAKEN_MESSAGE_MIN - 1));
    assert_false(tacit_untaken_fits(s_untaken, &s_a, TACIT_UNTAKEN_MESSAGE_MIN));
}

static void counts_each_connection_and_all(void **state)
{
    (void)state;
    zmq_msg_t *first = s_send(&s_a, 2 * S_UNIT);
    (void)s_send(&s_b, 3 * S_UNIT);
    (void)s_send(&s_c, S_UNIT);
    assert_int_equal(tacit_untaken_bytes_of(s_untaken, &s_a), 2 * S_UNIT);
    assert_int_equal(tacit_untaken_bytes_of(s_untaken, &s_b), 3 * S_UNIT);
    assert_int_equal(tacit_untaken_bytes_of(s_untaken, &s_c), S_UNIT);
    assert_int_equal(tacit_untaken_bytes(s_untaken), 6 * S_UNIT);
    zmq_msg_close(first);
    zmq_msg_init(first);
    assert_int_equal(s_freed, 1);
    assert_int_equal(tacit_untaken_bytes_of(s_untaken, &s_a), 0);
    assert_int_equal(tacit_untaken_bytes(s_untaken), 4 * S_UNIT);
    assert_int_equal(tacit_untaken_sweep(s_untaken, 0), 0);
    assert_int_equal(tacit_untaken_bytes_of(s_untaken, &s_b), 3 * S_UNIT);
    s_take_all();
    assert_int_equal(tacit_untaken_bytes(s_untaken), 0);
    assert_int_equal(s_freed, 3);
}

static void holds_above_the_limit(void **state)
{
    (void)state;
    (void)s_send(&s_a, 4 * S_UNIT);
    assert_false(tacit_untaken_holds(s_untaken, &s_a));
    (void)s_send(&s_b, 4 * S_UNIT + 1);
    assert_true(tacit_untaken_holds(s_untaken, &s_b));
    assert_false(tacit_untaken_holds(s_untaken, &s_a));
    assert_false(tacit_untaken_holds(s_untaken, &s_c));
}

static void fits_up_to_the_limit(void **state)
{
    (void)state;
    assert_true(tacit_untaken_fits(s_untaken, &s_a, 8 * S_UNIT));
    assert_false(tacit_untaken_fits(s_untaken, &s_a, 8 * S_UNIT + 1));
    (void)s_send(&s_a, 5 * S_UNIT);
    assert_true(tacit_untaken_fits(s_untaken, &s_a, 3 * S_UNIT));
    assert_false(tacit_untaken_fits(s_untaken, &s_a, 3 * S_UNIT + 1));
    assert_true(tacit_untaken_fits(s_untaken, &s_b, 8 * S_UNIT));
}

static void who_has_some_is_held_for_the_sake_of_all(void **state)
{
    (void)state;
    (void)s_send(&s_a, 4 * S_UNIT);
    (void)s_send(&s_b, 8 * S_UNIT);
    assert_false(tacit_untaken_holds(s_untaken, &s_a)); /* exactly at the limit of all */
    assert_false(tacit_untaken_fits(s_untaken, &s_a, S_UNIT));
    assert_false(tacit_untaken_holds(s_untaken, &s_c));
    assert_true(tacit_untaken_fits(s_untaken, &s_c, 4 * S_UNIT));
    assert_false(tacit_untaken_fits(s_untaken, &s_c, 4 * S_UNIT + 1));
    (void)s_send(&s_c, S_UNIT);
    assert_true(tacit_untaken_holds(s_untaken, &s_a));
    assert_true(tacit_untaken_holds(s_untaken, &s_c));
}

static bool s_woken(void)
{
    struct pollfd file = {.fd = tacit_untaken_file(s_untaken), .events = POLLIN};
    uint64_t count = 0;
    return poll(&file, 1, 0) == 1 && read(file.fd, &count, sizeof count) == sizeof count;
}

static void tells_once_that_something_was_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)s_send(&s_a, S_UNIT);
    }
    zmq_msg_close(&s_messages[--s_count]);
    assert_false(s_woken());
    tacit_untaken_await(s_untaken);
    assert_false(s_woken());
    zmq_msg_close(&s_messages[--s_count]);
    assert_true(s_woken());
    zmq_msg_close(&s_messages[--s_count]);
    assert_false(s_woken());
    tacit_untaken_wake(s_untaken);
    assert_true(s_woken());
}

static void *s_taker(void *argument)
{
    (void)argument;
    s_take_all();
    return NULL;
}

static void messages_outlive_it_on_other_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        (void)s_send(i % 2 ? &s_a : &s_b, S_UNIT);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, s_taker, NULL), 0);
    tacit_untaken_destroy(&s_untaken);
    pthread_join(thread, NULL);
    assert_int_equal(s_freed, 8);
}

/*  Has its other end been closed?  */
static bool s_is_cut(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, sizeof byte, MSG_DONTWAIT) == 0;
}

static void cuts_who_stood_still_above_the_limit_of_all(void **state)
{
    (void)state;
    int a[2];
    int b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    (void)s_send_by(&s_a, a[0], 6 * S_UNIT);
    (void)s_send_by(&s_b, b[0], 6 * S_UNIT);
    uint64_t now = tacit_monotonic_ns() / S_MS;
    uint64_t later = now + (uint64_t)2 * TACIT_UNTAKEN_STILL_MS;
    assert_int_equal(tacit_untaken_sweep(s_untaken, now + TACIT_UNTAKEN_STILL_MS + 1), 0);
    (void)s_send(&s_c, 4 * S_UNIT); /* whose connection is not known */
    assert_int_equal(tacit_untaken_sweep(s_untaken, now), 0);
    assert_int_equal(tacit_untaken_sweep(s_untaken, now + TACIT_UNTAKEN_STILL_MS + 1), 1);
    assert_int_equal(s_is_cut(a[1]) + s_is_cut(b[1]), 1); /* that is enough */
    s_take_all();
    (void)s_send_by(&s_a, a[0], 6 * S_UNIT); /* of whom one was cut */
    (void)s_send_by(&s_b, b[0], 6 * S_UNIT);
    assert_int_equal(tacit_untaken_sweep(s_untaken, later), 0);
    assert_true(tacit_untaken_fits(s_untaken, &s_c, S_UNIT));
    assert_int_equal(tacit_untaken_sweep(s_untaken, later), 0);
    assert_false(tacit_untaken_fits(s_untaken, &s_a, S_UNIT)); /* and is in the way of others */
    assert_int_equal(tacit_untaken_sweep(s_untaken, later), 1);
    assert_int_equal(s_is_cut(a[1]) + s_is_cut(b[1]), 2);
    assert_int_equal(tacit_untaken_sweep(s_untaken, later), 0);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

/*  A socket with the same number is not the one that is meant.  */
static void never_cuts_a_newcomer(void **state)
{
    (void)state;
    int old[2];
    int newer[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, old), 0);
    (void)s_send_by(&s_a, old[0], 8 * S_UNIT);
    (void)s_send(&s_c, 8 * S_UNIT);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, newer), 0);
    assert_int_equal(dup2(newer[0], old[0]), old[0]);
    uint64_t now = tacit_monotonic_ns() / S_MS;
    assert_int_equal(tacit_untaken_sweep(s_untaken, now + TACIT_UNTAKEN_STILL_MS + 1), 0);
    assert_false(s_is_cut(newer[1]));
    for (int i = 0; i < 2; i++) {
        close(old[i]);
        close(newer[i]);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(small_messages_are_not_counted),
        CASE(counts_each_connection_and_all),
        CASE(holds_above_the_limit),
        CASE(fits_up_to_the_limit),
        CASE(who_has_some_is_held_for_the_sake_of_all),
        CASE(tells_once_that_something_was_taken),
        CASE(messages_outlive_it_on_other_threads),
        CASE(cuts_who_stood_still_above_the_limit_of_all),
        CASE(never_cuts_a_newcomer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
