/*  session_service.h - the server's side of the attested binding: session.open, session.confirm. */

#ifndef TACIT_RPC_SESSION_SERVICE_H
#define TACIT_RPC_SESSION_SERVICE_H

#include "idl/session.h"
#include "rpc/endpoint.h"
#include "rpc/refusals.h"
#include "rpc/session_table.h"
#include "rpc/standing.h"

/*  What its handlers get as self. Borrowed.  */
typedef struct tacit_session_service {
    tacit_session_table_t *table;
    tacit_endpoint_t *endpoint;
    const tacit_party_t *party;
    const tacit_standing_t *standing; /* NULL: every session holds */
    tacit_refusals_t *refusals;       /* where refused ones are put; NULL: nowhere */
    const uint8_t *operator_key;      /* 32 bytes; NULL: nobody may open as the operator */
    uint64_t links_up;                /* connections: handshakes that succeeded */
    uint64_t links_failed;            /* that did not */
    uint64_t links_lost;              /* that ended */
} tacit_session_service_t;

extern const tacit_session_handlers_t tacit_session_service_handlers;

/*  End the sessions that do not hold under the policy in force.  */
void tacit_session_service_judge(const tacit_session_service_t *self);

/*  End the rows of connections that the monitor says are gone. Also done before a handshake is
    kept, so that news of an old connection is not taken for the new one with the same file.  */
void tacit_session_service_settle(tacit_session_service_t *self);

#endif
