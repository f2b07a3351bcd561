/*  chain_cache.c - a few slots, the oldest given up first.  */

#include "enclave/chain_cache.h"

#include <openssl/evp.h>

bool tacit_chain_cache_key(X509 *const *certificates, size_t count, uint8_t ret_key[32])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool hashed = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    /*  Digests are all of one size, so that their sequence needs no separators.  */
    for (size_t i = 0; hashed && i < count; i++) {
        hashed = X509_digest(certificates[i], EVP_sha256(), digest, &size) == 1 &&
                 EVP_DigestUpdate(hash, digest, size) == 1;
    }
    hashed = hashed && EVP_DigestFinal_ex(hash, ret_key, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return hashed;
}

bool tacit_chain_cache_find(const tacit_chain_cache_t *cache, const uint8_t key[32],
                            uint64_t now_ms, tacit_period_t *ret_period)
{
    for (size_t i = 0; cache && i < TACIT_CHAIN_CACHE_SLOTS; i++) {
        tacit_period_t period = cache->slots[i].period;
        if (cache->slots[i].used && memcmp(cache->slots[i].key, key, 32) == 0 &&
            now_ms >= period.from_ms && now_ms < period.until_ms) {
            *ret_period = period;
            return true;
        }
    }
    return false;
}

void tacit_chain_cache_put(tacit_chain_cache_t *cache, const uint8_t key[32], tacit_period_t period)
{
    if (cache) {
        size_t slot = cache->next++ % TACIT_CHAIN_CACHE_SLOTS;
        cache->slots[slot].used = true;
        cache->slots[slot].period = period;
        memcpy(cache->slots[slot].key, key, 32);
    }
}
