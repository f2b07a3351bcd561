/*  enclave_configuration.c - parsing and writing EXECUTABLE.enclave.

    One line at a time, copied into a buffer of the longest legal line; one table of keys.  */

#include "enclave/enclave_configuration.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    S_HEX_SIZE = 64,
    S_LINE_MAX = TACIT_CONFIGURATION_PATH_MAX + S_HEX_SIZE + 32,
    S_DIGITS_MAX = 5
};

/*  Sets one key from its value; what is wrong with it, or NULL.  */
typedef const char *s_set_fn(tacit_enclave_configuration_t *configuration, const char *value);

static const char *s_set_role(tacit_enclave_configuration_t *configuration, const char *value)
{
    configuration->role = tacit_role_from_name(value);
    return tacit_role_is_enclave(configuration->role)
               ? NULL
               : "role must be attestation, keys, models, gateway or worker";
}

/*  Decimal without sign or leading zero.  */
static bool s_number(const char *value, uint16_t *ret_number)
{
    size_t size = strlen(value);
    uint32_t number = 0;
    if (size == 0 || size > S_DIGITS_MAX || (size > 1 && value[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(value[i] - '0');
    }
    if (number > UINT16_MAX) {
        return false;
    }
    *ret_number = (uint16_t)number;
    return true;
}

static const char *s_set_product(tacit_enclave_configuration_t *configuration, const char *value)
{
    return s_number(value, &configuration->product_id) ? NULL
                                                       : "product must be a number up to 65535";
}

static const char *s_set_svn(tacit_enclave_configuration_t *configuration, const char *value)
{
    return s_number(value, &configuration->svn) ? NULL : "svn must be a number up to 65535";
}

static const char *s_set_debug(tacit_enclave_configuration_t *configuration, const char *value)
{
    configuration->debug = strcmp(value, "yes") == 0;
    return configuration->debug || strcmp(value, "no") == 0 ? NULL : "debug must be yes or no";
}

static const char *s_set_isolation(tacit_enclave_configuration_t *configuration, const char *value)
{
    configuration->isolation = tacit_isolation_from_name(value);
    return configuration->isolation ? NULL : "isolation must be standard or strict";
}

static const char *s_set_backend(tacit_enclave_configuration_t *configuration, const char *value)
{
    configuration->backend = tacit_backend_from_name(value);
    return configuration->backend ? NULL : "backend must be onednn or portable";
}

static bool s_is_path(const char *path, size_t size)
{
    if (size < 2 || size >= TACIT_CONFIGURATION_PATH_MAX || path[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/*  Lower case only: one spelling for each hash.  */
static bool s_is_hex(const char *text)
{
    return strspn(text, "0123456789abcdef") == S_HEX_SIZE && text[S_HEX_SIZE] == '\0';
}

static const char *s_add_library(tacit_enclave_configuration_t *configuration, const char *value)
{
    const char *space = strrchr(value, ' '); /* a path may have spaces, a hash has none */
    if (!space || !s_is_path(value, (size_t)(space - value)) || !s_is_hex(space + 1)) {
        return "library must be an absolute path and a SHA-256 in lower-case hex";
    }
    if (configuration->library_count >= TACIT_CONFIGURATION_LIBRARIES_MAX) {
        return "too many libraries";
    }
    tacit_library_t *library = &configuration->libraries[configuration->library_count];
    snprintf(library->path, sizeof library->path, "%.*s", (int)(space - value), value);
    if (tacit_enclave_configuration_find(configuration, library->path)) {
        return "the same library twice";
    }
    sodium_hex2bin(library->sha256, sizeof library->sha256, space + 1, S_HEX_SIZE, NULL, NULL,
                   NULL);
    configuration->library_count++;
    return NULL;
}

typedef enum { S_ONCE, S_ONCE_IN_WORKERS, S_ANY } s_count_t;

typedef struct {
    const char *key;
    s_set_fn *set;
    s_count_t count;
} s_key_t;

static const s_key_t s_keys[] = {
    {"role", s_set_role, S_ONCE},
    {"product", s_set_product, S_ONCE},
    {"svn", s_set_svn, S_ONCE},
    {"debug", s_set_debug, S_ONCE},
    {"isolation", s_set_isolation, S_ONCE_IN_WORKERS},
    {"backend", s_set_backend, S_ONCE_IN_WORKERS},
    {"library", s_add_library, S_ANY},
};

enum { S_KEY_COUNT = sizeof s_keys / sizeof s_keys[0] };

typedef struct {
    tacit_enclave_configuration_t *configuration;
    bool seen[S_KEY_COUNT];
} s_parser_t;

static const char *s_parse_line(s_parser_t *parser, char *line)
{
    char *equals = strstr(line, " = ");
    if (!equals) {
        return "expected `key = value`";
    }
    *equals = '\0';
    for (size_t i = 0; i < S_KEY_COUNT; i++) {
        if (strcmp(s_keys[i].key, line) != 0) {
            continue;
        }
        if (parser->seen[i] && s_keys[i].count != S_ANY) {
            return "the same key twice";
        }
        parser->seen[i] = true;
        return s_keys[i].set(parser->configuration, equals + 3);
    }
    return "unknown key";
}

/*  Takes one line off the text into line; what is wrong with it, or NULL.  */
static const char *s_take_line(tacit_cursor_t *cursor, char line[S_LINE_MAX])
{
    const uint8_t *end = memchr(cursor->rest.data, '\n', cursor->rest.size);
    if (!end) {
        return "the last line has no end";
    }
    size_t size = (size_t)(end - cursor->rest.data);
    if (size >= S_LINE_MAX) {
        return "the line is too long";
    }
    tacit_cursor_copy(cursor, line, size);
    line[size] = '\0';
    (void)tacit_cursor_take(cursor, 1);
    return strlen(line) == size ? NULL : "a zero byte";
}

static bool s_is_worker(const s_parser_t *parser)
{
    return parser->configuration->role == TACIT_ROLE_WORKER;
}

static const char *s_missing(const s_parser_t *parser)
{
    for (size_t i = 0; i < S_KEY_COUNT; i++) {
        bool needed = s_keys[i].count == S_ONCE ||
                      (s_keys[i].count == S_ONCE_IN_WORKERS && s_is_worker(parser));
        if (!parser->seen[i] && needed) {
            return s_keys[i].key;
        }
    }
    return NULL;
}

static tacit_status_t s_check_isolation(const s_parser_t *parser, tacit_error_t *ret_error)
{
    const tacit_enclave_configuration_t *read = parser->configuration;
    if (!s_is_worker(parser) && (read->isolation || read->backend)) {
        return tacit_error_set(ret_error, TACIT_MALFORMED,
                               "enclave configuration: isolation and backend are a worker's");
    }
    if (s_is_worker(parser) && !tacit_isolation_allows(read->isolation, read->backend)) {
        return tacit_error_set(
            ret_error, TACIT_MALFORMED, "enclave configuration: %s isolation does not let %s work",
            tacit_isolation_name(read->isolation), tacit_backend_name(read->backend));
    }
    return TACIT_OK;
}

static tacit_status_t s_parse(s_parser_t *parser, tacit_span_t text, tacit_error_t *ret_error)
{
    tacit_cursor_t cursor = tacit_cursor(text);
    for (size_t number = 1; cursor.rest.size > 0; number++) {
        char line[S_LINE_MAX];
        const char *wrong = s_take_line(&cursor, line);
        if (!wrong) {
            wrong = s_parse_line(parser, line);
        }
        if (wrong) {
            return tacit_error_set(ret_error, TACIT_MALFORMED,
                                   "enclave configuration, line %zu: %s", number, wrong);
        }
    }
    const char *missing = s_missing(parser);
    if (missing) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "enclave configuration: %s is missing",
                               missing);
    }
    if (parser->configuration->product_id != parser->configuration->role) {
        return tacit_error_set(ret_error, TACIT_MALFORMED,
                               "enclave configuration: product %u is not the role's, %d",
                               parser->configuration->product_id, parser->configuration->role);
    }
    return s_check_isolation(parser, ret_error);
}

tacit_status_t tacit_enclave_configuration_parse(tacit_span_t text,
                                                 tacit_enclave_configuration_t **ret_configuration,
                                                 tacit_error_t *ret_error)
{
    if (text.size > TACIT_CONFIGURATION_TEXT_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE,
                               "enclave configuration of %zu bytes, more than %d", text.size,
                               TACIT_CONFIGURATION_TEXT_MAX);
    }
    s_parser_t parser = {.configuration = calloc(1, sizeof *parser.configuration)};
    if (!parser.configuration) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    parser.configuration->libraries =
        calloc(TACIT_CONFIGURATION_LIBRARIES_MAX, sizeof *parser.configuration->libraries);
    tacit_status_t status = parser.configuration->libraries
                                ? s_parse(&parser, text, ret_error)
                                : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status) {
        tacit_enclave_configuration_destroy(&parser.configuration);
        return status;
    }
    *ret_configuration = parser.configuration;
    return TACIT_OK;
}

void tacit_enclave_configuration_destroy(tacit_enclave_configuration_t **configuration)
{
    if (configuration && *configuration) {
        free((*configuration)->libraries);
        free(*configuration);
        *configuration = NULL;
    }
}

tacit_status_t
tacit_enclave_configuration_format(const tacit_enclave_configuration_t *configuration,
                                   char **ret_text, tacit_error_t *ret_error)
{
    char *text = malloc(TACIT_CONFIGURATION_TEXT_MAX + 1);
    if (!text) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    size_t size = (size_t)snprintf(text, TACIT_CONFIGURATION_TEXT_MAX + 1,
                                   "role = %s\nproduct = %u\nsvn = %u\ndebug = %s\n",
                                   tacit_role_name(configuration->role), configuration->product_id,
                                   configuration->svn, configuration->debug ? "yes" : "no");
    if (configuration->role == TACIT_ROLE_WORKER) {
        size += (size_t)snprintf(text + size, TACIT_CONFIGURATION_TEXT_MAX + 1 - size,
                                 "isolation = %s\nbackend = %s\n",
                                 tacit_isolation_name(configuration->isolation),
                                 tacit_backend_name(configuration->backend));
    }
    for (size_t i = 0; i < configuration->library_count; i++) {
        const tacit_library_t *library = &configuration->libraries[i];
        char hex[S_HEX_SIZE + 1];
        sodium_bin2hex(hex, sizeof hex, library->sha256, sizeof library->sha256);
        size += (size_t)snprintf(text + size, TACIT_CONFIGURATION_TEXT_MAX + 1 - size,
                                 "library = %s %s\n", library->path, hex);
        if (size > TACIT_CONFIGURATION_TEXT_MAX) {
            free(text);
            return tacit_error_set(ret_error, TACIT_TOO_LARGE,
                                   "the libraries need more than %d bytes of configuration",
                                   TACIT_CONFIGURATION_TEXT_MAX);
        }
    }
    *ret_text = text;
    return TACIT_OK;
}

const tacit_library_t *
tacit_enclave_configuration_find(const tacit_enclave_configuration_t *configuration,
                                 const char *path)
{
    for (size_t i = 0; i < configuration->library_count; i++) {
        if (strcmp(configuration->libraries[i].path, path) == 0) {
            return &configuration->libraries[i];
        }
    }
    return NULL;
}
