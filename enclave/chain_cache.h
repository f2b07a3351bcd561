/*  chain_cache.h - chains whose path was validated, so that evidence of the same platform costs its
    own signature only.

    A chain is known by the SHA-256 over its anchor and every certificate, and holds as long as all
   of them are valid: time is always checked. Not thread-safe.  */

#ifndef TACIT_ENCLAVE_CHAIN_CACHE_H
#define TACIT_ENCLAVE_CHAIN_CACHE_H

#include <openssl/x509.h>

#include "enclave/verdict.h"

enum { TACIT_CHAIN_CACHE_SLOTS = 32 };

/*  All zero: empty.  */
typedef struct tacit_chain_cache {
    struct {
        bool used;
        uint8_t key[32];
        tacit_period_t period;
    } slots[TACIT_CHAIN_CACHE_SLOTS];
    size_t next; /* the slot that is given up next */
} tacit_chain_cache_t;

/*  Under what a chain is kept; false where memory ends. The last certificate is the anchor.  */
bool tacit_chain_cache_key(X509 *const *certificates, size_t count, uint8_t ret_key[32]);

/*  True, and the chain's period, where it was validated before and holds now. cache may be NULL. */
bool tacit_chain_cache_find(const tacit_chain_cache_t *cache, const uint8_t key[32],
                            uint64_t now_ms, tacit_period_t *ret_period);

/*  Remember a chain that was validated. cache may be NULL.  */
void tacit_chain_cache_put(tacit_chain_cache_t *cache, const uint8_t key[32],
                           tacit_period_t period);

#endif
