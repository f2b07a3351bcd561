/*  batch_test.c - frames that share a message: what is held, what is sent, what is refused.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "rpc/batch.h"

static const uint8_t s_bytes[TACIT_BATCH_FRAME_MAX + 1] = {0x94, 1, 2, 3};

static int s_setup(void **state)
{
    static tacit_batch_t batch;
    tacit_batch_init(&batch);
    *state = &batch;
    return 0;
}

static int s_teardown(void **state)
{
    tacit_batch_free(*state);
    return 0;
}

static void s_add(tacit_batch_t *batch, size_t size, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        assert_int_equal(tacit_batch_add(batch, tacit_span(s_bytes, size)), TACIT_OK);
    }
}

static tacit_span_t s_seal(tacit_batch_t *batch, zmq_msg_t *message)
{
    assert_int_equal(tacit_batch_seal(batch, message), TACIT_OK);
    assert_int_equal(batch->count, 0);
    return tacit_span(zmq_msg_data(message), zmq_msg_size(message));
}

static size_t s_parse(tacit_span_t frame, tacit_span_t *ret_frames, tacit_status_t expected)
{
    size_t count = 0;
    assert_int_equal(tacit_batch_parse(frame, ret_frames, &count), expected);
    return count;
}

static void a_single_frame_goes_as_it_is(void **state)
{
    zmq_msg_t message;
    s_add(*state, 300, 1);
    tacit_span_t sent = s_seal(*state, &message);
    assert_true(tacit_span_equal(sent, tacit_span(s_bytes, 300)));
    assert_false(tacit_batch_is(sent));
    zmq_msg_close(&message);
}

static void several_share_a_message_in_their_order(void **state)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    zmq_msg_t message;
    for (size_t i = 1; i <= TACIT_BATCH_HOLD_MAX; i++) {
        s_add(*state, i * 20, 1); /* heads of one byte and of two */
    }
    tacit_span_t sent = s_seal(*state, &message);
    assert_true(tacit_batch_is(sent));
    assert_int_equal(s_parse(sent, frames, TACIT_OK), TACIT_BATCH_HOLD_MAX);
    for (size_t i = 0; i < TACIT_BATCH_HOLD_MAX; i++) {
        assert_true(tacit_span_equal(frames[i], tacit_span(s_bytes, (i + 1) * 20)));
    }
    zmq_msg_close(&message);
}

static void holds_so_many_and_so_large(void **state)
{
    tacit_batch_t *batch = *state;
    s_add(batch, 1, TACIT_BATCH_HOLD_MAX);
    assert_int_equal(tacit_batch_add(batch, tacit_span(s_bytes, 1)), TACIT_TOO_LARGE);
    tacit_batch_free(batch);
    tacit_batch_init(batch);
    s_add(batch, TACIT_BATCH_FRAME_MAX, 1);
    assert_int_equal(tacit_batch_add(batch, tacit_span(s_bytes, TACIT_BATCH_FRAME_MAX + 1)),
                     TACIT_TOO_LARGE);
    while (tacit_batch_fits(batch, TACIT_BATCH_FRAME_MAX)) {
        s_add(batch, TACIT_BATCH_FRAME_MAX, 1);
    }
    assert_true(batch->frames.size <= TACIT_BATCH_BYTES_MAX);
    assert_true(batch->frames.size + TACIT_BATCH_FRAME_MAX + TACIT_BATCH_HEAD_MAX >
                TACIT_BATCH_BYTES_MAX);
}

/*  A batch of count times the same element.  */
static tacit_span_t s_forge(uint8_t *to, size_t count, const char *element, size_t size)
{
    static const uint8_t head[] = {0x93, 2, 0xa6, '$', 'b', 'a', 't', 'c', 'h', 0xdc};
    memcpy(to, head, sizeof head);
    size_t at = sizeof head;
    to[at++] = (uint8_t)(count >> 8);
    to[at++] = (uint8_t)count;
    for (size_t i = 0; i < count; i++, at += size) {
        memcpy(to + at, element, size);
    }
    return tacit_span(to, at);
}

static void refuses_too_many_and_none(void **state)
{
    uint8_t bytes[512];
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    (void)state;
    assert_int_equal(
        s_parse(s_forge(bytes, TACIT_BATCH_FRAMES_MAX, "\xc4\x01x", 3), frames, TACIT_OK),
        TACIT_BATCH_FRAMES_MAX);
    s_parse(s_forge(bytes, TACIT_BATCH_FRAMES_MAX + 1, "\xc4\x01x", 3), frames, TACIT_TOO_LARGE);
    s_parse(s_forge(bytes, 0, "", 0), frames, TACIT_MALFORMED);
}

static void refuses_what_is_no_batch(void **state)
{
    uint8_t bytes[64];
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    (void)state;
    s_parse(s_forge(bytes, 1, "\xa1x", 2), frames, TACIT_MALFORMED); /* a string, not bytes */
    s_parse(s_forge(bytes, 1, "\x01", 1), frames, TACIT_MALFORMED);
    tacit_span_t good = s_forge(bytes, 2, "\xc4\x01x", 3);
    for (size_t size = 0; size < good.size; size++) { /* truncated at every byte */
        s_parse(tacit_span(bytes, size), frames, TACIT_MALFORMED);
    }
    bytes[good.size] = 0xc0;
    s_parse(tacit_span(bytes, good.size + 1), frames, TACIT_MALFORMED);
    for (size_t at = 0; at < 9; at++) { /* another envelope, type or name */
        s_forge(bytes, 2, "\xc4\x01x", 3);
        bytes[at] ^= 1;
        assert_false(tacit_batch_is(good));
        s_parse(good, frames, TACIT_MALFORMED);
    }
}

static void refuses_a_frame_beyond_the_bound(void **state)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    uint8_t *bytes = calloc(1, TACIT_FRAME_MAX + 1);
    (void)state;
    assert_non_null(bytes);
    s_forge(bytes, 1, "\xc6", 1);
    s_parse(tacit_span(bytes, TACIT_FRAME_MAX + 1), frames, TACIT_TOO_LARGE);
    s_parse(tacit_span(bytes, TACIT_FRAME_MAX), frames, TACIT_MALFORMED);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_single_frame_goes_as_it_is, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(several_share_a_message_in_their_order, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(holds_so_many_and_so_large, s_setup, s_teardown),
        cmocka_unit_test(refuses_too_many_and_none),
        cmocka_unit_test(refuses_what_is_no_batch),
        cmocka_unit_test(refuses_a_frame_beyond_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
