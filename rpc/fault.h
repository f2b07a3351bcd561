/*  fault.h - fault points of development builds: what passes a server's sockets comes late, twice,
    altered, in another order, or not at all. Compiled where the build has TACIT_FAULTS; a release
    has no code of it.

    Rules stand in the environment variable TACIT_FAULTS, or in the file that TACIT_FAULTS_FILE
    names, separated by semicolons or ends of lines, each

        ACTION METHOD [at=PLACE] [rate=0..1] [seed=N] [after=N] [times=N] [ms=N] [peer=HEX]

    ACTION is delay (by ms), drop, duplicate, reorder (behind the next one of its place, or 100 ms),
    corrupt (one byte of frame 0, or of a lane's frame) or disconnect (the connection, instead).
    shorten session.confirm at=session makes sessions last ms, and is for nothing else.
    PLACE is reply (where none is named), request, stream-in, stream-out, lane-in or lane-out, as
    the service sees it: what a method's streams say, and frames of bulk lanes. METHOD is a method,
    SERVICE.* or *; a lane's frames are many methods' together and count as session.lane. peer is
    the first digits of a caller's CURVE key. The first rule that fits and whose dice say so acts,
    not before it fitted after times, and times times at most; the same seed gives the same faults
    again. A file is looked at again as it changes, ten times a second at most: then all begins anew
    by what stands in it.  */

#ifndef TACIT_RPC_FAULT_H
#define TACIT_RPC_FAULT_H

#include "enclave/error.h"
#include "rpc/limits.h"

enum {
    TACIT_FAULT_RULES_MAX = 16,
    TACIT_FAULT_TEXT_MAX = 2048,
    TACIT_FAULT_MS_MAX = 60 * 1000,
    TACIT_FAULT_REORDER_MS = 100,
    TACIT_FAULT_LOOK_MS = 100, /* at the file */
    TACIT_FAULT_HELD_MAX = 256 /* messages held back; beyond that they pass at once */
};

typedef enum tacit_fault_action {
    TACIT_FAULT_NONE,
    TACIT_FAULT_DELAY,
    TACIT_FAULT_DROP,
    TACIT_FAULT_DUPLICATE,
    TACIT_FAULT_REORDER,
    TACIT_FAULT_CORRUPT,
    TACIT_FAULT_DISCONNECT,
    TACIT_FAULT_SHORTEN
} tacit_fault_action_t;

typedef enum tacit_fault_place {
    TACIT_FAULT_REPLY,
    TACIT_FAULT_REQUEST,
    TACIT_FAULT_STREAM_IN,
    TACIT_FAULT_STREAM_OUT,
    TACIT_FAULT_LANE_IN,
    TACIT_FAULT_LANE_OUT,
    TACIT_FAULT_SESSION
} tacit_fault_place_t;

typedef struct tacit_fault {
    tacit_fault_action_t action;
    uint32_t ms;   /* of delay and shorten */
    uint64_t dice; /* for what is left to choose */
} tacit_fault_t;

typedef struct tacit_faults tacit_faults_t;

/*  BAD_INPUT (claim: the rule) for a text that is none; NULL and OK for text NULL or empty.  */
TACIT_MUST_CHECK tacit_status_t tacit_faults_new(const char *text, tacit_faults_t **ret_faults,
                                                 tacit_error_t *ret_error);
/*  The same of a file's text; OK without rules where there is no file yet. What it says later and
   is no rule is logged, and then there are none.  */
TACIT_MUST_CHECK tacit_status_t tacit_faults_watch(const char *path, tacit_faults_t **ret_faults,
                                                   tacit_error_t *ret_error);
void tacit_faults_destroy(tacit_faults_t **faults);

/*  Are there any rules now? faults may be NULL.  */
bool tacit_faults_any(tacit_faults_t *faults);

/*  What is to happen to one message of that method, of or to that peer. faults may be NULL.  */
tacit_fault_t tacit_faults_judge(tacit_faults_t *faults, tacit_fault_place_t place,
                                 const char *method, const uint8_t peer[TACIT_CURVE_KEY_SIZE]);

#endif
