/*  lane_ticket.h - what CURVE says of a lane: where a message's bulk is, and credit.

        ticket  [first sequence, size]         third frame of a message whose second one is empty
        credit  [2, "$lane", [granted]]        frames that may have been sent in all; 0: it is over;
                                               1 from a service: send nothing more by it  */

#ifndef TACIT_RPC_LANE_TICKET_H
#define TACIT_RPC_LANE_TICKET_H

#include <zmq.h>

#include "enclave/span.h"
#include "enclave/status.h"
#include "rpc/endpoint.h"

typedef struct tacit_lane_ticket {
    uint64_t first; /* sequence of its first frame */
    uint64_t size;  /* bytes of the bulk */
} tacit_lane_ticket_t;

/*  Numbers of credit that are none.  */
enum { TACIT_LANE_OVER = 0, TACIT_LANE_RECALL = 1 };

enum { TACIT_LANE_TICKET_MAX = 19, TACIT_LANE_CREDIT_MAX = 18 }; /* bytes */

/*  Messages so small that libzmq holds them without memory.  */
void tacit_lane_ticket_message(const tacit_lane_ticket_t *ticket, zmq_msg_t *ret_message);
void tacit_lane_credit_message(uint64_t granted, zmq_msg_t *ret_message);

/*  In place of a message's bulk: the empty frame and the ticket. False where the queue is full or
    the peer is gone.  */
bool tacit_lane_ticket_send(const tacit_lane_ticket_t *ticket, tacit_endpoint_t *endpoint);

/*  Foreign bytes, consumed exactly. MALFORMED where they are none, or name a size of 0, a sequence
    of 0 or one that no lane reaches; TOO_LARGE beyond TACIT_BULK_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_ticket_parse(tacit_span_t bytes,
                                                        tacit_lane_ticket_t *ret_ticket);
TACIT_MUST_CHECK tacit_status_t tacit_lane_credit_parse(tacit_span_t bytes, uint64_t *ret_granted);

/*  Frames that a bulk of that size takes.  */
uint64_t tacit_lane_frames(uint64_t size);

#endif
