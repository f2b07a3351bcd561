/*  policy.h - which code, signers, platforms and statuses the mesh accepts.

    A YAML text (docs/policy.md), signed by the operator with Ed25519 over its exact bytes, chained
    to the one before it by that one's head. Appraisal of genuine claims is apart from verification
    (evidence.h); an empty policy accepts nothing.  */

#ifndef TACIT_ENCLAVE_POLICY_H
#define TACIT_ENCLAVE_POLICY_H

#include "enclave/evidence.h"
#include "enclave/role.h"

enum {
    TACIT_POLICY_TEXT_MAX = 64 * 1024, /* bytes of the YAML text */
    TACIT_POLICY_ENCLAVES_MAX = 64,    /* entries */
    TACIT_POLICY_ROOTS_MAX = 8,
    TACIT_POLICY_CHANGERS_MAX = 16, /* keys that may sign a policy */
    TACIT_POLICY_LIST_MAX = 256,    /* advisories, platforms, each kind of revoked ids */
    TACIT_POLICY_ADVISORY_MAX = 31  /* characters of an advisory id: [A-Za-z0-9-] */
};

typedef struct tacit_policy_root {
    uint8_t sha256[32]; /* of the trust anchor's certificate (DER) */
    bool simulated;     /* must be said of an anchor that is */
} tacit_policy_root_t;

/*  One way to be allowed to take a role: as exactly this code, or as any of this signer's for that
    role (the product id is the role) from an SVN on.  */
typedef struct tacit_policy_enclave {
    tacit_role_t role;
    tacit_tee_t tee;
    bool by_signer;              /* measurement is a signer, and minimum_svn is meant */
    uint8_t measurement[32];     /* as claims have it */
    tacit_registers_t registers; /* not SGX: what the text names, and measurement is the hash of */
    uint16_t minimum_svn;
    bool debug_allowed;
} tacit_policy_enclave_t;

/*  Ids of up to 32 bytes; platform ids take the first 16, the rest is zero.  */
typedef struct tacit_policy_ids {
    size_t count;
    uint8_t items[TACIT_POLICY_LIST_MAX][32];
} tacit_policy_ids_t;

/*  Who may put the next policy in force: that many of these Ed25519 keys, each counted once. A
    policy that says nothing leaves it to the mesh's operator alone (count is 0).  */
typedef struct tacit_policy_changers {
    size_t count;
    uint32_t needed; /* 1 to count */
    uint8_t keys[TACIT_POLICY_CHANGERS_MAX][32];
} tacit_policy_changers_t;

/*  What a policy says. Large: belongs on the heap. All zero it accepts nothing.  */
typedef struct tacit_policy_rules {
    uint64_t number;      /* from 1 */
    uint8_t previous[32]; /* head of the policy before, zeroes for number 1 */
    size_t root_count;
    tacit_policy_root_t roots[TACIT_POLICY_ROOTS_MAX];
    size_t enclave_count;
    tacit_policy_enclave_t enclaves[TACIT_POLICY_ENCLAVES_MAX];
    uint32_t statuses;     /* accepted: bit 1 << tacit_tcb_status_t; never REVOKED's */
    size_t advisory_count; /* accepted advisories; any other refuses its platform */
    char advisories[TACIT_POLICY_LIST_MAX][TACIT_POLICY_ADVISORY_MAX + 1];
    tacit_policy_ids_t platforms; /* the only ones accepted; none: all but the revoked */
    tacit_policy_ids_t revoked_measurements;
    tacit_policy_ids_t revoked_signers;
    tacit_policy_ids_t revoked_platforms;
    tacit_policy_ids_t revoked_users;       /* CURVE keys */
    uint32_t minimum_tcb_evaluation_number; /* 0: any */
    tacit_policy_changers_t changers;
} tacit_policy_rules_t;

typedef struct tacit_policy tacit_policy_t;

/*  Parse and check. POLICY_REFUSED with the line in the error where anything is unknown, missing,
    twice, of the wrong type, or over a limit.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_parse(tacit_span_t text, tacit_policy_t **ret_policy,
                                                   tacit_error_t *ret_error);
void tacit_policy_destroy(tacit_policy_t **policy);

/*  What it says (borrowed), for who shows it or makes the next one from it.  */
const tacit_policy_rules_t *tacit_policy_rules(const tacit_policy_t *policy);

/*  The YAML text of such rules, which parses to the same rules; free() it. POLICY_REFUSED where
    parsing would refuse them.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_format(const tacit_policy_rules_t *rules,
                                                    char **ret_text, tacit_error_t *ret_error);

/*  SHA-256 of label "tacit/policy/v1", a zero byte, the exact text.  */
void tacit_policy_head(tacit_span_t text, uint8_t ret_head[32]);

/*  Ed25519 by the operator over label "tacit/policy/signature/v1", a zero byte, the head.  */
void tacit_policy_sign(tacit_span_t text, const uint8_t secret_key[64], uint8_t ret_signature[64]);
TACIT_MUST_CHECK tacit_status_t tacit_policy_verify(tacit_span_t text, tacit_span_t signature,
                                                    const uint8_t operator_key[32],
                                                    tacit_error_t *ret_error);

/*  Every check of an appraisal, passed (refusal is NULL) or not, in the order in which they decide.
 */
void tacit_policy_explain(
    const tacit_policy_t *policy, const tacit_claims_t *claims, tacit_role_t role,
    void (*tell)(void *context, const char *check, const tacit_error_t *refusal), void *context);

/*  The exact text (borrowed).  */
tacit_span_t tacit_policy_text(const tacit_policy_t *policy);

/*  Is the id in the list? size is 32, or 16 for platforms.  */
bool tacit_policy_lists(const tacit_policy_ids_t *ids, const uint8_t *id, size_t size);

uint64_t tacit_policy_number(const tacit_policy_t *policy); /* from 1, counts up by 1 */
const uint8_t *
tacit_policy_previous(const tacit_policy_t *policy); /* 32 bytes, zeroes for the first */

/*  Does the policy let such an enclave take that role? Refusals name claim, expected, got, policy
    line and remedy.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_appraise(const tacit_policy_t *policy,
                                                      const tacit_claims_t *claims,
                                                      tacit_role_t role, tacit_error_t *ret_error);

#endif
