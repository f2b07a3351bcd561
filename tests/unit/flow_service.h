/*  flow_service.h - the service of flow.idl on a thread of its own, for tests of streams.  */

#ifndef TACIT_TESTS_FLOW_SERVICE_H
#define TACIT_TESTS_FLOW_SERVICE_H

#include "idl/flow.h"
#include "rpc/client_stream.h"
#include "tests/unit/echo_service.h"

enum { FLOW_UPLOADS = 8, FLOW_SIZE = 20000 };

/*  What stays of an upload when its call is lost.  */
typedef struct flow_upload {
    uint8_t bytes[FLOW_SIZE];
    _Atomic uint64_t kept; /* after the bytes: so that a test may look at them */
    _Atomic uint32_t calls;
} flow_upload_t;

typedef struct flow_service {
    echo_keys_t keys;
    char endpoint[128];
    zactor_t *actor;
    tacit_party_t party; /* the service's */
    bool bound;          /* clients bind sessions, so that large chunks go by a lane */
    _Atomic size_t open; /* calls that its handlers have not finished */
    flow_upload_t uploads[FLOW_UPLOADS];
    _Atomic uint64_t lie; /* bytes that uploads are said to have more than they do */
} flow_service_t;

/*  Both end the test where they fail; stop, where a handler did not finish its call.  */
void flow_start(flow_service_t *flow);
void flow_stop(flow_service_t *flow);

/*  A client with fresh keys.  */
tacit_client_t *flow_connect(const flow_service_t *flow);

/*  Begin a call; its number.  */
uint64_t flow_begin(tacit_client_t *client, const tacit_method_t *method, const void *args);

/*  Calls that are open, by the service's word; and wait until there are none.  */
uint32_t flow_open(tacit_client_t *client);
void flow_await_none(tacit_client_t *client);

/*  The byte at that place of what resumable streams carry.  */
uint8_t flow_byte(uint64_t place);

/*  For chunks that are handed over: frees them.  */
void flow_free(void *data, void *hint);

#endif
