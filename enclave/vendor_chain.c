/*  vendor_chain.c - path validation with a private store that holds the pinned root alone.

    X509_V_FLAG_X509_STRICT refuses the chains of both vendors (no authority key identifiers), so
    what it would have checked of authorities is checked here.  */

#include "enclave/vendor_chain.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "enclave/certificates.h"
#include "enclave/ecdsa.h"
#include "enclave/evidence_refusal.h"

enum { RSA_BITS = 4096, PSS_SALT_SIZE = 48 };

static const char s_curve[] = "secp384r1";

static const struct {
    const char *claim;
    const char *algorithms;
} s_vendors[] = {
    [TACIT_VENDOR_AWS] = {"nitro.cabundle", "P-384 keys and ecdsa-with-SHA384"},
    [TACIT_VENDOR_AMD] = {"vek_chain", "RSA-4096 with PSS and SHA-384, and a leaf on P-384"},
};

static tacit_status_t s_refuse(const tacit_vendor_chain_t *chain, tacit_status_t code,
                               const char *expected, const char *got, tacit_error_t *error)
{
    return tacit_evidence_refuse(error, code, s_vendors[chain->vendor].claim, expected, got);
}

static X509 *s_decode(tacit_span_t der)
{
    const uint8_t *end = der.data;
    if (der.size == 0 || der.size > TACIT_CERTIFICATE_MAX) {
        return NULL;
    }
    X509 *certificate = d2i_X509(NULL, &end, (long)der.size);
    if (certificate && end != der.data + der.size) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}

/*  A structure inside the parameter of an algorithm; NULL where there is none.  */
static void *s_unpack(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    if (algorithm) {
        X509_ALGOR_get0(NULL, &type, &value, algorithm);
    }
    return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

/*  AMD's parameters of PSS: MGF1 with the same hash, and a salt as long as it. OpenSSL would verify
    with others that the certificate names.  */
static bool s_is_pss(const X509 *certificate)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *hash = NULL;
    X509_get0_signature(NULL, &algorithm, certificate);
    RSA_PSS_PARAMS *pss = s_unpack(algorithm, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    X509_ALGOR *mask = pss ? s_unpack(pss->maskGenAlgorithm, ASN1_ITEM_rptr(X509_ALGOR)) : NULL;
    if (mask) {
        X509_ALGOR_get0(&hash, NULL, NULL, mask);
    }
    bool fits = hash && OBJ_obj2nid(hash) == NID_sha384 && pss->saltLength &&
                ASN1_INTEGER_get(pss->saltLength) == PSS_SALT_SIZE;
    X509_ALGOR_free(mask);
    RSA_PSS_PARAMS_free(pss);
    ERR_clear_error();
    return fits;
}

static bool s_is_signed_with(X509 *certificate, tacit_vendor_t vendor)
{
    int hash = NID_undef;
    int key = NID_undef;
    if (vendor == TACIT_VENDOR_AWS) {
        return X509_get_signature_nid(certificate) == NID_ecdsa_with_SHA384;
    }
    return X509_get_signature_info(certificate, &hash, &key, NULL, NULL) == 1 &&
           hash == NID_sha384 && key == NID_rsassaPss && s_is_pss(certificate);
}

static bool s_is_key(X509 *certificate, tacit_vendor_t vendor, bool leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (vendor == TACIT_VENDOR_AWS || leaf) {
        return tacit_ecdsa_is_key(key, s_curve);
    }
    return key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == RSA_BITS;
}

/*  An authority says so, and may sign certificates; a leaf is none. AMD's leaves have neither
    extension, AWS's have both.  */
static bool s_is_use_allowed(X509 *certificate, tacit_vendor_t vendor, bool leaf)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    uint32_t usage = X509_get_key_usage(certificate);
    if (flags & EXFLAG_INVALID) {
        return false;
    }
    if (!leaf) {
        return (flags & EXFLAG_CA) && (flags & EXFLAG_KUSAGE) && (usage & KU_KEY_CERT_SIGN);
    }
    if ((flags & EXFLAG_CA) || ((flags & EXFLAG_KUSAGE) && (usage & KU_KEY_CERT_SIGN))) {
        return false;
    }
    return vendor == TACIT_VENDOR_AMD ||
           ((flags & EXFLAG_KUSAGE) && (usage & KU_DIGITAL_SIGNATURE));
}

static tacit_status_t s_check_certificate(const tacit_vendor_chain_t *chain, size_t index,
                                          tacit_error_t *error)
{
    X509 *certificate = chain->certificates[index];
    bool leaf = index == 0;
    if (!s_is_signed_with(certificate, chain->vendor) ||
        !s_is_key(certificate, chain->vendor, leaf)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID, s_vendors[chain->vendor].algorithms,
                        "another algorithm", error);
    }
    if (!s_is_use_allowed(certificate, chain->vendor, leaf)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID,
                        leaf ? "a leaf that signs data only" : "an authority's extensions",
                        "another use", error);
    }
    return TACIT_OK;
}

static tacit_status_t s_check(const tacit_vendor_chain_t *chain, const uint8_t root_sha256[32],
                              tacit_error_t *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(chain->certificates[chain->count - 1], EVP_sha256(), digest, &size) != 1) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    if (memcmp(digest, root_sha256, 32) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_TRUST_ANCHOR_REFUSED, "root_sha256",
                                           tacit_span(root_sha256, 32), tacit_span(digest, 32));
    }
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < chain->count; i++) {
        status = s_check_certificate(chain, i, error);
    }
    return status;
}

tacit_status_t tacit_vendor_chain_parse(tacit_vendor_t vendor, const tacit_span_t *ders,
                                        size_t count, const uint8_t root_sha256[32],
                                        tacit_vendor_chain_t *ret_chain, tacit_error_t *ret_error)
{
    tacit_vendor_chain_t chain = {.vendor = vendor};
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < count && i < TACIT_VENDOR_CHAIN_MAX; i++) {
        X509 *certificate = s_decode(ders[i]);
        if (certificate) {
            chain.certificates[chain.count++] = certificate;
        } else {
            status = s_refuse(&chain, TACIT_EVIDENCE_MALFORMED, "certificates in DER",
                              "something else", ret_error);
        }
    }
    if (status == TACIT_OK && (chain.count != count || count < 2)) {
        status = s_refuse(&chain, TACIT_EVIDENCE_MALFORMED, "a leaf, authorities and the root",
                          "another number of certificates", ret_error);
    }
    if (status == TACIT_OK) {
        status = s_check(&chain, root_sha256, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_vendor_chain_clear(&chain);
        return status;
    }
    *ret_chain = chain;
    return TACIT_OK;
}

void tacit_vendor_chain_clear(tacit_vendor_chain_t *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certificates[i]);
        chain->certificates[i] = NULL;
    }
    chain->count = 0;
}

static tacit_status_t s_code(int finding)
{
    switch (finding) {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return TACIT_SIGNATURE_INVALID;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TACIT_COLLATERAL_EXPIRED;
    case X509_V_ERR_OUT_OF_MEM:
        return TACIT_NO_MEMORY;
    default:
        return TACIT_CERTIFICATE_INVALID;
    }
}

static tacit_status_t s_run(X509_STORE_CTX *context, const tacit_vendor_chain_t *chain,
                            tacit_error_t *error)
{
    if (X509_verify_cert(context) != 1) {
        int finding = X509_STORE_CTX_get_error(context);
        return s_refuse(chain, s_code(finding), "a chain to the pinned root, valid now",
                        X509_verify_cert_error_string(finding), error);
    }
    if (!tacit_certificates_are_path(context, chain->certificates, chain->count)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID, "each certificate issued by the next",
                        "another path", error);
    }
    return TACIT_OK;
}

static tacit_status_t s_verify_path(const tacit_vendor_chain_t *chain, uint64_t now_ms,
                                    tacit_error_t *error)
{
    tacit_status_t status = TACIT_NO_MEMORY;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    bool ready = store && context && between &&
                 X509_STORE_add_cert(store, chain->certificates[chain->count - 1]) == 1;
    for (size_t i = 1; ready && i + 1 < chain->count; i++) {
        ready = sk_X509_push(between, chain->certificates[i]) > 0;
    }
    if (ready && X509_STORE_CTX_init(context, store, chain->certificates[0], between) == 1) {
        X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(parameters, (time_t)(now_ms / 1000));
        status = s_run(context, chain, error);
    } else {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(between);
    ERR_clear_error();
    return status;
}

static tacit_status_t s_find_period(const tacit_vendor_chain_t *chain, tacit_period_t *ret_period,
                                    tacit_error_t *error)
{
    tacit_period_t period = {.from_ms = 0, .until_ms = UINT64_MAX};
    for (size_t i = 0; i < chain->count; i++) {
        uint64_t from_ms = 0;
        uint64_t until_ms = 0;
        if (!tacit_certificate_time(X509_get0_notBefore(chain->certificates[i]), &from_ms) ||
            !tacit_certificate_time(X509_get0_notAfter(chain->certificates[i]), &until_ms)) {
            return s_refuse(chain, TACIT_CERTIFICATE_INVALID, "dates", "none", error);
        }
        period.from_ms = from_ms > period.from_ms ? from_ms : period.from_ms;
        period.until_ms = until_ms < period.until_ms ? until_ms : period.until_ms;
    }
    *ret_period = period;
    return TACIT_OK;
}

tacit_status_t tacit_vendor_chain_verify(const tacit_vendor_chain_t *chain,
                                         tacit_chain_cache_t *cache, uint64_t now_ms,
                                         tacit_period_t *ret_period, tacit_error_t *ret_error)
{
    uint8_t key[32];
    tacit_period_t period = {0};
    if (!tacit_chain_cache_key(chain->certificates, chain->count, key)) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (tacit_chain_cache_find(cache, key, now_ms, ret_period)) {
        return TACIT_OK;
    }
    tacit_status_t status = s_verify_path(chain, now_ms, ret_error);
    if (status == TACIT_OK) {
        status = s_find_period(chain, &period, ret_error);
    }
    if (status == TACIT_OK) {
        tacit_chain_cache_put(cache, key, period);
        *ret_period = period;
    }
    return status;
}

void tacit_vendor_chain_claim_root(const tacit_vendor_chain_t *chain, const uint8_t root_sha256[32],
                                   tacit_verdict_t *verdict)
{
    memcpy(verdict->root_sha256, root_sha256, sizeof verdict->root_sha256);
    (void)tacit_certificate_common_name(chain->certificates[chain->count - 1], verdict->root_name);
    verdict->simulated = strstr(verdict->root_name, "SIMULATED") != NULL;
}
