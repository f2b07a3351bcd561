/*  receipt_bundle.c - see receipt_bundle.h.  */

#include "clients/lib/receipt_bundle.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "rpc/introduction.h"

static const char s_type[] = "tacit-receipt-v1";

enum { S_MEMBERS = 6, S_VARIANT = sodium_base64_VARIANT_ORIGINAL };

tacit_status_t tacit_receipt_bundle_make(const uint8_t *receipt, const uint8_t *result,
                                         const uint8_t nonce[32], tacit_span_t introduction,
                                         uint64_t time_ms, tacit_receipt_bundle_t *ret_bundle)
{
    tacit_receipt_bundle_t bundle = {
        .time_ms = time_ms,
        .introduction = malloc(introduction.size ? introduction.size : 1),
        .introduction_size = introduction.size,
    };
    if (!bundle.introduction) {
        return TACIT_NO_MEMORY;
    }
    memcpy(bundle.receipt, receipt, sizeof bundle.receipt);
    memcpy(bundle.result, result, sizeof bundle.result);
    memcpy(bundle.nonce, nonce, sizeof bundle.nonce);
    memcpy(bundle.introduction, introduction.data, introduction.size);
    *ret_bundle = bundle;
    return TACIT_OK;
}

void tacit_receipt_bundle_release(tacit_receipt_bundle_t *bundle)
{
    if (bundle) {
        free(bundle->introduction);
        *bundle = (tacit_receipt_bundle_t){.time_ms = 0};
    }
}

/*  --- writing --------------------------------------------------------------------------------- */

static json_t *s_encode(const uint8_t *bytes, size_t size)
{
    size_t room = sodium_base64_ENCODED_LEN(size, S_VARIANT);
    char *text = malloc(room);
    json_t *value =
        text ? json_string(sodium_bin2base64(text, room, bytes, size, S_VARIANT)) : NULL;
    free(text);
    return value;
}

tacit_status_t tacit_receipt_bundle_format(const tacit_receipt_bundle_t *bundle, char **ret_text)
{
    json_t *object = json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "type", s_type, "time_ms",
                               (json_int_t)bundle->time_ms, "receipt",
                               s_encode(bundle->receipt, sizeof bundle->receipt), "result",
                               s_encode(bundle->result, sizeof bundle->result), "nonce",
                               s_encode(bundle->nonce, sizeof bundle->nonce), "introduction",
                               s_encode(bundle->introduction, bundle->introduction_size));
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    if (!text) {
        return TACIT_NO_MEMORY;
    }
    *ret_text = text;
    return TACIT_OK;
}

/*  --- reading --------------------------------------------------------------------------------- */

static tacit_status_t s_refuse(tacit_error_t *ret_error, const char *member, const char *expected)
{
    return tacit_error_claim(ret_error, TACIT_MALFORMED, member, expected, "something else");
}

/*  Canonical base64 of at most room bytes.  */
static bool s_decode(const json_t *object, const char *member, uint8_t *bytes, size_t room,
                     size_t *ret_size)
{
    const json_t *value = json_object_get(object, member);
    const char *text = json_string_value(value);
    const char *end = NULL;
    size_t size = json_string_length(value);
    return text &&
           sodium_base642bin(bytes, room, text, size, NULL, ret_size, &end, S_VARIANT) == 0 &&
           end == text + size;
}

static tacit_status_t s_decode_exact(const json_t *object, const char *member, uint8_t *bytes,
                                     size_t size, tacit_error_t *ret_error)
{
    char expected[48];
    size_t got = 0;
    if (s_decode(object, member, bytes, size, &got) && got == size) {
        return TACIT_OK;
    }
    (void)snprintf(expected, sizeof expected, "%zu bytes in base64", size);
    return s_refuse(ret_error, member, expected);
}

static tacit_status_t s_take(const json_t *object, tacit_receipt_bundle_t *bundle,
                             tacit_error_t *ret_error)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    const json_t *time_ms = json_object_get(object, "time_ms");
    if (json_object_size(object) != S_MEMBERS || !type || strcmp(type, s_type) != 0) {
        return s_refuse(ret_error, "receipt file", "a JSON object of type tacit-receipt-v1");
    }
    if (!json_is_integer(time_ms) || json_integer_value(time_ms) < 0) {
        return s_refuse(ret_error, "time_ms", "Unix milliseconds");
    }
    bundle->time_ms = (uint64_t)json_integer_value(time_ms);
    tacit_status_t status =
        s_decode_exact(object, "receipt", bundle->receipt, sizeof bundle->receipt, ret_error);
    if (!status) {
        status = s_decode_exact(object, "result", bundle->result, sizeof bundle->result, ret_error);
    }
    if (!status) {
        status = s_decode_exact(object, "nonce", bundle->nonce, sizeof bundle->nonce, ret_error);
    }
    if (!status && (!s_decode(object, "introduction", bundle->introduction, TACIT_INTRODUCTION_MAX,
                              &bundle->introduction_size) ||
                    bundle->introduction_size == 0)) {
        /*  NOLINTNEXTLINE(clang-analyzer-unix.Malloc): whoever made the bundle releases it  */
        status = s_refuse(ret_error, "introduction", "evidence in base64");
    }
    return status;
}

tacit_status_t tacit_receipt_bundle_parse(tacit_span_t text, tacit_receipt_bundle_t *ret_bundle,
                                          tacit_error_t *ret_error)
{
    json_error_t reason;
    tacit_receipt_bundle_t bundle = {.introduction = malloc(TACIT_INTRODUCTION_MAX)};
    json_t *object = NULL;
    tacit_status_t status = TACIT_OK;
    if (!bundle.introduction) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (text.size > TACIT_BUNDLE_FILE_MAX) {
        status = tacit_error_set(ret_error, TACIT_TOO_LARGE, "a receipt file is at most %d bytes",
                                 TACIT_BUNDLE_FILE_MAX);
        goto out;
    }
    object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &reason);
    if (!json_is_object(object)) {
        status = tacit_error_set(ret_error, TACIT_MALFORMED, "no receipt file: %s",
                                 object ? "no JSON object" : reason.text);
        goto out;
    }
    status = s_take(object, &bundle, ret_error);
out:
    json_decref(object);
    if (status) {
        tacit_receipt_bundle_release(&bundle);
        return status;
    }
    *ret_bundle = bundle;
    return TACIT_OK;
}

/*  --- proving --------------------------------------------------------------------------------- */

static tacit_status_t s_expect(const char *claim, tacit_status_t code, const uint8_t expected[32],
                               const uint8_t got[32], tacit_error_t *ret_error)
{
    char want[TACIT_HEX_KEY_SIZE];
    char have[TACIT_HEX_KEY_SIZE];
    if (memcmp(expected, got, 32) == 0) {
        return TACIT_OK;
    }
    tacit_hex_key(expected, want);
    tacit_hex_key(got, have);
    return tacit_error_claim(ret_error, code, claim, want, have);
}

tacit_status_t tacit_receipt_agree(const tacit_receipt_t *receipt, const tacit_result_t *result,
                                   tacit_error_t *ret_error)
{
    if (result->role != TACIT_ROLE_WORKER) {
        return tacit_error_claim(ret_error, TACIT_ROLE_REFUSED, "role of the receipt's signer",
                                 "worker", tacit_role_name(result->role));
    }
    if (receipt->simulated != result->simulated) {
        return tacit_error_claim(ret_error, TACIT_RESULT_INVALID, "receipt: simulated",
                                 result->simulated ? "yes" : "no",
                                 receipt->simulated ? "yes" : "no");
    }
    tacit_status_t status =
        s_expect("receipt: mesh", TACIT_WRONG_MESH, result->mesh_id, receipt->mesh_id, ret_error);
    if (!status) {
        status = s_expect("receipt: measurement", TACIT_RESULT_INVALID, result->mrenclave,
                          receipt->mrenclave, ret_error);
    }
    if (!status) {
        status = s_expect("receipt: policy", TACIT_RESULT_INVALID, result->policy_head,
                          receipt->policy_head, ret_error);
    }
    return status;
}

tacit_status_t tacit_receipt_bundle_verify(const tacit_receipt_bundle_t *bundle,
                                           const tacit_trust_t *trust,
                                           tacit_proven_receipt_t *ret_proven,
                                           tacit_error_t *ret_error)
{
    uint8_t mesh_id[32];
    uint8_t result_key[32];
    tacit_proven_receipt_t proven = {.result = {.simulated = false}};
    tacit_trust_mesh_id(trust, mesh_id);
    tacit_status_t status = tacit_introduction_verify_stored(
        trust, tacit_span(bundle->introduction, bundle->introduction_size), bundle->nonce,
        bundle->time_ms, result_key, &proven.claims, ret_error);
    if (!status) {
        status = tacit_result_verify(tacit_span(bundle->result, sizeof bundle->result), result_key,
                                     mesh_id, bundle->time_ms, &proven.result, ret_error);
    }
    if (!status) {
        status = tacit_receipt_verify(tacit_span(bundle->receipt, sizeof bundle->receipt),
                                      proven.result.signing_key, &proven.receipt, ret_error);
    }
    if (!status && proven.receipt.time_ms != bundle->time_ms) {
        status = tacit_error_claim(ret_error, TACIT_MALFORMED, "time_ms", "the receipt's own time",
                                   "another");
    }
    if (!status) {
        status = tacit_receipt_agree(&proven.receipt, &proven.result, ret_error);
    }
    if (!status) {
        *ret_proven = proven;
    }
    return status;
}
