/*  lane_fuzz.c - what a peer may say of and on a bulk lane.

    An input of kind 0 is a foreign ticket or credit, which must survive being written and parsed
    again. Any other is a sequence of steps at one receiver: tickets and frames, right ones and
    wrong ones; whatever it gives out must be what was sealed, in order.  */

#include <sodium.h>
#include <stdlib.h>

#include "rpc/lane_receiver.h"
#include "rpc/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { S_STEP = 3, S_UNIT = 1 + TACIT_LANE_FRAGMENT / 64 };

static const uint8_t s_exporter[32] = {1};
static const uint8_t s_id[TACIT_LANE_ID_SIZE] = {2};

static void s_must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static tacit_span_t s_bytes(zmq_msg_t *message)
{
    return tacit_span(zmq_msg_data(message), zmq_msg_size(message));
}

static void s_parse(tacit_span_t bytes)
{
    tacit_lane_ticket_t ticket;
    tacit_lane_ticket_t again;
    uint64_t granted = 0;
    uint64_t same = 0;
    zmq_msg_t message;
    if (tacit_lane_ticket_parse(bytes, &ticket) == TACIT_OK) {
        s_must(ticket.size > 0 && ticket.size <= TACIT_BULK_MAX && ticket.first > 0);
        tacit_lane_ticket_message(&ticket, &message);
        s_must(tacit_lane_ticket_parse(s_bytes(&message), &again) == TACIT_OK);
        s_must(again.first == ticket.first && again.size == ticket.size);
        zmq_msg_close(&message);
    }
    if (tacit_lane_credit_parse(bytes, &granted) == TACIT_OK) {
        tacit_lane_credit_message(granted, &message);
        s_must(tacit_lane_credit_parse(s_bytes(&message), &same) == TACIT_OK && same == granted);
        zmq_msg_close(&message);
    }
}

typedef struct {
    tacit_lane_pool_t *pool;
    tacit_lane_seal_t *seal;
    tacit_lane_receiver_t *in;
    uint64_t next;     /* sequence of the next right frame */
    uint64_t ticketed; /* of the next right ticket */
    uint64_t msgid;    /* of the next bulk to come out */
    uint64_t tickets;
    bool ended;
} s_lane_t;

static void s_frame(s_lane_t *lane, uint64_t sequence, size_t size, bool damaged)
{
    static const uint8_t zeros[TACIT_LANE_FRAGMENT];
    zmq_msg_t frame;
    s_must(zmq_msg_init_size(&frame, size + TACIT_LANE_OVERHEAD) == 0);
    s_must(tacit_lane_seal(lane->seal, sequence, tacit_span(zeros, size), zmq_msg_data(&frame)) ==
           TACIT_OK);
    if (damaged) {
        ((uint8_t *)zmq_msg_data(&frame))[size % (size + TACIT_LANE_OVERHEAD)] ^= 0x40;
    }
    lane->ended = tacit_lane_receiver_take(lane->in, &frame) != TACIT_OK;
    zmq_msg_close(&frame);
}

/*  All that is complete must be zeros.  */
static void s_drain(s_lane_t *lane)
{
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    tacit_status_t status = TACIT_OK;
    uint64_t granted = 0;
    while (!lane->ended &&
           (status = tacit_lane_receiver_next(lane->in, &target, &bulk)) == TACIT_OK) {
        s_must(target.msgid == lane->msgid++);
        s_must(zmq_msg_size(&bulk) == target.number);
        s_must(sodium_is_zero(zmq_msg_data(&bulk), zmq_msg_size(&bulk)) == 1);
        zmq_msg_close(&bulk);
    }
    lane->ended = lane->ended || status != TACIT_PENDING;
    if (!lane->ended && tacit_lane_receiver_credit_due(lane->in, &granted)) {
        tacit_lane_receiver_credit_sent(lane->in, granted);
    }
}

static void s_ticket(s_lane_t *lane, uint64_t first, uint64_t size)
{
    const tacit_lane_ticket_t ticket = {.first = first, .size = size};
    if (tacit_lane_receiver_expect(lane->in, &ticket) != TACIT_OK) {
        lane->ended = true;
        return;
    }
    const tacit_lane_target_t target = {
        .aim = TACIT_LANE_CALL, .msgid = lane->tickets++, .number = size};
    tacit_lane_receiver_aim(lane->in, &target);
    lane->ticketed += tacit_lane_frames(size);
}

static void s_step(s_lane_t *lane, const uint8_t *step)
{
    size_t size = (size_t)step[1] * S_UNIT % (TACIT_LANE_FRAGMENT + 1);
    switch (step[0] % 4) {
    case 0:
        s_ticket(lane, lane->ticketed + (step[2] == 1), (uint64_t)step[1] * S_UNIT);
        break;
    case 1:
        s_frame(lane, lane->next++, size, step[2] == 1);
        break;
    case 2:
        s_frame(lane, step[2], size, false);
        break;
    default:
        s_frame(lane, lane->next++, TACIT_LANE_FRAGMENT, false);
        break;
    }
    s_drain(lane);
}

static void s_play(const uint8_t *data, size_t size)
{
    s_lane_t lane = {.ticketed = 1};
    tacit_lane_seal_t *in = NULL;
    lane.pool = tacit_lane_pool_new();
    s_must(tacit_lane_seal_new(s_exporter, s_id, TACIT_LANE_AES256_GCM, TACIT_SIDE_CLIENT, true,
                               &lane.seal) == TACIT_OK);
    s_must(tacit_lane_seal_new(s_exporter, s_id, TACIT_LANE_AES256_GCM, TACIT_SIDE_CLIENT, false,
                               &in) == TACIT_OK);
    lane.in = tacit_lane_receiver_new(&in, lane.pool);
    s_frame(&lane, lane.next++, 0, false);
    for (size_t i = 0; i + S_STEP <= size && !lane.ended; i += S_STEP) {
        s_step(&lane, data + i);
    }
    tacit_lane_receiver_destroy(&lane.in);
    tacit_lane_seal_destroy(&lane.seal);
    tacit_lane_pool_destroy(&lane.pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0) {
        s_parse(tacit_span(data + 1, size - 1));
    } else if (size > 0 && size <= 1 + S_STEP * 64) {
        s_play(data + 1, size - 1);
    }
    return 0;
}
