/*  trace.h - the W3C trace context (traceparent, version 00) of what a thread is doing.

    With it goes the deadline of the work, which calls made for it inherit. A server enters the
   context of a call while its handler runs; clients send a child of whatever is current, or of a
   new root; log lines name it. A context identifies, it admits to nothing: whoever calls may make
   one up.  */

#ifndef TACIT_RPC_TRACE_H
#define TACIT_RPC_TRACE_H

#include "enclave/span.h"
#include "enclave/status.h"

enum { TACIT_TRACE_TEXT_SIZE = 55 }; /* 00-<32 hex>-<16 hex>-<2 hex> */

typedef struct tacit_trace {
    bool set;             /* the rest means something */
    uint8_t trace_id[16]; /* not all zero */
    uint8_t span_id[8];   /* not all zero */
    uint8_t flags;        /* 1: sampled; others are passed on */
    uint64_t deadline_ms; /* by which the work is of use, monotonic; 0: whenever. Not part of the
                             text: calls have a field of their own for it */
} tacit_trace_t;

/*  Exactly version 00: 55 characters, lowercase hex, ids not zero; else BAD_INPUT.  */
TACIT_MUST_CHECK tacit_status_t tacit_trace_parse(tacit_span_t text, tacit_trace_t *ret_trace);
/*  Terminated.  */
void tacit_trace_format(const tacit_trace_t *trace, char ret_text[TACIT_TRACE_TEXT_SIZE + 1]);

/*  A new trace; a new span of the same trace. Ids are unlike others', not secret.  */
tacit_trace_t tacit_trace_root(void);
tacit_trace_t tacit_trace_child(const tacit_trace_t *parent);

/*  What this thread works for; not set where it works for nobody. enter gives what was there
    before, to be entered again afterwards; NULL enters nothing.  */
tacit_trace_t tacit_trace_current(void);
tacit_trace_t tacit_trace_enter(const tacit_trace_t *trace);

#endif
