/*  admission.h - whose turn it is: how many calls of a method run at once, and who waits.

    A gate stands for a method with limits. A call that enters runs, or waits in the method's
   bounded queue, or is refused. Those that wait are served caller by caller, one call each, so that
   a thousand calls of one caller cost another one a single turn. Where the queue is full the caller
    with the most in it gives way: its newest call makes room for one of a caller with fewer.

    What needs a thread of a pool shares one more number among all gates. One thread only, no
    clock of its own, and nothing here knows calls: a place is part of what enters.  */

#ifndef TACIT_RPC_ADMISSION_H
#define TACIT_RPC_ADMISSION_H

#include "rpc/metrics.h"
#include "rpc/session_table.h"

typedef struct tacit_admission tacit_admission_t;

typedef struct tacit_gate {
    tacit_share_t limit;        /* of calls that run; 0: none */
    tacit_share_t queue;        /* of calls that wait; none wait where all is 0 */
    bool pooled;                /* each takes a thread of the pool, too */
    tacit_turns_t turns;        /* how many do */
    uint64_t service_ns;        /* how long one took lately; 0: none has ended */
    struct tacit_part *waiting; /* parts of callers that wait here */
} tacit_gate_t;

/*  Of a call at its gate; zeroed: it has none.  */
typedef struct tacit_place {
    struct tacit_part *part;      /* its caller's at its gate; NULL: it has no place */
    bool runs;                    /* else it waits */
    uint64_t since_ns;            /* that it does */
    struct tacit_place *previous; /* among those that wait in its part */
    struct tacit_place *next;
} tacit_place_t;

/*  threads: how many pooled calls run at once. NULL without memory.  */
tacit_admission_t *tacit_admission_new(uint32_t threads);
/*  Places that were not left are then nobody's.  */
void tacit_admission_destroy(tacit_admission_t **admission);

/*  OK: it runs. PENDING: it waits. BUSY: there is no room. NO_MEMORY. The caller is told apart by
    all of its id. *ret_evicted is the place of another caller that waited and has given way, which
    it left; else NULL.  */
TACIT_MUST_CHECK tacit_status_t tacit_admission_enter(tacit_admission_t *admission,
                                                      tacit_gate_t *gate,
                                                      const tacit_connection_id_t *caller,
                                                      uint64_t now_ns, tacit_place_t *place,
                                                      tacit_place_t **ret_evicted);

/*  It has run, or waits no more; nothing where it has no place. True: others may run now.  */
bool tacit_admission_leave(tacit_admission_t *admission, tacit_place_t *place, uint64_t now_ns);

/*  Whose turn it is among those that wait: it runs from now on. NULL: nobody's.  */
tacit_place_t *tacit_admission_next(tacit_admission_t *admission, uint64_t now_ns);

/*  In how many ms those that run and wait at that gate will be served, as far as can be told.  */
uint32_t tacit_admission_retry_ms(const tacit_admission_t *admission, const tacit_gate_t *gate);

/*  Pooled calls that run.  */
uint32_t tacit_admission_pooled(const tacit_admission_t *admission);

#endif
