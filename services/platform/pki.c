/*  pki.c - keys, certificates and collateral of the simulated vendor.

    One object holds them all because one machine plays vendor and platform. Collateral is built
    aside and swapped in whole, so that a failure half-way leaves the old in force.  */

#include "services/platform/pki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "services/platform/certificate.h"
#include "services/platform/pem_state.h"
#include "services/platform/raw_signature.h"
#include "services/platform/tcb_info.h"

enum { S_POINT_SIZE = 1 + 2 * TACIT_P256_HALF };

/*  What the platform id is called in the state; so the state says of which kind it is.  */
static const char *const s_platform_id_names[] = {
    [TACIT_TEE_SGX] = "TACIT SIMULATED PLATFORM ID",
    [TACIT_TEE_TDX] = "TACIT SIMULATED TDX PLATFORM ID",
};

/*  What a collateral's spans point to; owned.  */
typedef struct {
    char *tcb_info;
    char *qe_identity;
    char *tcb_signing_chain;
    char *pck_crl_issuer_chain;
    uint8_t *root_crl;
    size_t root_crl_size;
    uint8_t *pck_crl;
    size_t pck_crl_size;
} s_parts_t;

struct tacit_pki {
    tacit_tee_t tee;
    EVP_PKEY *keys[TACIT_PKI_KEYS];
    X509 *certificates[TACIT_PKI_CERTIFICATES];
    tacit_sgx_platform_t platform;
    uint8_t *root_der;
    size_t root_der_size;
    char *pck_chain; /* PEM of PCK certificate, CA, root */
    s_parts_t parts;
    tacit_collateral_t collateral; /* spans over parts */
    uint64_t until_s;              /* the earliest end in the collateral */
};

static const tacit_pki_options_t s_no_options;

/*  What the simulated machine is. One component above 127, as real ones have.  */
static const tacit_sgx_platform_t s_platform = {
    .components = {5, 5, 2, 2, 255, 1, 0, 3},
    .cpusvn = {5, 5, 2, 2, 255, 1, 0, 3},
    .fmspc = {0x53, 0x49, 0x4d, 0x00, 0x00, 0x01},
    .pceid = {0x00, 0x00},
    .pcesvn = 13,
};

/*  --- signing ----------------------------------------------------------------------------------
 */

tacit_status_t tacit_pki_sign(const tacit_pki_t *pki, tacit_pki_key_t key, tacit_span_t bytes,
                              uint8_t ret_signature[64])
{
    return tacit_raw_signature(pki->keys[key], TACIT_P256_HALF, bytes, ret_signature);
}

tacit_status_t tacit_pki_public(const tacit_pki_t *pki, tacit_pki_key_t key, uint8_t ret_point[64])
{
    uint8_t point[S_POINT_SIZE];
    size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(pki->keys[key], OSSL_PKEY_PARAM_PUB_KEY, point,
                                        sizeof point, &size) != 1 ||
        size != sizeof point) {
        ERR_clear_error();
        return TACIT_INTERNAL;
    }
    memcpy(ret_point, point + 1, sizeof point - 1);
    return TACIT_OK;
}

tacit_status_t tacit_pki_envelope(const tacit_pki_t *pki, const char *name, const char *inner,
                                  char **ret_text)
{
    uint8_t signature[64];
    char hex[2 * sizeof signature + 1];
    tacit_status_t status =
        tacit_pki_sign(pki, TACIT_PKI_TCB_SIGNER, tacit_span_string(inner), signature);
    if (status) {
        return status;
    }
    sodium_bin2hex(hex, sizeof hex, signature, sizeof signature);
    char *text = NULL;
    if (asprintf(&text, "{\"%s\":%s,\"signature\":\"%s\"}", name, inner, hex) < 0) {
        return TACIT_NO_MEMORY;
    }
    *ret_text = text;
    return TACIT_OK;
}

/*  --- collateral -------------------------------------------------------------------------------
 */

static uint64_t s_now(const tacit_pki_options_t *options)
{
    return options->now_s ? options->now_s : (uint64_t)time(NULL);
}

static tacit_validity_t s_validity(const tacit_pki_options_t *options, tacit_pki_item_t item)
{
    tacit_validity_t validity = options->validity[item];
    if (validity.from_s == 0 && validity.until_s == 0) {
        uint64_t length = item == TACIT_PKI_ITEM_ROOT         ? TACIT_PKI_ROOT_S
                          : item <= TACIT_PKI_ITEM_TCB_SIGNER ? TACIT_PKI_CERTIFICATE_S
                                                              : TACIT_PKI_COLLATERAL_S;
        validity.from_s = s_now(options) - TACIT_PKI_BACKDATE_S;
        validity.until_s = validity.from_s + length;
    }
    return validity;
}

static void s_parts_free(s_parts_t *parts)
{
    free(parts->tcb_info);
    free(parts->qe_identity);
    free(parts->tcb_signing_chain);
    free(parts->pck_crl_issuer_chain);
    free(parts->root_crl);
    free(parts->pck_crl);
    memset(parts, 0, sizeof *parts);
}

static tacit_status_t s_issue_root_crl(const tacit_pki_t *pki, const tacit_pki_options_t *options,
                                       s_parts_t *parts)
{
    tacit_validity_t validity = s_validity(options, TACIT_PKI_ITEM_ROOT_CRL);
    X509 *revoked[2];
    size_t count = 0;
    if (options->revoke_ca) {
        revoked[count++] = pki->certificates[TACIT_PKI_CA];
    }
    if (options->revoke_tcb_signer) {
        revoked[count++] = pki->certificates[TACIT_PKI_TCB_SIGNER];
    }
    const tacit_crl_spec_t spec = {.issuer = pki->certificates[TACIT_PKI_ROOT],
                                   .issuer_key = pki->keys[TACIT_PKI_ROOT],
                                   .revoked = revoked,
                                   .revoked_count = count,
                                   .number = s_now(options),
                                   .from_s = validity.from_s,
                                   .until_s = validity.until_s};
    return tacit_crl_issue(&spec, &parts->root_crl, &parts->root_crl_size);
}

static tacit_status_t s_issue_pck_crl(const tacit_pki_t *pki, const tacit_pki_options_t *options,
                                      s_parts_t *parts)
{
    tacit_validity_t validity = s_validity(options, TACIT_PKI_ITEM_PCK_CRL);
    const tacit_crl_spec_t spec = {.issuer = pki->certificates[TACIT_PKI_CA],
                                   .issuer_key = pki->keys[TACIT_PKI_CA],
                                   .revoked = &pki->certificates[TACIT_PKI_PCK],
                                   .revoked_count = options->revoke_pck ? 1 : 0,
                                   .number = s_now(options),
                                   .from_s = validity.from_s,
                                   .until_s = validity.until_s};
    return tacit_crl_issue(&spec, &parts->pck_crl, &parts->pck_crl_size);
}

static tacit_status_t s_issue_tcb_info(const tacit_pki_t *pki, const tacit_pki_options_t *options,
                                       s_parts_t *parts)
{
    char text[TACIT_TCB_INFO_TEXT_MAX];
    tacit_tcb_info_text(&pki->platform, options, s_validity(options, TACIT_PKI_ITEM_TCB_INFO),
                        text);
    return tacit_pki_envelope(pki, "tcbInfo", text, &parts->tcb_info);
}

static tacit_status_t s_issue_qe_identity(const tacit_pki_t *pki,
                                          const tacit_pki_options_t *options, s_parts_t *parts)
{
    char text[TACIT_TCB_INFO_TEXT_MAX];
    tacit_qe_identity_text(options, s_validity(options, TACIT_PKI_ITEM_QE_IDENTITY), text);
    return tacit_pki_envelope(pki, "enclaveIdentity", text, &parts->qe_identity);
}

static tacit_status_t s_issue_tcb_chain(const tacit_pki_t *pki, const tacit_pki_options_t *options,
                                        s_parts_t *parts)
{
    (void)options;
    X509 *const chain[] = {pki->certificates[TACIT_PKI_TCB_SIGNER],
                           pki->certificates[TACIT_PKI_ROOT]};
    return tacit_certificate_pem(chain, 2, &parts->tcb_signing_chain);
}

static tacit_status_t s_issue_crl_chain(const tacit_pki_t *pki, const tacit_pki_options_t *options,
                                        s_parts_t *parts)
{
    (void)options;
    X509 *const chain[] = {pki->certificates[TACIT_PKI_CA], pki->certificates[TACIT_PKI_ROOT]};
    return tacit_certificate_pem(chain, 2, &parts->pck_crl_issuer_chain);
}

static void s_adopt(tacit_pki_t *pki, s_parts_t *parts)
{
    s_parts_free(&pki->parts);
    pki->parts = *parts;
    pki->collateral = (tacit_collateral_t){
        .tcb_info = tacit_span_string(parts->tcb_info),
        .qe_identity = tacit_span_string(parts->qe_identity),
        .tcb_signing_chain = tacit_span_string(parts->tcb_signing_chain),
        .pck_crl_issuer_chain = tacit_span_string(parts->pck_crl_issuer_chain),
        .root_crl = tacit_span(parts->root_crl, parts->root_crl_size),
        .pck_crl = tacit_span(parts->pck_crl, parts->pck_crl_size),
    };
}

tacit_status_t tacit_pki_issue(tacit_pki_t *pki, const tacit_pki_options_t *options)
{
    typedef tacit_status_t s_issue_fn(const tacit_pki_t *, const tacit_pki_options_t *,
                                      s_parts_t *);
    static s_issue_fn *const steps[] = {s_issue_root_crl,    s_issue_pck_crl,   s_issue_tcb_info,
                                        s_issue_qe_identity, s_issue_tcb_chain, s_issue_crl_chain};
    tacit_pki_options_t chosen = options ? *options : s_no_options;
    s_parts_t parts = {.tcb_info = NULL};
    chosen.tee = pki->tee;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        tacit_status_t status = steps[i](pki, &chosen, &parts);
        if (status) {
            s_parts_free(&parts);
            return status;
        }
    }
    s_adopt(pki, &parts);
    pki->until_s = UINT64_MAX;
    for (int item = TACIT_PKI_ITEM_ROOT_CRL; item < TACIT_PKI_ITEMS; item++) {
        uint64_t until_s = s_validity(&chosen, (tacit_pki_item_t)item).until_s;
        pki->until_s = until_s < pki->until_s ? until_s : pki->until_s;
    }
    return TACIT_OK;
}

bool tacit_pki_due(const tacit_pki_t *pki, uint64_t now_s)
{
    return pki->until_s < TACIT_PKI_REFRESH_S || now_s >= pki->until_s - TACIT_PKI_REFRESH_S;
}

/*  --- keys and certificates
 * ---------------------------------------------------------------------*/

typedef struct {
    tacit_pki_key_t key;
    tacit_pki_key_t issuer;
    tacit_pki_item_t item;
    int path_length;
    const char *name;
} s_certificate_row_t;

/*  In this order: an issuer stands before what it issues.  */
static const s_certificate_row_t s_certificate_rows[TACIT_PKI_CERTIFICATES] = {
    {TACIT_PKI_ROOT, TACIT_PKI_ROOT, TACIT_PKI_ITEM_ROOT, 1, "SIMULATED SGX Root CA"},
    {TACIT_PKI_CA, TACIT_PKI_ROOT, TACIT_PKI_ITEM_CA, 0, "SIMULATED SGX PCK Platform CA"},
    {TACIT_PKI_PCK, TACIT_PKI_CA, TACIT_PKI_ITEM_PCK, TACIT_CERTIFICATE_LEAF,
     "SIMULATED SGX PCK Certificate"},
    {TACIT_PKI_TCB_SIGNER, TACIT_PKI_ROOT, TACIT_PKI_ITEM_TCB_SIGNER, TACIT_CERTIFICATE_LEAF,
     "SIMULATED SGX TCB Signing"},
};

static tacit_status_t s_issue_certificate(tacit_pki_t *pki, const s_certificate_row_t *row,
                                          const tacit_pki_options_t *options)
{
    uint8_t extension[TACIT_SGX_EXTENSION_MAX];
    tacit_validity_t validity = s_validity(options, row->item);
    tacit_certificate_spec_t spec = {.name = row->name,
                                     .subject_key = pki->keys[row->key],
                                     .issuer_key = pki->keys[row->issuer],
                                     .path_length = row->path_length,
                                     .from_s = validity.from_s,
                                     .until_s = validity.until_s};
    if (row->key == TACIT_PKI_ROOT) {
        spec.name = options->root_name ? options->root_name : row->name;
    } else {
        spec.issuer = pki->certificates[row->issuer];
    }
    if (row->key == TACIT_PKI_PCK) {
        spec.sgx_extension =
            tacit_span(extension, tacit_sgx_extension_encode(&pki->platform, extension));
    }
    return tacit_certificate_issue(&spec, &pki->certificates[row->key]);
}

static tacit_status_t s_make(tacit_pki_t *pki, const tacit_pki_options_t *options)
{
    randombytes_buf(pki->platform.ppid, sizeof pki->platform.ppid);
    for (size_t i = 0; i < TACIT_PKI_KEYS; i++) {
        pki->keys[i] = EVP_EC_gen("P-256");
        if (!pki->keys[i]) {
            ERR_clear_error();
            return TACIT_INTERNAL;
        }
    }
    for (size_t i = 0; i < TACIT_PKI_CERTIFICATES; i++) {
        tacit_status_t status = s_issue_certificate(pki, &s_certificate_rows[i], options);
        if (status) {
            return status;
        }
    }
    return TACIT_OK;
}

/*  What follows from the certificates.  */
static tacit_status_t s_complete(tacit_pki_t *pki, const tacit_pki_options_t *options)
{
    X509 *const chain[] = {pki->certificates[TACIT_PKI_PCK], pki->certificates[TACIT_PKI_CA],
                           pki->certificates[TACIT_PKI_ROOT]};
    tacit_status_t status = tacit_certificate_pem(chain, 3, &pki->pck_chain);
    if (!status) {
        status = tacit_certificate_der(pki->certificates[TACIT_PKI_ROOT], &pki->root_der,
                                       &pki->root_der_size);
    }
    return status ? status : tacit_pki_issue(pki, options);
}

static tacit_pki_t *s_alloc(void)
{
    tacit_pki_t *pki = sodium_init() < 0 ? NULL : calloc(1, sizeof *pki);
    if (pki) {
        pki->platform = s_platform;
    }
    return pki;
}

tacit_status_t tacit_pki_new(const tacit_pki_options_t *options, tacit_pki_t **ret_pki)
{
    const tacit_pki_options_t *chosen = options ? options : &s_no_options;
    tacit_pki_t *pki = s_alloc();
    if (!pki) {
        return TACIT_NO_MEMORY;
    }
    pki->tee = chosen->tee;
    tacit_status_t status = s_make(pki, chosen);
    if (!status) {
        status = s_complete(pki, chosen);
    }
    if (status) {
        tacit_pki_destroy(&pki);
        return status;
    }
    *ret_pki = pki;
    return TACIT_OK;
}

void tacit_pki_destroy(tacit_pki_t **pki)
{
    if (!pki || !*pki) {
        return;
    }
    tacit_pki_t *self = *pki;
    for (size_t i = 0; i < TACIT_PKI_KEYS; i++) {
        EVP_PKEY_free(self->keys[i]);
    }
    for (size_t i = 0; i < TACIT_PKI_CERTIFICATES; i++) {
        X509_free(self->certificates[i]);
    }
    s_parts_free(&self->parts);
    free(self->root_der);
    free(self->pck_chain);
    free(self);
    *pki = NULL;
}

/*  --- state ------------------------------------------------------------------------------------
 */

static bool s_write(const void *vendor, BIO *bio)
{
    const tacit_pki_t *pki = vendor;
    bool written = tacit_pem_write_id(bio, s_platform_id_names[pki->tee],
                                      tacit_span(pki->platform.ppid, sizeof pki->platform.ppid));
    for (size_t i = 0; written && i < TACIT_PKI_KEYS; i++) {
        written = tacit_pem_write_key(bio, pki->keys[i]);
    }
    for (size_t i = 0; written && i < TACIT_PKI_CERTIFICATES; i++) {
        written = PEM_write_bio_X509(bio, pki->certificates[i]) == 1;
    }
    return written;
}

tacit_status_t tacit_pki_export(const tacit_pki_t *pki, tacit_secret_t **ret_state)
{
    return tacit_pem_state_export(pki, s_write, TACIT_PKI_STATE_MAX, ret_state);
}

static bool s_take_kind(tacit_pki_t *pki, const char *name)
{
    for (size_t i = 0; i < sizeof s_platform_id_names / sizeof *s_platform_id_names; i++) {
        if (strcmp(name, s_platform_id_names[i]) == 0) {
            pki->tee = (tacit_tee_t)i;
            return true;
        }
    }
    return false;
}

static bool s_read(void *vendor, BIO *bio)
{
    tacit_pki_t *pki = vendor;
    char name[TACIT_PEM_NAME_MAX];
    bool read = tacit_pem_read_id(bio, name, pki->platform.ppid, sizeof pki->platform.ppid) &&
                s_take_kind(pki, name);
    for (size_t i = 0; read && i < TACIT_PKI_KEYS; i++) {
        read = tacit_pem_read_key(bio, &pki->keys[i]);
    }
    for (size_t i = 0; read && i < TACIT_PKI_CERTIFICATES; i++) {
        read = tacit_pem_read_certificate(bio, pki->keys[i], &pki->certificates[i]);
    }
    return read;
}

tacit_status_t tacit_pki_import(tacit_span_t state, tacit_pki_t **ret_pki)
{
    tacit_pki_t *pki = s_alloc();
    tacit_status_t status =
        pki ? tacit_pem_state_import(state, TACIT_PKI_STATE_MAX, s_read, pki) : TACIT_NO_MEMORY;
    if (!status) {
        status = s_complete(pki, &s_no_options);
    }
    if (status) {
        tacit_pki_destroy(&pki);
        return status;
    }
    *ret_pki = pki;
    return TACIT_OK;
}

/*  --- what others ask for ----------------------------------------------------------------------
 */

tacit_tee_t tacit_pki_tee(const tacit_pki_t *pki)
{
    return pki->tee;
}

const tacit_collateral_t *tacit_pki_collateral(const tacit_pki_t *pki)
{
    return &pki->collateral;
}

tacit_span_t tacit_pki_root_der(const tacit_pki_t *pki)
{
    return tacit_span(pki->root_der, pki->root_der_size);
}

void tacit_pki_root_sha256(const tacit_pki_t *pki, uint8_t ret_sha256[32])
{
    crypto_hash_sha256(ret_sha256, pki->root_der, pki->root_der_size);
}

tacit_span_t tacit_pki_pck_chain(const tacit_pki_t *pki)
{
    return tacit_span(pki->pck_chain, strlen(pki->pck_chain) + 1);
}

const tacit_sgx_platform_t *tacit_pki_platform(const tacit_pki_t *pki)
{
    return &pki->platform;
}
