/*  lane_ticket.c - small numbers of MessagePack, written by hand: one per large bulk.  */

#include "rpc/lane_ticket.h"

#include "rpc/limits.h"
#include "rpc/reader.h"

enum { S_NOTIFICATION = 2, S_U64 = 0xcf, S_FIXNUM_MAX = 0x7f };

/*  `[2, "$lane", [`  */
static const uint8_t s_credit_head[] = {0x93, 0x02, 0xa5, '$', 'l', 'a', 'n', 'e', 0x91};

static size_t s_put(uint8_t *to, uint64_t number)
{
    if (number <= S_FIXNUM_MAX) {
        to[0] = (uint8_t)number;
        return 1;
    }
    to[0] = S_U64;
    for (int i = 0; i < 8; i++) {
        to[1 + i] = (uint8_t)(number >> (8 * (7 - i)));
    }
    return 9;
}

static void s_message(const uint8_t *bytes, size_t size, zmq_msg_t *ret_message)
{
    (void)zmq_msg_init_size(ret_message, size);
    memcpy(zmq_msg_data(ret_message), bytes, size);
}

void tacit_lane_ticket_message(const tacit_lane_ticket_t *ticket, zmq_msg_t *ret_message)
{
    uint8_t bytes[TACIT_LANE_TICKET_MAX] = {0x92};
    size_t size = 1;
    size += s_put(bytes + size, ticket->first);
    size += s_put(bytes + size, ticket->size);
    s_message(bytes, size, ret_message);
}

bool tacit_lane_ticket_send(const tacit_lane_ticket_t *ticket, tacit_endpoint_t *endpoint)
{
    zmq_msg_t empty;
    zmq_msg_t message;
    zmq_msg_init(&empty);
    tacit_lane_ticket_message(ticket, &message);
    if (!tacit_endpoint_send(endpoint, &empty, ZMQ_SNDMORE) ||
        !tacit_endpoint_send(endpoint, &message, 0)) {
        zmq_msg_close(&message);
        return false;
    }
    return true;
}

void tacit_lane_credit_message(uint64_t granted, zmq_msg_t *ret_message)
{
    uint8_t bytes[TACIT_LANE_CREDIT_MAX];
    memcpy(bytes, s_credit_head, sizeof s_credit_head);
    s_message(bytes, sizeof s_credit_head + s_put(bytes + sizeof s_credit_head, granted),
              ret_message);
}

static bool s_get_array(tacit_reader_t *reader, uint64_t count)
{
    tacit_token_t token;
    return tacit_reader_next(reader, &token) == TACIT_OK && token.kind == TACIT_TOKEN_ARRAY &&
           token.number == count;
}

static bool s_get_number(tacit_reader_t *reader, uint64_t *ret_number)
{
    tacit_token_t token;
    if (tacit_reader_next(reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_UNSIGNED) {
        return false;
    }
    *ret_number = token.number;
    return true;
}

uint64_t tacit_lane_frames(uint64_t size)
{
    return size / TACIT_LANE_FRAGMENT + (size % TACIT_LANE_FRAGMENT != 0);
}

tacit_status_t tacit_lane_ticket_parse(tacit_span_t bytes, tacit_lane_ticket_t *ret_ticket)
{
    tacit_reader_t reader = tacit_reader(bytes);
    tacit_lane_ticket_t ticket = {.first = 0};
    if (!s_get_array(&reader, 2) || !s_get_number(&reader, &ticket.first) ||
        !s_get_number(&reader, &ticket.size) || !tacit_reader_done(&reader) || ticket.first == 0 ||
        ticket.first >= TACIT_LANE_FRAMES_MAX || ticket.size == 0) {
        return TACIT_MALFORMED;
    }
    if (ticket.size > TACIT_BULK_MAX) {
        return TACIT_TOO_LARGE;
    }
    *ret_ticket = ticket;
    return TACIT_OK;
}

tacit_status_t tacit_lane_credit_parse(tacit_span_t bytes, uint64_t *ret_granted)
{
    tacit_reader_t reader = tacit_reader(bytes);
    tacit_token_t name;
    uint64_t kind = 0;
    uint64_t granted = 0;
    if (!s_get_array(&reader, 3) || !s_get_number(&reader, &kind) || kind != S_NOTIFICATION ||
        tacit_reader_next(&reader, &name) != TACIT_OK || name.kind != TACIT_TOKEN_STRING ||
        !tacit_span_equal(name.bytes, tacit_span_string("$lane")) || !s_get_array(&reader, 1) ||
        !s_get_number(&reader, &granted) || !tacit_reader_done(&reader)) {
        return TACIT_MALFORMED;
    }
    *ret_granted = granted;
    return TACIT_OK;
}
