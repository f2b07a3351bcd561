/*  secret.h - memory that holds keys and plaintext.

    Locked (never swapped), left out of core dumps, fenced by guard pages, wiped when destroyed:
    libsodium's sodium_malloc. Where the system will not lock so much memory the allocation fails
    (TACIT_NO_MEMORY) rather than go on unlocked; raise RLIMIT_MEMLOCK then.  */

#ifndef TACIT_ENCLAVE_SECRET_H
#define TACIT_ENCLAVE_SECRET_H

#include "enclave/span.h"
#include "enclave/status.h"

typedef struct tacit_secret {
    uint8_t *data; /* owned, locked */
    size_t size;   /* bytes */
} tacit_secret_t;

/*  Zeroed secret memory of size bytes (size > 0). Destroy with tacit_secret_destroy.  */
TACIT_MUST_CHECK tacit_status_t tacit_secret_new(size_t size, tacit_secret_t **ret_secret);

/*  A secret with a copy of the bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_secret_copy(tacit_span_t bytes, tacit_secret_t **ret_secret);

/*  A secret of random bytes, for keys.  */
TACIT_MUST_CHECK tacit_status_t tacit_secret_random(size_t size, tacit_secret_t **ret_secret);

/*  Wipes and frees. NULL-safe; *secret becomes NULL.  */
void tacit_secret_destroy(tacit_secret_t **secret);

static inline tacit_span_t tacit_secret_span(const tacit_secret_t *secret)
{
    return tacit_span(secret->data, secret->size);
}

/*  To be called once, early in main: initialises libsodium, forbids core dumps and new
    privileges. After tacit_process_seal the process is undumpable too, so that nobody of the same
    user may read its memory; the platform must have measured it by then.  */
TACIT_MUST_CHECK tacit_status_t tacit_process_init(void);
TACIT_MUST_CHECK tacit_status_t tacit_process_seal(void);

#endif
