/*  ear_token.c - headers, signatures, and the order: form, signature, claims, time.  */

#include "enclave/ear_token.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/cbor_writer.h"
#include "enclave/ear_signature.h"

enum { S_SKEW_MS = 60 * 1000, S_COSE_TAG = 18, S_CWT_TAG = 61, S_COSE_ALG = 1 };

static tacit_status_t s_malformed(const char *claim, const char *expected, tacit_error_t *ret_error)
{
    return tacit_ear_malformed(claim, expected, ret_error);
}

/*  --- JWT ------------------------------------------------------------------------------------- */

/*  base64url without padding after what is there; false without room.  */
static bool s_append_base64(tacit_span_t bytes, uint8_t *token, size_t *size)
{
    size_t room = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (room > TACIT_EAR_TOKEN_MAX - *size) {
        return false;
    }
    sodium_bin2base64((char *)token + *size, room, bytes.data, bytes.size,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *size += room - 1;
    return true;
}

static tacit_status_t s_sign_jwt(tacit_span_t claims, const tacit_ear_algorithm_t *algorithm,
                                 EVP_PKEY *key, uint8_t *ret_token, size_t *ret_size)
{
    char header[64];
    uint8_t signature[TACIT_EAR_SIGNATURE_SIZE];
    size_t size = 0;
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algorithm->jose);
    bool fits = s_append_base64(tacit_span_string(header), ret_token, &size);
    ret_token[size++] = '.';
    fits = fits && s_append_base64(claims, ret_token, &size);
    if (!fits) {
        return TACIT_TOO_LARGE;
    }
    tacit_status_t status =
        tacit_ear_signature_make(algorithm, key, tacit_span(ret_token, size), signature);
    if (status) {
        return status;
    }
    ret_token[size++] = '.';
    if (!s_append_base64(tacit_span(signature, sizeof signature), ret_token, &size)) {
        return TACIT_TOO_LARGE;
    }
    *ret_size = size;
    return TACIT_OK;
}

/*  The part up to the next dot or the end, decoded into room bytes.  */
static bool s_next_part(tacit_span_t *rest, uint8_t *ret_bytes, size_t room, size_t *ret_size)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *dot = memchr(rest->data, '.', rest->size);
    size_t size = dot ? (size_t)(dot - rest->data) : rest->size;
    if (sodium_base642bin(ret_bytes, room, (const char *)rest->data, size, NULL, ret_size, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return false;
    }
    *rest = tacit_span(rest->data + size + (dot != NULL), rest->size - size - (dot != NULL));
    return true;
}

/*  RFC 7515, section 4.1.11: what is critical and not understood is refused; we understand nothing.
 */
static bool s_is_header(tacit_span_t bytes, const tacit_ear_algorithm_t *algorithm)
{
    json_t *header = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(header, "alg"));
    bool good = name && strcmp(name, algorithm->jose) == 0 && !json_object_get(header, "crit");
    json_decref(header);
    return good;
}

static tacit_status_t s_open_jwt(tacit_span_t token, const tacit_ear_algorithm_t *algorithm,
                                 EVP_PKEY *key, uint8_t *claims, size_t *ret_size,
                                 tacit_error_t *ret_error)
{
    uint8_t header[256];
    uint8_t signature[TACIT_EAR_SIGNATURE_SIZE];
    size_t header_size = 0;
    size_t signature_size = 0;
    tacit_span_t rest = token;
    if (!s_next_part(&rest, header, sizeof header, &header_size) ||
        !s_next_part(&rest, claims, TACIT_EAR_CLAIMS_MAX, ret_size) || rest.size == 0) {
        return s_malformed("token", "three parts in base64url", ret_error);
    }
    tacit_span_t signed_part = tacit_span(token.data, (size_t)(rest.data - token.data) - 1);
    if (!s_next_part(&rest, signature, sizeof signature, &signature_size) || rest.size > 0 ||
        token.data[token.size - 1] == '.' || signature_size != sizeof signature) {
        return s_malformed("token", "a signature of 64 bytes at its end", ret_error);
    }
    if (!s_is_header(tacit_span(header, header_size), algorithm)) {
        return s_malformed("header", "the key's algorithm, and nothing critical", ret_error);
    }
    return tacit_ear_signature_check(algorithm, key, signed_part, signature, ret_error);
}

/*  --- CWT ------------------------------------------------------------------------------------- */

static size_t s_protected(const tacit_ear_algorithm_t *algorithm, uint8_t ret_bytes[8])
{
    tacit_cbor_writer_t writer = tacit_cbor_writer(ret_bytes, 8);
    tacit_cbor_write_head(&writer, TACIT_CBOR_MAP, 1);
    tacit_cbor_write_head(&writer, TACIT_CBOR_UNSIGNED, S_COSE_ALG);
    tacit_cbor_write_head(&writer, TACIT_CBOR_NEGATIVE, (uint64_t)(-1 - algorithm->cose));
    return writer.size;
}

/*  Sig_structure of RFC 9052, section 4.4; free() it.  */
static uint8_t *s_to_be_signed(tacit_span_t header, tacit_span_t claims, size_t *ret_size)
{
    size_t room = claims.size + header.size + 64;
    uint8_t *bytes = malloc(room);
    if (!bytes) {
        return NULL;
    }
    tacit_cbor_writer_t writer = tacit_cbor_writer(bytes, room);
    tacit_cbor_write_head(&writer, TACIT_CBOR_ARRAY, 4);
    tacit_cbor_write_text(&writer, "Signature1");
    tacit_cbor_write_bytes(&writer, header);
    tacit_cbor_write_bytes(&writer, tacit_span("", 0));
    tacit_cbor_write_bytes(&writer, claims);
    *ret_size = writer.size;
    return bytes;
}

static tacit_status_t s_sign_cwt(tacit_span_t claims, const tacit_ear_algorithm_t *algorithm,
                                 EVP_PKEY *key, uint8_t *ret_token, size_t *ret_size)
{
    uint8_t header[8];
    uint8_t signature[TACIT_EAR_SIGNATURE_SIZE];
    size_t size = 0;
    tacit_span_t protected = tacit_span(header, s_protected(algorithm, header));
    uint8_t *bytes = s_to_be_signed(protected, claims, &size);
    if (!bytes) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status =
        tacit_ear_signature_make(algorithm, key, tacit_span(bytes, size), signature);
    free(bytes);
    tacit_cbor_writer_t writer = tacit_cbor_writer(ret_token, TACIT_EAR_TOKEN_MAX);
    tacit_cbor_write_head(&writer, TACIT_CBOR_TAG, S_COSE_TAG);
    tacit_cbor_write_head(&writer, TACIT_CBOR_ARRAY, 4);
    tacit_cbor_write_bytes(&writer, protected);
    tacit_cbor_write_head(&writer, TACIT_CBOR_MAP, 0);
    tacit_cbor_write_bytes(&writer, claims);
    tacit_cbor_write_bytes(&writer, tacit_span(signature, sizeof signature));
    if (!status) {
        *ret_size = writer.size;
    }
    return status ? status : (writer.failed ? TACIT_TOO_LARGE : TACIT_OK);
}

/*  Inside one tag of that number, where there is one.  */
static void s_untag(tacit_cbor_t *item, uint64_t tag)
{
    tacit_span_t content = item->content;
    if (item->type == TACIT_CBOR_TAG && item->number == tag) {
        (void)!tacit_cbor_next(&content, item);
    }
}

/*  The four parts of a COSE_Sign1; false where it is none, or has other headers.  */
static bool s_take_sign1(tacit_span_t token, tacit_cbor_t ret_parts[4])
{
    static const tacit_cbor_type_t types[4] = {TACIT_CBOR_BYTES, TACIT_CBOR_MAP, TACIT_CBOR_BYTES,
                                               TACIT_CBOR_BYTES};
    tacit_cbor_t item;
    if (!tacit_cbor_read(token, &item)) {
        return false;
    }
    s_untag(&item, S_CWT_TAG);
    s_untag(&item, S_COSE_TAG);
    tacit_span_t content = item.content;
    if (item.type != TACIT_CBOR_ARRAY || item.number != 4) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if (!tacit_cbor_next(&content, &ret_parts[i]) || ret_parts[i].type != types[i]) {
            return false;
        }
    }
    return true;
}

static tacit_status_t s_open_cwt(tacit_span_t token, const tacit_ear_algorithm_t *algorithm,
                                 EVP_PKEY *key, tacit_span_t *ret_claims, tacit_error_t *ret_error)
{
    uint8_t wanted[8];
    tacit_cbor_t parts[4];
    size_t size = 0;
    size_t wanted_size = s_protected(algorithm, wanted);
    if (!s_take_sign1(token, parts) || parts[3].content.size != TACIT_EAR_SIGNATURE_SIZE ||
        parts[2].content.size > TACIT_EAR_CLAIMS_MAX) {
        return s_malformed("token", "one COSE_Sign1", ret_error);
    }
    if (parts[0].content.size != wanted_size ||
        memcmp(parts[0].content.data, wanted, wanted_size) != 0) {
        return s_malformed("header", "the key's algorithm, and nothing else", ret_error);
    }
    uint8_t *bytes = s_to_be_signed(parts[0].content, parts[2].content, &size);
    if (!bytes) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_ear_signature_check(algorithm, key, tacit_span(bytes, size),
                                                      parts[3].content.data, ret_error);
    free(bytes);
    if (!status) {
        *ret_claims = parts[2].content;
    }
    return status;
}

/*  --- both ------------------------------------------------------------------------------------ */

tacit_status_t tacit_ear_sign(const tacit_ear_t *ear, tacit_ear_format_t format, EVP_PKEY *key,
                              uint8_t *ret_token, size_t *ret_size, tacit_error_t *ret_error)
{
    uint8_t claims[TACIT_EAR_CLAIMS_MAX];
    size_t size = 0;
    const tacit_ear_algorithm_t *algorithm = tacit_ear_algorithm(key, ret_error);
    if (!algorithm) {
        return TACIT_UNSUPPORTED;
    }
    bool jwt = format == TACIT_EAR_JWT;
    tacit_status_t status =
        jwt ? tacit_ear_write_json(ear, claims, &size) : tacit_ear_write_cbor(ear, claims, &size);
    if (!status) {
        status = jwt ? s_sign_jwt(tacit_span(claims, size), algorithm, key, ret_token, ret_size)
                     : s_sign_cwt(tacit_span(claims, size), algorithm, key, ret_token, ret_size);
    }
    return status ? tacit_error_set(ret_error, status, "cannot sign the attestation result")
                  : TACIT_OK;
}

static tacit_status_t s_check_time(const tacit_ear_t *ear, uint64_t now_ms,
                                   tacit_error_t *ret_error)
{
    if (ear->issued_s > (now_ms + S_SKEW_MS) / 1000) {
        return tacit_error_claim(ret_error, TACIT_RESULT_INVALID, "iat", "a time in the past",
                                 "a time to come");
    }
    return ear->expires_s > 0 && ear->expires_s <= now_ms / 1000
               ? tacit_error_claim(ret_error, TACIT_RESULT_EXPIRED, "exp", "a time to come",
                                   "a time in the past")
               : TACIT_OK;
}

static tacit_status_t s_open(tacit_span_t token, EVP_PKEY *key,
                             const tacit_ear_algorithm_t *algorithm, tacit_ear_t *ear,
                             tacit_ear_format_t *ret_format, tacit_error_t *ret_error)
{
    uint8_t claims[TACIT_EAR_CLAIMS_MAX];
    size_t size = 0;
    tacit_span_t inside = tacit_span(NULL, 0);
    bool jwt = token.size > 0 && token.data[0] == 'e'; /* of {" in base64 */
    tacit_status_t status = jwt ? s_open_jwt(token, algorithm, key, claims, &size, ret_error)
                                : s_open_cwt(token, algorithm, key, &inside, ret_error);
    if (!status) {
        status = jwt ? tacit_ear_read_json(tacit_span(claims, size), ear, ret_error)
                     : tacit_ear_read_cbor(inside, ear, ret_error);
    }
    *ret_format = jwt ? TACIT_EAR_JWT : TACIT_EAR_CWT;
    return status;
}

tacit_status_t tacit_ear_verify(tacit_span_t token, EVP_PKEY *key, uint64_t now_ms,
                                tacit_ear_t *ret_ear, tacit_ear_format_t *ret_format,
                                tacit_error_t *ret_error)
{
    tacit_ear_t ear;
    tacit_ear_format_t format = TACIT_EAR_JWT;
    const tacit_ear_algorithm_t *algorithm = tacit_ear_algorithm(key, ret_error);
    if (!algorithm) {
        return TACIT_UNSUPPORTED;
    }
    if (token.size > TACIT_EAR_TOKEN_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the token is too large");
    }
    tacit_status_t status = s_open(token, key, algorithm, &ear, &format, ret_error);
    if (!status) {
        status = s_check_time(&ear, now_ms, ret_error);
    }
    if (!status) {
        *ret_ear = ear;
        *ret_format = format;
    }
    return status;
}
