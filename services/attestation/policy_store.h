/*  policy_store.h - the mesh's signed policies: a durable, hash-chained history.

    Each policy names the head before it, so that the chain proves itself; a counter of the
    platform holds the newest number, so that an old copy of the database put back is noticed.  */

#ifndef TACIT_SERVICES_ATTESTATION_POLICY_STORE_H
#define TACIT_SERVICES_ATTESTATION_POLICY_STORE_H

#include "enclave/platform.h"
#include "enclave/policy_chain.h"

typedef struct tacit_policy_store tacit_policy_store_t;

/*  Open DIR/attestation.db; verify every signature and link, and the newest number against the
    platform's counter: CORRUPT, POLICY_REFUSED or ROLLBACK_DETECTED otherwise.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_store_open(
    const char *folder, const uint8_t operator_key[32], const uint8_t mesh_id[32],
    tacit_platform_t *platform, tacit_policy_store_t **ret_store, tacit_error_t *ret_error);
void tacit_policy_store_destroy(tacit_policy_store_t **store);

/*  The policy in force; NULL before the first. Borrowed until the next apply, as its text.  */
const tacit_policy_t *tacit_policy_store_policy(const tacit_policy_store_t *store);
tacit_span_t tacit_policy_store_text(const tacit_policy_store_t *store);
tacit_span_t tacit_policy_store_signatures(const tacit_policy_store_t *store);
const uint8_t *tacit_policy_store_head(const tacit_policy_store_t *store); /* 32 bytes */

/*  Compare and swap; refuses as tacit_policy_chain_check does. Durable when it returns.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_store_apply(tacit_policy_store_t *store,
                                                         tacit_span_t text, tacit_span_t signatures,
                                                         uint64_t now_ms, tacit_error_t *ret_error);

typedef struct tacit_policy_link {
    uint64_t number;
    uint8_t head[32];
    uint8_t previous[32];
    uint64_t applied_ms;
} tacit_policy_link_t;

/*  The newest links, at most max.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_store_history(tacit_policy_store_t *store,
                                                           tacit_policy_link_t *ret_links,
                                                           size_t max, size_t *ret_count);

/*  One policy of the history; both are the caller's to free. NOT_FOUND.  */
typedef struct tacit_policy_copy {
    uint8_t *text;
    size_t text_size;
    uint8_t *signatures;
    size_t signatures_size;
    uint64_t applied_ms;
} tacit_policy_copy_t;

TACIT_MUST_CHECK tacit_status_t tacit_policy_store_copy(tacit_policy_store_t *store,
                                                        uint64_t number,
                                                        tacit_policy_copy_t *ret_copy);
void tacit_policy_copy_free(tacit_policy_copy_t *copy);

#endif
