/*  pki.h - the vendor of the simulated platform: root CA, PCK CA, PCK certificate, TCB signer, and
    the signed collateral that a verifier needs (CRLs, TCB info v3, QE identity v2).

    The formats are Intel's to the byte; every name says SIMULATED, and nobody who trusts Intel's
    root trusts anything from here. The platform daemon keeps one for life in its state; tests make
    them with options that break one thing at a time. Not thread-safe.  */

#ifndef TACIT_PLATFORM_PKI_H
#define TACIT_PLATFORM_PKI_H

#include "enclave/evidence.h"
#include "enclave/secret.h"
#include "services/platform/sgx_extension.h"

enum {
    TACIT_PKI_STATE_MAX = 32 * 1024,                /* bytes of tacit_pki_export */
    TACIT_PKI_COLLATERAL_S = 30 * 24 * 3600,        /* collateral is valid so long */
    TACIT_PKI_REFRESH_S = 10 * 24 * 3600,           /* and re-issued when less is left */
    TACIT_PKI_CERTIFICATE_S = 10 * 365 * 24 * 3600, /* leaves and the intermediate */
    TACIT_PKI_ROOT_S = 20 * 365 * 24 * 3600,
    TACIT_PKI_BACKDATE_S = 60 /* for clocks that lag behind */
};

typedef enum tacit_pki_key {
    TACIT_PKI_ROOT,        /* signs the CA, the TCB signer and the root CRL */
    TACIT_PKI_CA,          /* signs the PCK certificate and its CRL */
    TACIT_PKI_PCK,         /* the platform's; signs the quoting enclave's report */
    TACIT_PKI_TCB_SIGNER,  /* signs TCB info and QE identity */
    TACIT_PKI_ATTESTATION, /* the quoting enclave's; signs quotes; has no certificate */
    TACIT_PKI_KEYS
} tacit_pki_key_t;

enum { TACIT_PKI_CERTIFICATES = TACIT_PKI_ATTESTATION }; /* one of each key before that */

/*  What has a validity of its own.  */
typedef enum tacit_pki_item {
    TACIT_PKI_ITEM_ROOT,
    TACIT_PKI_ITEM_CA,
    TACIT_PKI_ITEM_PCK,
    TACIT_PKI_ITEM_TCB_SIGNER,
    TACIT_PKI_ITEM_ROOT_CRL,
    TACIT_PKI_ITEM_PCK_CRL,
    TACIT_PKI_ITEM_TCB_INFO,
    TACIT_PKI_ITEM_QE_IDENTITY,
    TACIT_PKI_ITEMS
} tacit_pki_item_t;

typedef struct tacit_validity {
    uint64_t from_s; /* Unix seconds; both 0: the default */
    uint64_t until_s;
} tacit_validity_t;

/*  All zero: everything in order and up to date, issued now.  */
typedef struct tacit_pki_options {
    tacit_tee_t tee; /* SGX or TDX; for life */
    uint64_t now_s;  /* time of issue; 0: the clock's */
    tacit_validity_t validity[TACIT_PKI_ITEMS];
    const char *root_name; /* NULL: "SIMULATED SGX Root CA" */
    bool revoke_pck;       /* on the PCK CRL */
    bool revoke_ca;        /* on the root CRL, as the next */
    bool revoke_tcb_signer;
    const char *tcb_status;  /* of this platform's level; NULL: "UpToDate" */
    const char *advisory;    /* advisory of that level; NULL: none */
    bool tcb_above_platform; /* no level matches this platform */
    bool foreign_fmspc;      /* TCB info of another platform model */
    bool foreign_pceid;
    const char *tcb_info_id;        /* NULL: "SGX", or "TDX" */
    uint32_t tcb_info_version;      /* 0: 3 */
    const char *qe_status;          /* of this quoting enclave's SVN; NULL: "UpToDate" */
    bool foreign_qe_signer;         /* QE identity of another quoting enclave */
    const char *qe_id;              /* NULL: "QE", or "TD_QE" */
    const char *module_status;      /* of TDX modules that are older; NULL: "OutOfDate" */
    bool no_tdx_components;         /* levels of TDX lack theirs */
    uint32_t tcb_evaluation_number; /* 0: 17 */
} tacit_pki_options_t;

typedef struct tacit_pki tacit_pki_t;

/*  New keys, certificates and collateral, in memory. options may be NULL.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_new(const tacit_pki_options_t *options,
                                              tacit_pki_t **ret_pki);
void tacit_pki_destroy(tacit_pki_t **pki);

/*  Keys and certificates as PEM, secret; and back, with collateral issued now.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_export(const tacit_pki_t *pki,
                                                 tacit_secret_t **ret_state);
TACIT_MUST_CHECK tacit_status_t tacit_pki_import(tacit_span_t state, tacit_pki_t **ret_pki);

/*  Issue new collateral with the same keys and certificates; the old is freed. On failure the old
    stays. options may be NULL.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_issue(tacit_pki_t *pki,
                                                const tacit_pki_options_t *options);

/*  True when the collateral's validity ends within TACIT_PKI_REFRESH_S.  */
bool tacit_pki_due(const tacit_pki_t *pki, uint64_t now_s);

tacit_tee_t tacit_pki_tee(const tacit_pki_t *pki);

/*  Borrowed until the next issue.  */
const tacit_collateral_t *tacit_pki_collateral(const tacit_pki_t *pki);

tacit_span_t tacit_pki_root_der(const tacit_pki_t *pki);
void tacit_pki_root_sha256(const tacit_pki_t *pki, uint8_t ret_sha256[32]);

/*  PEM of PCK certificate, CA and root, with the final NUL, as a quote carries it.  */
tacit_span_t tacit_pki_pck_chain(const tacit_pki_t *pki);

const tacit_sgx_platform_t *tacit_pki_platform(const tacit_pki_t *pki);

/*  ECDSA over SHA-256 of the bytes: r || s, big-endian.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_sign(const tacit_pki_t *pki, tacit_pki_key_t key,
                                               tacit_span_t bytes, uint8_t ret_signature[64]);

/*  Public key: x || y, big-endian.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_public(const tacit_pki_t *pki, tacit_pki_key_t key,
                                                 uint8_t ret_point[64]);

/*  {"<name>":<inner>,"signature":"<hex>"}, signed by the TCB signer over the exact bytes of inner;
    NUL-terminated, free() it. For tests that need an inner object of their own.  */
TACIT_MUST_CHECK tacit_status_t tacit_pki_envelope(const tacit_pki_t *pki, const char *name,
                                                   const char *inner, char **ret_text);

#endif
