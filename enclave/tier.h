/*  tier.h - how trustworthy verification finds an enclave: the four tiers of AR4SI (and of EAR).

    A tier speaks of evidence alone. Whether an enclave of that tier may take part is the policy's
    decision (policy_appraisal.h): it may accept a warning, and refuse what is affirmed.  */

#ifndef TACIT_ENCLAVE_TIER_H
#define TACIT_ENCLAVE_TIER_H

#include "enclave/evidence.h"

/*  The numbers are AR4SI's, as in EAR's ear.status.  */
typedef enum tacit_tier {
    TACIT_TIER_NONE = 0,            /* nothing can be said */
    TACIT_TIER_AFFIRMING = 2,       /* genuine, current, closed to its host */
    TACIT_TIER_WARNING = 32,        /* genuine, but its vendor knows of a weakness */
    TACIT_TIER_CONTRAINDICATED = 96 /* genuine, and open to its host, or revoked */
} tacit_tier_t;

/*  Of genuine claims.  */
tacit_tier_t tacit_tier_of(const tacit_claims_t *claims);

/*  "none", "affirming", "warning", "contraindicated"; NULL for any other number.  */
const char *tacit_tier_name(tacit_tier_t tier);

#endif
