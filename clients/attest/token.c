/*  token.c - keys and tokens in files, and the words for what a token says.  */

#include "clients/attest/token.h"

#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clients/attest/utc.h"
#include "enclave/whole_file.h"

enum { S_KEY_MAX = 16 * 1024, S_TOKEN_MODE = 0644 };

bool tacit_token_format(const char *name, tacit_ear_format_t *ret_format)
{
    bool is_jwt = strcmp(name, "jwt") == 0;
    *ret_format = is_jwt ? TACIT_EAR_JWT : TACIT_EAR_CWT;
    return is_jwt || strcmp(name, "cwt") == 0;
}

/*  A key under a pass phrase is refused, not asked for.  */
static int s_no_phrase(char *phrase, int size, int writing, void *context)
{
    (void)phrase;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

tacit_status_t tacit_token_key(const char *path, bool is_private, EVP_PKEY **ret_key,
                               tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, S_KEY_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read %s", path);
    }
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *key = !bio         ? NULL
                    : is_private ? PEM_read_bio_PrivateKey(bio, NULL, s_no_phrase, NULL)
                                 : PEM_read_bio_PUBKEY(bio, NULL, s_no_phrase, NULL);
    BIO_free(bio);
    sodium_memzero(text, size);
    free(text);
    if (!key) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "%s is no %s key in PEM", path,
                               is_private ? "private" : "public");
    }
    *ret_key = key;
    return TACIT_OK;
}

/*  --- writing --------------------------------------------------------------------------------- */

typedef struct {
    tacit_sample_part_t part; /* that is the evidence itself */
    const char *label;
} s_kind_t;

/*  Labels of submodules, as the draft's section 3 asks to document: docs/PROTOCOL.md.  */
static const s_kind_t s_kinds[] = {
    [TACIT_SAMPLE_NONE] = {TACIT_PART_QUOTE, "unknown"},
    [TACIT_SAMPLE_DCAP] = {TACIT_PART_QUOTE, "intel-dcap"},
    [TACIT_SAMPLE_NITRO] = {TACIT_PART_DOCUMENT, "aws-nitro"},
    [TACIT_SAMPLE_SNP] = {TACIT_PART_REPORT, "amd-snp"},
    [TACIT_SAMPLE_TPM] = {TACIT_PART_TPM_MESSAGE, "tpm2-quote-azure"},
};

static void s_state(const tacit_sample_t *sample, const tacit_judgement_t *judgement,
                    uint64_t now_ms, tacit_ear_t *ret_ear)
{
    const s_kind_t *kind = &s_kinds[sample->kind];
    tacit_span_t evidence = sample->parts[kind->part];
    uint64_t latest = now_ms + TACIT_TOKEN_LIFETIME_MS;
    *ret_ear = (tacit_ear_t){.issued_s = now_ms / 1000, .submod_count = 1};
    tacit_ear_appraisal_t *appraisal = &ret_ear->submods[0];
    snprintf(ret_ear->developer, sizeof ret_ear->developer, "tacit");
    snprintf(ret_ear->build, sizeof ret_ear->build, "tacit-attest %s", TACIT_VERSION);
    if (judgement->status == TACIT_OK && judgement->has_verdict) {
        tacit_ear_appraise(&judgement->verdict, appraisal);
        latest = judgement->verdict.expires_ms < latest ? judgement->verdict.expires_ms : latest;
    } else {
        tacit_ear_refuse(judgement->status ? judgement->status : TACIT_COLLATERAL_MISSING,
                         appraisal);
    }
    snprintf(appraisal->name, sizeof appraisal->name, "%s", kind->label);
    crypto_hash_sha256(appraisal->evidence_sha256, evidence.data, evidence.size);
    ret_ear->expires_s = latest / 1000 > ret_ear->issued_s ? latest / 1000 : ret_ear->issued_s + 1;
    tacit_ear_conclude(ret_ear);
}

tacit_status_t tacit_token_write(const tacit_token_order_t *order, const tacit_sample_t *sample,
                                 const tacit_judgement_t *judgement, uint64_t now_ms,
                                 tacit_error_t *ret_error)
{
    static uint8_t token[TACIT_EAR_TOKEN_MAX];
    size_t size = 0;
    tacit_ear_t ear;
    EVP_PKEY *key = NULL;
    tacit_status_t status = tacit_token_key(order->key_path, true, &key, ret_error);
    if (!status) {
        s_state(sample, judgement, now_ms, &ear);
        status = tacit_ear_sign(&ear, order->format, key, token, &size, ret_error);
    }
    EVP_PKEY_free(key);
    if (status) {
        return status;
    }
    status = tacit_whole_file_replace(order->path, tacit_span(token, size), S_TOKEN_MODE);
    return status ? tacit_error_set(ret_error, status, "cannot write %s", order->path) : TACIT_OK;
}

/*  --- reading --------------------------------------------------------------------------------- */

static void s_hex(json_t *object, const char *name, const uint8_t *bytes, size_t size)
{
    char text[2 * TACIT_EAR_NONCE_MAX + 1];
    json_object_set_new(object, name, json_string(sodium_bin2hex(text, sizeof text, bytes, size)));
}

static void s_time(json_t *object, const char *name, uint64_t seconds)
{
    char text[TACIT_UTC_TEXT_SIZE];
    tacit_utc_format(seconds < UINT64_MAX / 1000 ? seconds * 1000 : UINT64_MAX, 'T', text);
    json_object_set_new(object, name, json_string(text));
}

static json_t *s_report_submod(const tacit_ear_appraisal_t *appraisal)
{
    json_t *object = json_pack("{s:s}", "status", tacit_tier_name(appraisal->status));
    json_t *vector = json_object();
    json_t *policies = json_array();
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        if (appraisal->vector[i] != 0) {
            json_object_set_new(vector, tacit_ear_category_name((tacit_ear_category_t)i),
                                json_integer(appraisal->vector[i]));
        }
    }
    for (size_t i = 0; i < appraisal->policy_count; i++) {
        json_array_append_new(policies, json_string(appraisal->policies[i]));
    }
    json_object_set_new(object, "vector", vector);
    json_object_set_new(object, "policies", policies);
    if (appraisal->is_ours) {
        json_object_set_new(object, "simulated", json_boolean(appraisal->simulated));
        s_hex(object, "trust_anchor", appraisal->trust_anchor, 32);
        s_hex(object, "evidence_sha256", appraisal->evidence_sha256, 32);
    }
    return object;
}

static json_t *s_report(const tacit_ear_t *ear, tacit_ear_format_t format)
{
    json_t *report =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "result", "VERIFIED", "format",
                  format == TACIT_EAR_JWT ? "jwt" : "cwt", "profile", TACIT_EAR_PROFILE, "status",
                  tacit_tier_name(ear->status), "developer", ear->developer, "build", ear->build);
    s_time(report, "issued", ear->issued_s);
    if (ear->expires_s > 0) {
        s_time(report, "expires", ear->expires_s);
    }
    if (ear->nonce_size > 0) {
        s_hex(report, "nonce", ear->nonce, ear->nonce_size);
    }
    json_t *submods = json_object();
    for (size_t i = 0; i < ear->submod_count; i++) {
        json_object_set_new(submods, ear->submods[i].name, s_report_submod(&ear->submods[i]));
    }
    json_object_set_new(report, "submods", submods);
    return report;
}

tacit_status_t tacit_token_read(const char *path, const char *key_path, uint64_t now_ms,
                                json_t **ret_report, tacit_error_t *ret_error)
{
    uint8_t *token = NULL;
    size_t size = 0;
    tacit_ear_t ear;
    tacit_ear_format_t format = TACIT_EAR_JWT;
    EVP_PKEY *key = NULL;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_EAR_TOKEN_MAX, &token, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read %s", path);
    }
    status = tacit_token_key(key_path, false, &key, ret_error);
    if (!status) {
        status = tacit_ear_verify(tacit_span(token, size), key, now_ms, &ear, &format, ret_error);
    }
    EVP_PKEY_free(key);
    free(token);
    if (!status) {
        *ret_report = s_report(&ear, format);
    }
    return status;
}
