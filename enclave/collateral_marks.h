/*  collateral_marks.h - collateral may only move forward.

    Who serves old but unexpired collateral hides a revocation or a newer TCB level. The numbers
    that vendors raise (tcbEvaluationDataNumber, CRL number) are marks: a verifier keeps the highest
    that it saw of each kind for a platform model, and refuses what is below.  */

#ifndef TACIT_ENCLAVE_COLLATERAL_MARKS_H
#define TACIT_ENCLAVE_COLLATERAL_MARKS_H

#include "enclave/error.h"

enum { TACIT_CRL_NUMBER_SIZE = 20 }; /* the longest that RFC 5280 allows, big-endian here */

typedef struct tacit_collateral_marks {
    uint32_t tcb_info; /* tcbEvaluationDataNumber, as the next */
    uint32_t qe_identity;
    uint8_t root_crl[TACIT_CRL_NUMBER_SIZE];
    uint8_t pck_crl[TACIT_CRL_NUMBER_SIZE];
} tacit_collateral_marks_t;

/*  COLLATERAL_EXPIRED where anything offered is older than what was seen (all zero: nothing was).
    The issuer of the PCK CRL, and the platform model, must be the same for both.  */
TACIT_MUST_CHECK tacit_status_t
tacit_collateral_marks_check(const tacit_collateral_marks_t *seen,
                             const tacit_collateral_marks_t *offered, tacit_error_t *ret_error);

/*  Remember what was offered, where it is newer.  */
void tacit_collateral_marks_raise(tacit_collateral_marks_t *seen,
                                  const tacit_collateral_marks_t *offered);

#endif
