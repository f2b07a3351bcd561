/*  policy_memory.h - how far the mesh's history of policies went when it was last looked at: it may
    go on from there, and in no other way.

    No transport: the caller fetches what is wanted and hands it over, so that clients of every
    language check by this code. What was seen is in FOLDER/policy.json, of one mesh.  */

#ifndef TACIT_CLIENTS_POLICY_MEMORY_H
#define TACIT_CLIENTS_POLICY_MEMORY_H

#include <limits.h>

#include "enclave/policy_chain.h"
#include "rpc/trust.h"

typedef struct tacit_policy_memory {
    char path[PATH_MAX]; /* empty: kept nowhere */
    uint64_t number;     /* that was seen last; 0: nothing was */
    uint8_t head[32];    /* its */
    uint64_t last;       /* that the mesh shows now */
    bool taken_up;       /* the mesh still has what was seen last */
    tacit_policy_chain_t chain;
} tacit_policy_memory_t;

/*  folder NULL: nothing was seen, nothing is kept. last: the number in force, 0 where there is
    none. ROLLBACK_DETECTED where that is less than was seen; BAD_INPUT for a file that is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_memory_open(const tacit_trust_t *trust,
                                                         const char *folder, uint64_t last,
                                                         tacit_policy_memory_t *ret_memory,
                                                         tacit_error_t *ret_error);

/*  Of a history that was checked without a mesh: its head by the number that was seen, NULL where
   it ends before that. ROLLBACK_DETECTED where it is not what was seen.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_memory_compare(const tacit_policy_memory_t *memory,
                                                            const uint8_t *head,
                                                            tacit_error_t *ret_error);

/*  The number of the policy to take next; 0: all are taken.  */
uint64_t tacit_policy_memory_wants(const tacit_policy_memory_t *memory);

/*  That policy. ROLLBACK_DETECTED where it is not the one that was seen; SIGNATURE_INVALID,
    POLICY_REFUSED where it does not follow.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_memory_take(tacit_policy_memory_t *memory,
                                                         tacit_span_t text, tacit_span_t signatures,
                                                         tacit_error_t *ret_error);

/*  Remember how far it went, once all are taken; BAD_INPUT before.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_memory_save(const tacit_policy_memory_t *memory,
                                                         tacit_error_t *ret_error);

#endif
