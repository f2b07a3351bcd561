/*  policy_chain.c - see policy_chain.h.  */

#include "enclave/policy_chain.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum { S_KEY_SIZE = crypto_sign_PUBLICKEYBYTES };

static void s_set_changers(tacit_policy_chain_t *chain, const tacit_policy_changers_t *changers)
{
    if (changers && changers->count > 0) {
        chain->changers = *changers;
        return;
    }
    chain->changers = (tacit_policy_changers_t){.count = 1, .needed = 1};
    memcpy(chain->changers.keys[0], chain->operator_key, S_KEY_SIZE);
}

void tacit_policy_chain_start(const uint8_t operator_key[32], tacit_policy_chain_t *ret_chain)
{
    *ret_chain = (tacit_policy_chain_t){.number = 0};
    memcpy(ret_chain->operator_key, operator_key, S_KEY_SIZE);
    s_set_changers(ret_chain, NULL);
}

void tacit_policy_chain_sign(tacit_span_t text, const uint8_t secret_key[64],
                             uint8_t ret_signature[TACIT_POLICY_SIGNATURE_SIZE])
{
    (void)crypto_sign_ed25519_sk_to_pk(ret_signature, secret_key);
    tacit_policy_sign(text, secret_key, ret_signature + S_KEY_SIZE);
}

/*  The place of a key among those who may sign; their count where it is not there.  */
static size_t s_place(const tacit_policy_changers_t *changers, const uint8_t *key)
{
    size_t place = 0;
    while (place < changers->count && memcmp(changers->keys[place], key, S_KEY_SIZE) != 0) {
        place++;
    }
    return place;
}

static tacit_status_t s_refuse(tacit_error_t *error, const char *expected, const char *got)
{
    tacit_error_claim(error, TACIT_SIGNATURE_INVALID, "policy.signatures", expected, got);
    tacit_error_policy(error, "changes:");
    tacit_error_remedy(error, "have the text signed by those whom the policy in force names under "
                              "changes (the operator where it names none)");
    return TACIT_SIGNATURE_INVALID;
}

static tacit_status_t s_check_one(const tacit_policy_chain_t *chain, tacit_span_t text,
                                  const uint8_t *signature, uint32_t *seen, tacit_error_t *error)
{
    size_t place = s_place(&chain->changers, signature);
    if (place == chain->changers.count) {
        char got[65];
        tacit_status_t status = s_refuse(error, "by keys that may change the policy",
                                         sodium_bin2hex(got, sizeof got, signature, S_KEY_SIZE));
        tacit_error_remedy(error, "take that key's signature out (its line of the .sig file); the "
                                  "policy in force names who may sign under changes");
        return status;
    }
    if (*seen & (UINT32_C(1) << place)) {
        return s_refuse(error, "each key once", "a key twice");
    }
    *seen |= UINT32_C(1) << place;
    return tacit_policy_verify(text, tacit_span(signature + S_KEY_SIZE, crypto_sign_BYTES),
                               signature, error);
}

tacit_status_t tacit_policy_chain_signed(const tacit_policy_chain_t *chain, tacit_span_t text,
                                         tacit_span_t signatures, tacit_error_t *ret_error)
{
    size_t count = signatures.size / TACIT_POLICY_SIGNATURE_SIZE;
    uint32_t seen = 0;
    if (signatures.size % TACIT_POLICY_SIGNATURE_SIZE != 0 || count > TACIT_POLICY_CHANGERS_MAX) {
        return s_refuse(ret_error, "whole signatures of 96 bytes, up to 16", "something else");
    }
    for (size_t i = 0; i < count; i++) {
        tacit_status_t status = s_check_one(
            chain, text, signatures.data + i * TACIT_POLICY_SIGNATURE_SIZE, &seen, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
    }
    if (count < chain->changers.needed) {
        char expected[48];
        char got[24];
        snprintf(expected, sizeof expected, "at least %" PRIu32 " of %zu", chain->changers.needed,
                 chain->changers.count);
        snprintf(got, sizeof got, "%zu", count);
        return s_refuse(ret_error, expected, got);
    }
    return TACIT_OK;
}

static tacit_status_t s_check_link(const tacit_policy_chain_t *chain, const tacit_policy_t *policy,
                                   tacit_error_t *error)
{
    char expected[TACIT_ERROR_VALUE_MAX];
    char got[TACIT_ERROR_VALUE_MAX];
    char head[65];
    if (chain->number < UINT64_MAX && tacit_policy_number(policy) == chain->number + 1 &&
        memcmp(tacit_policy_previous(policy), chain->head, sizeof chain->head) == 0) {
        return TACIT_OK;
    }
    snprintf(expected, sizeof expected, "number %" PRIu64 " after %s", chain->number + 1,
             sodium_bin2hex(head, sizeof head, chain->head, sizeof chain->head));
    snprintf(got, sizeof got, "number %" PRIu64 " after %s", tacit_policy_number(policy),
             sodium_bin2hex(head, sizeof head, tacit_policy_previous(policy), 32));
    tacit_error_claim(error, TACIT_ALREADY_EXISTS, "previous and number", expected, got);
    tacit_error_remedy(error,
                       "make it anew from the policy in force (tacit-operator policy generate)");
    return TACIT_ALREADY_EXISTS;
}

tacit_status_t tacit_policy_chain_check(const tacit_policy_chain_t *chain, tacit_span_t text,
                                        tacit_span_t signatures, tacit_policy_t **ret_policy,
                                        tacit_error_t *ret_error)
{
    tacit_policy_t *policy = NULL;
    tacit_status_t status = tacit_policy_chain_signed(chain, text, signatures, ret_error);
    if (status == TACIT_OK) {
        status = tacit_policy_parse(text, &policy, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_check_link(chain, policy, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_policy_destroy(&policy);
        return status;
    }
    *ret_policy = policy;
    return TACIT_OK;
}

void tacit_policy_chain_advance(tacit_policy_chain_t *chain, tacit_span_t text,
                                const tacit_policy_t *policy)
{
    chain->number = tacit_policy_number(policy);
    tacit_policy_head(text, chain->head);
    s_set_changers(chain, &tacit_policy_rules(policy)->changers);
}
