/*  package_test.c - a model's file, looked at and sealed a chunk at a time.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/mlowner/model_file.h"
#include "enclave/whole_file.h"
#include "state_folder.h"

static char s_folder[STATE_FOLDER_MAX];

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_folder_remove(s_folder);
    return 0;
}

static tacit_status_t s_open(const void *bytes, size_t size)
{
    tacit_model_file_t file;
    const char *path = state_path(s_folder, "model.onnx");
    assert_int_equal(tacit_whole_file_replace(path, tacit_span(bytes, size), 0600), TACIT_OK);
    tacit_status_t status = tacit_model_file_open(path, &file, NULL);
    tacit_model_file_close(&file);
    tacit_model_file_close(&file);
    return status;
}

/*  ir_version 8, producer "p", graph of two bytes, opset_import of none.  */
static const uint8_t s_model[] = {0x08, 8, 0x12, 1, 'p', 0x3a, 2, 0x0a, 0, 0x42, 0};

static void test_the_outline_of_onnx_is_recognised(void **state)
{
    static const uint8_t no_graph[] = {0x08, 8, 0x12, 1, 'p'};
    static const uint8_t no_version[] = {0x3a, 2, 0x0a, 0};
    static const uint8_t group[] = {0x08, 8, 0x3a, 2, 0x0a, 0, 0x0b};
    static const uint8_t beyond[] = {0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f};
    static const uint8_t endless[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t fixed[] = {0x08, 8, 0x3a, 0, 0x09, 1, 2, 3, 4,
                                    5,    6, 7,    8, 0x0d, 1, 2, 3, 4};
    (void)state;
    assert_int_equal(s_open(s_model, sizeof s_model), TACIT_OK);
    assert_int_equal(s_open(fixed, sizeof fixed), TACIT_OK);
    assert_int_equal(s_open(no_graph, sizeof no_graph), TACIT_BAD_INPUT);
    assert_int_equal(s_open(no_version, sizeof no_version), TACIT_BAD_INPUT);
    assert_int_equal(s_open(group, sizeof group), TACIT_BAD_INPUT);
    assert_int_equal(s_open(beyond, sizeof beyond), TACIT_BAD_INPUT);
    assert_int_equal(s_open(endless, sizeof endless), TACIT_BAD_INPUT);
    assert_int_equal(s_open("", 0), TACIT_BAD_INPUT);
    assert_int_equal(s_open("import sys\n", 11), TACIT_BAD_INPUT);
}

static void test_a_model_cut_short_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof s_model; size++) {
        /*  What ends after the graph is whole as far as the outline tells.  */
        assert_int_equal(s_open(s_model, size), size == 9 ? TACIT_OK : TACIT_BAD_INPUT);
    }
}

static void test_what_is_no_file_is_refused(void **state)
{
    tacit_model_file_t file;
    (void)state;
    assert_int_equal(tacit_model_file_open(state_path(s_folder, "absent"), &file, NULL),
                     TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
    assert_int_equal(tacit_model_file_open(s_folder, &file, NULL), TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
    assert_int_equal(mkfifo(state_path(s_folder, "fifo"), 0600), 0);
    assert_int_equal(tacit_model_file_open(state_path(s_folder, "fifo"), &file, NULL),
                     TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
}

static void test_a_file_that_changes_is_refused(void **state)
{
    tacit_model_file_t file;
    uint8_t bytes[sizeof s_model];
    const char *path = state_path(s_folder, "model.onnx");
    (void)state;
    assert_int_equal(s_open(s_model, sizeof s_model), TACIT_OK);
    assert_int_equal(tacit_model_file_open(path, &file, NULL), TACIT_OK);
    assert_int_equal(tacit_model_file_chunk(&file, 0, bytes, sizeof bytes, NULL), TACIT_OK);
    assert_memory_equal(bytes, s_model, sizeof s_model);
    assert_int_equal(truncate(path, sizeof s_model + 1), 0);
    assert_int_equal(tacit_model_file_chunk(&file, 0, bytes, sizeof bytes, NULL), TACIT_BAD_INPUT);
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(tacit_model_file_chunk(&file, 0, bytes, sizeof bytes, NULL), TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
}

/*  --- packages -------------------------------------------------------------------------------- */

/*  Byte i of the model is i modulo 251; fails at the chunk that *context says.  */
static tacit_status_t s_source(void *context, uint32_t index, uint8_t *ret_plaintext, size_t size,
                               tacit_error_t *ret_error)
{
    const uint32_t *fails = context;
    if (index == *fails) {
        return tacit_error_set(ret_error, TACIT_CORRUPT, NULL);
    }
    for (size_t i = 0; i < size; i++) {
        ret_plaintext[i] = (uint8_t)(((size_t)index * TACIT_MODEL_CHUNK_SIZE + i) % 251);
    }
    return TACIT_OK;
}

static tacit_status_t s_seal(uint64_t size, uint32_t fails, const tacit_secret_t *key,
                             tacit_package_t *ret_package)
{
    tacit_model_manifest_t manifest = {.name = "m", .version = 1, .plaintext_size = size};
    return tacit_package_seal(&manifest, key, s_folder, s_source, &fails, ret_package, NULL);
}

/*  Opens every chunk and compares; the digest must be that of all.  */
static void s_check(const tacit_package_t *package, const tacit_secret_t *key)
{
    uint8_t *sealed = malloc(TACIT_PACKAGE_CHUNK_MAX);
    uint8_t *plain = malloc(TACIT_MODEL_CHUNK_SIZE);
    uint8_t *expected = malloc(TACIT_MODEL_CHUNK_SIZE);
    uint8_t digest[32];
    uint32_t never = UINT32_MAX;
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    for (uint32_t i = 0; i < package->manifest.chunk_count; i++) {
        size_t size = 0;
        assert_int_equal(tacit_package_chunk(package, i, sealed, &size, NULL), TACIT_OK);
        crypto_hash_sha256_update(&hash, sealed, size);
        assert_int_equal(tacit_model_chunk_open(&package->manifest, i, key->data,
                                                tacit_span(sealed, size), plain),
                         TACIT_OK);
        assert_int_equal(s_source(&never, i, expected, size - TACIT_SEAL_OVERHEAD, NULL), TACIT_OK);
        assert_memory_equal(plain, expected, size - TACIT_SEAL_OVERHEAD);
    }
    crypto_hash_sha256_final(&hash, digest);
    assert_memory_equal(digest, package->manifest.content_sha256, 32);
    free(sealed);
    free(plain);
    free(expected);
}

static void test_packages_of_all_sizes_open(void **state)
{
    static const struct {
        uint64_t size;
        uint32_t chunks;
    } rows[] = {
        {1, 1},
        {TACIT_MODEL_CHUNK_SIZE - 1, 1},
        {TACIT_MODEL_CHUNK_SIZE, 1},
        {TACIT_MODEL_CHUNK_SIZE + 1, 2},
        {3 * TACIT_MODEL_CHUNK_SIZE + 5, 4},
    };
    tacit_secret_t *key = NULL;
    (void)state;
    assert_int_equal(tacit_secret_random(TACIT_KEY_SIZE, &key), TACIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_package_t package;
        assert_int_equal(s_seal(rows[i].size, UINT32_MAX, key, &package), TACIT_OK);
        assert_int_equal(package.manifest.chunk_count, rows[i].chunks);
        assert_true(package.manifest.created_ms > 0);
        s_check(&package, key);
        tacit_package_release(&package);
        tacit_package_release(&package);
        assert_int_equal(state_count_files(s_folder, ""), 0); /* without a name from the start */
    }
    tacit_secret_destroy(&key);
}

static void test_a_package_fails_with_its_source(void **state)
{
    tacit_secret_t *key = NULL;
    tacit_package_t package;
    (void)state;
    assert_int_equal(tacit_secret_random(TACIT_KEY_SIZE, &key), TACIT_OK);
    assert_int_equal(s_seal(2 * TACIT_MODEL_CHUNK_SIZE, 1, key, &package), TACIT_CORRUPT);
    tacit_package_release(&package);
    tacit_secret_destroy(&key);
}

static void test_a_full_disk_is_said(void **state)
{
    tacit_secret_t *key = NULL;
    tacit_package_t package;
    (void)state;
    assert_int_equal(tacit_secret_random(TACIT_KEY_SIZE, &key), TACIT_OK);
    state_disk_full(TACIT_MODEL_CHUNK_SIZE);
    assert_int_not_equal(s_seal(2 * TACIT_MODEL_CHUNK_SIZE, UINT32_MAX, key, &package), TACIT_OK);
    state_disk_free();
    tacit_package_release(&package);
    tacit_secret_destroy(&key);
}

#define S_TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(test_the_outline_of_onnx_is_recognised),
        S_TEST(test_a_model_cut_short_is_refused),
        S_TEST(test_what_is_no_file_is_refused),
        S_TEST(test_a_file_that_changes_is_refused),
        S_TEST(test_packages_of_all_sizes_open),
        S_TEST(test_a_package_fails_with_its_source),
        S_TEST(test_a_full_disk_is_said),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
