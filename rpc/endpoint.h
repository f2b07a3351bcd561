/*  endpoint.h - the only place that makes ZeroMQ sockets of the wire and sets their options.

    Every option with a default that is unbounded, silent or open is set here once: frame size,
    queues, handshake time, linger, heartbeats, admission. Sockets live in the context of CZMQ,
    where the ZAP handler is, since libzmq looks for it on inproc of the socket's own context; a
    bound endpoint starts the handler if nobody did. Signals are left to main (CZMQ's handler is
    switched off). Only tcp:// and ipc:// are taken: inproc:// knows neither CURVE nor ZAP.

    What libzmq tells nobody but a monitor comes out of tacit_endpoint_event. One thread only.  */

#ifndef TACIT_RPC_ENDPOINT_H
#define TACIT_RPC_ENDPOINT_H

#include <zmq.h>

#include "enclave/error.h"
#include "rpc/limits.h"
#include "rpc/link_event.h"

typedef struct tacit_endpoint tacit_endpoint_t;

/*  A bound ROUTER. Keys are 32 bytes, both NULL for plaintext.  */
typedef struct tacit_endpoint_bind {
    const char *address;
    const uint8_t *public_key;
    const uint8_t *secret_key;
    const char *zap_domain; /* not empty */
    uint64_t frame_max;     /* bytes of the largest frame to admit, before CURVE's overhead */
    bool lane;              /* a bulk lane's: no CURVE, only connections that were announced */
} tacit_endpoint_bind_t;

/*  A connected DEALER, which never reconnects. server_key NULL: plaintext.  */
typedef struct tacit_endpoint_connect {
    const char *address;
    const uint8_t *server_key;
    const uint8_t *public_key;
    const uint8_t *secret_key;
    uint32_t connect_ms;   /* for the connection, and again for the handshake */
    const char *lane_name; /* a bulk lane's: what the connection was announced by; else NULL */
    const char *lane_token;
} tacit_endpoint_connect_t;

TACIT_MUST_CHECK tacit_status_t tacit_endpoint_bind(const tacit_endpoint_bind_t *config,
                                                    tacit_endpoint_t **ret_endpoint,
                                                    tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_endpoint_connect(const tacit_endpoint_connect_t *config,
                                                       tacit_endpoint_t **ret_endpoint,
                                                       tacit_error_t *ret_error);
void tacit_endpoint_destroy(tacit_endpoint_t **endpoint);

/*  The context of every socket, ZAP's included. Not to be terminated.  */
void *tacit_endpoint_context(void);

/*  Raw ZeroMQ sockets, for polling and for messages. Borrowed.  */
void *tacit_endpoint_socket(const tacit_endpoint_t *endpoint);
void *tacit_endpoint_monitor(const tacit_endpoint_t *endpoint);

/*  A file that is readable while the monitor may have something, for pollers whose owner then reads
    all of it: a poller that is given the socket looks into it twice on every turn.  */
int tacit_endpoint_monitor_file(const tacit_endpoint_t *endpoint);

/*  Sends one frame without waiting (flags: 0 or ZMQ_SNDMORE); false where the queue is full or the
    peer is gone, the message is then the caller's still. libzmq looks at most once a millisecond
    whether its peer has read: a queue that seems full is looked at again, or a connection within
    its limits would be refused.  */
bool tacit_endpoint_send(tacit_endpoint_t *endpoint, zmq_msg_t *message, int flags);

/*  Receives one frame (flags: ZMQ_DONTWAIT, or 0 to wait as long as the socket does); false where
    there is none. Who receives by this alone is spared a look before waiting.  */
bool tacit_endpoint_receive(tacit_endpoint_t *endpoint, zmq_msg_t *message, int flags);

/*  Where a lane stands beside an address: another port of the same host (0: any, to be bound), or
    another file. BAD_INPUT where that has no form.  */
TACIT_MUST_CHECK tacit_status_t tacit_endpoint_lane_address(const char *address, uint16_t port,
                                                            char *ret_address, size_t size);
/*  The port in an address that was bound; 0: it has none.  */
uint16_t tacit_endpoint_port(const tacit_endpoint_t *endpoint);

/*  The address as bound (with the port) or connected. Borrowed.  */
const char *tacit_endpoint_address(const tacit_endpoint_t *endpoint);

/*  Waits until the socket or the monitor may have something, at most timeout_ms; returns early
    at signals. Read both until they have nothing before waiting: the wait is edge-triggered.  */
void tacit_endpoint_wait(const tacit_endpoint_t *endpoint, uint64_t timeout_ms);
/*  The same for two of them; other may be NULL. Which of the monitors have something.  */
enum { TACIT_WAIT_MONITOR = 1, TACIT_WAIT_OTHER_MONITOR = 2 };
unsigned tacit_endpoint_wait_both(const tacit_endpoint_t *endpoint, const tacit_endpoint_t *other,
                                  uint64_t timeout_ms);

/*  The next event, without waiting; false where there is none.  */
bool tacit_endpoint_event(tacit_endpoint_t *endpoint, tacit_link_event_t *ret_event);

#endif
