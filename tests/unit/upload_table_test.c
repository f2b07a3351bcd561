/*  upload_table_test.c - uploads are known by their manifest, within limits, byte after byte.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "idl/models.h"
#include "model_sample.h"
#include "services/models/model_store.h"
#include "services/models/upload_table.h"
#include "state_folder.h"

enum { S_NOW = 1000000 };

static char s_folder[STATE_FOLDER_MAX];
static tacit_upload_table_t *s_table;
static tacit_blob_store_t *s_blobs;
static unsigned s_blob_count;

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    s_table = tacit_upload_table_new();
    const char *blobs = state_path(s_folder, "blobs");
    return s_table && !tacit_blob_store_open(blobs, NULL, NULL, &s_blobs, NULL) ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    tacit_upload_table_destroy(&s_table);
    tacit_upload_table_destroy(&s_table);
    assert_int_equal(state_count_files(state_path(s_folder, "blobs"), ".part"), 0);
    tacit_blob_store_destroy(&s_blobs);
    state_folder_remove(s_folder);
    return 0;
}

/*  Row of an owner's model of that size, of which nothing came; the number makes it another one. */
static tacit_status_t s_try(uint8_t owner, uint32_t number, uint64_t size, uint64_t now_ms,
                            tacit_upload_t **ret_upload, tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE] = {owner, (uint8_t)number, (uint8_t)(number >> 8)};
    const uint8_t signature[64] = {0};
    tacit_model_manifest_t manifest = {
        .version = number, .plaintext_size = size, .chunk_count = tacit_model_chunk_count(size)};
    memset(manifest.owner, owner, 32);
    return tacit_upload_table_add(s_table, &manifest, bytes, signature, now_ms, ret_upload,
                                  ret_error);
}

static tacit_upload_t *s_add(uint8_t owner, uint32_t number, uint64_t now_ms)
{
    tacit_upload_t *upload = NULL;
    assert_int_equal(s_try(owner, number, 1, now_ms, &upload, NULL), TACIT_OK);
    return upload;
}

static tacit_upload_t *s_find(uint8_t owner, uint32_t number)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE] = {owner, (uint8_t)number, (uint8_t)(number >> 8)};
    return tacit_upload_table_find(s_table, bytes);
}

static void s_fill_table(void)
{
    for (uint32_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        (void)s_add((uint8_t)(1 + i / TACIT_UPLOADS_PER_OWNER_MAX), i, S_NOW + i);
    }
}

/*  --- whose ----------------------------------------------------------------------------------- */

static void an_upload_is_known_by_its_manifest(void **state)
{
    (void)state;
    tacit_upload_t *upload = s_add(1, 10, S_NOW);
    assert_ptr_equal(s_find(1, 10), upload);
    assert_null(s_find(1, 11));
    assert_null(s_find(2, 10));
    assert_null(s_find(0, 0)); /* no free row is an upload */
    tacit_upload_table_remove(s_table, upload);
    assert_null(s_find(1, 10));
}

static void an_upload_that_nobody_carries_on_ends_at_its_time(void **state)
{
    (void)state;
    uint64_t end = S_NOW + TACIT_UPLOAD_KEPT_MS;
    tacit_upload_t *upload = s_add(1, 10, S_NOW);
    assert_null(tacit_upload_table_stale(s_table, end - 1));
    assert_ptr_equal(tacit_upload_table_stale(s_table, end), upload);
    assert_null(tacit_upload_table_stale(s_table, 0)); /* a clock that was set back */
    upload->carrier = upload;
    assert_null(tacit_upload_table_stale(s_table, end));
}

/*  --- limits ---------------------------------------------------------------------------------- */

static void uploads_of_an_owner_are_limited(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    for (uint32_t i = 0; i < TACIT_UPLOADS_PER_OWNER_MAX; i++) {
        (void)s_add(1, i, S_NOW);
    }
    assert_int_equal(s_try(1, 9, 1, S_NOW, &upload, &error), TACIT_MODELS_QUOTA_EXCEEDED);
    assert_string_equal(error.claim, "uploads of the owner at once");
    (void)s_add(2, 9, S_NOW);
    tacit_upload_table_remove(s_table, s_find(1, 0));
    (void)s_add(1, 9, S_NOW);
}

static void bytes_of_an_owners_uploads_are_limited(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    uint64_t whole = TACIT_MODEL_SIZE_MAX;
    uint64_t sealed = whole + (uint64_t)tacit_model_chunk_count(whole) * TACIT_SEAL_OVERHEAD;
    uint64_t left = TACIT_UPLOADS_OWNER_BYTES_MAX - 2 * sealed;
    uint64_t chunk = TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD;
    uint64_t plain = left - (left / chunk + 1) * TACIT_SEAL_OVERHEAD; /* sealed it is all of it */
    assert_int_equal(s_try(1, 0, whole, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(s_try(1, 1, whole, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(s_try(1, 2, plain + 1, S_NOW, &upload, &error), TACIT_MODELS_QUOTA_EXCEEDED);
    assert_string_equal(error.claim, "bytes of the owner's uploads at once");
    assert_int_equal(s_try(2, 2, plain + 1, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(s_try(1, 2, plain, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(tacit_upload_table_sum(s_table, upload->manifest.owner).owner_bytes,
                     TACIT_UPLOADS_OWNER_BYTES_MAX);
}

static void uploads_of_all_are_limited(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    s_fill_table();
    assert_int_equal(s_try(99, 1, 1, S_NOW, &upload, &error), TACIT_MODELS_QUOTA_EXCEEDED);
    assert_string_equal(error.claim, "uploads of all at once");
    assert_non_null(tacit_upload_table_row(s_table, TACIT_UPLOADS_MAX - 1));
    assert_null(tacit_upload_table_row(s_table, TACIT_UPLOADS_MAX));
}

/*  What a client that vanished left behind does not hold the next one up.  */
static void a_quiet_upload_gives_way(void **state)
{
    (void)state;
    const uint8_t owner[32] = {[0 ... 31] = 1};
    uint64_t later = S_NOW + TACIT_UPLOAD_PATIENCE_MS;
    (void)s_add(1, 0, S_NOW + 1);
    assert_null(tacit_upload_table_in_the_way(s_table, owner, 1, later)); /* there is room */
    tacit_upload_t *quiet = s_add(1, 1, S_NOW);
    (void)s_add(1, 2, S_NOW + 1);
    (void)s_add(1, 3, S_NOW + 1);
    assert_null(tacit_upload_table_in_the_way(s_table, owner, 1, later - 1));
    assert_ptr_equal(tacit_upload_table_in_the_way(s_table, owner, 1, later), quiet);
    quiet->carrier = quiet;
    assert_null(tacit_upload_table_in_the_way(s_table, owner, 1, later));
    assert_non_null(tacit_upload_table_in_the_way(s_table, owner, 1, later + 1));
}

static void a_quiet_upload_of_another_gives_way_when_all_are_taken(void **state)
{
    (void)state;
    const uint8_t owner[32] = {[0 ... 31] = 99};
    uint64_t later = S_NOW + TACIT_UPLOAD_PATIENCE_MS;
    s_fill_table();
    assert_null(tacit_upload_table_in_the_way(s_table, owner, 1, later - 1));
    assert_ptr_equal(tacit_upload_table_in_the_way(s_table, owner, 1, later), s_find(1, 0));
}

static void what_is_under_way_is_summed(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    uint64_t of_small = 10 + TACIT_SEAL_OVERHEAD;
    uint64_t of_large = TACIT_MODEL_CHUNK_SIZE + 1 + 2 * TACIT_SEAL_OVERHEAD;
    assert_int_equal(s_try(1, 1, 10, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(s_try(1, 2, 10, S_NOW, &upload, NULL), TACIT_OK);
    tacit_upload_sum_t sum = tacit_upload_table_sum(s_table, upload->manifest.owner);
    assert_int_equal(s_try(2, 1, TACIT_MODEL_CHUNK_SIZE + 1, S_NOW, &upload, NULL), TACIT_OK);
    assert_int_equal(sum.owner_models, 2);
    assert_int_equal(sum.owner_bytes, 2 * of_small);
    sum = tacit_upload_table_sum(s_table, upload->manifest.owner);
    assert_int_equal(sum.owner_models, 1);
    assert_int_equal(sum.owner_bytes, of_large);
    assert_int_equal(sum.total_bytes, 2 * of_small + of_large);
}

/*  --- bytes ----------------------------------------------------------------------------------- */

static tacit_upload_t *s_begin(const model_sample_t *sample)
{
    char name[32];
    tacit_upload_t *upload = NULL;
    assert_int_equal(tacit_upload_table_add(s_table, &sample->manifest, sample->bytes,
                                            sample->signature, S_NOW, &upload, NULL),
                     TACIT_OK);
    snprintf(name, sizeof name, "blob-%u", s_blob_count++);
    assert_int_equal(tacit_blob_create(s_blobs, name, &upload->writer), TACIT_OK);
    return upload;
}

static void s_drop(tacit_upload_t *upload)
{
    tacit_blob_abort(&upload->writer);
    tacit_upload_table_remove(s_table, upload);
}

static void bytes_come_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, TACIT_MODEL_CHUNK_SIZE, TACIT_MODEL_CHUNK_SIZE + 1};
    for (size_t i = 0; i < 3 * 3; i++) {
        const model_sample_t sample = model_sample(1, "m", 1, sizes[i % 3]);
        const size_t piece = i / 3 == 0 ? 7777 : i / 3 == 1 ? 262144 : MODEL_SAMPLE_CHUNK;
        tacit_upload_t *upload = s_begin(&sample);
        tacit_error_t error = {.code = TACIT_OK};
        for (uint32_t k = 0; k < sample.manifest.chunk_count; k++) {
            assert_int_equal(tacit_upload_check(upload, &error), TACIT_MODELS_CONTENT_MISMATCH);
            assert_string_equal(error.claim, "bytes");
            tacit_span_t chunk = model_sample_chunk(&sample, k);
            for (size_t at = 0; at < chunk.size; at += piece) {
                size_t size = chunk.size - at < piece ? chunk.size - at : piece;
                assert_int_equal(
                    tacit_upload_append(upload, tacit_span(chunk.data + at, size), NULL), TACIT_OK);
            }
        }
        assert_int_equal(tacit_upload_check(upload, NULL), TACIT_OK);
        assert_int_equal(tacit_upload_check(upload, NULL), TACIT_OK);
        assert_int_equal(tacit_upload_append(upload, tacit_span("x", 1), &error),
                         TACIT_MODELS_CONTENT_MISMATCH);
        assert_string_equal(error.claim, "bytes");
        s_drop(upload);
    }
}

static void another_content_is_seen_at_the_end(void **state)
{
    (void)state;
    tacit_error_t error = {.code = TACIT_OK};
    const model_sample_t sample = model_sample(1, "m", 1, 100);
    uint8_t altered[100 + TACIT_SEAL_OVERHEAD];
    tacit_upload_t *upload = s_begin(&sample);
    tacit_span_t chunk = model_sample_chunk(&sample, 0);
    memcpy(altered, chunk.data, chunk.size);
    altered[sizeof altered - 1] ^= 1;
    assert_int_equal(tacit_upload_append(upload, tacit_span(altered, sizeof altered), NULL),
                     TACIT_OK);
    assert_int_equal(tacit_upload_check(upload, &error), TACIT_MODELS_CONTENT_MISMATCH);
    assert_string_equal(error.claim, "content SHA-256");
    assert_string_not_equal(error.expected, error.got);
    s_drop(upload);
}

static void a_full_disk_ends_it_with_its_code(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, 1000);
    tacit_upload_t *upload = s_begin(&sample);
    state_disk_full(100);
    assert_int_equal(tacit_upload_append(upload, model_sample_chunk(&sample, 0), NULL),
                     TACIT_STORAGE_FULL);
    state_disk_free();
    assert_int_equal(state_count_files(state_path(s_folder, "blobs"), ""), 0);
    s_drop(upload);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(an_upload_is_known_by_its_manifest),
        S_CASE(an_upload_that_nobody_carries_on_ends_at_its_time),
        S_CASE(uploads_of_an_owner_are_limited),
        S_CASE(bytes_of_an_owners_uploads_are_limited),
        S_CASE(uploads_of_all_are_limited),
        S_CASE(a_quiet_upload_gives_way),
        S_CASE(a_quiet_upload_of_another_gives_way_when_all_are_taken),
        S_CASE(what_is_under_way_is_summed),
        S_CASE(bytes_come_in_pieces_of_any_size),
        S_CASE(another_content_is_seen_at_the_end),
        S_CASE(a_full_disk_ends_it_with_its_code),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
