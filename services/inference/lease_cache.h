/*  lease_cache.h - keys that the key service lent to this worker, until their lease ends.

    A bounded table in secret memory; an entry whose lease is over is never found again, and wiped
   by the next call, so that a grant taken back is without effect within the lease. One thread only.
 */

#ifndef TACIT_SERVICES_INFERENCE_LEASE_CACHE_H
#define TACIT_SERVICES_INFERENCE_LEASE_CACHE_H

#include "enclave/envelope.h"

enum { TACIT_LEASES_MAX = 64 };

/*  For whom and what, and what was lent. Lives in secret memory.  */
typedef struct tacit_lease {
    uint8_t user[32];
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t asked_version; /* as in the request; 0: the newest */
    uint32_t version;       /* that it is */
    uint8_t model_key[TACIT_KEY_SIZE];
    uint8_t request_key[TACIT_KEY_SIZE];
    uint8_t owner_signing_key[32];
    uint8_t content_sha256[32];
    uint64_t ends_ms; /* by tacit_lease_now_ms; 0: none lent */
} tacit_lease_t;

typedef struct tacit_lease_cache tacit_lease_cache_t;

/*  NULL without (lockable) memory.  */
tacit_lease_cache_t *tacit_lease_cache_new(void);
void tacit_lease_cache_destroy(tacit_lease_cache_t **cache);

/*  The lease for that envelope, NULL where there is none or it is over. Borrowed until the next
    call; wipes what is over.  */
const tacit_lease_t *tacit_lease_cache_find(tacit_lease_cache_t *cache,
                                            const tacit_envelope_t *envelope, uint64_t now_ms);

/*  A slot to fill: a free one, else the one that ends first. Zeroed.  */
tacit_lease_t *tacit_lease_cache_slot(tacit_lease_cache_t *cache, uint64_t now_ms);

/*  Wipe one (that was for one request only).  */
void tacit_lease_cache_drop(tacit_lease_cache_t *cache, const tacit_lease_t *lease);

/*  Wipe what is over: for a worker that has nothing to do.  */
void tacit_lease_cache_wipe_ended(tacit_lease_cache_t *cache, uint64_t now_ms);

/*  Milliseconds of a clock that nobody sets and that runs on while the host is suspended.  */
uint64_t tacit_lease_now_ms(void);

#endif
