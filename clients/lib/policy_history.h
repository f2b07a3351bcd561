/*  policy_history.h - the mesh's policies as a client checks them: every link and signature from
    the operator's key on, over the wire or from a file, and a memory of how far they went.

    The attestation service is asked for texts and signatures alone; that they follow each other is
    found here (enclave/policy_chain.h). What was seen once is remembered in the identity's folder,
    so that an old or another history shown later is refused.  */

#ifndef TACIT_CLIENTS_POLICY_HISTORY_H
#define TACIT_CLIENTS_POLICY_HISTORY_H

#include "enclave/policy_chain.h"
#include "rpc/mesh.h"

enum { TACIT_POLICY_HISTORY_SIZE_MAX = 64 * 1024 * 1024 /* bytes of a file */ };

/*  Check what came into force since folder/policy.json was written, and write it anew.
    ROLLBACK_DETECTED where the mesh shows less than was seen, or something else;
    SIGNATURE_INVALID, POLICY_REFUSED. A mesh without a policy is fine the first time.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_remember(tacit_mesh_t *mesh,
                                                      const tacit_trust_t *trust,
                                                      const char *folder,
                                                      tacit_policy_chain_t *ret_chain,
                                                      tacit_error_t *ret_error);

/*  Fetch the whole history, check it, and write it to a file for others.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_history_save(tacit_mesh_t *mesh,
                                                          const tacit_trust_t *trust,
                                                          const char *path,
                                                          tacit_policy_chain_t *ret_chain,
                                                          tacit_error_t *ret_error);

typedef struct tacit_policy_history_entry {
    const tacit_policy_t *policy;
    const uint8_t *head; /* 32 bytes */
    size_t signatures;   /* by so many, all of whom may change it */
    uint64_t applied_ms; /* as the attestation service said: nobody signs this */
} tacit_policy_history_entry_t;

/*  Check such a file against the trust file alone, telling each policy that held. BAD_INPUT where
    it is no such file.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_history_check(
    const char *path, const tacit_trust_t *trust,
    void (*tell)(void *context, const tacit_policy_history_entry_t *entry), void *context,
    tacit_policy_chain_t *ret_chain, tacit_error_t *ret_error);

#endif
