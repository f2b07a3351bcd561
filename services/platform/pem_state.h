/*  pem_state.h - what a simulated vendor keeps from one start to the next, as PEM: an id whose name
    tells the kind, private keys, certificates. The text is secret, and wiped where it was built. */

#ifndef TACIT_PLATFORM_PEM_STATE_H
#define TACIT_PLATFORM_PEM_STATE_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "enclave/secret.h"

enum { TACIT_PEM_NAME_MAX = 64 /* bytes of an id's name, with the final NUL */ };

typedef bool tacit_pem_write_t(const void *vendor, BIO *bio);
typedef bool tacit_pem_read_t(void *vendor, BIO *bio);

/*  The vendor as it writes itself. INTERNAL beyond size_max bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_pem_state_export(const void *vendor, tacit_pem_write_t *write,
                                                       size_t size_max, tacit_secret_t **ret_state);

/*  And as it reads itself. CORRUPT.  */
TACIT_MUST_CHECK tacit_status_t tacit_pem_state_import(tacit_span_t state, size_t size_max,
                                                       tacit_pem_read_t *read, void *vendor);

/*  The parts, in their order; false where the next one is another.  */
bool tacit_pem_write_id(BIO *bio, const char *name, tacit_span_t id);
bool tacit_pem_read_id(BIO *bio, char ret_name[TACIT_PEM_NAME_MAX], uint8_t *ret_id, size_t size);
bool tacit_pem_write_key(BIO *bio, EVP_PKEY *key);
bool tacit_pem_read_key(BIO *bio, EVP_PKEY **ret_key);

/*  A certificate of that key.  */
bool tacit_pem_read_certificate(BIO *bio, EVP_PKEY *key, X509 **ret_certificate);

#endif
