/*  lane_test.c - the parts of a bulk lane without sockets: sealed frames, tickets, credit, parking,
    and memory that is used again.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/lane_receiver.h"
#include "rpc/lane_sender.h"
#include "rpc/limits.h"

static const uint8_t s_exporter[32] = {1, 2, 3};
static const uint8_t s_id[TACIT_LANE_ID_SIZE] = {9, 8, 7};

static const tacit_lane_cipher_t s_ciphers[] = {TACIT_LANE_AES256_GCM,
                                                TACIT_LANE_CHACHA20_POLY1305};

static tacit_lane_seal_t *s_seal_of(const uint8_t *exporter, const uint8_t *id,
                                    tacit_lane_cipher_t cipher, tacit_side_t sender, bool sealing)
{
    tacit_lane_seal_t *seal = NULL;
    assert_int_equal(tacit_lane_seal_new(exporter, id, cipher, sender, sealing, &seal), TACIT_OK);
    return seal;
}

static tacit_lane_seal_t *s_seal(bool sealing)
{
    return s_seal_of(s_exporter, s_id, TACIT_LANE_AES256_GCM, TACIT_SIDE_CLIENT, sealing);
}

/*  --- frames ---------------------------------------------------------------------------------- */

static void opens_what_was_sealed(void **state)
{
    (void)state;
    static uint8_t plaintext[TACIT_LANE_FRAGMENT];
    static uint8_t frame[TACIT_LANE_FRAME_MAX];
    static const size_t sizes[] = {0, 1, 15, 16, 17, 65536, TACIT_LANE_FRAGMENT};
    randombytes_buf(plaintext, sizeof plaintext);
    for (size_t c = 0; c < 2; c++) {
        tacit_lane_seal_t *out = s_seal_of(s_exporter, s_id, s_ciphers[c], TACIT_SIDE_SERVER, true);
        tacit_lane_seal_t *in = s_seal_of(s_exporter, s_id, s_ciphers[c], TACIT_SIDE_SERVER, false);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            tacit_span_t sealed = tacit_span(frame, sizes[i] + TACIT_LANE_OVERHEAD);
            uint8_t *inside = frame + TACIT_LANE_HEADER_SIZE;
            assert_int_equal(tacit_lane_seal(out, i, tacit_span(plaintext, sizes[i]), frame),
                             TACIT_OK);
            assert_memory_equal(frame, s_id, sizeof s_id);
            assert_int_equal(frame[TACIT_LANE_ID_SIZE], i);
            assert_int_equal(tacit_lane_seal_open(in, i, sealed, inside), TACIT_OK);
            assert_memory_equal(inside, plaintext, sizes[i]);
        }
        tacit_lane_seal_destroy(&out);
        tacit_lane_seal_destroy(&in);
        tacit_lane_seal_destroy(&in);
    }
}

enum { SMALL = 50, SMALL_FRAME = SMALL + TACIT_LANE_OVERHEAD };

static void s_small_frame(uint64_t sequence, uint8_t frame[SMALL_FRAME])
{
    uint8_t plaintext[SMALL];
    memset(plaintext, 'p', sizeof plaintext);
    tacit_lane_seal_t *seal = s_seal(true);
    assert_int_equal(tacit_lane_seal(seal, sequence, tacit_span(plaintext, SMALL), frame),
                     TACIT_OK);
    tacit_lane_seal_destroy(&seal);
}

/*  Not opened, and nothing of the plaintext given away.  */
static void s_assert_refused(tacit_lane_seal_t *in, uint64_t sequence, tacit_span_t frame)
{
    uint8_t out[SMALL_FRAME];
    memset(out, 'x', sizeof out);
    assert_int_not_equal(tacit_lane_seal_open(in, sequence, frame, out), TACIT_OK);
    assert_null(memmem(out, sizeof out, "ppppp", 5));
}

static void refuses_a_frame_with_any_bit_changed_or_any_byte_missing(void **state)
{
    (void)state;
    uint8_t frame[SMALL_FRAME];
    tacit_lane_seal_t *in = s_seal(false);
    s_small_frame(5, frame);
    for (size_t i = 0; i < 8 * sizeof frame; i++) {
        frame[i / 8] ^= (uint8_t)(1U << (i % 8));
        s_assert_refused(in, 5, tacit_span(frame, sizeof frame));
        frame[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    for (size_t size = 0; size < sizeof frame; size++) {
        s_assert_refused(in, 5, tacit_span(frame, size));
    }
    s_assert_refused(in, 4, tacit_span(frame, sizeof frame));
    s_assert_refused(in, 6, tacit_span(frame, sizeof frame));
    assert_int_equal(tacit_lane_seal_open(in, 5, tacit_span(frame, sizeof frame),
                                          frame + TACIT_LANE_HEADER_SIZE),
                     TACIT_OK);
    tacit_lane_seal_destroy(&in);
}

static void opens_for_its_session_lane_direction_and_cipher_only(void **state)
{
    (void)state;
    uint8_t frame[SMALL_FRAME];
    static const uint8_t exporter[32] = {1, 2, 4};
    static const uint8_t id[TACIT_LANE_ID_SIZE] = {9, 8, 6};
    tacit_lane_seal_t *others[] = {
        s_seal_of(exporter, s_id, TACIT_LANE_AES256_GCM, TACIT_SIDE_CLIENT, false),
        s_seal_of(s_exporter, id, TACIT_LANE_AES256_GCM, TACIT_SIDE_CLIENT, false),
        s_seal_of(s_exporter, s_id, TACIT_LANE_AES256_GCM, TACIT_SIDE_SERVER, false),
        s_seal_of(s_exporter, s_id, TACIT_LANE_CHACHA20_POLY1305, TACIT_SIDE_CLIENT, false),
    };
    s_small_frame(3, frame);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        s_assert_refused(others[i], 3, tacit_span(frame, sizeof frame));
        tacit_lane_seal_destroy(&others[i]);
    }
    tacit_lane_seal_t *none = NULL;
    assert_int_equal(tacit_lane_seal_new(s_exporter, s_id, (tacit_lane_cipher_t)3,
                                         TACIT_SIDE_CLIENT, true, &none),
                     TACIT_BAD_INPUT);
}

/*  --- tickets and credit ---------------------------------------------------------------------- */

static tacit_status_t s_parse_ticket(uint64_t first, uint64_t size, size_t cut)
{
    zmq_msg_t message;
    tacit_lane_ticket_t ticket = {.first = first, .size = size};
    tacit_lane_ticket_t parsed = {.first = 0};
    tacit_lane_ticket_message(&ticket, &message);
    tacit_span_t bytes = tacit_span(zmq_msg_data(&message), zmq_msg_size(&message));
    bytes.size = cut < bytes.size ? cut : bytes.size;
    tacit_status_t status = tacit_lane_ticket_parse(bytes, &parsed);
    if (status == TACIT_OK) {
        assert_int_equal(parsed.first, first);
        assert_int_equal(parsed.size, size);
    }
    zmq_msg_close(&message);
    return status;
}

static void reads_tickets_within_their_bounds(void **state)
{
    (void)state;
    assert_int_equal(s_parse_ticket(1, 1, 99), TACIT_OK);
    assert_int_equal(s_parse_ticket(200, TACIT_BULK_MAX, 99), TACIT_OK);
    assert_int_equal(s_parse_ticket(200, TACIT_BULK_MAX + 1, 99), TACIT_TOO_LARGE);
    assert_int_equal(s_parse_ticket(200, UINT64_MAX, 99), TACIT_TOO_LARGE);
    assert_int_equal(s_parse_ticket(200, 0, 99), TACIT_MALFORMED);
    assert_int_equal(s_parse_ticket(0, 5, 99), TACIT_MALFORMED);
    assert_int_equal(s_parse_ticket(TACIT_LANE_FRAMES_MAX - 1, 5, 99), TACIT_OK);
    assert_int_equal(s_parse_ticket(TACIT_LANE_FRAMES_MAX, 5, 99), TACIT_MALFORMED);
    for (size_t cut = 0; cut < TACIT_LANE_TICKET_MAX; cut++) {
        assert_int_equal(s_parse_ticket(100000, 10000000, cut), TACIT_MALFORMED);
    }
    static const uint8_t more[] = {0x92, 1, 5, 0};
    static const uint8_t other[] = {0x92, 1, 0xa1, 'x'};
    tacit_lane_ticket_t ticket;
    assert_int_equal(tacit_lane_ticket_parse(tacit_span(more, sizeof more), &ticket),
                     TACIT_MALFORMED);
    assert_int_equal(tacit_lane_ticket_parse(tacit_span(other, sizeof other), &ticket),
                     TACIT_MALFORMED);
}

static void reads_credit_exactly(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 1, 127, 128, 65, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        zmq_msg_t message;
        uint64_t granted = 5;
        tacit_lane_credit_message(numbers[i], &message);
        tacit_span_t bytes = tacit_span(zmq_msg_data(&message), zmq_msg_size(&message));
        for (size_t cut = 0; cut < bytes.size; cut++) {
            assert_int_equal(tacit_lane_credit_parse(tacit_span(bytes.data, cut), &granted),
                             TACIT_MALFORMED);
        }
        assert_int_equal(tacit_lane_credit_parse(bytes, &granted), TACIT_OK);
        assert_int_equal(granted, numbers[i]);
        zmq_msg_close(&message);
    }
}

/*  --- both ends ------------------------------------------------------------------------------- */

typedef struct {
    tacit_lane_pool_t *pool;
    tacit_lane_sender_t *out;
    tacit_lane_receiver_t *in;
} s_pair_t;

static void s_start(s_pair_t *pair)
{
    tacit_lane_seal_t *out = s_seal(true);
    tacit_lane_seal_t *in = s_seal(false);
    pair->pool = tacit_lane_pool_new();
    pair->out = tacit_lane_sender_new(&out, pair->pool);
    pair->in = tacit_lane_receiver_new(&in, pair->pool);
}

static void s_end(s_pair_t *pair)
{
    tacit_lane_sender_destroy(&pair->out);
    tacit_lane_receiver_destroy(&pair->in);
    tacit_lane_pool_destroy(&pair->pool);
}

static tacit_status_t s_take(s_pair_t *pair, zmq_msg_t *frame)
{
    tacit_status_t status = tacit_lane_receiver_take(pair->in, frame);
    zmq_msg_close(frame);
    return status;
}

static void s_greet(s_pair_t *pair)
{
    zmq_msg_t frame;
    s_start(pair);
    assert_false(tacit_lane_receiver_greeted(pair->in));
    assert_int_equal(tacit_lane_sender_hello(pair->out, &frame), TACIT_OK);
    assert_int_equal(s_take(pair, &frame), TACIT_OK);
    assert_true(tacit_lane_receiver_greeted(pair->in));
}

static void s_message(zmq_msg_t *message, size_t size, uint8_t seed)
{
    assert_int_equal(zmq_msg_init_size(message, size), 0);
    uint8_t *data = zmq_msg_data(message);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(seed + i * 7 + i / 251);
    }
}

/*  Put a bulk; its ticket.  */
static tacit_lane_ticket_t s_put(s_pair_t *pair, size_t size, uint8_t seed)
{
    tacit_lane_ticket_t ticket;
    zmq_msg_t bulk;
    assert_true(tacit_lane_sender_offer(pair->out, size, &ticket));
    s_message(&bulk, size, seed);
    tacit_lane_sender_put(pair->out, &bulk);
    zmq_msg_close(&bulk);
    return ticket;
}

static void s_expect(s_pair_t *pair, const tacit_lane_ticket_t *ticket, uint64_t msgid)
{
    const tacit_lane_target_t target = {.aim = TACIT_LANE_CALL, .msgid = msgid};
    assert_int_equal(tacit_lane_receiver_expect(pair->in, ticket), TACIT_OK);
    tacit_lane_receiver_aim(pair->in, &target);
}

/*  Move frames while there is credit.  */
static size_t s_move(s_pair_t *pair)
{
    zmq_msg_t frame;
    size_t count = 0;
    while (tacit_lane_sender_next(pair->out, &frame) == TACIT_OK) {
        assert_int_equal(s_take(pair, &frame), TACIT_OK);
        count++;
    }
    return count;
}

static void s_credit(s_pair_t *pair)
{
    uint64_t granted = 0;
    if (tacit_lane_receiver_credit_due(pair->in, &granted)) {
        assert_int_equal(tacit_lane_sender_credit(pair->out, granted), TACIT_OK);
        tacit_lane_receiver_credit_sent(pair->in, granted);
    }
}

static void s_assert_next(s_pair_t *pair, uint64_t msgid, size_t size, uint8_t seed)
{
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    zmq_msg_t wanted;
    tacit_status_t status = TACIT_PENDING;
    for (size_t i = 0; i < 100 && status == TACIT_PENDING; i++) {
        (void)s_move(pair);
        status = tacit_lane_receiver_next(pair->in, &target, &bulk);
        s_credit(pair);
    }
    assert_int_equal(status, TACIT_OK);
    assert_int_equal(target.msgid, msgid);
    assert_int_equal(zmq_msg_size(&bulk), size);
    s_message(&wanted, size, seed);
    assert_memory_equal(zmq_msg_data(&bulk), zmq_msg_data(&wanted), size);
    zmq_msg_close(&bulk);
    zmq_msg_close(&wanted);
}

static void carries_bulks_of_every_size_in_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {TACIT_LANE_BULK_MIN,         TACIT_LANE_FRAGMENT - 1,
                                   TACIT_LANE_FRAGMENT,         TACIT_LANE_FRAGMENT + 1,
                                   3 * TACIT_LANE_FRAGMENT - 1, TACIT_BULK_MAX};
    s_pair_t pair;
    s_greet(&pair);
    for (uint8_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            tacit_lane_ticket_t ticket = s_put(&pair, sizes[i], round);
            s_expect(&pair, &ticket, i);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            s_assert_next(&pair, i, sizes[i], round);
        }
    }
    tacit_lane_ticket_t ticket;
    assert_false(tacit_lane_sender_offer(pair.out, TACIT_LANE_BULK_MIN - 1, &ticket));
    assert_false(tacit_lane_sender_offer(pair.out, TACIT_BULK_MAX + 1, &ticket));
    s_end(&pair);
}

static void parks_frames_that_come_before_their_ticket(void **state)
{
    (void)state;
    s_pair_t pair;
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    s_greet(&pair);
    tacit_lane_ticket_t one = s_put(&pair, 20000, 1);
    tacit_lane_ticket_t two = s_put(&pair, 2 * TACIT_LANE_FRAGMENT, 2);
    assert_int_equal(s_move(&pair), 3);
    assert_int_equal(tacit_lane_receiver_parked(pair.in),
                     20000 + 2 * TACIT_LANE_FRAGMENT + 3 * TACIT_LANE_OVERHEAD);
    assert_int_equal(tacit_lane_receiver_next(pair.in, &target, &bulk), TACIT_PENDING);
    s_expect(&pair, &one, 11);
    s_assert_next(&pair, 11, 20000, 1);
    assert_int_equal(tacit_lane_receiver_next(pair.in, &target, &bulk), TACIT_PENDING);
    s_expect(&pair, &two, 12);
    s_assert_next(&pair, 12, 2 * TACIT_LANE_FRAGMENT, 2);
    assert_int_equal(tacit_lane_receiver_parked(pair.in), 0);
    s_end(&pair);
}

static void sends_no_more_than_its_window_and_parks_no_more(void **state)
{
    (void)state;
    s_pair_t pair;
    zmq_msg_t frame;
    s_greet(&pair);
    tacit_lane_ticket_t first = s_put(&pair, 20000, 1);
    for (size_t i = 1; i < TACIT_LANE_WINDOW; i++) {
        assert_true(tacit_lane_sender_flows(pair.out, 20000));
        (void)s_put(&pair, 20000, 1);
    }
    assert_false(tacit_lane_sender_flows(pair.out, 20000));
    (void)s_put(&pair, 20000, 1);
    assert_int_equal(s_move(&pair), TACIT_LANE_WINDOW);
    assert_int_equal(tacit_lane_sender_next(pair.out, &frame), TACIT_PENDING);

    /*  A sender that goes on all the same.  */
    tacit_lane_seal_t *seal = s_seal(true);
    static uint8_t bytes[20000 + TACIT_LANE_OVERHEAD];
    static const uint8_t zeros[20000];
    assert_int_equal(tacit_lane_seal(seal, 1 + TACIT_LANE_WINDOW, tacit_span(zeros, 20000), bytes),
                     TACIT_OK);
    tacit_lane_seal_destroy(&seal);
    assert_int_equal(zmq_msg_init_data(&frame, bytes, sizeof bytes, NULL, NULL), 0);
    assert_int_equal(s_take(&pair, &frame), TACIT_PROTOCOL_ERROR);

    /*  Reading gives credit again, a quarter of the window at a time.  */
    uint64_t granted = 0;
    s_expect(&pair, &first, 1);
    s_assert_next(&pair, 1, 20000, 1);
    assert_false(tacit_lane_receiver_credit_due(pair.in, &granted));
    s_end(&pair);
}

static void queues_a_bounded_number_of_bulks(void **state)
{
    (void)state;
    s_pair_t pair;
    tacit_lane_ticket_t ticket;
    s_greet(&pair);
    for (size_t i = 0; i < TACIT_LANE_QUEUED_MAX; i++) {
        (void)s_put(&pair, TACIT_LANE_BULK_MIN, 0);
    }
    assert_false(tacit_lane_sender_offer(pair.out, TACIT_LANE_BULK_MIN, &ticket));
    s_end(&pair);
}

static void takes_tickets_in_their_order_and_number(void **state)
{
    (void)state;
    s_pair_t pair;
    s_greet(&pair);
    tacit_lane_ticket_t ticket = {.first = 2, .size = 100};
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    ticket.first = 0;
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    ticket = (tacit_lane_ticket_t){.first = 1, .size = 0};
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    ticket.size = (uint64_t)TACIT_BULK_MAX + 1;
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    ticket.size = TACIT_LANE_FRAGMENT + 1;
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_OK);
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    ticket = (tacit_lane_ticket_t){.first = 3, .size = 1};
    for (size_t i = 1; i < TACIT_LANE_TICKETS_MAX; i++, ticket.first++) {
        assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_OK);
    }
    assert_int_equal(tacit_lane_receiver_expect(pair.in, &ticket), TACIT_PROTOCOL_ERROR);
    s_end(&pair);
}

/*  One sealed frame of that sequence and size, as another sender might make it.  */
static void s_forge(zmq_msg_t *frame, uint64_t sequence, size_t size)
{
    static const uint8_t zeros[TACIT_LANE_FRAGMENT];
    tacit_lane_seal_t *seal = s_seal(true);
    assert_int_equal(zmq_msg_init_size(frame, size + TACIT_LANE_OVERHEAD), 0);
    assert_int_equal(tacit_lane_seal(seal, sequence, tacit_span(zeros, size), zmq_msg_data(frame)),
                     TACIT_OK);
    tacit_lane_seal_destroy(&seal);
}

static void s_assert_ends(uint64_t sequence, size_t size, tacit_status_t wanted)
{
    s_pair_t pair;
    tacit_lane_target_t target;
    zmq_msg_t frame;
    tacit_lane_ticket_t ticket = {.first = 1, .size = 1000};
    s_greet(&pair);
    s_expect(&pair, &ticket, 1);
    s_forge(&frame, sequence, size);
    tacit_status_t status = s_take(&pair, &frame);
    if (status == TACIT_OK) {
        status = tacit_lane_receiver_next(pair.in, &target, &frame);
        if (status == TACIT_OK) {
            zmq_msg_close(&frame);
        }
    }
    assert_int_equal(status, wanted);
    s_end(&pair);
}

static void ends_at_frames_replayed_reordered_or_of_another_size(void **state)
{
    (void)state;
    s_assert_ends(1, 1000, TACIT_OK);
    s_assert_ends(0, 0, TACIT_PROTOCOL_ERROR);
    s_assert_ends(0, 1000, TACIT_PROTOCOL_ERROR);
    s_assert_ends(2, 1000, TACIT_PROTOCOL_ERROR);
    s_assert_ends(UINT64_MAX, 1000, TACIT_PROTOCOL_ERROR);
    s_assert_ends(1, 999, TACIT_PROTOCOL_ERROR);
    s_assert_ends(1, 1001, TACIT_PROTOCOL_ERROR);
    s_assert_ends(1, 0, TACIT_PROTOCOL_ERROR);
}

static void ends_at_a_frame_that_does_not_open(void **state)
{
    (void)state;
    s_pair_t pair;
    tacit_lane_target_t target;
    zmq_msg_t frame;
    tacit_lane_ticket_t ticket = {.first = 1, .size = 1000};
    s_greet(&pair);
    s_expect(&pair, &ticket, 1);
    s_forge(&frame, 1, 1000);
    ((uint8_t *)zmq_msg_data(&frame))[500] ^= 1;
    assert_int_equal(s_take(&pair, &frame), TACIT_OK);
    assert_int_equal(tacit_lane_receiver_next(pair.in, &target, &frame), TACIT_CORRUPT);
    s_end(&pair);
}

static void begins_with_an_empty_hello(void **state)
{
    (void)state;
    s_pair_t pair;
    zmq_msg_t frame;
    static const struct {
        uint64_t sequence;
        size_t size;
    } wrong[] = {{1, 0}, {0, 1}, {1, 1000}};
    s_start(&pair);
    assert_int_equal(tacit_lane_sender_next(pair.out, &frame), TACIT_PENDING);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s_forge(&frame, wrong[i].sequence, wrong[i].size);
        assert_int_not_equal(s_take(&pair, &frame), TACIT_OK);
        assert_false(tacit_lane_receiver_greeted(pair.in));
    }
    s_forge(&frame, 0, 0);
    ((uint8_t *)zmq_msg_data(&frame))[TACIT_LANE_HEADER_SIZE] ^= 1;
    assert_int_equal(s_take(&pair, &frame), TACIT_CORRUPT);
    assert_int_equal(zmq_msg_init_size(&frame, 0), 0);
    assert_int_equal(s_take(&pair, &frame), TACIT_PROTOCOL_ERROR);
    s_end(&pair);
}

static void takes_credit_that_grows_within_the_window(void **state)
{
    (void)state;
    s_pair_t pair;
    s_greet(&pair);
    assert_int_equal(tacit_lane_sender_credit(pair.out, 0), TACIT_PROTOCOL_ERROR);
    assert_int_equal(tacit_lane_sender_credit(pair.out, 1 + TACIT_LANE_WINDOW),
                     TACIT_PROTOCOL_ERROR);
    assert_int_equal(tacit_lane_sender_credit(pair.out, 2 + TACIT_LANE_WINDOW),
                     TACIT_PROTOCOL_ERROR);
    (void)s_put(&pair, 20000, 0);
    (void)s_move(&pair);
    assert_int_equal(tacit_lane_sender_credit(pair.out, 3 + TACIT_LANE_WINDOW),
                     TACIT_PROTOCOL_ERROR);
    assert_int_equal(tacit_lane_sender_credit(pair.out, 2 + TACIT_LANE_WINDOW), TACIT_OK);
    s_end(&pair);
}

static void throws_away_what_nobody_waits_for_any_more(void **state)
{
    (void)state;
    s_pair_t pair;
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    zmq_msg_t frame;
    s_greet(&pair);
    tacit_lane_ticket_t one = s_put(&pair, 4 * TACIT_LANE_FRAGMENT, 1);
    tacit_lane_ticket_t two = s_put(&pair, 30000, 2);
    s_expect(&pair, &one, 1);
    s_expect(&pair, &two, 2);
    for (size_t i = 0; i < 2; i++) { /* half of it */
        assert_int_equal(tacit_lane_sender_next(pair.out, &frame), TACIT_OK);
        assert_int_equal(s_take(&pair, &frame), TACIT_OK);
        assert_int_equal(tacit_lane_receiver_next(pair.in, &target, &bulk), TACIT_PENDING);
    }
    tacit_lane_receiver_target(pair.in, 0)->aim = TACIT_LANE_NOBODY;
    s_assert_next(&pair, 2, 30000, 2);
    assert_null(tacit_lane_receiver_target(pair.in, 0));
    s_end(&pair);
}

/*  A bulk outlives the lane that it came by.  */
static void lends_bulks_beyond_its_end(void **state)
{
    (void)state;
    static const size_t sizes[] = {20000, 2 * TACIT_LANE_FRAGMENT};
    for (size_t i = 0; i < 2; i++) {
        s_pair_t pair;
        tacit_lane_target_t target;
        zmq_msg_t bulk;
        zmq_msg_t wanted;
        s_greet(&pair);
        tacit_lane_ticket_t ticket = s_put(&pair, sizes[i], 4);
        s_expect(&pair, &ticket, 1);
        (void)s_move(&pair);
        assert_int_equal(tacit_lane_receiver_next(pair.in, &target, &bulk), TACIT_OK);
        s_end(&pair);
        s_message(&wanted, sizes[i], 4);
        assert_memory_equal(zmq_msg_data(&bulk), zmq_msg_data(&wanted), sizes[i]);
        zmq_msg_close(&bulk);
        zmq_msg_close(&wanted);
    }
}

/*  --- memory ---------------------------------------------------------------------------------- */

static void uses_memory_again_and_lets_go_of_what_is_idle(void **state)
{
    (void)state;
    tacit_lane_pool_t *pool = tacit_lane_pool_new();
    uint8_t *one = tacit_lane_pool_take(pool, 1);
    assert_int_equal((uintptr_t)one % 64, 0);
    memset(one, 1, TACIT_LANE_FRAME_MAX);
    tacit_lane_pool_give(one, pool);
    assert_ptr_equal(tacit_lane_pool_take(pool, TACIT_LANE_FRAME_MAX), one);
    uint8_t *large = tacit_lane_pool_take(pool, TACIT_BULK_MAX);
    memset(large, 1, TACIT_BULK_MAX);
    tacit_lane_pool_give(large, pool);
    uint8_t *small = tacit_lane_pool_take(pool, TACIT_LANE_FRAME_MAX + 1);
    assert_ptr_not_equal(small, large); /* far too large for it */
    assert_ptr_equal(tacit_lane_pool_take(pool, TACIT_BULK_MAX - 5), large);
    tacit_lane_pool_give(large, pool);
    tacit_lane_pool_give(small, pool);
    tacit_lane_pool_trim(pool);
    tacit_lane_pool_trim(pool);
    tacit_lane_pool_t *kept = pool;
    tacit_lane_pool_destroy(&pool);
    assert_null(pool);
    tacit_lane_pool_give(one, kept); /* the last one takes the pool along */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_was_sealed),
        cmocka_unit_test(refuses_a_frame_with_any_bit_changed_or_any_byte_missing),
        cmocka_unit_test(opens_for_its_session_lane_direction_and_cipher_only),
        cmocka_unit_test(reads_tickets_within_their_bounds),
        cmocka_unit_test(reads_credit_exactly),
        cmocka_unit_test(carries_bulks_of_every_size_in_order),
        cmocka_unit_test(parks_frames_that_come_before_their_ticket),
        cmocka_unit_test(sends_no_more_than_its_window_and_parks_no_more),
        cmocka_unit_test(queues_a_bounded_number_of_bulks),
        cmocka_unit_test(takes_tickets_in_their_order_and_number),
        cmocka_unit_test(ends_at_frames_replayed_reordered_or_of_another_size),
        cmocka_unit_test(ends_at_a_frame_that_does_not_open),
        cmocka_unit_test(begins_with_an_empty_hello),
        cmocka_unit_test(takes_credit_that_grows_within_the_window),
        cmocka_unit_test(throws_away_what_nobody_waits_for_any_more),
        cmocka_unit_test(lends_bulks_beyond_its_end),
        cmocka_unit_test(uses_memory_again_and_lets_go_of_what_is_idle),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
