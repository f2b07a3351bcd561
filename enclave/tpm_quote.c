/*  tpm_quote.c - the quote, its key, and the report that commits to the key.  */

#include "enclave/tpm_quote.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "enclave/evidence_refusal.h"
#include "enclave/snp_report.h"

#define S_TPM_GENERATED UINT32_C(0xff544347)
#define S_HCL_MAGIC     "HCLA"

enum {
    ATTEST_QUOTE = 0x8018,
    ALGORITHM_SHA256 = 0x000b,
    CLOCK_SIZE = 17, /* clock, resets, restarts, safe */
    FIRMWARE_SIZE = 8,
    SELECTION_BYTES = 3, /* a bitmap of 24 PCRs */
    NAME_MAX_SIZE = 68,
    HCL_HEADER_SIZE = 32,
    RUNTIME_HEADER_SIZE = 20,
    RUNTIME_TYPE_SNP = 2,
    RUNTIME_HASH_SHA256 = 1,
    RSA_BITS_MIN = 2048,
    MODULUS_MAX = 512
};

/*  The quote, taken apart.  */
typedef struct attest {
    tacit_span_t extra;
    uint32_t selected; /* bit n: PCR n */
    tacit_span_t digest;
} attest_t;

static tacit_status_t s_malformed(const char *claim, const char *expected, tacit_error_t *error)
{
    return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, claim, expected, "another form");
}

/*  TPMs write big-endian.  */
static uint64_t s_big(tacit_cursor_t *cursor, size_t width)
{
    tacit_span_t bytes = tacit_cursor_take(cursor, width);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

static tacit_span_t s_sized(tacit_cursor_t *cursor, size_t max)
{
    size_t size = (size_t)s_big(cursor, 2);
    if (size > max) {
        cursor->failed = true;
    }
    return tacit_cursor_take(cursor, size);
}

static tacit_status_t s_parse_attest(tacit_span_t message, attest_t *ret_attest,
                                     tacit_error_t *error)
{
    tacit_cursor_t cursor = tacit_cursor(message);
    attest_t attest = {0};
    if (s_big(&cursor, 4) != S_TPM_GENERATED || s_big(&cursor, 2) != ATTEST_QUOTE) {
        return s_malformed("tpm.quote", "a quote that a TPM generated", error);
    }
    (void)s_sized(&cursor, NAME_MAX_SIZE);
    attest.extra = s_sized(&cursor, TACIT_TPM_EXTRA_MAX);
    (void)tacit_cursor_take(&cursor, CLOCK_SIZE + FIRMWARE_SIZE);
    if (s_big(&cursor, 4) != 1 || s_big(&cursor, 2) != ALGORITHM_SHA256 ||
        s_big(&cursor, 1) != SELECTION_BYTES) {
        return s_malformed("tpm.quote", "one selection of SHA-256 PCRs", error);
    }
    attest.selected = (uint32_t)tacit_cursor_little(&cursor, SELECTION_BYTES);
    attest.digest = s_sized(&cursor, TACIT_TPM_PCR_SIZE);
    if (!tacit_cursor_done(&cursor) || attest.digest.size != TACIT_TPM_PCR_SIZE) {
        return s_malformed("tpm.quote", "lengths that fill it exactly", error);
    }
    *ret_attest = attest;
    return TACIT_OK;
}

static tacit_status_t s_check_pcrs(const attest_t *attest, tacit_span_t pcrs,
                                   tacit_tpm_claims_t *claims, tacit_error_t *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    tacit_cursor_t cursor = tacit_cursor(pcrs);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool hashed = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; hashed && i < TACIT_TPM_PCRS; i++) {
        if (attest->selected >> i & 1) {
            tacit_span_t pcr = tacit_cursor_take(&cursor, TACIT_TPM_PCR_SIZE);
            hashed = !cursor.failed && EVP_DigestUpdate(hash, pcr.data, pcr.size) == 1;
            if (hashed) {
                memcpy(claims->pcrs[claims->pcr_count++], pcr.data, pcr.size);
            }
        }
    }
    hashed = hashed && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
    EVP_MD_CTX_free(hash);
    if (!hashed || !tacit_cursor_done(&cursor)) {
        return s_malformed("tpm.pcrs", "a value for each PCR that was quoted", error);
    }
    if (memcmp(digest, attest->digest.data, TACIT_TPM_PCR_SIZE) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_MEASUREMENT_REFUSED, "tpm.pcrs",
                                           attest->digest, tacit_span(digest, TACIT_TPM_PCR_SIZE));
    }
    return TACIT_OK;
}

static EVP_PKEY *s_read_key(tacit_span_t pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (key && (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < RSA_BITS_MIN)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/*  EVP's default padding for RSA is PKCS #1 v1.5.  */
static tacit_status_t s_verify_signature(EVP_PKEY *key, const tacit_tpm_evidence_t *evidence,
                                         tacit_error_t *error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool valid = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, evidence->signature.data, evidence->signature.size,
                                  evidence->message.data, evidence->message.size) == 1;
    EVP_MD_CTX_free(context);
    if (!valid) {
        ERR_clear_error();
        return tacit_evidence_refuse(error, TACIT_SIGNATURE_INVALID, "tpm.quote",
                                     "signed by the attestation key",
                                     "a signature that does not verify");
    }
    return TACIT_OK;
}

static bool s_modulus(const EVP_PKEY *key, uint8_t ret_bytes[MODULUS_MAX], size_t *ret_size)
{
    BIGNUM *modulus = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1) {
        ERR_clear_error();
        return false;
    }
    int size = BN_num_bytes(modulus);
    bool fits = size > 0 && size <= MODULUS_MAX;
    if (fits) {
        (void)BN_bn2bin(modulus, ret_bytes);
        *ret_size = (size_t)size;
    }
    BN_free(modulus);
    return fits;
}

/*  Does the JSON list this key as the AK?  */
static bool s_lists_key(tacit_span_t json, const EVP_PKEY *key)
{
    uint8_t modulus[MODULUS_MAX];
    uint8_t listed[MODULUS_MAX];
    size_t size = 0;
    size_t listed_size = 0;
    bool found = false;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(root, "keys");
    bool ready = s_modulus(key, modulus, &size);
    for (size_t i = 0; ready && i < json_array_size(keys); i++) {
        const json_t *item = json_array_get(keys, i);
        const char *kid = json_string_value(json_object_get(item, "kid"));
        const char *n = json_string_value(json_object_get(item, "n"));
        found |= kid && n && strcmp(kid, "HCLAkPub") == 0 &&
                 sodium_base642bin(listed, sizeof listed, n, strlen(n), NULL, &listed_size, NULL,
                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                 tacit_span_equal(tacit_span(listed, listed_size), tacit_span(modulus, size));
    }
    json_decref(root);
    return found;
}

static bool s_is_zero(tacit_span_t bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

/*  Header 32 | SNP report 1184 | u32 size, version, type, hash type, JSON size | JSON | zeroes.  */
static bool s_parse_report(tacit_span_t bytes, tacit_span_t *ret_report, tacit_span_t *ret_json)
{
    tacit_cursor_t cursor = tacit_cursor(bytes);
    tacit_span_t header = tacit_cursor_take(&cursor, HCL_HEADER_SIZE);
    tacit_span_t report = tacit_cursor_take(&cursor, TACIT_SNP_REPORT_SIZE);
    uint32_t size = tacit_cursor_u32(&cursor);
    (void)tacit_cursor_u32(&cursor);
    uint32_t type = tacit_cursor_u32(&cursor);
    uint32_t hash = tacit_cursor_u32(&cursor);
    uint32_t json_size = tacit_cursor_u32(&cursor);
    tacit_span_t json = tacit_cursor_take(&cursor, json_size);
    if (cursor.failed || !header.data || !report.data || !s_is_zero(cursor.rest) ||
        memcmp(header.data, S_HCL_MAGIC, strlen(S_HCL_MAGIC)) != 0 ||
        (uint64_t)json_size + RUNTIME_HEADER_SIZE != size || type != RUNTIME_TYPE_SNP ||
        hash != RUNTIME_HASH_SHA256) {
        return false;
    }
    *ret_report = report;
    *ret_json = json;
    return true;
}

static tacit_status_t s_check_binding(const tacit_tpm_evidence_t *evidence, const EVP_PKEY *key,
                                      tacit_tpm_claims_t *claims, tacit_error_t *error)
{
    tacit_span_t json = {0};
    uint8_t digest[crypto_hash_sha256_BYTES];
    if (!s_parse_report(evidence->report, &claims->snp_report, &json)) {
        return s_malformed("tpm.hcl_report", "an SEV-SNP report and its runtime data", error);
    }
    crypto_hash_sha256(digest, json.data, json.size);
    const uint8_t *committed = claims->snp_report.data + TACIT_SNP_REPORT_DATA;
    if (memcmp(digest, committed, sizeof digest) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_REPORT_DATA_MISMATCH, "snp.report_data",
                                           tacit_span(digest, sizeof digest),
                                           tacit_span(committed, sizeof digest));
    }
    if (!s_lists_key(json, key)) {
        return tacit_evidence_refuse(error, TACIT_REPORT_DATA_MISMATCH, "tpm.attestation_key",
                                     "the key HCLAkPub of the runtime data", "another key");
    }
    claims->json_offset = (size_t)(json.data - evidence->report.data);
    return TACIT_OK;
}

static tacit_status_t s_check_parts(const tacit_tpm_evidence_t *evidence, tacit_error_t *error)
{
    const struct {
        const char *name;
        tacit_span_t part;
    } parts[] = {
        {"quote.msg", evidence->message},     {"quote.sig", evidence->signature},
        {"pcrs.bin", evidence->pcrs},         {"ak.pem", evidence->key},
        {"hcl_report.bin", evidence->report},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].part.size == 0) {
            return tacit_evidence_refuse(error, TACIT_COLLATERAL_MISSING, parts[i].name,
                                         "this part of the evidence", "nothing");
        }
        if (parts[i].part.size > TACIT_TPM_PART_MAX) {
            return tacit_evidence_refuse_number(error, TACIT_TOO_LARGE, parts[i].name,
                                                TACIT_TPM_PART_MAX, parts[i].part.size);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_verify(const tacit_tpm_evidence_t *evidence, EVP_PKEY *key,
                               tacit_tpm_claims_t *claims, tacit_error_t *error)
{
    attest_t attest = {0};
    tacit_status_t status = s_verify_signature(key, evidence, error);
    if (status == TACIT_OK) {
        status = s_parse_attest(evidence->message, &attest, error);
    }
    if (status == TACIT_OK) {
        status = s_check_pcrs(&attest, evidence->pcrs, claims, error);
    }
    if (status == TACIT_OK) {
        claims->extra_size = attest.extra.data ? attest.extra.size : 0;
        if (attest.extra.data) {
            memcpy(claims->extra_data, attest.extra.data, claims->extra_size);
        }
        status = s_check_binding(evidence, key, claims, error);
    }
    return status;
}

tacit_status_t tacit_tpm_quote_verify(const tacit_tpm_evidence_t *evidence,
                                      tacit_tpm_claims_t *ret_claims, tacit_error_t *ret_error)
{
    tacit_tpm_claims_t claims = {0};
    tacit_status_t status = s_check_parts(evidence, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    EVP_PKEY *key = s_read_key(evidence->key);
    if (!key) {
        return s_malformed("tpm.attestation_key", "an RSA public key in PEM", ret_error);
    }
    status = s_verify(evidence, key, &claims, ret_error);
    EVP_PKEY_free(key);
    if (status == TACIT_OK) {
        *ret_claims = claims;
    }
    return status;
}
