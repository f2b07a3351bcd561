/*  policy_document.c - the YAML schema of a policy, loaded by libcyaml.  */

#include "enclave/policy_document.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>

static const cyaml_strval_t s_booleans[] = {{"true", 1}, {"false", 0}};
static const cyaml_strval_t s_permissions[] = {{"allowed", 1}, {"refused", 0}};

static const cyaml_schema_value_t s_hash_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_DEFAULT, tacit_policy_hash_text_t, TACIT_POLICY_HASH_DIGITS,
                       TACIT_POLICY_HASH_DIGITS)};
static const cyaml_schema_value_t s_platform_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_DEFAULT, tacit_policy_platform_text_t,
                       TACIT_POLICY_PLATFORM_DIGITS, TACIT_POLICY_PLATFORM_DIGITS)};
static const cyaml_schema_value_t s_status_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_DEFAULT, char[64], 1, 63)};
static const cyaml_schema_value_t s_advisory_value = {CYAML_VALUE_STRING(
    CYAML_FLAG_DEFAULT, char[TACIT_POLICY_ADVISORY_MAX + 1], 1, TACIT_POLICY_ADVISORY_MAX)};

static const cyaml_schema_field_t s_root_fields[] = {
    CYAML_FIELD_STRING("sha256", CYAML_FLAG_DEFAULT, tacit_policy_root_text_t, sha256,
                       TACIT_POLICY_HASH_DIGITS),
    CYAML_FIELD_ENUM("simulated", CYAML_FLAG_STRICT, tacit_policy_root_text_t, simulated,
                     s_booleans, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t s_root_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, tacit_policy_root_text_t, s_root_fields)};

#define S_REGISTER(name_, field_)                                                                  \
    CYAML_FIELD_STRING(name_, CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t, field_,            \
                       TACIT_POLICY_REGISTER_DIGITS)

static const cyaml_schema_field_t s_enclave_fields[] = {
    CYAML_FIELD_STRING("role", CYAML_FLAG_DEFAULT, tacit_policy_enclave_text_t, role, 1),
    CYAML_FIELD_STRING("mrenclave", CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t, mrenclave,
                       TACIT_POLICY_HASH_DIGITS),
    CYAML_FIELD_STRING("mrsigner", CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t, mrsigner,
                       TACIT_POLICY_HASH_DIGITS),
    S_REGISTER("mrtd", mrtd),
    S_REGISTER("rtmr0", rtmr[0]),
    S_REGISTER("rtmr1", rtmr[1]),
    S_REGISTER("rtmr2", rtmr[2]),
    S_REGISTER("rtmr3", rtmr[3]),
    S_REGISTER("mrowner", mrowner),
    S_REGISTER("pcr0", pcr[0]),
    S_REGISTER("pcr1", pcr[1]),
    S_REGISTER("pcr2", pcr[2]),
    S_REGISTER("pcr8", pcr8),
    CYAML_FIELD_STRING("product", CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t, product, 1),
    CYAML_FIELD_STRING("minimum_svn", CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t, minimum_svn,
                       1),
    CYAML_FIELD_ENUM("debug", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, tacit_policy_enclave_text_t,
                     debug, s_permissions, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t s_enclave_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, tacit_policy_enclave_text_t, s_enclave_fields)};

#define S_LIST          CYAML_FLAG_POINTER
#define S_OPTIONAL_LIST (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t s_revoked_fields[] = {
    CYAML_FIELD_SEQUENCE("measurements", S_OPTIONAL_LIST, tacit_policy_revoked_text_t, measurements,
                         &s_hash_value, 0, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_SEQUENCE("signers", S_OPTIONAL_LIST, tacit_policy_revoked_text_t, signers,
                         &s_hash_value, 0, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_SEQUENCE("platforms", S_OPTIONAL_LIST, tacit_policy_revoked_text_t, platforms,
                         &s_platform_value, 0, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_SEQUENCE("users", S_OPTIONAL_LIST, tacit_policy_revoked_text_t, users,
                         &s_hash_value, 0, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t s_changes_fields[] = {
    CYAML_FIELD_STRING("signatures", CYAML_FLAG_DEFAULT, tacit_policy_changes_text_t, signatures,
                       1),
    CYAML_FIELD_SEQUENCE("keys", S_LIST, tacit_policy_changes_text_t, keys, &s_hash_value, 1,
                         TACIT_POLICY_CHANGERS_MAX),
    CYAML_FIELD_END,
};

/*  An allow-list of platforms that is there and empty would read as "all": it needs one entry.  */
static const cyaml_schema_field_t s_document_fields[] = {
    CYAML_FIELD_STRING("policy", CYAML_FLAG_DEFAULT, tacit_policy_document_t, policy, 1),
    CYAML_FIELD_STRING("number", CYAML_FLAG_DEFAULT, tacit_policy_document_t, number, 1),
    CYAML_FIELD_STRING("previous", CYAML_FLAG_DEFAULT, tacit_policy_document_t, previous,
                       TACIT_POLICY_HASH_DIGITS),
    CYAML_FIELD_SEQUENCE("roots", S_LIST, tacit_policy_document_t, roots, &s_root_value, 0,
                         TACIT_POLICY_ROOTS_MAX),
    CYAML_FIELD_SEQUENCE("enclaves", S_LIST, tacit_policy_document_t, enclaves, &s_enclave_value, 0,
                         TACIT_POLICY_ENCLAVES_MAX),
    CYAML_FIELD_SEQUENCE("statuses", S_LIST, tacit_policy_document_t, statuses, &s_status_value, 0,
                         TACIT_TCB_STATUSES - 1),
    CYAML_FIELD_SEQUENCE("advisories_accepted", S_OPTIONAL_LIST, tacit_policy_document_t,
                         advisories, &s_advisory_value, 0, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_SEQUENCE("platforms", S_OPTIONAL_LIST, tacit_policy_document_t, platforms,
                         &s_platform_value, 1, TACIT_POLICY_LIST_MAX),
    CYAML_FIELD_MAPPING("revoked", CYAML_FLAG_OPTIONAL, tacit_policy_document_t, revoked,
                        s_revoked_fields),
    CYAML_FIELD_STRING("minimum_tcb_evaluation_number", CYAML_FLAG_OPTIONAL,
                       tacit_policy_document_t, evaluation, 1),
    CYAML_FIELD_MAPPING("changes", CYAML_FLAG_OPTIONAL, tacit_policy_document_t, changes,
                        s_changes_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t s_document_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, tacit_policy_document_t, s_document_fields)};

/*  The next line without its end; false at the end of the text.  */
static bool s_next_line(tacit_cursor_t *cursor, tacit_span_t *ret_line)
{
    if (cursor->rest.size == 0) {
        return false;
    }
    const uint8_t *end = memchr(cursor->rest.data, '\n', cursor->rest.size);
    size_t size = end ? (size_t)(end - cursor->rest.data) : cursor->rest.size;
    *ret_line = tacit_cursor_take(cursor, size);
    (void)tacit_cursor_take(cursor, end ? 1 : 0);
    return true;
}

bool tacit_policy_line(tacit_span_t text, const char *needle, unsigned first, char *ret_line,
                       size_t size)
{
    tacit_cursor_t cursor = tacit_cursor(text);
    tacit_span_t line = {0};
    ret_line[0] = '\0';
    for (unsigned number = 1; s_next_line(&cursor, &line); number++) {
        if (number >= first && line.size > 0 &&
            memmem(line.data, line.size, needle, strlen(needle))) {
            while (line.size > 0 && line.data[0] == ' ') {
                line = tacit_span(line.data + 1, line.size - 1);
            }
            snprintf(ret_line, size, "line %u: %.*s", number, (int)line.size,
                     (const char *)line.data);
            return true;
        }
    }
    return false;
}

/*  What libcyaml said: the first message, and the first line of its backtrace.  */
typedef struct s_complaint {
    char message[TACIT_ERROR_VALUE_MAX];
    unsigned line;
} s_complaint_t;

static void s_hear(cyaml_log_t level, void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void s_hear(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    s_complaint_t *complaint = context;
    char message[TACIT_ERROR_VALUE_MAX];
    vsnprintf(message, sizeof message, format, arguments);
    const char *place = strstr(message, "(line: ");
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    if (place) {
        if (complaint->line == 0) {
            complaint->line = (unsigned)strtoul(place + strlen("(line: "), NULL, 10);
        }
    } else if (!complaint->message[0] && !strstr(message, "Backtrace")) {
        const char *said = strncmp(message, "Load: ", 6) == 0 ? message + 6 : message;
        snprintf(complaint->message, sizeof complaint->message, "%.*s", (int)strcspn(said, "\n"),
                 said);
    }
}

/*  libcyaml names the place that it had reached; the key at fault may stand a line further on.  */
static tacit_status_t s_refuse(tacit_span_t text, cyaml_err_t cause, const s_complaint_t *complaint,
                               tacit_error_t *error)
{
    const char *message = complaint->message[0] ? complaint->message : cyaml_strerror(cause);
    const char *culprit = strrchr(message, ' ');
    char line[TACIT_ERROR_VALUE_MAX] = "";
    if (!culprit || !tacit_policy_line(text, culprit + 1, complaint->line, line, sizeof line)) {
        (void)tacit_policy_line(text, "", complaint->line, line, sizeof line);
    }
    if (error) {
        tacit_error_set(error, TACIT_POLICY_REFUSED, "near line %u of the policy: %s",
                        complaint->line, message);
        snprintf(error->claim, sizeof error->claim, "policy line %u", complaint->line);
    }
    tacit_error_policy(error, "%s", line);
    tacit_error_remedy(error, "correct the policy text (docs/policy.md) and sign it again");
    return TACIT_POLICY_REFUSED;
}

/*  libcyaml reads the first document and stops, and YAML has ways to write what is not seen:
    nothing may follow unread, nor hide behind directives, escapes or letters that look alike.  */
static bool s_line_plain(tacit_span_t line, bool first)
{
    if (line.size > 0 &&
        (line.data[0] == '%' || line.data[0] == '.' ||
         (!first && line.size > 1 && line.data[0] == '-' && line.data[1] == '-'))) {
        return false;
    }
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] < 0x20 || line.data[i] >= 0x7f || line.data[i] == '\\') {
            return false;
        }
    }
    return true;
}

static tacit_status_t s_check_text(tacit_span_t text, tacit_error_t *error)
{
    tacit_cursor_t cursor = tacit_cursor(text);
    tacit_span_t line = {0};
    if (text.size == 0 || text.size > TACIT_POLICY_TEXT_MAX) {
        return tacit_error_claim(error, TACIT_POLICY_REFUSED, "the policy text", "1 to 65536 bytes",
                                 "something else");
    }
    for (unsigned number = 1; s_next_line(&cursor, &line); number++) {
        if (!s_line_plain(line, number == 1)) {
            tacit_error_set(error, TACIT_POLICY_REFUSED,
                            "line %u of the policy: one document of printable ASCII is wanted, "
                            "without directives and backslashes",
                            number);
            return TACIT_POLICY_REFUSED;
        }
    }
    return TACIT_OK;
}

static cyaml_config_t s_config(s_complaint_t *complaint)
{
    return (cyaml_config_t){
        .log_fn = s_hear,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

tacit_status_t tacit_policy_document_load(tacit_span_t text, tacit_policy_document_t **ret_document,
                                          tacit_error_t *ret_error)
{
    s_complaint_t complaint = {0};
    const cyaml_config_t config = s_config(&complaint);
    cyaml_data_t *document = NULL;
    tacit_status_t status = s_check_text(text, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    cyaml_err_t cause =
        cyaml_load_data(text.data, text.size, &config, &s_document_value, &document, NULL);
    if (cause == CYAML_ERR_OOM) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (cause != CYAML_OK) {
        return s_refuse(text, cause, &complaint, ret_error);
    }
    if (!document) { /* nothing but comments */
        return tacit_error_claim(ret_error, TACIT_POLICY_REFUSED, "the policy text", "a policy",
                                 "nothing");
    }
    *ret_document = document;
    return TACIT_OK;
}

void tacit_policy_document_destroy(tacit_policy_document_t **document)
{
    if (document && *document) {
        s_complaint_t complaint = {0};
        const cyaml_config_t config = s_config(&complaint);
        (void)cyaml_free(&config, &s_document_value, *document, 0);
        *document = NULL;
    }
}
