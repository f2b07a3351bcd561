/*  link_event.h - what becomes of a socket's connections, as its ZeroMQ monitor tells it.  */

#ifndef TACIT_RPC_LINK_EVENT_H
#define TACIT_RPC_LINK_EVENT_H

#include <stdbool.h>

#include "enclave/error.h"

typedef enum tacit_link {
    TACIT_LINK_UP,     /* a handshake succeeded */
    TACIT_LINK_FAILED, /* there will be no connection; status says why */
    TACIT_LINK_LOST    /* a connection ended; fd says which, where bound */
} tacit_link_t;

typedef struct tacit_link_event {
    tacit_link_t link;
    tacit_status_t status; /* UNREACHABLE, WRONG_SERVER_KEY, REFUSED_BY_ZAP, PROTOCOL_ERROR */
    int fd;                /* of the connection */
} tacit_link_event_t;

/*  The next event of a monitor's socket, without waiting; false where there is none. curve: the
    connections are CURVE's, so that keys may be wrong.  */
bool tacit_link_event_read(void *monitor, bool curve, tacit_link_event_t *ret_event);

#endif
