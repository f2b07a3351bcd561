/*  client_internal.h - what the files of the client share: client.c connects, client_receive.c
    reads and waits, client_call.c makes requests and gives replies back, client_send.c sends,
   client_stream.c has the streams, client_lane.c the bulk lane, which client_lane_open.c opens.  */

#ifndef TACIT_RPC_CLIENT_INTERNAL_H
#define TACIT_RPC_CLIENT_INTERNAL_H

#include <czmq.h>

#include "rpc/batch.h"
#include "rpc/client_lane.h"
#include "rpc/client_stream.h"
#include "rpc/endpoint.h"
#include "rpc/outstanding.h"

struct tacit_client {
    tacit_endpoint_t *endpoint;
    bool up;                  /* the handshake succeeded */
    tacit_error_t lost;       /* code not OK: why the connection is over */
    tacit_session_t *session; /* NULL without */
    uint64_t session_end_ms;  /* monotonic */
    tacit_outstanding_t calls;
    tacit_slot_t *taken;             /* what the last call's spans borrow from */
    tacit_arena_t *arena;            /* lists and secrets of that result */
    tacit_buffer_t out;              /* frame 0 being written */
    const atomic_bool *stop;         /* while connecting; may be NULL */
    tacit_client_metrics_t *metrics; /* the owner's; may be NULL */
    tacit_client_lane_t lane;
    bool coalesce;
    tacit_batch_t held; /* requests that wait for each other */
    void *result;       /* of tacit_client_next */
    size_t result_capacity;
};

static inline uint64_t tacit_client_now(void)
{
    return (uint64_t)zclock_mono();
}

/*  The connection is over, and every call with it; what NULL says what the status says. The first
    loss counts. check gives it back, OK while there is none.  */
void tacit_client_lose(tacit_client_t *client, tacit_status_t status, const char *what);
TACIT_MUST_CHECK tacit_status_t tacit_client_check_lost(const tacit_client_t *client,
                                                        tacit_error_t *ret_error);

/*  What the connection's monitor has to say.  */
void tacit_client_read_events(tacit_client_t *client);

/*  Take in whatever there is, without waiting; false where there was nothing.  */
bool tacit_client_pump(tacit_client_t *client);
/*  The same for who then sleeps, where the connections' ends show.  */
bool tacit_client_take_in(tacit_client_t *client);

/*  Take in one message, and what the lane has; the connection's end shows where one sleeps. For who
    waits for one answer: every look into an empty socket is two system calls.  */
bool tacit_client_pump_once(tacit_client_t *client);

/*  Wait a moment for a message and take it in; false where none came, or there is more to watch
   than this connection, or until_ms is near. Its end shows where one sleeps.  */
bool tacit_client_listen(tacit_client_t *client, uint64_t until_ms);

/*  Sleep until something comes, a call times out, or until_ms.  */
void tacit_client_sleep(tacit_client_t *client, uint64_t until_ms);

/*  Let go of what the last reply's spans borrowed from.  */
void tacit_client_release_taken(tacit_client_t *client);

/*  An ended call's reply, its result in the client's own room.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_give_reply(tacit_client_t *client, tacit_slot_t *slot,
                                                        tacit_reply_t *ret_reply,
                                                        tacit_error_t *ret_error);

/*  A request's bulk as a message, empty where it has none; free_bulk is taken or done.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_bulk_message(const tacit_request_t *request,
                                                          zmq_msg_t *ret_message,
                                                          tacit_error_t *ret_error);

/*  The request in out goes to the connection, or waits for others where the owner lets it; its bulk
    is moved where it was sent. BUSY, NO_MEMORY, or why the connection was lost.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_send_request(tacit_client_t *client,
                                                          const tacit_request_t *request,
                                                          zmq_msg_t *bulk,
                                                          tacit_error_t *ret_error);

/*  As tacit_client_start_request, but bulk is that message, which is moved from where it was sent
    and otherwise is as it was. The slot stays where it is until it is released.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_start_message(tacit_client_t *client,
                                                           const tacit_request_t *request,
                                                           zmq_msg_t *bulk, tacit_slot_t **ret_slot,
                                                           tacit_error_t *ret_error);

/*  Let go of a call in any state, at once; who has it is told.  */
void tacit_client_abandon(tacit_client_t *client, tacit_slot_t *slot);

/*  The streams of a call about to be sent: NO_MEMORY, or BAD_INPUT where its offset is beyond all.
 */
TACIT_MUST_CHECK tacit_status_t tacit_client_open_stream(tacit_slot_t *slot, const void *args);

/*  A stream's notification; false where the message is none.  */
/*  with a ticket where its bytes come by the lane, else NULL.  */
bool tacit_client_take_notification(tacit_client_t *client, tacit_span_t bytes, zmq_msg_t *bulk,
                                    bool has_bulk, const tacit_lane_ticket_t *ticket);

#endif
