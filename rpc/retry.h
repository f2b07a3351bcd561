/*  retry.h - when to try again, and how often in all.

    Delays grow and are drawn from the whole range below ("full jitter"), so that callers who failed
    together do not come back together. The budget bounds what retries add to a service's load: a
    tenth of all calls, and a few where there were hardly any.  */

#ifndef TACIT_RPC_RETRY_H
#define TACIT_RPC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TACIT_RETRY_BASE_MS = 20, /* the most before the first retry of a call; doubles with each */
    TACIT_RETRY_CAP_MS = 1000,
    TACIT_REDIAL_BASE_MS = 50, /* the same for connections */
    TACIT_REDIAL_CAP_MS = 5000,
    TACIT_RETRY_PERCENT = 10,   /* of calls that may be sent again */
    TACIT_RETRY_FLOOR = 10,     /* retries that are there at first, and come back one a second */
    TACIT_RETRY_SAVED_MAX = 100 /* retries that may be saved up */
};

/*  0 to base * 2^failures, and at most cap.  */
uint64_t tacit_backoff_ms(uint32_t base_ms, uint32_t cap_ms, unsigned failures);

typedef struct tacit_retry_budget {
    uint32_t percents;  /* a hundred of them are a retry */
    uint64_t filled_ms; /* when time last gave one */
} tacit_retry_budget_t;

void tacit_retry_budget_init(tacit_retry_budget_t *budget, uint64_t now_ms);
/*  A call was made.  */
void tacit_retry_budget_earn(tacit_retry_budget_t *budget);
/*  One retry; false where there is none left.  */
bool tacit_retry_budget_spend(tacit_retry_budget_t *budget, uint64_t now_ms);

#endif
