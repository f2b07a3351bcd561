/*  package_test.c - a model's file, looked at and sealed a chunk at a time.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/mlowner/kept_package.h"
#include "clients/mlowner/model_file.h"
#include "enclave/whole_file.h"
#include "state_folder.h"

static tacit_status_t s_open(const void *bytes, size_t size)
{
    tacit_model_file_t file;
    const char *path = state_path(state_folder, "model.onnx");
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
    assert_int_equal(tacit_model_file_open(state_path(state_folder, "absent"), &file, NULL),
                     TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
    assert_int_equal(tacit_model_file_open(state_folder, &file, NULL), TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
    assert_int_equal(mkfifo(state_path(state_folder, "fifo"), 0600), 0);
    assert_int_equal(tacit_model_file_open(state_path(state_folder, "fifo"), &file, NULL),
                     TACIT_BAD_INPUT);
    tacit_model_file_close(&file);
}

static void test_a_file_that_changes_is_refused(void **state)
{
    tacit_model_file_t file;
    uint8_t bytes[sizeof s_model];
    const char *path = state_path(state_folder, "model.onnx");
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
    return tacit_package_seal(&manifest, key, state_folder, s_source, &fails, ret_package, NULL);
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
        assert_int_equal(state_count_files(state_folder, ""),
                         0); /* without a name from the start */
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

/*  --- kept ones ------------------------------------------------------------------------------- */

static uint8_t s_public[32];
static uint8_t s_secret[64];

static tacit_package_place_t s_place(uint8_t mesh)
{
    return (tacit_package_place_t){.identity = state_folder,
                                   .mesh_id = {mesh},
                                   .signing_secret = s_secret,
                                   .signing_public = s_public};
}

/*  Seals a model of so many bytes under a new key, and keeps it in the place, unlocked.  */
static tacit_secret_t *s_keep(uint64_t size, const tacit_package_place_t *place)
{
    tacit_secret_t *key = NULL;
    tacit_package_t package;
    uint32_t never = UINT32_MAX;
    tacit_model_manifest_t manifest = {.name = "m", .version = 7, .plaintext_size = size};
    memcpy(manifest.signing_key, s_public, 32);
    assert_int_equal(tacit_secret_random(TACIT_KEY_SIZE, &key), TACIT_OK);
    assert_int_equal(
        tacit_package_seal(&manifest, key, state_folder, s_source, &never, &package, NULL),
        TACIT_OK);
    tacit_package_keep(&package, place);
    assert_true(package.kept);
    tacit_package_release(&package);
    return key;
}

static tacit_status_t s_find(const tacit_package_place_t *place)
{
    tacit_package_t package;
    tacit_status_t status = tacit_package_find("m", place, &package, NULL);
    tacit_package_release(&package);
    return status;
}

/*  Gives other bytes in chunk *context.  */
static tacit_status_t s_other_source(void *context, uint32_t index, uint8_t *ret_plaintext,
                                     size_t size, tacit_error_t *ret_error)
{
    const uint32_t *other = context;
    uint32_t never = UINT32_MAX;
    tacit_status_t status = s_source(&never, index, ret_plaintext, size, ret_error);
    ret_plaintext[size - 1] ^= index == *other;
    return status;
}

static void test_a_kept_package_is_found_and_the_same(void **state)
{
    static const uint64_t sizes[] = {1, TACIT_MODEL_CHUNK_SIZE, 2 * TACIT_MODEL_CHUNK_SIZE + 5};
    tacit_package_place_t place = s_place(1);
    uint32_t never = UINT32_MAX;
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tacit_package_t package;
        tacit_secret_t *key = s_keep(sizes[i], &place);
        assert_int_equal(tacit_package_find("m", &place, &package, NULL), TACIT_OK);
        assert_int_equal(package.manifest.version, 7);
        s_check(&package, key);
        assert_int_equal(tacit_package_compare(&package, key, s_source, &never, NULL), TACIT_OK);
        assert_int_equal(s_find(&place), TACIT_BUSY); /* this one has the lock */
        tacit_package_forget(&package, &place);
        tacit_package_release(&package);
        assert_int_equal(s_find(&place), TACIT_NOT_FOUND);
        assert_int_equal(state_count_files(state_path(state_folder, "uploads"), ""), 0);
        tacit_secret_destroy(&key);
    }
}

static void test_other_content_is_told_from_kept(void **state)
{
    tacit_package_place_t place = s_place(1);
    tacit_secret_t *key = s_keep(3 * TACIT_MODEL_CHUNK_SIZE, &place);
    tacit_package_t package;
    (void)state;
    assert_int_equal(tacit_package_find("m", &place, &package, NULL), TACIT_OK);
    for (uint32_t chunk = 0; chunk < 3; chunk++) {
        assert_int_equal(tacit_package_compare(&package, key, s_other_source, &chunk, NULL),
                         TACIT_BAD_INPUT);
    }
    key->data[0] ^= 1;
    assert_int_equal(tacit_package_compare(&package, key, s_source, &(uint32_t){9}, NULL),
                     TACIT_CORRUPT);
    tacit_package_release(&package);
    tacit_secret_destroy(&key);
}

static void s_flip_byte(const char *path, size_t offset)
{
    uint8_t byte = 0;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, file), 1);
    (void)fclose(file);
    byte ^= 1;
    state_write(path, offset, &byte, 1);
}

static void test_an_altered_package_is_not_carried_on(void **state)
{
    tacit_package_place_t place = s_place(1);
    tacit_secret_t *key = s_keep(1000, &place);
    tacit_package_t package;
    const char *path = state_path(state_folder, "uploads/m");
    (void)state;
    s_flip_byte(path, 500);
    assert_int_equal(tacit_package_find("m", &place, &package, NULL), TACIT_OK);
    assert_int_equal(tacit_package_compare(&package, key, s_source, &(uint32_t){9}, NULL),
                     TACIT_CORRUPT);
    tacit_package_release(&package);
    s_flip_byte(path, 1000 + TACIT_SEAL_OVERHEAD + 12); /* the version, which is signed */
    assert_int_equal(s_find(&place), TACIT_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
    tacit_secret_destroy(&key);
}

static void test_a_package_cut_short_is_removed(void **state)
{
    static const size_t sizes[] = {0, 1, 351, 352, 1391};
    tacit_package_place_t place = s_place(1);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tacit_secret_t *key = s_keep(1000, &place);
        state_truncate(state_path(state_folder, "uploads/m"), sizes[i]);
        assert_int_equal(s_find(&place), TACIT_NOT_FOUND);
        assert_int_equal(state_count_files(state_path(state_folder, "uploads"), ""), 0);
        tacit_secret_destroy(&key);
    }
}

static void test_a_package_is_for_one_mesh_and_owner(void **state)
{
    tacit_package_place_t place = s_place(1);
    tacit_package_place_t other_mesh = s_place(2);
    tacit_package_place_t other_owner = s_place(1);
    static const uint8_t other[32] = {1};
    (void)state;
    other_owner.signing_public = other;
    tacit_secret_t *key = s_keep(1000, &place);
    assert_int_equal(s_find(&other_mesh), TACIT_NOT_FOUND);
    assert_int_equal(s_find(&place), TACIT_NOT_FOUND); /* it went with that */
    tacit_secret_destroy(&key);
    key = s_keep(1000, &place);
    assert_int_equal(s_find(&other_owner), TACIT_NOT_FOUND);
    tacit_secret_destroy(&key);
}

static void test_what_was_kept_too_long_goes(void **state)
{
    tacit_package_place_t place = s_place(1);
    const char *old = state_path(state_folder, "uploads/old");
    const char *young = state_path(state_folder, "uploads/young");
    time_t now = time(NULL);
    (void)state;
    tacit_secret_t *key = s_keep(1000, &place);
    tacit_secret_destroy(&key);
    for (int i = 0; i < 2; i++) {
        const struct timespec age = {.tv_sec = now - TACIT_PACKAGE_KEPT_S + (i ? 60 : -60)};
        const char *path = i ? young : old;
        assert_int_equal(tacit_whole_file_replace(path, tacit_span("x", 1), 0600), TACIT_OK);
        assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){age, age}, 0), 0);
    }
    assert_int_equal(unlink(state_path(state_folder, "uploads/m")), 0);
    key = s_keep(1000, &place);
    tacit_secret_destroy(&key);
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(young, F_OK), 0);
}

#define S_TEST(name)                                                                               \
    cmocka_unit_test_setup_teardown(name, state_folder_setup, state_folder_teardown)

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
        S_TEST(test_a_kept_package_is_found_and_the_same),
        S_TEST(test_other_content_is_told_from_kept),
        S_TEST(test_an_altered_package_is_not_carried_on),
        S_TEST(test_a_package_cut_short_is_removed),
        S_TEST(test_a_package_is_for_one_mesh_and_owner),
        S_TEST(test_what_was_kept_too_long_goes),
    };
    if (sodium_init() < 0 || crypto_sign_keypair(s_public, s_secret) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
