/*  server_observe.h - the server's hooks for metrics, traces and the log.

    In the order of a call: it arrived; its trace was read; its method is known; it was answered.
    What of this did not happen before the answer is made up for then.  */

#ifndef TACIT_RPC_SERVER_OBSERVE_H
#define TACIT_RPC_SERVER_OBSERVE_H

#include "rpc/call.h"

void tacit_server_observe_arrival(tacit_call_t *call);
/*  BAD_INPUT for a traceparent that is none. Without one the call begins a trace.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_observe_trace(tacit_call_t *call);
/*  call->entry is what was found; NULL: there is no such method.  */
void tacit_server_observe_method(tacit_server_t *server, tacit_call_t *call);
void tacit_server_observe_end(tacit_server_t *server, tacit_call_t *call, tacit_status_t status,
                              size_t bytes_out);

/*  The endpoint's metrics, in the call's arena: what NAME.metrics answers.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_metrics_text(tacit_call_t *call,
                                                          tacit_span_t *ret_text);

#endif
