/*  enclave_configuration_test.c - one way to write a configuration; every other is refused with
    its line.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/enclave_configuration.h"

#define S_HASH   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define S_HEAD   "role = keys\nproduct = 2\nsvn = 7\ndebug = no\n"
#define S_WORKER "role = worker\nproduct = 5\nsvn = 7\ndebug = no\n"

static tacit_status_t s_parse(const char *text, tacit_error_t *error)
{
    tacit_enclave_configuration_t *configuration = NULL;
    tacit_status_t status =
        tacit_enclave_configuration_parse(tacit_span_string(text), &configuration, error);
    tacit_enclave_configuration_destroy(&configuration);
    return status;
}

static void s_reads_every_key(void **state)
{
    (void)state;
    tacit_enclave_configuration_t *configuration = NULL;
    const char *text = "role = keys\nproduct = 2\nsvn = 65535\ndebug = yes\n"
                       "library = /lib/a b.so " S_HASH "\nlibrary = /lib/c.so " S_HASH "\n";
    assert_int_equal(
        tacit_enclave_configuration_parse(tacit_span_string(text), &configuration, NULL), TACIT_OK);
    assert_int_equal(configuration->role, TACIT_ROLE_KEYS);
    assert_int_equal(configuration->product_id, 2);
    assert_int_equal(configuration->svn, 65535);
    assert_true(configuration->debug);
    assert_int_equal(configuration->library_count, 2);
    assert_string_equal(configuration->libraries[0].path, "/lib/a b.so");
    assert_int_equal(configuration->libraries[1].sha256[31], 0xff);
    assert_ptr_equal(tacit_enclave_configuration_find(configuration, "/lib/c.so"),
                     &configuration->libraries[1]);
    assert_null(tacit_enclave_configuration_find(configuration, "/lib/c.so.1"));
    tacit_enclave_configuration_destroy(&configuration);
    assert_null(configuration);
}

static void s_writes_what_it_reads(void **state)
{
    (void)state;
    tacit_enclave_configuration_t *configuration = NULL;
    char *written = NULL;
    const char *text = S_HEAD "library = /lib/a.so " S_HASH "\n";
    assert_int_equal(
        tacit_enclave_configuration_parse(tacit_span_string(text), &configuration, NULL), TACIT_OK);
    assert_int_equal(tacit_enclave_configuration_format(configuration, &written, NULL), TACIT_OK);
    assert_string_equal(written, text);
    free(written);
    tacit_enclave_configuration_destroy(&configuration);
}

/*  Each pair that goes together, and in which order the two stand.  */
static void s_a_worker_says_how_it_works(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tacit_isolation_t isolation;
        tacit_backend_t backend;
    } rows[] = {
        {S_WORKER "isolation = standard\nbackend = onednn\n", TACIT_ISOLATION_STANDARD,
         TACIT_BACKEND_ONEDNN},
        {S_WORKER "isolation = standard\nbackend = portable\n", TACIT_ISOLATION_STANDARD,
         TACIT_BACKEND_PORTABLE},
        {S_WORKER "isolation = strict\nbackend = portable\n", TACIT_ISOLATION_STRICT,
         TACIT_BACKEND_PORTABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_enclave_configuration_t *configuration = NULL;
        char *written = NULL;
        assert_int_equal(tacit_enclave_configuration_parse(tacit_span_string(rows[i].text),
                                                           &configuration, NULL),
                         TACIT_OK);
        assert_int_equal(configuration->isolation, rows[i].isolation);
        assert_int_equal(configuration->backend, rows[i].backend);
        assert_int_equal(tacit_enclave_configuration_format(configuration, &written, NULL),
                         TACIT_OK);
        assert_string_equal(written, rows[i].text);
        free(written);
        tacit_enclave_configuration_destroy(&configuration);
    }
}

typedef struct {
    const char *text;
    const char *says; /* in the message */
} s_refusal_t;

static void s_refuses_with_the_line(void **state)
{
    (void)state;
    static const s_refusal_t rows[] = {
        {"", "role is missing"},
        {"role = worker\n", "product is missing"},
        {"role = worker\nproduct = 5\ndebug = no\n", "svn is missing"},
        {"role = worker\nproduct = 5\nsvn = 1\n", "debug is missing"},
        {S_HEAD "svn = 7\n", "line 5: the same key twice"},
        {S_HEAD "colour = red\n", "line 5: unknown key"},
        {S_HEAD "\n", "line 5: expected"},
        {S_HEAD "# comment\n", "line 5: expected"},
        {S_HEAD "svn=1\n", "line 5: expected"},
        {S_HEAD " library = /a " S_HASH "\n", "line 5: unknown key"},
        {S_HEAD "library = /lib/a.so " S_HASH, "line 5: the last line has no end"},
        {S_HEAD "library = lib/a.so " S_HASH "\n", "line 5: library must"},
        {S_HEAD "library = /lib/a.so\n", "line 5: library must"},
        {S_HEAD "library = /lib/a.so " S_HASH "0\n", "line 5: library must"},
        {S_HEAD "library = /lib/a\t.so " S_HASH "\n", "line 5: library must"},
        {S_HEAD "library = /lib/a.so AA112233445566778899aabbccddeeff00112233445566778899aabbccddee"
                "ff\n",
         "line 5: library must"},
        {S_HEAD "library = /a " S_HASH "\nlibrary = /a " S_HASH "\n", "line 6: the same library"},
        {"role = worker\nproduct = 5\nsvn = 7\ndebug = maybe\n", "line 4: debug must"},
        {"role = worker\nproduct = 5\nsvn = 65536\ndebug = no\n", "line 3: svn must"},
        {"role = worker\nproduct = 5\nsvn = 07\ndebug = no\n", "line 3: svn must"},
        {"role = worker\nproduct = 5\nsvn = -1\ndebug = no\n", "line 3: svn must"},
        {"role = worker\nproduct = 5\nsvn = \ndebug = no\n", "line 3: svn must"},
        {"role = worker\nproduct = 123456\nsvn = 1\ndebug = no\n", "line 2: product must"},
        {"role = operator\nproduct = 17\nsvn = 1\ndebug = no\n", "line 1: role must"},
        {"role = nobody\nproduct = 5\nsvn = 1\ndebug = no\n", "line 1: role must"},
        {"role = worker\nproduct = 4\nsvn = 1\ndebug = no\nisolation = strict\nbackend = "
         "portable\n",
         "product 4 is not the role's"},
        {S_WORKER "backend = portable\n", "isolation is missing"},
        {S_WORKER "isolation = strict\n", "backend is missing"},
        {S_WORKER "isolation = strict\nbackend = onednn\n", "strict isolation does not let onednn"},
        {S_WORKER "isolation = none\n", "line 5: isolation must"},
        {S_WORKER "isolation = Strict\n", "line 5: isolation must"},
        {S_WORKER "backend = \n", "line 5: backend must"},
        {S_WORKER "backend = onednn\nbackend = onednn\n", "line 6: the same key twice"},
        {S_HEAD "isolation = strict\nbackend = portable\n", "are a worker's"},
        {S_HEAD "backend = onednn\n", "are a worker's"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_error_t error;
        assert_int_equal(s_parse(rows[i].text, &error), TACIT_MALFORMED);
        if (!strstr(error.message, rows[i].says)) {
            fail_msg("%s: %s", rows[i].says, error.message);
        }
    }
}

static void s_refuses_a_zero_byte(void **state)
{
    (void)state;
    static const char text[] = "role = worker\0\nproduct = 5\nsvn = 7\ndebug = no\n";
    tacit_enclave_configuration_t *configuration = NULL;
    assert_int_equal(
        tacit_enclave_configuration_parse(tacit_span(text, sizeof text - 1), &configuration, NULL),
        TACIT_MALFORMED);
}

/*  Only at the end of the head and of each library is a text whole.  */
static void s_refuses_it_cut_anywhere(void **state)
{
    (void)state;
    static const char text[] = S_HEAD "library = /lib/a.so " S_HASH "\n";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        tacit_enclave_configuration_t *configuration = NULL;
        tacit_status_t status =
            tacit_enclave_configuration_parse(tacit_span(text, size), &configuration, NULL);
        assert_int_equal(status, size == sizeof S_HEAD - 1 ? TACIT_OK : TACIT_MALFORMED);
        tacit_enclave_configuration_destroy(&configuration);
    }
}

static char *s_with_libraries(size_t count)
{
    enum { ROOM = TACIT_CONFIGURATION_TEXT_MAX + 1024 };
    char *text = calloc(1, ROOM);
    assert_non_null(text);
    size_t size = (size_t)snprintf(text, ROOM, "%s", S_HEAD);
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, ROOM - size, "library = /l/%zu " S_HASH "\n", i);
    }
    return text;
}

static void s_libraries_are_limited(void **state)
{
    (void)state;
    tacit_error_t error;
    char *text = s_with_libraries(TACIT_CONFIGURATION_LIBRARIES_MAX);
    assert_int_equal(s_parse(text, &error), TACIT_OK);
    free(text);
    text = s_with_libraries(TACIT_CONFIGURATION_LIBRARIES_MAX + 1);
    assert_int_equal(s_parse(text, &error), TACIT_MALFORMED);
    assert_non_null(strstr(error.message, "too many libraries"));
    free(text);
}

static tacit_status_t s_parse_path(size_t path_size)
{
    char text[TACIT_CONFIGURATION_PATH_MAX + 256];
    char path[TACIT_CONFIGURATION_PATH_MAX + 2] = "/";
    memset(path + 1, 'p', path_size - 1);
    path[path_size] = '\0';
    snprintf(text, sizeof text, S_HEAD "library = %s " S_HASH "\n", path);
    return s_parse(text, NULL);
}

static void s_paths_are_limited(void **state)
{
    (void)state;
    assert_int_equal(s_parse_path(2), TACIT_OK);
    assert_int_equal(s_parse_path(1), TACIT_MALFORMED);
    assert_int_equal(s_parse_path(TACIT_CONFIGURATION_PATH_MAX - 1), TACIT_OK);
    assert_int_equal(s_parse_path(TACIT_CONFIGURATION_PATH_MAX), TACIT_MALFORMED);
}

static void s_the_text_is_limited(void **state)
{
    (void)state;
    tacit_enclave_configuration_t *configuration = NULL;
    char *text = calloc(1, TACIT_CONFIGURATION_TEXT_MAX + 1);
    assert_non_null(text);
    memset(text, '\n', TACIT_CONFIGURATION_TEXT_MAX + 1);
    assert_int_equal(tacit_enclave_configuration_parse(
                         tacit_span(text, TACIT_CONFIGURATION_TEXT_MAX), &configuration, NULL),
                     TACIT_MALFORMED);
    assert_int_equal(tacit_enclave_configuration_parse(
                         tacit_span(text, TACIT_CONFIGURATION_TEXT_MAX + 1), &configuration, NULL),
                     TACIT_TOO_LARGE);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_reads_every_key),
        cmocka_unit_test(s_writes_what_it_reads),
        cmocka_unit_test(s_a_worker_says_how_it_works),
        cmocka_unit_test(s_refuses_with_the_line),
        cmocka_unit_test(s_refuses_a_zero_byte),
        cmocka_unit_test(s_refuses_it_cut_anywhere),
        cmocka_unit_test(s_libraries_are_limited),
        cmocka_unit_test(s_paths_are_limited),
        cmocka_unit_test(s_the_text_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
