/*  certificate.h - issuing X.509 certificates and CRLs, as the vendor of a simulated platform.

    P-256 with SHA-256 or P-384 with SHA-384, as the issuer's key is; subjects and extensions as
    Intel's. Times are Unix seconds.  */

#ifndef TACIT_PLATFORM_CERTIFICATE_H
#define TACIT_PLATFORM_CERTIFICATE_H

#include <openssl/x509.h>

#include "enclave/span.h"
#include "enclave/status.h"

enum { TACIT_CERTIFICATE_LEAF = -1 };

typedef struct tacit_certificate_spec {
    const char *name;           /* common name; says SIMULATED */
    EVP_PKEY *subject_key;      /* borrowed, as all below */
    X509 *issuer;               /* NULL: self-signed */
    EVP_PKEY *issuer_key;       /* signs */
    int path_length;            /* of a CA; TACIT_CERTIFICATE_LEAF for an end entity */
    tacit_span_t sgx_extension; /* DER value of the SGX extension; empty: none */
    uint64_t from_s;
    uint64_t until_s;
} tacit_certificate_spec_t;

/*  Free the certificate with X509_free.  */
TACIT_MUST_CHECK tacit_status_t tacit_certificate_issue(const tacit_certificate_spec_t *spec,
                                                        X509 **ret_certificate);

typedef struct tacit_crl_spec {
    X509 *issuer; /* borrowed, as all below */
    EVP_PKEY *issuer_key;
    X509 *const *revoked; /* certificates on the list */
    size_t revoked_count;
    uint64_t number; /* CRL number */
    uint64_t from_s;
    uint64_t until_s;
} tacit_crl_spec_t;

/*  DER; free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_crl_issue(const tacit_crl_spec_t *spec, uint8_t **ret_der,
                                                size_t *ret_size);

/*  The certificates as PEM, one after the other, NUL-terminated; free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_certificate_pem(X509 *const *certificates, size_t count,
                                                      char **ret_text);

/*  DER; free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_certificate_der(X509 *certificate, uint8_t **ret_der,
                                                      size_t *ret_size);

#endif
