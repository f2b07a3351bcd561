/*  judge.h - verification of a folder of evidence, by the format that it has.  */

#ifndef TACIT_CLIENTS_ATTEST_JUDGE_H
#define TACIT_CLIENTS_ATTEST_JUDGE_H

#include "clients/attest/sample.h"
#include "enclave/tpm_quote.h"
#include "enclave/verdict.h"

typedef struct tacit_judgement {
    tacit_status_t status;   /* OK: genuine */
    tacit_error_t error;     /* why not */
    bool has_verdict;        /* false for a TPM quote whose hardware report was not judged */
    tacit_verdict_t verdict; /* of genuine evidence */
    tacit_tpm_claims_t tpm;  /* borrows from the sample */
} tacit_judgement_t;

/*  Verify at a time (Unix ms). root_sha256 takes the place of the pinned vendors' roots; NULL:
   these are trusted.  */
void tacit_judge_sample(const tacit_sample_t *sample, const uint8_t *root_sha256, uint64_t now_ms,
                        tacit_judgement_t *ret_judgement);

#endif
