/*  collateral_marks.c - comparing and raising the marks of collateral.  */

#include "enclave/collateral_marks.h"

#include <string.h>

#include "enclave/evidence_refusal.h"

static uint32_t s_higher(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

tacit_status_t tacit_collateral_marks_check(const tacit_collateral_marks_t *seen,
                                            const tacit_collateral_marks_t *offered,
                                            tacit_error_t *ret_error)
{
    const struct {
        const char *claim;
        uint32_t seen;
        uint32_t offered;
    } numbers[] = {
        {"tcb_info.tcbEvaluationDataNumber", seen->tcb_info, offered->tcb_info},
        {"qe_identity.tcbEvaluationDataNumber", seen->qe_identity, offered->qe_identity},
    };
    const struct {
        const char *claim;
        const uint8_t *seen;
        const uint8_t *offered;
    } lists[] = {
        {"root_crl.number", seen->root_crl, offered->root_crl},
        {"pck_crl.number", seen->pck_crl, offered->pck_crl},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].offered < numbers[i].seen) {
            return tacit_evidence_refuse_number(ret_error, TACIT_COLLATERAL_EXPIRED,
                                                numbers[i].claim, numbers[i].seen,
                                                numbers[i].offered);
        }
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (memcmp(lists[i].offered, lists[i].seen, TACIT_CRL_NUMBER_SIZE) < 0) {
            return tacit_evidence_refuse_bytes(ret_error, TACIT_COLLATERAL_EXPIRED, lists[i].claim,
                                               tacit_span(lists[i].seen, TACIT_CRL_NUMBER_SIZE),
                                               tacit_span(lists[i].offered, TACIT_CRL_NUMBER_SIZE));
        }
    }
    return TACIT_OK;
}

static void s_raise(uint8_t seen[TACIT_CRL_NUMBER_SIZE], const uint8_t *offered)
{
    if (memcmp(offered, seen, TACIT_CRL_NUMBER_SIZE) > 0) {
        memcpy(seen, offered, TACIT_CRL_NUMBER_SIZE);
    }
}

void tacit_collateral_marks_raise(tacit_collateral_marks_t *seen,
                                  const tacit_collateral_marks_t *offered)
{
    seen->tcb_info = s_higher(seen->tcb_info, offered->tcb_info);
    seen->qe_identity = s_higher(seen->qe_identity, offered->qe_identity);
    s_raise(seen->root_crl, offered->root_crl);
    s_raise(seen->pck_crl, offered->pck_crl);
}
