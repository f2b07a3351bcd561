/*  ear.h - an appraisal as an EAT Attestation Result: what verifiers of other systems read.

    draft-ietf-rats-ear-04, sections 3 and 3.1, with the trustworthiness vector and tiers of
    draft-ietf-rats-ar4si (its section 2.3). A claims-set is written and read as JSON (section 3.2)
    or CBOR (section 3.3); who signs it is ear_token.h's. Our own claims are private ones, as
    section 4.1 has it. Reading is strict in all that the draft names and, as section 4 wants,
    skips claims that it does not know.  */

#ifndef TACIT_ENCLAVE_EAR_H
#define TACIT_ENCLAVE_EAR_H

#include "enclave/error.h"
#include "enclave/span.h"
#include "enclave/tier.h"
#include "enclave/verdict.h"

#define TACIT_EAR_PROFILE "tag:ietf.org,2026:rats/ear#04"
#define TACIT_EAR_POLICY  "tacit:verification/1" /* the rules of verification, before any policy */

enum {
    TACIT_EAR_CLAIMS_MAX = 16 * 1024, /* bytes of a claims-set */
    TACIT_EAR_SUBMODS_MAX = 4,
    TACIT_EAR_POLICIES_MAX = 4, /* of one submodule */
    TACIT_EAR_TEXT_MAX = 128,   /* bytes of a text that is kept, with the final NUL */
    TACIT_EAR_NONCE_MIN = 8,
    TACIT_EAR_NONCE_MAX = 64
};

/*  The categories of a trustworthiness vector, in AR4SI's numbers.  */
typedef enum tacit_ear_category {
    TACIT_EAR_INSTANCE_IDENTITY,
    TACIT_EAR_CONFIGURATION,
    TACIT_EAR_EXECUTABLES,
    TACIT_EAR_FILE_SYSTEM,
    TACIT_EAR_HARDWARE,
    TACIT_EAR_RUNTIME_OPAQUE,
    TACIT_EAR_STORAGE_OPAQUE,
    TACIT_EAR_SOURCED_DATA,
    TACIT_EAR_CATEGORIES
} tacit_ear_category_t;

/*  One attester (submodule).  */
typedef struct tacit_ear_appraisal {
    char name[TACIT_EAR_TEXT_MAX];
    tacit_tier_t status;
    int8_t vector[TACIT_EAR_CATEGORIES]; /* 0: no claim */
    char policies[TACIT_EAR_POLICIES_MAX][TACIT_EAR_TEXT_MAX];
    size_t policy_count;
    bool is_ours; /* the private claims below are there */
    bool simulated;
    uint8_t trust_anchor[32];    /* SHA-256 of the root's certificate; zeroes: none was reached */
    uint8_t evidence_sha256[32]; /* of the evidence that was appraised */
} tacit_ear_appraisal_t;

typedef struct tacit_ear {
    tacit_tier_t status; /* the worst of all submodules */
    uint64_t issued_s;   /* Unix seconds */
    uint64_t expires_s;  /* 0: says nothing */
    char developer[TACIT_EAR_TEXT_MAX];
    char build[TACIT_EAR_TEXT_MAX];
    uint8_t nonce[TACIT_EAR_NONCE_MAX];
    size_t nonce_size; /* 0: none */
    tacit_ear_appraisal_t submods[TACIT_EAR_SUBMODS_MAX];
    size_t submod_count;
} tacit_ear_t;

/*  "instance-identity", ...  */
const char *tacit_ear_category_name(tacit_ear_category_t category);

/*  The tier that a claim's value lies in (AR4SI, section 2.3.2).  */
tacit_tier_t tacit_ear_tier(int8_t value);

/*  Of genuine evidence. Nothing is claimed of code, which is for a policy to know, nor of the
    hardware where the platform is simulated.  */
void tacit_ear_appraise(const tacit_verdict_t *verdict, tacit_ear_appraisal_t *ret_appraisal);

/*  Of evidence that was refused: contraindicated where it is shown to be false, none where it could
    not be judged.  */
void tacit_ear_refuse(tacit_status_t status, tacit_ear_appraisal_t *ret_appraisal);

/*  The status that the draft wants: no better than the worst claim of any submodule.  */
void tacit_ear_conclude(tacit_ear_t *ear);

/*  Claims-sets. Writing needs TACIT_EAR_CLAIMS_MAX bytes. Reading: MALFORMED, naming the claim.  */
TACIT_MUST_CHECK tacit_status_t tacit_ear_write_json(const tacit_ear_t *ear, uint8_t *ret_bytes,
                                                     size_t *ret_size);
TACIT_MUST_CHECK tacit_status_t tacit_ear_write_cbor(const tacit_ear_t *ear, uint8_t *ret_bytes,
                                                     size_t *ret_size);
TACIT_MUST_CHECK tacit_status_t tacit_ear_read_json(tacit_span_t bytes, tacit_ear_t *ret_ear,
                                                    tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_ear_read_cbor(tacit_span_t bytes, tacit_ear_t *ret_ear,
                                                    tacit_error_t *ret_error);

/*  What both readers check at the end: tiers no better than their claims, at least one submodule,
    times in order.  */
TACIT_MUST_CHECK tacit_status_t tacit_ear_check(const tacit_ear_t *ear, tacit_error_t *ret_error);

/*  MALFORMED, naming the claim.  */
tacit_status_t tacit_ear_malformed(const char *claim, const char *expected,
                                   tacit_error_t *ret_error);

#endif
