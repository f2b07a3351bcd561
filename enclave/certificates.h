/*  certificates.h - X.509 chains in PEM: bounded parsing, and what every certificate of a DCAP
    chain must be (P-256, ecdsa-with-SHA256, its place in the chain, its pinned root).

    Parsing is stricter than PEM readers are: nothing but certificate blocks and blank space, whole
    base64, DER that is consumed exactly. Dates, signatures and revocation are judged by
    chain_trust.h.  */

#ifndef TACIT_ENCLAVE_CERTIFICATES_H
#define TACIT_ENCLAVE_CERTIFICATES_H

#include <openssl/x509.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_CHAIN_MAX = 3,              /* certificates in a chain */
    TACIT_CERTIFICATE_MAX = 4 * 1024, /* bytes of one, DER */
    TACIT_COMMON_NAME_MAX = 128       /* with the final NUL */
};

/*  What a chain is for, which decides how long it is and what its leaf may be.  */
typedef enum tacit_chain_kind {
    TACIT_CHAIN_PCK = 0,        /* PCK certificate, PCK CA, root: from the quote */
    TACIT_CHAIN_TCB_SIGNER = 1, /* TCB signer, root */
    TACIT_CHAIN_CRL_ISSUER = 2  /* PCK CA, root */
} tacit_chain_kind_t;

typedef struct tacit_chain {
    tacit_chain_kind_t kind;
    X509 *certificates[TACIT_CHAIN_MAX]; /* owned; leaf first, root last */
    size_t count;
} tacit_chain_t;

/*  Parse a chain and check each certificate's form, name and use, and that the last one is the
    root whose DER has SHA-256 root_sha256. EVIDENCE_MALFORMED, CERTIFICATE_INVALID,
    TRUST_ANCHOR_REFUSED. Free with tacit_chain_clear.  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_parse(tacit_chain_kind_t kind, tacit_span_t pem,
                                                  const uint8_t root_sha256[32],
                                                  tacit_chain_t *ret_chain,
                                                  tacit_error_t *ret_error);

/*  The first certificate of a chain in PEM, nothing of it checked: for telling what evidence that
   was refused claims to be. X509_free it; NULL where there is none.  */
X509 *tacit_certificate_first(tacit_span_t pem);

/*  The same of a text that holds one certificate and nothing else.  */
X509 *tacit_certificate_only(tacit_span_t pem);

/*  Is the path that verification found exactly the chain that was given, whose parts were checked
   by their places?  */
bool tacit_certificates_are_path(X509_STORE_CTX *context, X509 *const *chain, size_t count);

/*  Safe on a zeroed chain, and twice.  */
void tacit_chain_clear(tacit_chain_t *chain);

static inline X509 *tacit_chain_leaf(const tacit_chain_t *chain)
{
    return chain->certificates[0];
}

static inline X509 *tacit_chain_root(const tacit_chain_t *chain)
{
    return chain->certificates[chain->count - 1];
}

/*  How refusals name the chain: "pck_chain", "tcb_signing_chain", "pck_crl_issuer_chain".  */
const char *tacit_chain_name(tacit_chain_kind_t kind);

/*  The subject's only common name, printable ASCII, into TACIT_COMMON_NAME_MAX bytes; or false. */
bool tacit_certificate_common_name(const X509 *certificate, char ret_name[TACIT_COMMON_NAME_MAX]);

/*  Unix ms of a certificate's or CRL's date; false where it is none or before 1970.  */
bool tacit_certificate_time(const ASN1_TIME *time, uint64_t *ret_ms);

#endif
