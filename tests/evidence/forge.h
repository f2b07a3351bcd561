/*  forge.h - certificates for the simulated vendors of the tests: any key, any extension, any
    mistake.

    Test code: what cannot be made ends the process.  */

#ifndef TACIT_TESTS_EVIDENCE_FORGE_H
#define TACIT_TESTS_EVIDENCE_FORGE_H

#include <openssl/x509.h>

#include "enclave/span.h"

#define FORGE_NOW_S  UINT64_C(1790000000) /* when everything is issued and judged */
#define FORGE_NOW_MS (FORGE_NOW_S * 1000)

#define FORGE_HOUR_S UINT64_C(3600)
#define FORGE_DAY_S  (24 * FORGE_HOUR_S)

enum { FORGE_CERTIFICATE_MAX = 4096 };

typedef enum forge_use {
    FORGE_AUTHORITY, /* a CA that signs certificates */
    FORGE_SIGNER,    /* signs data: basicConstraints and keyUsage say so */
    FORGE_BARE       /* an end entity that says nothing */
} forge_use_t;

typedef struct forge_extension {
    const char *oid;
    tacit_span_t der;
} forge_extension_t;

typedef struct forge_spec {
    const char *name;
    EVP_PKEY *key;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    forge_use_t use;
    int path_length; /* of an authority; below 0: unbounded */
    bool pss;        /* RSA-PSS with SHA-384; else ECDSA with SHA-384 */
    int salt;        /* of PSS; 0: as the vendor's */
    uint64_t from_s;
    uint64_t until_s;
    const forge_extension_t *extensions;
    size_t extension_count;
} forge_spec_t;

typedef struct forge_der {
    uint8_t bytes[FORGE_CERTIFICATE_MAX];
    size_t size;
} forge_der_t;

/*  Ends the process where a step of the making failed.  */
void forge_check(bool holds, const char *what);

EVP_PKEY *forge_p384(void);
EVP_PKEY *forge_rsa4096(void);
X509 *forge_certificate(const forge_spec_t *spec);
void forge_certificate_der(X509 *certificate, forge_der_t *ret_der);

/*  ECDSA with SHA-384: r || s, 48 bytes each, big-endian.  */
void forge_sign384(EVP_PKEY *key, tacit_span_t bytes, uint8_t ret_signature[96]);

static inline tacit_span_t forge_span(const forge_der_t *der)
{
    return tacit_span(der->bytes, der->size);
}

#endif
