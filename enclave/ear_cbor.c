/*  ear_cbor.c - claims-sets in CBOR: draft-ietf-rats-ear-04, section 3.3.  */

#include "enclave/ear.h"

#include <stdio.h>
#include <string.h>

#include "enclave/cbor_writer.h"

/*  Labels: RFC 8392, RFC 9711, the draft's section 9.1, and private ones (its section 4.1).  */
enum {
    S_EXP = 4,
    S_IAT = 6,
    S_NONCE = 10,
    S_PROFILE = 265,
    S_SUBMODS = 266,
    S_STATUS = 1000,
    S_VECTOR = 1001,
    S_POLICIES = 1003,
    S_VERIFIER = 1004,
    S_DEVELOPER = 0, /* of the verifier's identity */
    S_BUILD = 1,
    S_SIMULATED = -71000,
    S_TRUST_ANCHOR = -71001,
    S_EVIDENCE = -71002
};

enum { S_FALSE = 20, S_TRUE = 21 };

/*  --- writing --------------------------------------------------------------------------------- */

static void s_integer(tacit_cbor_writer_t *writer, int64_t number)
{
    if (number < 0) {
        tacit_cbor_write_head(writer, TACIT_CBOR_NEGATIVE, (uint64_t)(-1 - number));
    } else {
        tacit_cbor_write_head(writer, TACIT_CBOR_UNSIGNED, (uint64_t)number);
    }
}

static void s_vector(tacit_cbor_writer_t *writer, const int8_t vector[TACIT_EAR_CATEGORIES],
                     size_t count)
{
    s_integer(writer, S_VECTOR);
    tacit_cbor_write_head(writer, TACIT_CBOR_MAP, count);
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        if (vector[i] != 0) {
            s_integer(writer, (int64_t)i);
            s_integer(writer, vector[i]);
        }
    }
}

static size_t s_claim_count(const int8_t vector[TACIT_EAR_CATEGORIES])
{
    size_t count = 0;
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        count += vector[i] != 0;
    }
    return count;
}

static void s_appraisal(tacit_cbor_writer_t *writer, const tacit_ear_appraisal_t *appraisal)
{
    size_t claims = s_claim_count(appraisal->vector);
    uint64_t entries = 1U + (claims > 0) + (appraisal->policy_count > 0);
    tacit_cbor_write_head(writer, TACIT_CBOR_MAP, entries + (appraisal->is_ours ? 3 : 0));
    s_integer(writer, S_STATUS);
    s_integer(writer, appraisal->status);
    if (claims > 0) { /* AR4SI has no empty vectors */
        s_vector(writer, appraisal->vector, claims);
    }
    if (appraisal->policy_count > 0) {
        s_integer(writer, S_POLICIES);
        tacit_cbor_write_head(writer, TACIT_CBOR_ARRAY, appraisal->policy_count);
        for (size_t i = 0; i < appraisal->policy_count; i++) {
            tacit_cbor_write_text(writer, appraisal->policies[i]);
        }
    }
    if (appraisal->is_ours) {
        s_integer(writer, S_SIMULATED);
        tacit_cbor_write_head(writer, TACIT_CBOR_SIMPLE, appraisal->simulated ? S_TRUE : S_FALSE);
        s_integer(writer, S_TRUST_ANCHOR);
        tacit_cbor_write_bytes(writer, tacit_span(appraisal->trust_anchor, 32));
        s_integer(writer, S_EVIDENCE);
        tacit_cbor_write_bytes(writer, tacit_span(appraisal->evidence_sha256, 32));
    }
}

tacit_status_t tacit_ear_write_cbor(const tacit_ear_t *ear, uint8_t *ret_bytes, size_t *ret_size)
{
    tacit_cbor_writer_t writer = tacit_cbor_writer(ret_bytes, TACIT_EAR_CLAIMS_MAX);
    uint64_t entries = 5U + (ear->expires_s > 0) + (ear->nonce_size > 0);
    tacit_cbor_write_head(&writer, TACIT_CBOR_MAP, entries);
    s_integer(&writer, S_PROFILE);
    tacit_cbor_write_text(&writer, TACIT_EAR_PROFILE);
    s_integer(&writer, S_STATUS);
    s_integer(&writer, ear->status);
    s_integer(&writer, S_IAT);
    s_integer(&writer, (int64_t)ear->issued_s);
    if (ear->expires_s > 0) {
        s_integer(&writer, S_EXP);
        s_integer(&writer, (int64_t)ear->expires_s);
    }
    if (ear->nonce_size > 0) {
        s_integer(&writer, S_NONCE);
        tacit_cbor_write_bytes(&writer, tacit_span(ear->nonce, ear->nonce_size));
    }
    s_integer(&writer, S_VERIFIER);
    tacit_cbor_write_head(&writer, TACIT_CBOR_MAP, 2);
    s_integer(&writer, S_DEVELOPER);
    tacit_cbor_write_text(&writer, ear->developer);
    s_integer(&writer, S_BUILD);
    tacit_cbor_write_text(&writer, ear->build);
    s_integer(&writer, S_SUBMODS);
    tacit_cbor_write_head(&writer, TACIT_CBOR_MAP, ear->submod_count);
    for (size_t i = 0; i < ear->submod_count; i++) {
        tacit_cbor_write_text(&writer, ear->submods[i].name);
        s_appraisal(&writer, &ear->submods[i]);
    }
    if (writer.failed) {
        return TACIT_TOO_LARGE;
    }
    *ret_size = writer.size;
    return TACIT_OK;
}

/*  --- reading --------------------------------------------------------------------------------- */

static bool s_is(const tacit_cbor_t *key, int64_t label)
{
    return label < 0 ? key->type == TACIT_CBOR_NEGATIVE && key->number == (uint64_t)(-1 - label)
                     : key->type == TACIT_CBOR_UNSIGNED && key->number == (uint64_t)label;
}

/*  The value under a label of a map; false where it is no map, or has none.  */
static bool s_find(const tacit_cbor_t *map, int64_t label, tacit_cbor_t *ret_value)
{
    tacit_span_t content = map->content;
    tacit_cbor_t key;
    while (map->type == TACIT_CBOR_MAP && tacit_cbor_next(&content, &key) &&
           tacit_cbor_next(&content, ret_value)) {
        if (s_is(&key, label)) {
            return true;
        }
    }
    return false;
}

static bool s_take_text(const tacit_cbor_t *item, char ret_text[TACIT_EAR_TEXT_MAX])
{
    tacit_span_t text = item->content;
    if (item->type != TACIT_CBOR_TEXT || text.size >= TACIT_EAR_TEXT_MAX ||
        (text.size && memchr(text.data, '\0', text.size))) {
        return false;
    }
    if (text.size) {
        memcpy(ret_text, text.data, text.size);
    }
    ret_text[text.size] = '\0';
    return true;
}

static bool s_take_tier(const tacit_cbor_t *item, tacit_tier_t *ret_tier)
{
    if (item->type != TACIT_CBOR_UNSIGNED || item->number > TACIT_TIER_CONTRAINDICATED ||
        !tacit_tier_name((tacit_tier_t)item->number)) {
        return false;
    }
    *ret_tier = (tacit_tier_t)item->number;
    return true;
}

/*  False where the vector is empty, or has a category or a value that AR4SI has not.  */
static bool s_take_vector(const tacit_cbor_t *map, int8_t ret_vector[TACIT_EAR_CATEGORIES])
{
    tacit_span_t content = map->content;
    tacit_cbor_t key;
    tacit_cbor_t value;
    size_t count = 0;
    while (map->type == TACIT_CBOR_MAP && tacit_cbor_next(&content, &key) &&
           tacit_cbor_next(&content, &value)) {
        bool negative = value.type == TACIT_CBOR_NEGATIVE;
        if (key.type != TACIT_CBOR_UNSIGNED || key.number >= TACIT_EAR_CATEGORIES ||
            (value.type != TACIT_CBOR_UNSIGNED && !negative) || value.number > INT8_MAX) {
            return false;
        }
        ret_vector[key.number] = (int8_t)(negative ? -1 - (int)value.number : (int)value.number);
        count++;
    }
    return count > 0;
}

static bool s_take_policies(const tacit_cbor_t *list, tacit_ear_appraisal_t *appraisal)
{
    tacit_span_t content = list->content;
    tacit_cbor_t item;
    while (list->type == TACIT_CBOR_ARRAY && tacit_cbor_next(&content, &item)) {
        if (appraisal->policy_count == TACIT_EAR_POLICIES_MAX ||
            !s_take_text(&item, appraisal->policies[appraisal->policy_count++])) {
            return false;
        }
    }
    return appraisal->policy_count > 0;
}

static bool s_take_digest(const tacit_cbor_t *map, int64_t label, uint8_t ret_bytes[32])
{
    tacit_cbor_t item;
    if (!s_find(map, label, &item) || item.type != TACIT_CBOR_BYTES || item.content.size != 32) {
        return false;
    }
    memcpy(ret_bytes, item.content.data, 32);
    return true;
}

static tacit_status_t s_take_ours(const tacit_cbor_t *map, tacit_ear_appraisal_t *appraisal,
                                  tacit_error_t *ret_error)
{
    tacit_cbor_t item;
    if (!s_find(map, S_SIMULATED, &item)) {
        return TACIT_OK;
    }
    appraisal->is_ours = true;
    appraisal->simulated = item.number == S_TRUE;
    return item.type == TACIT_CBOR_SIMPLE && (item.number == S_TRUE || item.number == S_FALSE) &&
                   s_take_digest(map, S_TRUST_ANCHOR, appraisal->trust_anchor) &&
                   s_take_digest(map, S_EVIDENCE, appraisal->evidence_sha256)
               ? TACIT_OK
               : tacit_ear_malformed("tacit_simulated", "all three of our claims", ret_error);
}

static tacit_status_t s_take_appraisal(const tacit_cbor_t *name, const tacit_cbor_t *map,
                                       tacit_ear_appraisal_t *appraisal, tacit_error_t *ret_error)
{
    tacit_cbor_t item;
    if (map->type != TACIT_CBOR_MAP || !s_take_text(name, appraisal->name)) {
        return tacit_ear_malformed("submods", "a map of maps", ret_error);
    }
    if (!s_find(map, S_STATUS, &item) || !s_take_tier(&item, &appraisal->status)) {
        return tacit_ear_malformed("ear_status", "a tier", ret_error);
    }
    if (s_find(map, S_VECTOR, &item) && !s_take_vector(&item, appraisal->vector)) {
        return tacit_ear_malformed("ear_trustworthiness_vector", "categories and -128 to 127",
                                   ret_error);
    }
    if (s_find(map, S_POLICIES, &item) && !s_take_policies(&item, appraisal)) {
        return tacit_ear_malformed("ear_appraisal_policy_ids", "1 to 4 short texts", ret_error);
    }
    return s_take_ours(map, appraisal, ret_error);
}

static tacit_status_t s_take_submods(const tacit_cbor_t *map, tacit_ear_t *ear,
                                     tacit_error_t *ret_error)
{
    tacit_span_t content = map->content;
    tacit_cbor_t name;
    tacit_cbor_t value;
    while (map->type == TACIT_CBOR_MAP && tacit_cbor_next(&content, &name) &&
           tacit_cbor_next(&content, &value)) {
        if (ear->submod_count == TACIT_EAR_SUBMODS_MAX) {
            return tacit_ear_malformed("submods", "1 to 4 of them", ret_error);
        }
        tacit_status_t status =
            s_take_appraisal(&name, &value, &ear->submods[ear->submod_count++], ret_error);
        if (status) {
            return status;
        }
    }
    return TACIT_OK;
}

static bool s_take_time(const tacit_cbor_t *item, uint64_t *ret_seconds)
{
    if (item->type != TACIT_CBOR_UNSIGNED || item->number == 0 || item->number > INT64_MAX) {
        return false;
    }
    *ret_seconds = item->number;
    return true;
}

static bool s_take_nonce(const tacit_cbor_t *item, tacit_ear_t *ear)
{
    if (item->type != TACIT_CBOR_BYTES || item->content.size < TACIT_EAR_NONCE_MIN ||
        item->content.size > TACIT_EAR_NONCE_MAX) {
        return false;
    }
    memcpy(ear->nonce, item->content.data, item->content.size);
    ear->nonce_size = item->content.size;
    return true;
}

static bool s_take_verifier(const tacit_cbor_t *map, tacit_ear_t *ear)
{
    tacit_cbor_t developer;
    tacit_cbor_t build;
    return s_find(map, S_DEVELOPER, &developer) && s_take_text(&developer, ear->developer) &&
           s_find(map, S_BUILD, &build) && s_take_text(&build, ear->build);
}

static tacit_status_t s_take_head(const tacit_cbor_t *claims, tacit_ear_t *ear,
                                  tacit_error_t *ret_error)
{
    char profile[TACIT_EAR_TEXT_MAX];
    tacit_cbor_t item;
    if (!s_find(claims, S_PROFILE, &item) || !s_take_text(&item, profile) ||
        strcmp(profile, TACIT_EAR_PROFILE) != 0) {
        return tacit_ear_malformed("eat_profile", TACIT_EAR_PROFILE, ret_error);
    }
    if (!s_find(claims, S_IAT, &item) || !s_take_time(&item, &ear->issued_s)) {
        return tacit_ear_malformed("iat", "whole seconds", ret_error);
    }
    if (s_find(claims, S_EXP, &item) && !s_take_time(&item, &ear->expires_s)) {
        return tacit_ear_malformed("exp", "whole seconds", ret_error);
    }
    if (!s_find(claims, S_VERIFIER, &item) || !s_take_verifier(&item, ear)) {
        return tacit_ear_malformed("ear_verifier_id", "developer and build", ret_error);
    }
    return s_find(claims, S_NONCE, &item) && !s_take_nonce(&item, ear)
               ? tacit_ear_malformed("eat_nonce", "8 to 64 bytes", ret_error)
               : TACIT_OK;
}

tacit_status_t tacit_ear_read_cbor(tacit_span_t bytes, tacit_ear_t *ret_ear,
                                   tacit_error_t *ret_error)
{
    tacit_ear_t ear = {.submod_count = 0};
    tacit_cbor_t claims;
    tacit_cbor_t item;
    if (bytes.size > TACIT_EAR_CLAIMS_MAX || !tacit_cbor_read(bytes, &claims) ||
        claims.type != TACIT_CBOR_MAP) {
        return tacit_ear_malformed("claims-set", "a CBOR map", ret_error);
    }
    tacit_status_t status = s_take_head(&claims, &ear, ret_error);
    if (!status && !s_find(&claims, S_SUBMODS, &item)) {
        status = tacit_ear_malformed("submods", "at least one", ret_error);
    }
    if (!status) {
        status = s_take_submods(&item, &ear, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_ear_conclude(&ear);
    if (s_find(&claims, S_STATUS, &item) && !s_take_tier(&item, &ear.status)) {
        return tacit_ear_malformed("ear_status", "a tier", ret_error);
    }
    status = tacit_ear_check(&ear, ret_error);
    if (!status) {
        *ret_ear = ear;
    }
    return status;
}
