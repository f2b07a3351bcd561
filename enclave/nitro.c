/*  nitro.c - the verification of Nitro documents.  */

#include "enclave/nitro.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "enclave/ecdsa.h"
#include "enclave/evidence_refusal.h"
#include "enclave/vendor_chain.h"

enum { HEAD_MAX = 5, SIGNATURE_HALF = TACIT_NITRO_SIGNATURE_SIZE / 2 };

/*  The head of a byte string of that size, in its shortest form; how long it is.  */
static size_t s_bytes_head(size_t size, uint8_t ret_head[HEAD_MAX])
{
    size_t width = size < 24 ? 0 : size < 0x100 ? 1 : size < 0x10000 ? 2 : 4;
    ret_head[0] = (uint8_t)(0x40 | (width == 0 ? size : 24 + (width >> 1)));
    for (size_t i = 0; i < width; i++) {
        ret_head[1 + i] = (uint8_t)(size >> (8 * (width - 1 - i)));
    }
    return 1 + width;
}

/*  What COSE signs: ["Signature1", protected, external data (none), payload].  */
static tacit_status_t s_verify_signature(const tacit_nitro_document_t *document, EVP_PKEY *key,
                                         tacit_error_t *error)
{
    static const uint8_t label[] = "\x84\x6aSignature1";
    static const uint8_t external[] = {0x40};
    uint8_t protected_head[HEAD_MAX];
    uint8_t payload_head[HEAD_MAX];
    const tacit_span_t parts[] = {
        tacit_span(label, sizeof label - 1),
        tacit_span(protected_head, s_bytes_head(document->protected_header.size, protected_head)),
        document->protected_header,
        tacit_span(external, sizeof external),
        tacit_span(payload_head, s_bytes_head(document->payload.size, payload_head)),
        document->payload,
    };
    tacit_status_t status =
        tacit_ecdsa_verify(key, EVP_sha384(), parts, sizeof parts / sizeof *parts,
                           document->signature, SIGNATURE_HALF);
    if (status != TACIT_OK) {
        return tacit_evidence_refuse(error, status, "nitro.signature",
                                     "signed by the document's certificate",
                                     "a signature that does not verify");
    }
    return TACIT_OK;
}

/*  leaf, then the bundle from its end: instance, zone, region, root.  */
static tacit_status_t s_parse_chain(const tacit_nitro_document_t *document,
                                    const uint8_t root_sha256[32], tacit_vendor_chain_t *chain,
                                    tacit_error_t *error)
{
    tacit_span_t ders[TACIT_VENDOR_CHAIN_MAX] = {document->certificate};
    size_t count = 1;
    for (size_t i = document->bundle_count; i > 0; i--) {
        ders[count++] = document->bundle[i - 1];
    }
    return tacit_vendor_chain_parse(TACIT_VENDOR_AWS, ders, count, root_sha256, chain, error);
}

static tacit_status_t s_check_time(const tacit_nitro_document_t *document, tacit_period_t period,
                                   uint64_t now_ms, tacit_error_t *error)
{
    uint64_t made_ms = document->timestamp_ms;
    if (made_ms > now_ms && made_ms - now_ms > TACIT_NITRO_SKEW_MS) {
        return tacit_evidence_refuse_number(error, TACIT_COLLATERAL_EXPIRED, "nitro.timestamp",
                                            now_ms, made_ms);
    }
    if (made_ms < period.from_ms || made_ms >= period.until_ms) {
        return tacit_evidence_refuse(error, TACIT_COLLATERAL_EXPIRED, "nitro.timestamp",
                                     "while its certificates are valid", "another time");
    }
    return TACIT_OK;
}

static void s_claim_field(tacit_span_t field, tacit_nitro_field_t *claim)
{
    claim->present = field.data != NULL;
    claim->size = field.size;
    if (field.data) {
        memcpy(claim->bytes, field.data, field.size);
    }
}

static bool s_is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++) {
        all |= bytes[i];
    }
    return all == 0;
}

static void s_claim(const tacit_nitro_document_t *document, tacit_verdict_t *verdict)
{
    tacit_nitro_claims_t *claims = &verdict->claims.nitro;
    claims->tagged = document->tagged;
    claims->timestamp_ms = document->timestamp_ms;
    memcpy(claims->module_id, document->module_id.data, document->module_id.size);
    for (size_t i = 0; i < TACIT_NITRO_PCRS; i++) {
        if (document->pcrs[i]) {
            claims->pcr_mask |= UINT32_C(1) << i;
            memcpy(claims->pcrs[i], document->pcrs[i], TACIT_NITRO_PCR_SIZE);
        }
    }
    s_claim_field(document->public_key, &claims->public_key);
    s_claim_field(document->user_data, &claims->user_data);
    s_claim_field(document->nonce, &claims->nonce);
    verdict->debug = s_is_zero(claims->pcrs[0], TACIT_NITRO_PCR_SIZE);
}

static tacit_status_t s_hash_key(const X509 *leaf, tacit_nitro_claims_t *claims,
                                 tacit_error_t *error)
{
    unsigned size = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (X509_pubkey_digest(leaf, EVP_sha256(), digest, &size) != 1) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(claims->attestation_key_sha256, digest, sizeof claims->attestation_key_sha256);
    return TACIT_OK;
}

static tacit_status_t s_verify(const tacit_nitro_document_t *document,
                               const tacit_vendor_chain_t *chain, tacit_chain_cache_t *cache,
                               uint64_t now_ms, tacit_verdict_t *verdict, tacit_error_t *error)
{
    tacit_period_t *period = &verdict->claims.nitro.chain;
    tacit_status_t status = tacit_vendor_chain_verify(chain, cache, now_ms, period, error);
    if (status == TACIT_OK) {
        status =
            s_verify_signature(document, X509_get0_pubkey(tacit_vendor_chain_leaf(chain)), error);
    }
    if (status == TACIT_OK) {
        status = s_check_time(document, *period, now_ms, error);
    }
    if (status == TACIT_OK) {
        status = s_hash_key(tacit_vendor_chain_leaf(chain), &verdict->claims.nitro, error);
    }
    return status;
}

tacit_status_t tacit_nitro_verify(tacit_span_t bytes, const uint8_t root_sha256[32],
                                  tacit_chain_cache_t *cache, uint64_t now_ms,
                                  tacit_verdict_t *ret_verdict, tacit_error_t *ret_error)
{
    tacit_nitro_document_t document;
    tacit_vendor_chain_t chain = {0};
    tacit_verdict_t verdict = {.kind = TACIT_EVIDENCE_NITRO};
    tacit_status_t status = tacit_nitro_document_parse(bytes, &document, ret_error);
    if (status == TACIT_OK) {
        status = s_parse_chain(&document, root_sha256, &chain, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_verify(&document, &chain, cache, now_ms, &verdict, ret_error);
    }
    if (status == TACIT_OK) {
        unsigned size = 0;
        s_claim(&document, &verdict);
        tacit_vendor_chain_claim_root(&chain, root_sha256, &verdict);
        verdict.expires_ms = verdict.claims.nitro.chain.until_ms;
        /*  PCR4 is the hash of the instance id: what names the platform.  */
        size = (verdict.claims.nitro.pcr_mask >> 4 & 1) ? TACIT_NITRO_PCR_SIZE : 0;
        memcpy(verdict.platform_id, verdict.claims.nitro.pcrs[4], size);
        verdict.platform_id_size = size;
        *ret_verdict = verdict;
    }
    tacit_vendor_chain_clear(&chain);
    return status;
}

tacit_status_t tacit_nitro_verify_body(tacit_span_t bytes, tacit_verdict_t *ret_verdict,
                                       tacit_error_t *ret_error)
{
    tacit_nitro_document_t document;
    tacit_verdict_t verdict = {.kind = TACIT_EVIDENCE_NITRO};
    tacit_status_t status = tacit_nitro_document_parse(bytes, &document, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    const uint8_t *at = document.certificate.data;
    X509 *leaf = d2i_X509(NULL, &at, (long)document.certificate.size);
    EVP_PKEY *key = leaf ? X509_get0_pubkey(leaf) : NULL;
    if (!key || at != document.certificate.data + document.certificate.size ||
        !tacit_ecdsa_is_key(key, "secp384r1")) {
        status = tacit_evidence_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, "nitro.certificate",
                                       "a certificate of a P-384 key", "other bytes");
    }
    if (status == TACIT_OK) {
        status = s_verify_signature(&document, key, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_hash_key(leaf, &verdict.claims.nitro, ret_error);
    }
    if (status == TACIT_OK) {
        s_claim(&document, &verdict);
        *ret_verdict = verdict;
    }
    ERR_clear_error();
    X509_free(leaf);
    return status;
}
