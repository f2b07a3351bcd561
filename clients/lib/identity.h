/*  identity.h - who a client is: a CURVE key pair (the identity on the wire) and an Ed25519 pair
   (it signs model manifests, or policies), in identity.json of a folder of one's own.

    The folder is 0700 and the file 0600; a file that others may read is refused, as its keys are
    nobody's secret any more. Secret keys live in secret memory.  */

#ifndef TACIT_CLIENTS_IDENTITY_H
#define TACIT_CLIENTS_IDENTITY_H

#include "enclave/error.h"
#include "enclave/secret.h"

typedef struct tacit_identity {
    uint8_t public_key[32];         /* CURVE; 64 hex digits of it are the user's id */
    tacit_secret_t *secret_key;     /* 32 bytes */
    uint8_t signing_public[32];     /* Ed25519 */
    tacit_secret_t *signing_secret; /* 64 bytes */
} tacit_identity_t;

/*  NOT_FOUND (with a remedy) where there is none; BAD_INPUT where the file is not whole, or others
    may read it.  */
TACIT_MUST_CHECK tacit_status_t tacit_identity_load(const char *folder,
                                                    tacit_identity_t **ret_identity,
                                                    tacit_error_t *ret_error);

/*  Load, or make where there is none: durable before it returns. ret_made tells which.  */
TACIT_MUST_CHECK tacit_status_t tacit_identity_open(const char *folder,
                                                    tacit_identity_t **ret_identity, bool *ret_made,
                                                    tacit_error_t *ret_error);

/*  One that no file holds, for as long as it lives. NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_identity_random(tacit_identity_t **ret_identity);

void tacit_identity_destroy(tacit_identity_t **identity);

#endif
