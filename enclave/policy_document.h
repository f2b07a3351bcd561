/*  policy_document.h - a policy's YAML as texts: what libcyaml checks and what lines are at fault.

    libcyaml checks structure, unknown and repeated keys, counts and lengths. Every scalar stays
    text here and is read by policy_text.c, since libcyaml's own numbers and booleans are generous
    (-1, 12abc, "maybe").  */

#ifndef TACIT_ENCLAVE_POLICY_DOCUMENT_H
#define TACIT_ENCLAVE_POLICY_DOCUMENT_H

#include "enclave/policy.h"

enum {
    TACIT_POLICY_NUMBER_DIGITS = 20, /* of a u64 */
    TACIT_POLICY_HASH_DIGITS = 64,   /* hex, as the next two */
    TACIT_POLICY_REGISTER_DIGITS = 2 * TACIT_REGISTER_SIZE,
    TACIT_POLICY_PLATFORM_DIGITS = 32 /* hex */
};

typedef char tacit_policy_hash_text_t[TACIT_POLICY_HASH_DIGITS + 1];
typedef char tacit_policy_register_text_t[TACIT_POLICY_REGISTER_DIGITS + 1];
typedef char tacit_policy_platform_text_t[TACIT_POLICY_PLATFORM_DIGITS + 1];

typedef struct tacit_policy_root_text {
    tacit_policy_hash_text_t sha256;
    int simulated; /* 0, 1 */
} tacit_policy_root_text_t;

typedef struct tacit_policy_enclave_text {
    char role[16];
    tacit_policy_hash_text_t mrenclave;
    tacit_policy_hash_text_t mrsigner;
    tacit_policy_register_text_t mrtd; /* TDX, as the next two */
    tacit_policy_register_text_t rtmr[4];
    tacit_policy_register_text_t mrowner;
    tacit_policy_register_text_t pcr[3]; /* Nitro, as the next */
    tacit_policy_register_text_t pcr8;
    char product[TACIT_POLICY_NUMBER_DIGITS + 1];
    char minimum_svn[TACIT_POLICY_NUMBER_DIGITS + 1];
    int debug; /* 0, 1 */
} tacit_policy_enclave_text_t;

typedef struct tacit_policy_revoked_text {
    tacit_policy_hash_text_t *measurements;
    unsigned measurements_count;
    tacit_policy_hash_text_t *signers;
    unsigned signers_count;
    tacit_policy_platform_text_t *platforms;
    unsigned platforms_count;
    tacit_policy_hash_text_t *users;
    unsigned users_count;
} tacit_policy_revoked_text_t;

typedef struct tacit_policy_changes_text {
    char signatures[TACIT_POLICY_NUMBER_DIGITS + 1];
    tacit_policy_hash_text_t *keys;
    unsigned keys_count;
} tacit_policy_changes_text_t;

typedef struct tacit_policy_document {
    char policy[TACIT_POLICY_NUMBER_DIGITS + 1];
    char number[TACIT_POLICY_NUMBER_DIGITS + 1];
    tacit_policy_hash_text_t previous;
    tacit_policy_root_text_t *roots;
    unsigned roots_count;
    tacit_policy_enclave_text_t *enclaves;
    unsigned enclaves_count;
    char (*statuses)[64];
    unsigned statuses_count;
    char (*advisories)[TACIT_POLICY_ADVISORY_MAX + 1];
    unsigned advisories_count;
    tacit_policy_platform_text_t *platforms;
    unsigned platforms_count;
    tacit_policy_revoked_text_t revoked;
    char evaluation[TACIT_POLICY_NUMBER_DIGITS + 1];
    tacit_policy_changes_text_t changes;
} tacit_policy_document_t;

/*  POLICY_REFUSED with message, line and its text, or NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_document_load(tacit_span_t text,
                                                           tacit_policy_document_t **ret_document,
                                                           tacit_error_t *ret_error);
void tacit_policy_document_destroy(tacit_policy_document_t **document);

/*  "line 12: - role: worker" - the first line that holds the needle, from line first (1 is the
    first) on, into ret_line; false and an empty text where there is none.  */
bool tacit_policy_line(tacit_span_t text, const char *needle, unsigned first, char *ret_line,
                       size_t size);

#endif
