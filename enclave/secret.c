/*  secret.c - locked, guarded, wiped memory, and what the process does so that nobody looks in.

    sodium_malloc goes on when mlock fails, so that the lock is tried again here, where its failure
    counts: a key on a swap partition outlives every wipe.  */

#include "enclave/secret.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

tacit_status_t tacit_secret_new(size_t size, tacit_secret_t **ret_secret)
{
    tacit_status_t status = TACIT_NO_MEMORY;
    tacit_secret_t *secret = NULL;
    if (size == 0) {
        return TACIT_BAD_INPUT;
    }
    secret = calloc(1, sizeof *secret);
    if (!secret) {
        goto out;
    }
    secret->data = sodium_malloc(size);
    secret->size = size;
    if (!secret->data || sodium_mlock(secret->data, size) != 0) {
        goto out;
    }
    memset(secret->data, 0, size);
    *ret_secret = secret;
    secret = NULL;
    status = TACIT_OK;
out:
    tacit_secret_destroy(&secret);
    return status;
}

tacit_status_t tacit_secret_copy(tacit_span_t bytes, tacit_secret_t **ret_secret)
{
    tacit_status_t status = tacit_secret_new(bytes.size, ret_secret);
    if (status == TACIT_OK) {
        memcpy((*ret_secret)->data, bytes.data, bytes.size);
    }
    return status;
}

tacit_status_t tacit_secret_random(size_t size, tacit_secret_t **ret_secret)
{
    tacit_status_t status = tacit_secret_new(size, ret_secret);
    if (status == TACIT_OK) {
        randombytes_buf((*ret_secret)->data, size);
    }
    return status;
}

void tacit_secret_destroy(tacit_secret_t **secret)
{
    if (secret && *secret) {
        sodium_free((*secret)->data); /* wipes, checks the canary, unlocks */
        free(*secret);
        *secret = NULL;
    }
}

tacit_status_t tacit_process_init(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    /*  openssl.cnf of the host could load providers: code that nobody measured.  */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || sodium_init() < 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return TACIT_INTERNAL;
    }
    return TACIT_OK;
}

tacit_status_t tacit_process_seal(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? TACIT_OK : TACIT_INTERNAL;
}
