/*  key_file_test.c - keys in files: whole or not at all, and nobody else's business. Identity,
   model keys and request keys, which are such files.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/identity.h"
#include "clients/lib/key_file.h"
#include "clients/lib/model_keys.h"
#include "clients/lib/request_keys.h"
#include "enclave/whole_file.h"
#include "state_folder.h"

static void s_put(const char *name, const void *bytes, size_t size, mode_t mode)
{
    assert_int_equal(
        tacit_whole_file_replace(state_path(state_folder, name), tacit_span(bytes, size), mode), 0);
}

/*  --- one file -------------------------------------------------------------------------------- */

static const char s_text[] = "{\"first\": \"0102\", \"second\": \"ff\"}\n";

static tacit_status_t s_read(const char *name, uint8_t first[2], uint8_t second[1],
                             tacit_error_t *ret_error)
{
    const tacit_key_field_t fields[] = {{"first", first, 2}, {"second", second, 1}};
    return tacit_key_file_read(state_path(state_folder, name), fields, 2, ret_error);
}

static void test_it_reads_what_it_wrote(void **state)
{
    uint8_t first[2] = {1, 2};
    uint8_t second[1] = {0xff};
    const tacit_key_field_t fields[] = {{"first", first, 2}, {"second", second, 1}};
    const char *path = state_path(state_folder, "keys.json");
    struct stat about;
    uint8_t *text = NULL;
    size_t size = 0;
    (void)state;
    assert_int_equal(tacit_key_file_create(path, fields, 2, NULL), TACIT_OK);
    assert_int_equal(tacit_whole_file_read(path, 1024, &text, &size), TACIT_OK);
    assert_string_equal((char *)text, s_text);
    free(text);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    assert_int_equal(s_read("keys.json", first, second, NULL), TACIT_OK);
    assert_memory_equal(first, ((uint8_t[]){1, 2}), 2);
    assert_int_equal(second[0], 0xff);
    assert_int_equal(tacit_key_file_create(path, fields, 2, NULL), TACIT_ALREADY_EXISTS);
    assert_int_equal(tacit_key_file_replace(path, fields, 2, NULL), TACIT_OK);
}

static void test_every_part_of_it_is_refused(void **state)
{
    uint8_t first[2];
    uint8_t second[1];
    (void)state;
    for (size_t size = 0; size < sizeof s_text - 1; size++) {
        tacit_error_t error = {.code = TACIT_OK};
        s_put("keys.json", s_text, size, 0600);
        memset(first, 7, sizeof first);
        assert_int_equal(s_read("keys.json", first, second, &error), TACIT_BAD_INPUT);
        assert_true(size == 0 || (first[0] == 0 && first[1] == 0)); /* wiped */
    }
}

static void test_other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "{\"first\": \"0102\", \"second\": \"ff\"}\n\n",
        "{\"first\": \"0102\", \"second\": \"ff\"}",
        "{\"second\": \"ff\", \"first\": \"0102\"}\n",
        "{\"first\": \"0102\",\"second\": \"ff\"}\n",
        "{\"first\": \"010\", \"second\": \"ff\"}\n",
        "{\"first\": \"010203\", \"second\": \"ff\"}\n",
        "{\"first\": \"01 2\", \"second\": \"ff\"}\n",
        "{\"first\": \"zz02\", \"second\": \"ff\"}\n",
        "{\"first\": \"0102\", \"second\": \"ff\", \"third\": \"00\"}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t first[2];
        uint8_t second[1];
        s_put("keys.json", texts[i], strlen(texts[i]), 0600);
        assert_int_equal(s_read("keys.json", first, second, NULL), TACIT_BAD_INPUT);
    }
}

static void test_files_of_others_are_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0620, 0602, 0601, 0610};
    uint8_t first[2];
    uint8_t second[1];
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        tacit_error_t error = {.code = TACIT_OK};
        s_put("keys.json", s_text, sizeof s_text - 1, modes[i]);
        assert_int_equal(s_read("keys.json", first, second, &error), TACIT_BAD_INPUT);
        assert_non_null(strstr(error.message, "others may read"));
        assert_true(strlen(error.remedy) > 0);
    }
}

static void test_what_is_no_file_is_refused(void **state)
{
    uint8_t first[2];
    uint8_t second[1];
    (void)state;
    assert_int_equal(s_read("absent", first, second, NULL), TACIT_NOT_FOUND);
    assert_int_equal(mkdir(state_path(state_folder, "folder"), 0700), 0);
    assert_int_equal(s_read("folder", first, second, NULL), TACIT_BAD_INPUT);
    assert_int_equal(mkfifo(state_path(state_folder, "fifo"), 0600), 0);
    assert_int_equal(s_read("fifo", first, second, NULL), TACIT_BAD_INPUT);
    s_put("keys.json", s_text, sizeof s_text - 1, 0600);
    assert_int_equal(symlink("keys.json", state_path(state_folder, "link")), 0);
    assert_int_equal(s_read("link", first, second, NULL), TACIT_BAD_INPUT);
}

static void test_folders_are_for_one_alone(void **state)
{
    struct stat about;
    (void)state;
    assert_int_equal(tacit_key_folder_make(state_path(state_folder, "a/b/c"), NULL), TACIT_OK);
    assert_int_equal(tacit_key_folder_make(state_path(state_folder, "a/b/c"), NULL), TACIT_OK);
    assert_int_equal(stat(state_path(state_folder, "a/b"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(chmod(state_path(state_folder, "a/b"), 0770), 0);
    assert_int_equal(tacit_key_folder_make(state_path(state_folder, "a/b"), NULL), TACIT_BAD_INPUT);
    s_put("file", "x", 1, 0600);
    assert_int_equal(tacit_key_folder_make(state_path(state_folder, "file"), NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(tacit_key_folder_make(state_path(state_folder, "file/below"), NULL),
                     TACIT_STORAGE_FAILED);
    assert_int_equal(tacit_key_folder_make("", NULL), TACIT_BAD_INPUT);
}

/*  --- identity -------------------------------------------------------------------------------- */

static void test_an_identity_is_made_once_and_stays(void **state)
{
    static const uint8_t message[] = "message";
    uint8_t signature[64];
    tacit_identity_t *made = NULL;
    tacit_identity_t *loaded = NULL;
    bool is_new = false;
    const char *folder = state_path(state_folder, "somebody");
    (void)state;
    assert_int_equal(tacit_identity_load(folder, &loaded, NULL), TACIT_NOT_FOUND);
    assert_int_equal(tacit_identity_open(folder, &made, &is_new, NULL), TACIT_OK);
    assert_true(is_new);
    assert_int_equal(tacit_identity_open(folder, &loaded, &is_new, NULL), TACIT_OK);
    assert_false(is_new);
    assert_memory_equal(made->public_key, loaded->public_key, 32);
    assert_memory_equal(made->signing_public, loaded->signing_public, 32);
    assert_memory_equal(made->secret_key->data, loaded->secret_key->data, 32);
    assert_memory_equal(made->signing_secret->data, loaded->signing_secret->data, 64);
    crypto_sign_detached(signature, NULL, message, sizeof message, loaded->signing_secret->data);
    assert_int_equal(
        crypto_sign_verify_detached(signature, message, sizeof message, made->signing_public), 0);
    tacit_identity_destroy(&made);
    tacit_identity_destroy(&loaded);
    tacit_identity_destroy(&loaded);
}

static void test_an_identity_that_others_may_read_is_refused(void **state)
{
    tacit_identity_t *identity = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    bool is_new = false;
    (void)state;
    assert_int_equal(
        tacit_identity_open(state_path(state_folder, "somebody"), &identity, &is_new, NULL),
        TACIT_OK);
    tacit_identity_destroy(&identity);
    assert_int_equal(chmod(state_path(state_folder, "somebody/identity.json"), 0644), 0);
    assert_int_equal(
        tacit_identity_open(state_path(state_folder, "somebody"), &identity, &is_new, &error),
        TACIT_BAD_INPUT);
    assert_null(identity);
    assert_non_null(strstr(error.remedy, "chmod 600"));
}

/*  --- model keys ------------------------------------------------------------------------------ */

static void test_model_keys_are_kept_by_version(void **state)
{
    tacit_secret_t *first = NULL;
    tacit_secret_t *second = NULL;
    tacit_secret_t *loaded = NULL;
    (void)state;
    assert_int_equal(tacit_model_keys_newest(state_folder, "triage"), 0);
    assert_int_equal(tacit_model_keys_make(state_folder, "triage", 9, &first, NULL), TACIT_OK);
    assert_int_equal(tacit_model_keys_make(state_folder, "triage", 10, &second, NULL), TACIT_OK);
    assert_int_equal(tacit_model_keys_newest(state_folder, "triage"), 10);
    assert_int_equal(tacit_model_keys_newest(state_folder, "other"), 0);
    assert_memory_not_equal(first->data, second->data, 32);
    assert_int_equal(tacit_model_keys_load(state_folder, "triage", 9, &loaded, NULL), TACIT_OK);
    assert_memory_equal(loaded->data, first->data, 32);
    tacit_secret_destroy(&first);
    tacit_secret_destroy(&second);
    tacit_secret_destroy(&loaded);
    assert_int_equal(tacit_model_keys_make(state_folder, "triage", 9, &first, NULL),
                     TACIT_ALREADY_EXISTS);
    assert_null(first);
}

static void test_model_keys_are_forgotten(void **state)
{
    tacit_secret_t *key = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    (void)state;
    for (uint32_t version = 1; version <= 3; version++) {
        assert_int_equal(tacit_model_keys_make(state_folder, "m", version, &key, NULL), TACIT_OK);
        tacit_secret_destroy(&key);
    }
    assert_int_equal(tacit_model_keys_remove(state_folder, "m", 3, NULL), TACIT_OK);
    assert_int_equal(tacit_model_keys_remove(state_folder, "m", 3, NULL), TACIT_OK);
    assert_int_equal(tacit_model_keys_newest(state_folder, "m"), 2);
    assert_int_equal(tacit_model_keys_load(state_folder, "m", 3, &key, &error), TACIT_NOT_FOUND);
    assert_non_null(strstr(error.message, "m@3"));
    assert_int_equal(tacit_model_keys_remove(state_folder, "m", 0, NULL), TACIT_OK);
    assert_int_equal(tacit_model_keys_newest(state_folder, "m"), 0);
    assert_int_equal(tacit_model_keys_make(state_folder, "../m", 1, &key, NULL), TACIT_BAD_INPUT);
}

/*  --- request keys ---------------------------------------------------------------------------- */

enum { S_CODES = 3 };

static const uint8_t s_owner[32] = {0xaa};
static const uint8_t s_codes[S_CODES][32] = {{1}, {2}, {3}};

/*  The key for so many of the measurements from one on; fresh as text, '+' for each new one.  */
static void s_open(size_t first, size_t count, uint8_t ret_key[32], char ret_fresh[S_CODES + 1])
{
    bool fresh[S_CODES] = {false};
    tacit_secret_t *key = NULL;
    assert_int_equal(tacit_request_keys_open(state_folder, s_owner, "m", s_codes + first, count,
                                             &key, fresh, NULL),
                     TACIT_OK);
    memcpy(ret_key, key->data, 32);
    tacit_secret_destroy(&key);
    for (size_t i = 0; i < count; i++) {
        ret_fresh[i] = fresh[i] ? '+' : '-';
    }
    ret_fresh[count] = '\0';
}

static void test_a_request_key_grows_with_the_workers(void **state)
{
    uint8_t first[32];
    uint8_t again[32];
    char fresh[S_CODES + 1];
    (void)state;
    s_open(0, 1, first, fresh);
    assert_string_equal(fresh, "+");
    s_open(0, 1, again, fresh);
    assert_string_equal(fresh, "-");
    assert_memory_equal(first, again, 32);
    s_open(0, 3, again, fresh);
    assert_string_equal(fresh, "-++");
    assert_memory_equal(first, again, 32);
}

static void test_a_request_key_ends_with_code_that_is_no_longer_accepted(void **state)
{
    uint8_t first[32];
    uint8_t later[32];
    char fresh[S_CODES + 1];
    (void)state;
    s_open(0, 2, first, fresh);
    s_open(1, 2, later, fresh);
    assert_string_equal(fresh, "++");
    assert_memory_not_equal(first, later, 32);
}

static void test_request_keys_that_differ_are_made_anew(void **state)
{
    uint8_t first[32];
    uint8_t later[32];
    char fresh[S_CODES + 1];
    char name[256];
    char owner[65];
    char code[65];
    (void)state;
    s_open(0, 2, first, fresh);
    memset(later, 9, sizeof later);
    sodium_bin2hex(owner, sizeof owner, s_owner, 32);
    sodium_bin2hex(code, sizeof code, s_codes[1], 32);
    snprintf(name, sizeof name, "%s/request-keys/%s/m/%s.json", state_folder, owner, code);
    const tacit_key_field_t field = {"request_key", later, sizeof later};
    assert_int_equal(tacit_key_file_replace(name, &field, 1, NULL), TACIT_OK);
    s_open(0, 2, later, fresh);
    assert_string_equal(fresh, "++");
    assert_memory_not_equal(first, later, 32);
}

static void test_request_keys_have_limits(void **state)
{
    static uint8_t codes[TACIT_REQUEST_KEYS_MAX + 1][32];
    static bool fresh[TACIT_REQUEST_KEYS_MAX + 1];
    tacit_secret_t *key = NULL;
    (void)state;
    for (size_t i = 0; i <= TACIT_REQUEST_KEYS_MAX; i++) {
        codes[i][0] = (uint8_t)i;
    }
    const uint8_t(*all)[32] = (const uint8_t(*)[32])codes;
    assert_int_equal(tacit_request_keys_open(state_folder, s_owner, "m", all, 0, &key, fresh, NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(tacit_request_keys_open(state_folder, s_owner, "m", all,
                                             TACIT_REQUEST_KEYS_MAX + 1, &key, fresh, NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(tacit_request_keys_open(state_folder, s_owner, "m", all,
                                             TACIT_REQUEST_KEYS_MAX, &key, fresh, NULL),
                     TACIT_OK);
    tacit_secret_destroy(&key);
    assert_int_equal(
        tacit_request_keys_open(state_folder, s_owner, "../m", all, 1, &key, fresh, NULL),
        TACIT_BAD_INPUT);
}

#define S_TEST(name)                                                                               \
    cmocka_unit_test_setup_teardown(name, state_folder_setup, state_folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(test_it_reads_what_it_wrote),
        S_TEST(test_every_part_of_it_is_refused),
        S_TEST(test_other_texts_are_refused),
        S_TEST(test_files_of_others_are_refused),
        S_TEST(test_what_is_no_file_is_refused),
        S_TEST(test_folders_are_for_one_alone),
        S_TEST(test_an_identity_is_made_once_and_stays),
        S_TEST(test_an_identity_that_others_may_read_is_refused),
        S_TEST(test_model_keys_are_kept_by_version),
        S_TEST(test_model_keys_are_forgotten),
        S_TEST(test_a_request_key_grows_with_the_workers),
        S_TEST(test_a_request_key_ends_with_code_that_is_no_longer_accepted),
        S_TEST(test_request_keys_that_differ_are_made_anew),
        S_TEST(test_request_keys_have_limits),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
