/*  stream_test.c - one end of a stream: its frames, and its rules at every limit.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/stream.h"

/*  --- frames ---------------------------------------------------------------------------------- */

static void frames_are_read_as_written(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, 127, 128, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        uint8_t bytes[TACIT_STREAM_FRAME_MAX];
        tacit_stream_frame_t frame = {numbers[i], TACIT_STREAM_CREDIT, numbers[4 - i]};
        tacit_stream_frame_t again;
        size_t size = tacit_stream_frame_write(&frame, bytes);
        assert_true(size <= sizeof bytes);
        assert_int_equal(tacit_stream_frame_parse(tacit_span(bytes, size), &again), TACIT_OK);
        assert_true(again.msgid == frame.msgid && again.number == frame.number);
        assert_int_equal(again.event, TACIT_STREAM_CREDIT);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(tacit_stream_frame_parse(tacit_span(bytes, cut), &again),
                             TACIT_MALFORMED);
        }
    }
}

static void frames_of_another_form_are_none(void **state)
{
    (void)state;
    const uint8_t bad[][5] = {{0x94, 1, 1, 1, 0}, {0x94, 2, 1, 0, 0},    {0x94, 2, 1, 6, 0},
                              {0x93, 2, 1, 1, 0}, {0x94, 2, 0xff, 1, 0}, {0x93, 2, 1, 1}};
    tacit_stream_frame_t frame;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tacit_stream_frame_parse(tacit_span(bad[i], 5), &frame), TACIT_MALFORMED);
    }
    const uint8_t more[] = {0x94, 2, 1, 1, 0, 0};
    assert_int_equal(tacit_stream_frame_parse(tacit_span(more, 6), &frame), TACIT_MALFORMED);
}

/*  --- rules ----------------------------------------------------------------------------------- */

static const tacit_stream_bounds_t s_bounds = {.chunk_max = 10, .total_max = 100};
static const tacit_stream_bounds_t s_nothing = {.chunk_max = 0};

static tacit_status_t s_give(tacit_stream_t *stream, tacit_stream_event_t event, uint64_t number,
                             size_t size)
{
    zmq_msg_t bulk;
    tacit_stream_frame_t frame = {1, event, number};
    zmq_msg_init_size(&bulk, size);
    memset(zmq_msg_data(&bulk), 7, size);
    tacit_status_t status =
        tacit_stream_take(stream, &frame, &bulk, event == TACIT_STREAM_CHUNK, 5);
    zmq_msg_close(&bulk);
    return status;
}

static void s_assert_refused(tacit_stream_event_t event, uint64_t number, size_t size)
{
    tacit_stream_t *stream = tacit_stream_new(&s_bounds, &s_bounds, 0);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 0, 10), TACIT_OK);
    assert_int_equal(s_give(stream, event, number, size), TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&stream);
}

static void chunks_out_of_order_or_bounds_are_refused(void **state)
{
    (void)state;
    s_assert_refused(TACIT_STREAM_CHUNK, 0, 1);
    s_assert_refused(TACIT_STREAM_CHUNK, 2, 1);
    s_assert_refused(TACIT_STREAM_CHUNK, 1, 0);
    s_assert_refused(TACIT_STREAM_CHUNK, 1, 11);
    s_assert_refused(TACIT_STREAM_END, 0, 0);
    s_assert_refused(TACIT_STREAM_END, 2, 0);
    s_assert_refused(TACIT_STREAM_CANCEL, 1, 0);
}

static void credit_only_grows_by_no_more_than_a_window(void **state)
{
    (void)state;
    s_assert_refused(TACIT_STREAM_CREDIT, 0, 0);
    s_assert_refused(TACIT_STREAM_CREDIT, TACIT_STREAM_WINDOW, 0);
    s_assert_refused(TACIT_STREAM_CREDIT, TACIT_STREAM_WINDOW + 1, 0); /* nothing was sent */
    s_assert_refused(TACIT_STREAM_CREDIT, UINT64_MAX, 0);
    tacit_stream_t *stream = tacit_stream_new(&s_nothing, &s_bounds, 0);
    for (size_t i = 0; i < TACIT_STREAM_WINDOW; i++) {
        assert_int_equal(tacit_stream_may_send(stream, 5), TACIT_OK);
        tacit_stream_sent(stream, 5, 0);
    }
    assert_int_equal(tacit_stream_may_send(stream, 5), TACIT_PENDING);
    assert_int_equal(s_give(stream, TACIT_STREAM_CREDIT, 2 * TACIT_STREAM_WINDOW, 0), TACIT_OK);
    assert_int_equal(tacit_stream_may_send(stream, 5), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CREDIT, 2 * TACIT_STREAM_WINDOW + 1, 0),
                     TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&stream);
}

static const tacit_stream_bounds_t s_resumable = {
    .chunk_max = 10, .total_max = 100, .resumable = true};

static void a_resumable_stream_begins_where_the_service_says(void **state)
{
    (void)state;
    for (uint64_t at = 0; at <= 101; at += 101) {
        tacit_stream_t *service = tacit_stream_new(&s_resumable, &s_nothing, 0);
        assert_int_equal(s_give(service, TACIT_STREAM_CHUNK, 0, 1), TACIT_PROTOCOL_ERROR);
        assert_int_equal(s_give(service, TACIT_STREAM_END, 0, 0), TACIT_PROTOCOL_ERROR);
        assert_int_equal(tacit_stream_keep(service, at), at <= 100 ? TACIT_OK : TACIT_BAD_INPUT);
        tacit_stream_destroy(&service);
    }
    tacit_stream_t *service = tacit_stream_new(&s_resumable, &s_nothing, 0);
    assert_int_equal(tacit_stream_keep(service, 85), TACIT_OK);
    assert_int_equal(s_give(service, TACIT_STREAM_CHUNK, 0, 10), TACIT_OK);
    assert_int_equal(tacit_stream_keep(service, 84), TACIT_BAD_INPUT);
    assert_int_equal(tacit_stream_keep(service, 96), TACIT_BAD_INPUT);
    assert_int_equal(tacit_stream_keep(service, 95), TACIT_OK);
    assert_int_equal(s_give(service, TACIT_STREAM_CHUNK, 1, 6), TACIT_PROTOCOL_ERROR);
    assert_int_equal(s_give(service, TACIT_STREAM_CHUNK, 1, 5), TACIT_OK);
    assert_int_equal(s_give(service, TACIT_STREAM_KEPT, 95, 0), TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&service);
}

static void a_caller_waits_for_where_to_begin(void **state)
{
    (void)state;
    const struct {
        uint64_t first, second;
        tacit_status_t status, then;
    } rows[] = {
        {0, 0, TACIT_OK, TACIT_OK},
        {100, 100, TACIT_OK, TACIT_OK},
        {101, 0, TACIT_PROTOCOL_ERROR, TACIT_OK},
        {UINT64_MAX, 0, TACIT_PROTOCOL_ERROR, TACIT_OK},
        {50, 49, TACIT_OK, TACIT_PROTOCOL_ERROR},
        {50, 51, TACIT_OK, TACIT_PROTOCOL_ERROR}, /* nobody keeps what was not sent */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_stream_t *caller = tacit_stream_new(&s_nothing, &s_resumable, 0);
        assert_int_equal(tacit_stream_may_send(caller, 1), TACIT_PENDING);
        assert_int_equal(s_give(caller, TACIT_STREAM_KEPT, rows[i].first, 0), rows[i].status);
        if (rows[i].status == TACIT_OK) {
            assert_int_equal(s_give(caller, TACIT_STREAM_KEPT, rows[i].second, 0), rows[i].then);
            assert_int_equal(tacit_stream_may_send(caller, 1),
                             rows[i].first < 100 ? TACIT_OK : TACIT_TOO_LARGE);
        }
        tacit_stream_destroy(&caller);
    }
    tacit_stream_t *plain = tacit_stream_new(&s_nothing, &s_bounds, 0);
    assert_int_equal(s_give(plain, TACIT_STREAM_KEPT, 0, 0), TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&plain);
}

static void an_offset_beyond_all_has_no_stream(void **state)
{
    (void)state;
    tacit_method_t method = {.stream_out = s_resumable};
    for (uint64_t offset = 99; offset <= 102; offset++) {
        tacit_stream_t *stream = tacit_stream_new(&s_nothing, &s_resumable, 0);
        assert_int_equal(tacit_stream_place(stream, &method, &offset), offset <= 100);
        assert_int_equal(tacit_stream_may_send(stream, 1), offset < 100 ? TACIT_OK
                                                           : offset == 100
                                                               ? TACIT_TOO_LARGE
                                                               : tacit_stream_may_send(stream, 1));
        assert_int_equal(s_give(stream, TACIT_STREAM_KEPT, 0, 0), TACIT_PROTOCOL_ERROR);
        tacit_stream_destroy(&stream);
    }
}

static void a_sender_beyond_its_credit_is_refused(void **state)
{
    (void)state;
    tacit_stream_t *stream = tacit_stream_new(&s_bounds, &s_nothing, 0);
    tacit_span_t chunk;
    uint64_t granted = 0;
    for (uint64_t i = 0; i < TACIT_STREAM_WINDOW; i++) {
        assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, i, 1), TACIT_OK);
    }
    assert_false(tacit_stream_credit_due(stream, &granted));
    /*  Read, but credit was not sent: still beyond.  */
    for (size_t i = 0; i < TACIT_STREAM_WINDOW / 2; i++) {
        assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    }
    assert_true(tacit_stream_credit_due(stream, &granted));
    assert_int_equal(granted, TACIT_STREAM_WINDOW + TACIT_STREAM_WINDOW / 2);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, TACIT_STREAM_WINDOW, 1),
                     TACIT_PROTOCOL_ERROR);
    tacit_stream_credit_sent(stream, granted);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, TACIT_STREAM_WINDOW, 1), TACIT_OK);
    tacit_stream_destroy(&stream);
}

static void the_total_is_bounded_and_the_end_is_once(void **state)
{
    (void)state;
    const tacit_stream_bounds_t bounds = {.chunk_max = 10, .total_max = 15};
    tacit_stream_t *stream = tacit_stream_new(&bounds, &bounds, 0);
    tacit_span_t chunk;
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 0, 10), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 1, 6), TACIT_PROTOCOL_ERROR);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 1, 5), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_END, 2, 0), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_END, 2, 0), TACIT_PROTOCOL_ERROR);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 2, 1), TACIT_PROTOCOL_ERROR);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_int_equal(chunk.size, 10);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_null(chunk.data);
    assert_int_equal(tacit_stream_may_send(stream, 0), TACIT_BAD_INPUT);
    assert_int_equal(tacit_stream_may_send(stream, 11), TACIT_TOO_LARGE);
    tacit_stream_sent(stream, 10, 0);
    assert_int_equal(tacit_stream_may_send(stream, 6), TACIT_TOO_LARGE);
    assert_int_equal(tacit_stream_may_send(stream, 5), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CANCEL, 0, 0), TACIT_INTERRUPTED);
    tacit_stream_destroy(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_as_written),
        cmocka_unit_test(frames_of_another_form_are_none),
        cmocka_unit_test(chunks_out_of_order_or_bounds_are_refused),
        cmocka_unit_test(credit_only_grows_by_no_more_than_a_window),
        cmocka_unit_test(a_resumable_stream_begins_where_the_service_says),
        cmocka_unit_test(a_caller_waits_for_where_to_begin),
        cmocka_unit_test(an_offset_beyond_all_has_no_stream),
        cmocka_unit_test(a_sender_beyond_its_credit_is_refused),
        cmocka_unit_test(the_total_is_bounded_and_the_end_is_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
