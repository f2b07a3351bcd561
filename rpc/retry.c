/*  retry.c - see retry.h.  */

#include "rpc/retry.h"

#include <sodium.h>

enum { S_WHOLE = 100, S_REFILL_MS = 1000, S_DOUBLINGS_MAX = 20 };

uint64_t tacit_backoff_ms(uint32_t base_ms, uint32_t cap_ms, unsigned failures)
{
    unsigned doublings = failures < S_DOUBLINGS_MAX ? failures : S_DOUBLINGS_MAX;
    uint64_t most = (uint64_t)base_ms << doublings;
    most = most < cap_ms ? most : cap_ms;
    return randombytes_uniform((uint32_t)most + 1);
}

void tacit_retry_budget_init(tacit_retry_budget_t *budget, uint64_t now_ms)
{
    budget->percents = TACIT_RETRY_FLOOR * S_WHOLE;
    budget->filled_ms = now_ms;
}

void tacit_retry_budget_earn(tacit_retry_budget_t *budget)
{
    budget->percents += TACIT_RETRY_PERCENT;
    if (budget->percents > TACIT_RETRY_SAVED_MAX * S_WHOLE) {
        budget->percents = TACIT_RETRY_SAVED_MAX * S_WHOLE;
    }
}

/*  Time fills up to the floor and no further.  */
static void s_refill(tacit_retry_budget_t *budget, uint64_t now_ms)
{
    uint64_t earned = (now_ms - budget->filled_ms) / S_REFILL_MS;
    budget->filled_ms += earned * S_REFILL_MS;
    while (earned > 0 && budget->percents < TACIT_RETRY_FLOOR * S_WHOLE) {
        budget->percents += S_WHOLE;
        earned--;
    }
}

bool tacit_retry_budget_spend(tacit_retry_budget_t *budget, uint64_t now_ms)
{
    s_refill(budget, now_ms);
    if (budget->percents < S_WHOLE) {
        return false;
    }
    budget->percents -= S_WHOLE;
    return true;
}
