/*  resume.h - a resumable stream carried to its end, however often its connection is lost.

    What was lost is opened again with what its receiver has: a service says how many bytes it keeps
    (tacit_call_kept), a caller states the offset by the argument that the contract names. So a long
    transfer outlives its session, the service's restart, and the network. Between two openings
    there is a delay that grows while nothing gets on; what ends a transfer is its own deadline,
    TACIT_RESUME_TRIES_MAX openings in a row that brought nothing on, or an answer that another
    opening would only get again. The bytes at an offset must be the same each time: who sends them
    has kept them, or makes the very same again.

    Everything waits; one thread only.  */

#ifndef TACIT_RPC_RESUME_H
#define TACIT_RPC_RESUME_H

#include <stdatomic.h>

#include "rpc/client_stream.h"

enum {
    TACIT_RESUME_TRIES_MAX = 12,                    /* openings in a row without progress */
    TACIT_RESUME_BASE_MS = 200,                     /* the most before the first; doubles */
    TACIT_RESUME_CAP_MS = 5000,                     /* a restart of a service is waited out */
    TACIT_RESUME_DEADLINE_MS = 24 * 60 * 60 * 1000, /* of a transfer that names none */
    TACIT_RESUME_BUSY_MAX = 1000                    /* delay that a service asks for, at most */
};

typedef struct tacit_resume {
    /*  The connection, the caller's: replaced where it was lost. NULL inside: there is none yet, or
        none again.  */
    tacit_client_t **client;
    /*  Connects anew.  */
    tacit_status_t (*connect)(void *self, tacit_client_t **ret_client, tacit_error_t *ret_error);
    /*  Told how far the transfer is: kept at the service, or received. why: an opening failed so,
        else NULL; resumed: this is where it was opened again. May be NULL.  */
    void (*progress)(void *self, uint64_t bytes, bool resumed, const tacit_error_t *why);
    void *self;              /* of both */
    uint32_t deadline_ms;    /* of all; 0: TACIT_RESUME_DEADLINE_MS */
    uint32_t tries_max;      /* 0: TACIT_RESUME_TRIES_MAX; 1: lost is lost */
    const atomic_bool *stop; /* ends it soon after it is true; may be NULL */
} tacit_resume_t;

/*  Exactly size bytes at that offset of what is sent. A failure ends the transfer.  */
typedef tacit_status_t tacit_resume_source_t(void *context, uint64_t offset, uint8_t *ret_bytes,
                                             size_t size, tacit_error_t *ret_error);
/*  The bytes that come next. A failure ends the transfer.  */
typedef tacit_status_t tacit_resume_sink_t(void *context, tacit_span_t bytes,
                                           tacit_error_t *ret_error);

/*  Send size bytes by a method whose stream in is resumable; ret_result (may be NULL) is the
    method's, its spans valid until the next call on that client. CORRUPT where the service says it
    keeps more than there is.  */
TACIT_MUST_CHECK tacit_status_t tacit_resume_send(const tacit_resume_t *resume,
                                                  const tacit_method_t *method, const void *args,
                                                  uint64_t size, tacit_resume_source_t *source,
                                                  void *context, void *ret_result,
                                                  tacit_error_t *ret_error);

/*  Receive by a method whose stream out is resumable, from the offset that args say, until the
    service ends it well.  */
TACIT_MUST_CHECK tacit_status_t tacit_resume_receive(const tacit_resume_t *resume,
                                                     const tacit_method_t *method, const void *args,
                                                     tacit_resume_sink_t *sink, void *context,
                                                     void *ret_result, tacit_error_t *ret_error);

#endif
