/*  outstanding.c - slots of calls under way; a table small enough to be searched from the start. */

#include "rpc/outstanding.h"

tacit_slot_t *tacit_outstanding_open(tacit_outstanding_t *table, const tacit_method_t *method,
                                     uint64_t deadline_ms)
{
    if (table->count == TACIT_CLIENT_CALLS_MAX) {
        return NULL;
    }
    tacit_slot_t *slot = table->slots;
    while (slot->state != TACIT_SLOT_FREE) {
        slot++;
    }
    slot->state = TACIT_SLOT_WAITING;
    slot->msgid = ++table->last_msgid;
    slot->method = method;
    slot->deadline_ms = deadline_ms;
    slot->error.code = TACIT_OK;
    slot->meter.row = NULL;
    zmq_msg_init(&slot->frame);
    zmq_msg_init(&slot->bulk);
    slot->result_offset = 0;
    slot->result_size = 0;
    slot->awaits = false;
    table->count++;
    return slot;
}

tacit_slot_t *tacit_outstanding_find(tacit_outstanding_t *table, uint64_t msgid)
{
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &table->slots[i];
        if (slot->state == TACIT_SLOT_WAITING && slot->msgid == msgid) {
            return slot;
        }
    }
    return NULL;
}

/*  Small messages live inside zmq_msg_t and move with it: the result is kept as an offset.  */
static void s_keep(tacit_slot_t *slot, const tacit_frame_reply_t *reply, zmq_msg_t *frame)
{
    slot->result_offset = (size_t)(reply->result.data - (const uint8_t *)zmq_msg_data(frame));
    slot->result_size = reply->result.size;
    zmq_msg_move(&slot->frame, frame);
    if (slot->stream) {
        slot->stream->in.ended = true;
    }
}

void tacit_outstanding_answer(tacit_slot_t *slot, const tacit_frame_reply_t *reply,
                              zmq_msg_t *frame, zmq_msg_t *bulk)
{
    if (reply->failed) {
        tacit_outstanding_fail(slot, &reply->error);
        return;
    }
    s_keep(slot, reply, frame);
    zmq_msg_move(&slot->bulk, bulk);
    slot->state = TACIT_SLOT_ENDED;
}

void tacit_outstanding_await(tacit_slot_t *slot, const tacit_frame_reply_t *reply, zmq_msg_t *frame)
{
    s_keep(slot, reply, frame);
    slot->awaits = true;
}

void tacit_outstanding_fill(tacit_slot_t *slot, const tacit_lane_target_t *target, zmq_msg_t *bulk,
                            uint64_t now_ms)
{
    if (target->aim == TACIT_LANE_CHUNK && slot->stream) {
        tacit_stream_fill(slot->stream, target->number, bulk, now_ms);
    }
    if (target->aim == TACIT_LANE_CALL && slot->awaits) {
        zmq_msg_move(&slot->bulk, bulk);
        slot->awaits = false;
        slot->state = TACIT_SLOT_ENDED;
    }
}

bool tacit_outstanding_lacks(const tacit_slot_t *slot)
{
    bool open = slot->state == TACIT_SLOT_WAITING || slot->state == TACIT_SLOT_ENDED;
    return open && slot->error.code == TACIT_OK &&
           (slot->awaits || (slot->stream && slot->stream->in.lacking > 0));
}

tacit_slot_t *tacit_outstanding_lacking(tacit_outstanding_t *table, uint64_t msgid)
{
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &table->slots[i];
        if (slot->msgid == msgid && tacit_outstanding_lacks(slot)) {
            return slot;
        }
    }
    return NULL;
}

void tacit_outstanding_fail(tacit_slot_t *slot, const tacit_error_t *error)
{
    slot->error = *error;
    slot->state = TACIT_SLOT_ENDED;
}

void tacit_outstanding_fail_all(tacit_outstanding_t *table, const tacit_error_t *error)
{
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        if (table->slots[i].state == TACIT_SLOT_WAITING) {
            tacit_outstanding_fail(&table->slots[i], error);
        }
    }
}

static void s_time_out(tacit_slot_t *slot)
{
    tacit_error_set(&slot->error, TACIT_DEADLINE_EXCEEDED, "%s was not answered in time",
                    slot->method->name);
    slot->state = TACIT_SLOT_ENDED;
}

uint64_t tacit_outstanding_expire(tacit_outstanding_t *table, uint64_t now_ms)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &table->slots[i];
        if (slot->state != TACIT_SLOT_WAITING) {
            continue;
        }
        if (slot->deadline_ms <= now_ms) {
            s_time_out(slot);
        } else if (slot->deadline_ms < earliest) {
            earliest = slot->deadline_ms;
        }
    }
    return earliest;
}

tacit_slot_t *tacit_outstanding_ended(tacit_outstanding_t *table)
{
    tacit_slot_t *first = NULL;
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &table->slots[i];
        if (slot->state == TACIT_SLOT_ENDED && !slot->stream &&
            (!first || slot->msgid < first->msgid)) {
            first = slot;
        }
    }
    return first;
}

void tacit_outstanding_take(tacit_outstanding_t *table, tacit_slot_t *slot)
{
    slot->state = TACIT_SLOT_TAKEN;
    table->count--;
}

void tacit_outstanding_release(tacit_outstanding_t *table, tacit_slot_t *slot)
{
    if (slot->state == TACIT_SLOT_WAITING || slot->state == TACIT_SLOT_ENDED) {
        table->count--;
    }
    if (slot->state != TACIT_SLOT_FREE) {
        tacit_client_metrics_end(&slot->meter, TACIT_INTERRUPTED, 0); /* where nobody asked */
        zmq_msg_close(&slot->frame);
        zmq_msg_close(&slot->bulk);
        tacit_stream_destroy(&slot->stream);
        slot->state = TACIT_SLOT_FREE;
    }
}

void tacit_outstanding_clear(tacit_outstanding_t *table)
{
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_outstanding_release(table, &table->slots[i]);
    }
}
