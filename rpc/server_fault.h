/*  server_fault.h - faults of what passes a server's sockets, by the rules of fault.h.

    Each place asks once, for a message that is about to be judged or sent; what is held back or
    doubled passes later, or again, without being asked about. Development builds only.  */

#ifndef TACIT_RPC_SERVER_FAULT_H
#define TACIT_RPC_SERVER_FAULT_H

#include "rpc/fault.h"
#include "rpc/server.h"

typedef struct tacit_server_faults tacit_server_faults_t;

/*  By the file that the environment's TACIT_FAULTS_FILE names, else by TACIT_FAULTS; NULL and OK
    where neither is set.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_faults_new(tacit_server_faults_t **ret_faults,
                                                        tacit_error_t *ret_error);
/*  What is held back is given up.  */
void tacit_server_faults_destroy(tacit_server_faults_t **faults);

/*  All return true where they took the message, and whoever asked goes on as if it had passed.

    A request, or a notification of a call's stream, that was read: call is its carrier.  */
bool tacit_server_fault_in(tacit_server_t *server, tacit_call_t *call, bool too_many_frames);

/*  A reply to that call, or a notification of its streams: the place says which. bulk may be
    NULL; where it is not copied yet it need not last.  */
bool tacit_server_fault_out(tacit_server_t *server, const tacit_call_t *call,
                            tacit_fault_place_t place, zmq_msg_t *frame, zmq_msg_t *bulk);

/*  A frame of that peer's lane, from or to that connection; fd -1: of what it came by.  */
bool tacit_server_fault_lane(tacit_server_t *server, tacit_fault_place_t place, const uint8_t *peer,
                             const uint8_t *routing, int fd, zmq_msg_t *frame);

/*  How long a session with that peer is to last, in ms; 0: as ever.  */
uint32_t tacit_server_fault_session(tacit_server_t *server, const uint8_t *peer);

#endif
