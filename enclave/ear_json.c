/*  ear_json.c - claims-sets in JSON: draft-ietf-rats-ear-04, section 3.2.  */

#include "enclave/ear.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/*  --- writing --------------------------------------------------------------------------------- */

static json_t *s_hex(const uint8_t bytes[32])
{
    char text[65];
    return json_string(sodium_bin2hex(text, sizeof text, bytes, 32));
}

static json_t *s_vector(const tacit_ear_appraisal_t *appraisal)
{
    json_t *vector = json_object();
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        if (appraisal->vector[i] != 0) {
            json_object_set_new(vector, tacit_ear_category_name((tacit_ear_category_t)i),
                                json_integer(appraisal->vector[i]));
        }
    }
    return vector;
}

static json_t *s_appraisal(const tacit_ear_appraisal_t *appraisal)
{
    json_t *object = json_pack("{s:s}", "ear_status", tacit_tier_name(appraisal->status));
    json_t *vector = s_vector(appraisal);
    if (json_object_size(vector) > 0) { /* AR4SI has no empty ones */
        json_object_set(object, "ear_trustworthiness_vector", vector);
    }
    json_decref(vector);
    if (appraisal->policy_count > 0) {
        json_t *policies = json_array();
        for (size_t i = 0; i < appraisal->policy_count; i++) {
            json_array_append_new(policies, json_string(appraisal->policies[i]));
        }
        json_object_set_new(object, "ear_appraisal_policy_ids", policies);
    }
    if (appraisal->is_ours) {
        json_object_set_new(object, "tacit_simulated", json_boolean(appraisal->simulated));
        json_object_set_new(object, "tacit_trust_anchor", s_hex(appraisal->trust_anchor));
        json_object_set_new(object, "tacit_evidence_sha256", s_hex(appraisal->evidence_sha256));
    }
    return object;
}

static json_t *s_claims(const tacit_ear_t *ear)
{
    json_t *claims =
        json_pack("{s:s, s:s, s:I, s:{s:s, s:s}}", "eat_profile", TACIT_EAR_PROFILE, "ear_status",
                  tacit_tier_name(ear->status), "iat", (json_int_t)ear->issued_s, "ear_verifier_id",
                  "developer", ear->developer, "build", ear->build);
    json_t *submods = json_object();
    for (size_t i = 0; i < ear->submod_count; i++) {
        json_object_set_new(submods, ear->submods[i].name, s_appraisal(&ear->submods[i]));
    }
    json_object_set_new(claims, "submods", submods);
    if (ear->expires_s > 0) {
        json_object_set_new(claims, "exp", json_integer((json_int_t)ear->expires_s));
    }
    if (ear->nonce_size > 0) {
        char text[TACIT_EAR_NONCE_MAX * 2];
        sodium_bin2base64(text, sizeof text, ear->nonce, ear->nonce_size,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        json_object_set_new(claims, "eat_nonce", json_string(text));
    }
    return claims;
}

tacit_status_t tacit_ear_write_json(const tacit_ear_t *ear, uint8_t *ret_bytes, size_t *ret_size)
{
    json_t *claims = s_claims(ear);
    size_t size =
        json_dumpb(claims, (char *)ret_bytes, TACIT_EAR_CLAIMS_MAX, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(claims);
    if (size == 0 || size > TACIT_EAR_CLAIMS_MAX) {
        return TACIT_TOO_LARGE;
    }
    *ret_size = size;
    return TACIT_OK;
}

/*  --- reading --------------------------------------------------------------------------------- */

static bool s_take_text(const json_t *value, char ret_text[TACIT_EAR_TEXT_MAX])
{
    if (!json_is_string(value) || json_string_length(value) >= TACIT_EAR_TEXT_MAX) {
        return false;
    }
    snprintf(ret_text, TACIT_EAR_TEXT_MAX, "%s", json_string_value(value));
    return true;
}

static bool s_take_tier(const json_t *value, tacit_tier_t *ret_tier)
{
    static const tacit_tier_t tiers[] = {TACIT_TIER_NONE, TACIT_TIER_AFFIRMING, TACIT_TIER_WARNING,
                                         TACIT_TIER_CONTRAINDICATED};
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        if (json_is_string(value) &&
            strcmp(json_string_value(value), tacit_tier_name(tiers[i])) == 0) {
            *ret_tier = tiers[i];
            return true;
        }
    }
    return false;
}

/*  False where the vector is empty, or has a category or a value that AR4SI has not.  */
static bool s_take_vector(const json_t *vector, int8_t ret_vector[TACIT_EAR_CATEGORIES])
{
    size_t known = 0;
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        const json_t *value =
            json_object_get(vector, tacit_ear_category_name((tacit_ear_category_t)i));
        if (!value) {
            continue;
        }
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < INT8_MIN || number > INT8_MAX) {
            return false;
        }
        ret_vector[i] = (int8_t)number;
        known++;
    }
    return known > 0 && known == json_object_size(vector);
}

static bool s_take_policies(const json_t *list, tacit_ear_appraisal_t *appraisal)
{
    size_t count = json_array_size(list);
    if (count == 0 || count > TACIT_EAR_POLICIES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!s_take_text(json_array_get(list, i), appraisal->policies[i])) {
            return false;
        }
    }
    appraisal->policy_count = count;
    return true;
}

static bool s_take_hex(const json_t *value, uint8_t ret_bytes[32])
{
    size_t size = 0;
    return json_is_string(value) && json_string_length(value) == 64 &&
           sodium_hex2bin(ret_bytes, 32, json_string_value(value), 64, NULL, &size, NULL) == 0 &&
           size == 32;
}

static tacit_status_t s_take_ours(const json_t *object, tacit_ear_appraisal_t *appraisal,
                                  tacit_error_t *ret_error)
{
    const json_t *simulated = json_object_get(object, "tacit_simulated");
    if (!simulated) {
        return TACIT_OK;
    }
    appraisal->is_ours = true;
    appraisal->simulated = json_is_true(simulated);
    return json_is_boolean(simulated) &&
                   s_take_hex(json_object_get(object, "tacit_trust_anchor"),
                              appraisal->trust_anchor) &&
                   s_take_hex(json_object_get(object, "tacit_evidence_sha256"),
                              appraisal->evidence_sha256)
               ? TACIT_OK
               : tacit_ear_malformed("tacit_simulated", "all three of our claims", ret_error);
}

static tacit_status_t s_take_appraisal(const char *name, const json_t *object,
                                       tacit_ear_appraisal_t *appraisal, tacit_error_t *ret_error)
{
    const json_t *vector = json_object_get(object, "ear_trustworthiness_vector");
    const json_t *policies = json_object_get(object, "ear_appraisal_policy_ids");
    if (!json_is_object(object) || strlen(name) >= sizeof appraisal->name) {
        return tacit_ear_malformed("submods", "a map of maps", ret_error);
    }
    snprintf(appraisal->name, sizeof appraisal->name, "%s", name);
    if (!s_take_tier(json_object_get(object, "ear_status"), &appraisal->status)) {
        return tacit_ear_malformed("ear_status", "a tier", ret_error);
    }
    if (vector && !s_take_vector(vector, appraisal->vector)) {
        return tacit_ear_malformed("ear_trustworthiness_vector", "categories and -128 to 127",
                                   ret_error);
    }
    if (policies && !s_take_policies(policies, appraisal)) {
        return tacit_ear_malformed("ear_appraisal_policy_ids", "1 to 4 short texts", ret_error);
    }
    return s_take_ours(object, appraisal, ret_error);
}

static tacit_status_t s_take_submods(const json_t *submods, tacit_ear_t *ear,
                                     tacit_error_t *ret_error)
{
    const char *name = NULL;
    json_t *object = NULL;
    if (json_object_size(submods) == 0 || json_object_size(submods) > TACIT_EAR_SUBMODS_MAX) {
        return tacit_ear_malformed("submods", "1 to 4 of them", ret_error);
    }
    json_object_foreach((json_t *)submods, name, object)
    {
        tacit_status_t status =
            s_take_appraisal(name, object, &ear->submods[ear->submod_count++], ret_error);
        if (status) {
            return status;
        }
    }
    return TACIT_OK;
}

static bool s_take_time(const json_t *value, uint64_t *ret_seconds)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0) {
        return false;
    }
    *ret_seconds = (uint64_t)json_integer_value(value);
    return true;
}

static bool s_take_nonce(const json_t *value, tacit_ear_t *ear)
{
    const char *text = json_string_value(value);
    return text &&
           sodium_base642bin(ear->nonce, sizeof ear->nonce, text, json_string_length(value), NULL,
                             &ear->nonce_size, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           ear->nonce_size >= TACIT_EAR_NONCE_MIN;
}

static tacit_status_t s_take_claims(const json_t *claims, tacit_ear_t *ear,
                                    tacit_error_t *ret_error)
{
    const json_t *profile = json_object_get(claims, "eat_profile");
    const json_t *verifier = json_object_get(claims, "ear_verifier_id");
    const json_t *expires = json_object_get(claims, "exp");
    const json_t *nonce = json_object_get(claims, "eat_nonce");
    const json_t *status = json_object_get(claims, "ear_status");
    if (!json_is_string(profile) || strcmp(json_string_value(profile), TACIT_EAR_PROFILE) != 0) {
        return tacit_ear_malformed("eat_profile", TACIT_EAR_PROFILE, ret_error);
    }
    if (!s_take_time(json_object_get(claims, "iat"), &ear->issued_s)) {
        return tacit_ear_malformed("iat", "whole seconds", ret_error);
    }
    if (expires && !s_take_time(expires, &ear->expires_s)) {
        return tacit_ear_malformed("exp", "whole seconds", ret_error);
    }
    if (!s_take_text(json_object_get(verifier, "developer"), ear->developer) ||
        !s_take_text(json_object_get(verifier, "build"), ear->build)) {
        return tacit_ear_malformed("ear_verifier_id", "developer and build", ret_error);
    }
    if (nonce && !s_take_nonce(nonce, ear)) {
        return tacit_ear_malformed("eat_nonce", "8 to 64 bytes in base64url", ret_error);
    }
    tacit_status_t taken = s_take_submods(json_object_get(claims, "submods"), ear, ret_error);
    if (taken) {
        return taken;
    }
    tacit_ear_conclude(ear);
    return !status || s_take_tier(status, &ear->status)
               ? tacit_ear_check(ear, ret_error)
               : tacit_ear_malformed("ear_status", "a tier", ret_error);
}

tacit_status_t tacit_ear_read_json(tacit_span_t bytes, tacit_ear_t *ret_ear,
                                   tacit_error_t *ret_error)
{
    tacit_ear_t ear = {.submod_count = 0};
    json_t *claims =
        bytes.size > TACIT_EAR_CLAIMS_MAX
            ? NULL
            : json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    tacit_status_t status = json_is_object(claims)
                                ? s_take_claims(claims, &ear, ret_error)
                                : tacit_ear_malformed("claims-set", "a JSON object", ret_error);
    json_decref(claims);
    if (!status) {
        *ret_ear = ear;
    }
    return status;
}
