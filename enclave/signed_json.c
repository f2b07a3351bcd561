/*  signed_json.c - cutting signed bytes out of a text, and reading members strictly.  */

#include "enclave/signed_json.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "enclave/evidence_refusal.h"
#include "enclave/p256.h"

enum {
    DATE_LENGTH = 20,  /* 2025-06-19T10:56:11Z */
    ADVISORY_MAX = 32, /* characters of one advisory */
    CLAIM_MAX = 96
};

/*  --- Cutting ------------------------------------------------------------------------------- */

static const char s_blanks[] = {' ', '\t', '\r', '\n'};

/*  A cursor that failed takes nothing any more, so that it must not be waited for.  */
static void s_skip_blanks(tacit_cursor_t *cursor)
{
    while (!cursor->failed && cursor->rest.size > 0 &&
           memchr(s_blanks, cursor->rest.data[0], sizeof s_blanks)) {
        (void)tacit_cursor_take(cursor, 1);
    }
}

/*  Blank space, then this text, else failed.  */
static void s_expect(tacit_cursor_t *cursor, const char *text)
{
    s_skip_blanks(cursor);
    tacit_span_t taken = tacit_cursor_take(cursor, strlen(text));
    if (!tacit_span_equal(taken, tacit_span_string(text))) {
        cursor->failed = true;
    }
}

static void s_expect_member(tacit_cursor_t *cursor, const char *name)
{
    s_expect(cursor, "\"");
    tacit_span_t taken = tacit_cursor_take(cursor, strlen(name));
    if (!tacit_span_equal(taken, tacit_span_string(name)) ||
        tacit_cursor_u8(cursor) != (uint8_t)'"') {
        cursor->failed = true;
    }
    s_expect(cursor, ":");
}

/*  The object that starts here, from brace to matching brace; braces in strings do not count.  */
static tacit_span_t s_take_object(tacit_cursor_t *cursor)
{
    s_skip_blanks(cursor);
    tacit_span_t text = cursor->rest;
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (in_string) {
            i += byte == '\\';
            in_string = byte != '"';
            continue;
        }
        in_string = byte == '"';
        depth += byte == '{';
        if (depth == 0) {
            break;
        }
        depth -= byte == '}';
        if (depth == 0) {
            return tacit_cursor_take(cursor, i + 1);
        }
    }
    cursor->failed = true;
    return tacit_span(NULL, 0);
}

/*  The envelope has one form, as its distribution point sends it: anything else could be read
    differently elsewhere.  */
static bool s_cut(const char *member, tacit_span_t text, tacit_span_t *ret_object,
                  uint8_t ret_signature[TACIT_ECDSA_SIGNATURE_SIZE])
{
    tacit_cursor_t cursor = tacit_cursor(text);
    s_expect(&cursor, "{");
    s_expect_member(&cursor, member);
    *ret_object = s_take_object(&cursor);
    s_expect(&cursor, ",");
    s_expect_member(&cursor, "signature");
    s_expect(&cursor, "\"");
    tacit_span_t hex = tacit_cursor_take(&cursor, (size_t)2 * TACIT_ECDSA_SIGNATURE_SIZE);
    s_expect(&cursor, "\"");
    s_expect(&cursor, "}");
    s_skip_blanks(&cursor);
    return tacit_cursor_done(&cursor) &&
           sodium_hex2bin(ret_signature, TACIT_ECDSA_SIGNATURE_SIZE, (const char *)hex.data,
                          hex.size, NULL, NULL, NULL) == 0;
}

/*  --- Members ------------------------------------------------------------------------------- */

tacit_status_t tacit_signed_json_malformed(const tacit_signed_json_t *kind, const char *member,
                                           const char *expected, tacit_error_t *error)
{
    char claim[CLAIM_MAX];
    snprintf(claim, sizeof claim, "%s.%s", kind->name, member);
    return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, claim, expected,
                                 "absent, or another form");
}

bool tacit_json_number(const json_t *object, const char *member, uint64_t max, uint64_t *ret)
{
    const json_t *value = json_object_get(object, member);
    if (!json_is_integer(value)) {
        return false;
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number > max) {
        return false;
    }
    *ret = (uint64_t)number;
    return true;
}

bool tacit_json_hex(const json_t *object, const char *member, uint8_t *ret_bytes, size_t size)
{
    const json_t *value = json_object_get(object, member);
    return json_is_string(value) && json_string_length(value) == 2 * size &&
           sodium_hex2bin(ret_bytes, size, json_string_value(value), 2 * size, NULL, NULL, NULL) ==
               0;
}

bool tacit_json_is_text(const json_t *object, const char *member, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text && strcmp(text, expected) == 0;
}

/*  Two or four digits.  */
static int s_digits(const char *text, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

static bool s_date_form(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    for (size_t i = 0; i < DATE_LENGTH; i++) {
        bool fits = form[i] == '0' ? isdigit((unsigned char)text[i]) != 0 : text[i] == form[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

bool tacit_json_date(const json_t *object, const char *member, uint64_t *ret_ms)
{
    const json_t *value = json_object_get(object, member);
    if (!json_is_string(value) || json_string_length(value) != DATE_LENGTH ||
        !s_date_form(json_string_value(value))) {
        return false;
    }
    const char *text = json_string_value(value);
    struct tm given = {.tm_year = s_digits(text, 4) - 1900,
                       .tm_mon = s_digits(text + 5, 2) - 1,
                       .tm_mday = s_digits(text + 8, 2),
                       .tm_hour = s_digits(text + 11, 2),
                       .tm_min = s_digits(text + 14, 2),
                       .tm_sec = s_digits(text + 17, 2)};
    struct tm normal = given;
    time_t seconds = timegm(&normal);
    /*  timegm makes 3 March of 31 February: a date that it changed was none.  */
    if (seconds < 0 || normal.tm_mday != given.tm_mday || normal.tm_mon != given.tm_mon ||
        normal.tm_hour != given.tm_hour || normal.tm_min != given.tm_min ||
        normal.tm_sec != given.tm_sec) {
        return false;
    }
    *ret_ms = (uint64_t)seconds * 1000;
    return true;
}

/*  --- The document -------------------------------------------------------------------------- */

static tacit_status_t s_check_dates(const tacit_signed_json_t *kind, const json_t *object,
                                    uint64_t now_ms, tacit_level_t *reached, tacit_error_t *error)
{
    if (!tacit_json_date(object, "issueDate", &reached->issued_ms)) {
        return tacit_signed_json_malformed(kind, "issueDate", "a UTC date", error);
    }
    if (!tacit_json_date(object, "nextUpdate", &reached->next_update_ms)) {
        return tacit_signed_json_malformed(kind, "nextUpdate", "a UTC date", error);
    }
    if (now_ms >= reached->issued_ms && now_ms <= reached->next_update_ms) {
        return TACIT_OK;
    }
    bool early = now_ms < reached->issued_ms;
    const char *member = early ? "issueDate" : "nextUpdate";
    char claim[CLAIM_MAX];
    snprintf(claim, sizeof claim, "%s.%s", kind->name, member);
    return tacit_evidence_refuse(error, TACIT_COLLATERAL_EXPIRED, claim,
                                 early ? "before the time of verification"
                                       : "after the time of verification",
                                 json_string_value(json_object_get(object, member)));
}

static tacit_status_t s_parse(const tacit_signed_json_t *kind, tacit_span_t bytes, uint64_t now_ms,
                              json_t **ret_object, tacit_level_t *ret_reached, tacit_error_t *error)
{
    tacit_level_t reached = {0};
    uint64_t number = 0;
    json_t *object = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    tacit_status_t status = TACIT_OK;
    if (!json_is_object(object)) {
        status = tacit_signed_json_malformed(kind, kind->member, "a JSON object", error);
    } else if (!tacit_json_number(object, "tcbEvaluationDataNumber", UINT32_MAX, &number)) {
        status = tacit_signed_json_malformed(kind, "tcbEvaluationDataNumber", "a number", error);
    } else {
        status = s_check_dates(kind, object, now_ms, &reached, error);
    }
    if (status != TACIT_OK) {
        json_decref(object);
        return status;
    }
    reached.evaluation_number = (uint32_t)number;
    *ret_object = object;
    *ret_reached = reached;
    return TACIT_OK;
}

tacit_status_t tacit_signed_json_open(const tacit_signed_json_t *kind, tacit_span_t text,
                                      EVP_PKEY *signer, uint64_t now_ms, json_t **ret_object,
                                      tacit_level_t *ret_reached, tacit_error_t *ret_error)
{
    tacit_span_t bytes;
    uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE];
    if (!s_cut(kind->member, text, &bytes, signature)) {
        return tacit_signed_json_malformed(kind, kind->member,
                                           "an object followed by its signature", ret_error);
    }
    tacit_status_t status = tacit_p256_verify(signer, bytes, signature);
    if (status != TACIT_OK) {
        return tacit_evidence_refuse(ret_error, status, kind->name,
                                     "signed by the TCB signing certificate",
                                     "a signature that does not verify");
    }
    return s_parse(kind, bytes, now_ms, ret_object, ret_reached, ret_error);
}

/*  --- Levels -------------------------------------------------------------------------------- */

static bool s_advisory_form(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-') {
            return false;
        }
    }
    return size > 0 && size <= ADVISORY_MAX;
}

static tacit_status_t s_take_advisories(const tacit_signed_json_t *kind, const json_t *level,
                                        tacit_level_t *reached, tacit_error_t *error)
{
    const json_t *advisories = json_object_get(level, "advisoryIDs");
    if (advisories && !json_is_array(advisories)) {
        return tacit_signed_json_malformed(kind, "advisoryIDs", "a list of advisories", error);
    }
    for (size_t i = 0; i < json_array_size(advisories); i++) {
        const json_t *item = json_array_get(advisories, i);
        const char *text = json_string_value(item);
        if (!text || !s_advisory_form(text, json_string_length(item))) {
            return tacit_signed_json_malformed(kind, "advisoryIDs", "a list of advisories", error);
        }
        tacit_advisories_add(reached->advisories, sizeof reached->advisories, text,
                             json_string_length(item));
    }
    return TACIT_OK;
}

tacit_status_t tacit_signed_json_level(const tacit_signed_json_t *kind, const json_t *level,
                                       tacit_level_t *reached, tacit_error_t *ret_error)
{
    const char *name = json_string_value(json_object_get(level, "tcbStatus"));
    if (!name) {
        return tacit_signed_json_malformed(kind, "tcbStatus", "a status", ret_error);
    }
    tacit_tcb_status_t status;
    char claim[CLAIM_MAX];
    snprintf(claim, sizeof claim, "%s.tcbStatus", kind->name);
    if (!tacit_tcb_status_from_name(name, &status) || status > TACIT_TCB_REVOKED) {
        return tacit_evidence_refuse(ret_error, TACIT_TCB_STATUS_REFUSED, claim, "a known status",
                                     name);
    }
    uint64_t date_ms = 0;
    if (tacit_json_date(level, "tcbDate", &date_ms)) {
        snprintf(reached->date, sizeof reached->date, "%s",
                 json_string_value(json_object_get(level, "tcbDate")));
    }
    reached->status = status;
    return s_take_advisories(kind, level, reached, ret_error);
}
