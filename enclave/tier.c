/*  tier.c - see tier.h.  */

#include "enclave/tier.h"

#include <stddef.h>

tacit_tier_t tacit_tier_of(const tacit_claims_t *claims)
{
    if (claims->debug) {
        return TACIT_TIER_CONTRAINDICATED;
    }
    if (!tacit_tee_is_graded(claims->tee)) {
        return TACIT_TIER_AFFIRMING;
    }
    if (claims->tcb_status == TACIT_TCB_REVOKED) {
        return TACIT_TIER_CONTRAINDICATED;
    }
    return claims->tcb_status == TACIT_TCB_UP_TO_DATE && !claims->advisories[0]
               ? TACIT_TIER_AFFIRMING
               : TACIT_TIER_WARNING;
}

const char *tacit_tier_name(tacit_tier_t tier)
{
    static const struct {
        tacit_tier_t tier;
        const char *name;
    } names[] = {
        {TACIT_TIER_NONE, "none"},
        {TACIT_TIER_AFFIRMING, "affirming"},
        {TACIT_TIER_WARNING, "warning"},
        {TACIT_TIER_CONTRAINDICATED, "contraindicated"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].tier == tier) {
            return names[i].name;
        }
    }
    return NULL;
}
