/*  client.h - one connection to one service: connect, bind, call.

    Nothing here hangs: connecting, binding and every call end by their deadline in a result or a
    typed error. What ZeroMQ keeps to itself (refused by ZAP, wrong server key, nobody there) is
    read from the socket's monitor. A connection that was lost is not silently rebuilt: calls fail
    (UNREACHABLE, SESSION_EXPIRED) and the owner opens a new client. One thread only.  */

#ifndef TACIT_RPC_CLIENT_H
#define TACIT_RPC_CLIENT_H

#include <stdatomic.h>

#include "enclave/binding.h"
#include "rpc/client_metrics.h"
#include "rpc/codec.h"

enum {
    TACIT_CLIENT_CONNECT_MS = 5000, /* default for connecting and binding */
    TACIT_CLIENT_CALLS_MAX = 64     /* outstanding calls of one client */
};

typedef struct tacit_client tacit_client_t;

typedef struct tacit_client_config {
    const char *endpoint;      /* "tcp://host:port" or "ipc://path" */
    const uint8_t *server_key; /* 32 bytes; NULL: a plaintext endpoint (introduction only) */
    const uint8_t *public_key; /* own CURVE key, 32 bytes each; with server_key */
    const uint8_t *secret_key;
    const tacit_party_t *party; /* who binds; NULL: no session, only methods for anyone */
    tacit_role_t peer_role;     /* who must answer, with party */
    uint32_t connect_ms;        /* 0: TACIT_CLIENT_CONNECT_MS */
    const atomic_bool *stop;    /* connecting and binding end soon after it is true; may be NULL */
    tacit_client_metrics_t *metrics; /* where its calls are counted; may be NULL */
    bool coalesce; /* requests started while others are under way may wait for each other, to share
                      a message: until next or call waits, flush, or the message is full. For
                      owners who wait nowhere else, or flush before they do */
} tacit_client_config_t;

/*  Connect, and bind where there is a party. Nothing of config is needed afterwards: keys are
    copied by libzmq and the session's are in secret memory.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_new(const tacit_client_config_t *config,
                                                 tacit_client_t **ret_client,
                                                 tacit_error_t *ret_error);
void tacit_client_destroy(tacit_client_t **client);

/*  The session, NULL without one. Borrowed.  */
const tacit_session_t *tacit_client_session(const tacit_client_t *client);

/*  Call and wait. deadline_ms 0 takes the method's own; ret_result may be NULL; the spans of
    ret_result and *ret_bulk (may be NULL) are valid until the next call on this client. bulk is
    copied before this returns. */
TACIT_MUST_CHECK tacit_status_t tacit_client_call(tacit_client_t *client,
                                                  const tacit_method_t *method, const void *args,
                                                  tacit_span_t bulk, uint32_t deadline_ms,
                                                  void *ret_result, tacit_span_t *ret_bulk,
                                                  tacit_error_t *ret_error);

/*  A call with all that it may say.  */
typedef struct tacit_request {
    const tacit_method_t *method;
    const void *args;
    tacit_span_t bulk; /* copied, unless free_bulk is there */
    /*  Frees the bulk, which is then sent from where it is: once, whatever becomes of the call,
        perhaps later and by another thread. It must not change before.  */
    void (*free_bulk)(void *data, void *hint);
    void *hint;                   /* of free_bulk */
    uint32_t deadline_ms;         /* 0: the method's own */
    tacit_span_t idempotency_key; /* empty: none; at most TACIT_IDEMPOTENCY_KEY_MAX bytes. By it
                                     the service keeps the answer of a `keyed` method */
} tacit_request_t;

TACIT_MUST_CHECK tacit_status_t tacit_client_call_request(tacit_client_t *client,
                                                          const tacit_request_t *request,
                                                          void *ret_result, tacit_span_t *ret_bulk,
                                                          tacit_error_t *ret_error);

/*  The same in two halves, for callers with a loop of their own. start sends (or holds, see
    coalesce) and returns the call's number; next waits up to timeout_ms (0: not at all,
   DEADLINE_EXCEEDED when there is none) for any call to end, and decodes its result into
   ret_result, which must fit the method's record. A call's own failure stands in reply->status and
   reply->error.  */
typedef struct tacit_reply {
    uint64_t call;
    const tacit_method_t *method;
    tacit_status_t status;
    tacit_error_t error;
    tacit_span_t bulk; /* valid until the next call or next on this client, as the result's spans */
    void *result;      /* points into the client, of method->result; NULL where status failed */
} tacit_reply_t;

TACIT_MUST_CHECK tacit_status_t tacit_client_start(tacit_client_t *client,
                                                   const tacit_method_t *method, const void *args,
                                                   tacit_span_t bulk, uint32_t deadline_ms,
                                                   uint64_t *ret_call, tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_client_start_request(tacit_client_t *client,
                                                           const tacit_request_t *request,
                                                           uint64_t *ret_call,
                                                           tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_client_next(tacit_client_t *client, uint32_t timeout_ms,
                                                  tacit_reply_t *ret_reply,
                                                  tacit_error_t *ret_error);

/*  Sends what coalescing holds back. A connection that takes no more is lost.  */
void tacit_client_flush(tacit_client_t *client);

/*  The ZeroMQ socket to poll for input beside others. Borrowed. Who asked for it opens the bulk
   lane itself, if at all: then it has a socket of its own to poll (NULL: there is no lane, or it
   ended), and tacit_client_next is for both. Any other client opens one when it first pays, and
   again after it was lost. Without a lane large bulks go over the connection itself.  */
void *tacit_client_socket(tacit_client_t *client);
TACIT_MUST_CHECK tacit_status_t tacit_client_open_lane(tacit_client_t *client,
                                                       tacit_error_t *ret_error);
void *tacit_client_lane_socket(tacit_client_t *client);
/*  For such an owner: large bulk went over the connection for want of a lane, and it is time to
   open another one (a lane may be lost, and the service recalls one that is idle).  */
bool tacit_client_lane_lacks(const tacit_client_t *client);

#endif
