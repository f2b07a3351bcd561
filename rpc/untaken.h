/*  untaken.h - bytes of answers that wait for their readers, of each connection and of all.

    libzmq bounds the messages that wait for a connection by their number alone, and a message may
    have 16 MiB. So every large one is counted from when it is sent until libzmq, or the lane of the
    connection, lets go of it: then it was read, all but what libzmq has under its hands, or its
    connection ended. Small ones are bounded by their number.

    Who does not read is let in no further: above `hold` its calls wait, and what would bring it
    above `most` is not sent. Above `all` of all connections together that is so for whoever has
    any; those who have none are let in up to `all_most`, so that nobody is shut out by others, and
    who has taken nothing for the longest time gives way. One thread only, but for libzmq's that let
    go of messages.  */

#ifndef TACIT_RPC_UNTAKEN_H
#define TACIT_RPC_UNTAKEN_H

#include <zmq.h>

#include "enclave/error.h"
#include "rpc/session_table.h"

typedef struct tacit_untaken tacit_untaken_t;

/*  0: those of limits.h.  */
typedef struct tacit_untaken_limits {
    uint64_t hold;
    uint64_t most;
    uint64_t all;
    uint64_t all_most;
} tacit_untaken_limits_t;

/*  NULL without memory.  */
tacit_untaken_t *tacit_untaken_new(const tacit_untaken_limits_t *limits);
/*  Messages that are still counted may outlive it. NULL-safe.  */
void tacit_untaken_destroy(tacit_untaken_t **untaken);

/*  Is that message to be counted?  */
bool tacit_untaken_is_large(size_t size);

/*  Must further calls of that connection wait?  */
bool tacit_untaken_holds(tacit_untaken_t *untaken, const tacit_connection_id_t *id);

/*  May an answer of so many bytes be sent there?  */
bool tacit_untaken_fits(tacit_untaken_t *untaken, const tacit_connection_id_t *id, size_t size);

/*  Counts that message to that connection from now on; fd is of it (-1: not known). NO_MEMORY: the
    message is as it was.  */
TACIT_MUST_CHECK tacit_status_t tacit_untaken_count(tacit_untaken_t *untaken,
                                                    const tacit_connection_id_t *id, int fd,
                                                    zmq_msg_t *message);

/*  An eventfd, borrowed, that is written once after `await`, when some connection took a message;
    and by wake.  */
int tacit_untaken_file(const tacit_untaken_t *untaken);
void tacit_untaken_await(tacit_untaken_t *untaken);
void tacit_untaken_wake(tacit_untaken_t *untaken);

/*  Forgets connections that have none. Where `all` held somebody up since the last time, cuts the
    one that took nothing for the longest time, TACIT_UNTAKEN_STILL_MS at least, and more of them
    until the others are below it. How many it cut.  */
size_t tacit_untaken_sweep(tacit_untaken_t *untaken, uint64_t now_ms);

/*  For metrics, and tests: of all; of a connection.  */
uint64_t tacit_untaken_bytes(const tacit_untaken_t *untaken);
uint64_t tacit_untaken_bytes_of(const tacit_untaken_t *untaken, const tacit_connection_id_t *id);

#endif
