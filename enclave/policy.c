/*  policy.c - a policy: its rules, kept with the text that they came from; its head and its
    operator's signature.  */

#include "enclave/policy.h"

#include "enclave/policy_appraisal.h"
#include "enclave/policy_text.h"

#include <sodium.h>
#include <stdlib.h>

struct tacit_policy {
    tacit_policy_rules_t rules;
    size_t size;    /* of the text */
    uint8_t text[]; /* for refusals that show the line */
};

static const char s_head_label[] = "tacit/policy/v1";                /* with its zero byte */
static const char s_signature_label[] = "tacit/policy/signature/v1"; /* with its zero byte */

enum { S_SIGNED_SIZE = sizeof s_signature_label + crypto_hash_sha256_BYTES };

tacit_status_t tacit_policy_parse(tacit_span_t text, tacit_policy_t **ret_policy,
                                  tacit_error_t *ret_error)
{
    if (text.size > TACIT_POLICY_TEXT_MAX) {
        return tacit_error_claim(ret_error, TACIT_POLICY_REFUSED, "the policy text",
                                 "at most 65536 bytes", "more");
    }
    tacit_policy_t *policy = calloc(1, sizeof *policy + text.size);
    if (!policy) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_policy_text_read(text, &policy->rules, ret_error);
    if (status != TACIT_OK) {
        tacit_policy_destroy(&policy);
        return status;
    }
    policy->size = text.size;
    memcpy(policy->text, text.data, text.size);
    *ret_policy = policy;
    return TACIT_OK;
}

void tacit_policy_destroy(tacit_policy_t **policy)
{
    if (policy) {
        free(*policy);
        *policy = NULL;
    }
}

const tacit_policy_rules_t *tacit_policy_rules(const tacit_policy_t *policy)
{
    return &policy->rules;
}

bool tacit_policy_lists(const tacit_policy_ids_t *ids, const uint8_t *id, size_t size)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (memcmp(ids->items[i], id, size) == 0) {
            return true;
        }
    }
    return false;
}

tacit_span_t tacit_policy_text(const tacit_policy_t *policy)
{
    return tacit_span(policy->text, policy->size);
}

uint64_t tacit_policy_number(const tacit_policy_t *policy)
{
    return policy->rules.number;
}

const uint8_t *tacit_policy_previous(const tacit_policy_t *policy)
{
    return policy->rules.previous;
}

void tacit_policy_head(tacit_span_t text, uint8_t ret_head[32])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)s_head_label, sizeof s_head_label);
    (void)crypto_hash_sha256_update(&state, text.data, text.size);
    (void)crypto_hash_sha256_final(&state, ret_head);
}

static void s_signed_bytes(tacit_span_t text, uint8_t ret_bytes[S_SIGNED_SIZE])
{
    memcpy(ret_bytes, s_signature_label, sizeof s_signature_label);
    tacit_policy_head(text, ret_bytes + sizeof s_signature_label);
}

void tacit_policy_sign(tacit_span_t text, const uint8_t secret_key[64], uint8_t ret_signature[64])
{
    uint8_t bytes[S_SIGNED_SIZE];
    s_signed_bytes(text, bytes);
    (void)crypto_sign_detached(ret_signature, NULL, bytes, sizeof bytes, secret_key);
}

tacit_status_t tacit_policy_verify(tacit_span_t text, tacit_span_t signature,
                                   const uint8_t operator_key[32], tacit_error_t *ret_error)
{
    uint8_t bytes[S_SIGNED_SIZE];
    s_signed_bytes(text, bytes);
    if (signature.size != crypto_sign_BYTES ||
        crypto_sign_verify_detached(signature.data, bytes, sizeof bytes, operator_key) != 0) {
        tacit_error_claim(ret_error, TACIT_SIGNATURE_INVALID, "policy.signature",
                          "the operator's, over this exact text", "another or none");
        tacit_error_remedy(ret_error, "sign the text with the operator's key of this mesh");
        return TACIT_SIGNATURE_INVALID;
    }
    return TACIT_OK;
}

tacit_status_t tacit_policy_appraise(const tacit_policy_t *policy, const tacit_claims_t *claims,
                                     tacit_role_t role, tacit_error_t *ret_error)
{
    const tacit_appraisal_t appraisal = {
        .rules = &policy->rules,
        .text = tacit_span(policy->text, policy->size),
        .claims = claims,
        .role = role,
        .error = ret_error,
    };
    return tacit_policy_appraisal(&appraisal);
}
