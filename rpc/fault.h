/*  fault.h - fault points of development builds: replies that come late, twice, altered, in another
    order, or not at all. Compiled where the build has TACIT_FAULTS; a release has no code of it.

    Rules stand in the environment variable TACIT_FAULTS, separated by semicolons, each

        ACTION METHOD [rate=0..1] [seed=N] [ms=N] [peer=HEX]

    ACTION is delay (by ms), drop, duplicate, reorder (behind the next reply, or 100 ms), corrupt
    (one byte of frame 0) or disconnect (the caller's connection, instead of the reply). METHOD is
    a method, SERVICE.* or *; peer the first digits of a caller's CURVE key. The first rule that
    fits and whose dice say so acts; the same seed gives the same faults again.  */

#ifndef TACIT_RPC_FAULT_H
#define TACIT_RPC_FAULT_H

#include <czmq.h>

#include "enclave/error.h"
#include "rpc/limits.h"

enum {
    TACIT_FAULT_RULES_MAX = 16,
    TACIT_FAULT_TEXT_MAX = 2048,
    TACIT_FAULT_MS_MAX = 60 * 1000,
    TACIT_FAULT_REORDER_MS = 100,
    TACIT_FAULT_HELD_MAX = 256 /* replies held back; beyond that they are sent at once */
};

typedef enum tacit_fault_action {
    TACIT_FAULT_NONE,
    TACIT_FAULT_DELAY,
    TACIT_FAULT_DROP,
    TACIT_FAULT_DUPLICATE,
    TACIT_FAULT_REORDER,
    TACIT_FAULT_CORRUPT,
    TACIT_FAULT_DISCONNECT
} tacit_fault_action_t;

typedef struct tacit_fault {
    tacit_fault_action_t action;
    uint32_t ms;   /* of delay */
    uint64_t dice; /* for what is left to choose */
} tacit_fault_t;

typedef struct tacit_faults tacit_faults_t;

/*  BAD_INPUT (claim: the rule) for a text that is none; NULL and OK for text NULL or empty.  */
TACIT_MUST_CHECK tacit_status_t tacit_faults_new(const char *text, tacit_faults_t **ret_faults,
                                                 tacit_error_t *ret_error);
/*  What is held back is given up.  */
void tacit_faults_destroy(tacit_faults_t **faults);

/*  What is to happen to one reply of that method to that peer. faults may be NULL.  */
tacit_fault_t tacit_faults_judge(tacit_faults_t *faults, const char *method,
                                 const uint8_t peer[TACIT_CURVE_KEY_SIZE]);

/*  A reply on its way out of a ROUTER.  */
typedef struct tacit_fault_reply {
    const char *method;
    const uint8_t *peer;
    const uint8_t *routing; /* TACIT_ROUTING_ID_SIZE bytes */
    int fd;                 /* of the connection, -1 where it is not known */
    zmq_msg_t *frame;
    zmq_msg_t *bulk; /* NULL for none */
} tacit_fault_reply_t;

/*  Sends it, or does to it what is to happen. Takes the messages.  */
void tacit_faults_take(tacit_faults_t *faults, void *socket, zloop_t *loop,
                       const tacit_fault_reply_t *reply);

#endif
