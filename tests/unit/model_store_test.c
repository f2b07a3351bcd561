/*  model_store_test.c - models are there whole, with their newest version, within their quotas, and
    after a crash.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idl/models.h"
#include "model_sample.h"
#include "services/models/model_store.h"
#include "state_folder.h"

#define S_SMALL        ((uint64_t)100)
#define S_SMALL_SEALED (S_SMALL + TACIT_SEAL_OVERHEAD)

static char s_folder[STATE_FOLDER_MAX];
static tacit_model_limits_t s_limits;
static tacit_model_store_t *s_store;
static const tacit_upload_sum_t s_nothing;

static void s_open(void)
{
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_model_store_open(s_folder, &s_limits, &s_store, &error)) {
        fail_msg("%s: %s", error.name, error.message);
    }
}

static void s_open_again(void)
{
    tacit_model_store_destroy(&s_store);
    s_open();
}

static int s_setup(void **state)
{
    (void)state;
    s_limits = (tacit_model_limits_t){0};
    state_folder_make(s_folder);
    s_open();
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    tacit_model_store_destroy(&s_store);
    tacit_model_store_destroy(&s_store);
    state_folder_remove(s_folder);
    return 0;
}

static const char *s_blobs(void)
{
    return state_path(s_folder, "blobs");
}

/*  --- uploading ------------------------------------------------------------------------------- */

static tacit_status_t s_begin(const model_sample_t *sample, tacit_upload_t *ret_upload)
{
    *ret_upload = (tacit_upload_t){.used = true};
    model_sample_fill(sample, ret_upload);
    crypto_hash_sha256_init(&ret_upload->hash);
    return tacit_model_store_begin(s_store, &sample->manifest, &s_nothing, &ret_upload->writer,
                                   NULL);
}

static tacit_status_t s_put_chunks(const model_sample_t *sample, tacit_upload_t *upload)
{
    tacit_status_t status = TACIT_OK;
    for (uint32_t i = 0; i < sample->manifest.chunk_count && !status; i++) {
        status = tacit_upload_append(upload, model_sample_chunk(sample, i), NULL);
    }
    return status;
}

static tacit_status_t s_push(const model_sample_t *sample)
{
    tacit_upload_t upload;
    tacit_status_t status = s_begin(sample, &upload);
    if (status) {
        return status;
    }
    status = s_put_chunks(sample, &upload);
    if (!status) {
        status = tacit_upload_check(&upload, NULL);
    }
    if (!status) {
        status = tacit_model_store_add(s_store, &upload, NULL);
        assert_null(upload.writer);
    }
    tacit_blob_abort(&upload.writer);
    return status;
}

static tacit_status_t s_push_small(uint8_t owner, const char *name, uint32_t version)
{
    const model_sample_t sample = model_sample(owner, name, version, S_SMALL);
    return s_push(&sample);
}

/*  --- reading --------------------------------------------------------------------------------- */

static const uint8_t *s_owner(uint8_t owner)
{
    static uint8_t owners[4][32];
    static size_t next;
    uint8_t *bytes = owners[next++ % 4];
    memset(bytes, owner, 32);
    return bytes;
}

/*  The version that get gives; 0: none.  */
static uint32_t s_get(uint8_t owner, const char *name, uint32_t version)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_manifest_t manifest;
    tacit_status_t status = tacit_model_store_get(s_store, s_owner(owner), tacit_span_string(name),
                                                  version, bytes, signature);
    if (status) {
        assert_int_equal(status, TACIT_NOT_FOUND);
        return 0;
    }
    assert_int_equal(tacit_model_manifest_verify(tacit_span(bytes, sizeof bytes),
                                                 tacit_span(signature, sizeof signature), &manifest,
                                                 NULL),
                     TACIT_OK);
    assert_memory_equal(manifest.owner, s_owner(owner), 32);
    assert_string_equal(manifest.name, name);
    return manifest.version;
}

static tacit_status_t s_read(const model_sample_t *sample, uint32_t index, uint8_t *ret_bytes,
                             size_t *ret_size)
{
    tacit_model_chunk_t chunk;
    tacit_status_t status = tacit_model_store_find_chunk(s_store, sample->manifest.owner,
                                                         tacit_span_string(sample->manifest.name),
                                                         sample->manifest.version, index, &chunk);
    if (!status) {
        *ret_size = chunk.size;
        status = tacit_model_store_read_chunk(s_store, &chunk, false, ret_bytes);
    }
    return status;
}

static void s_is_whole(const model_sample_t *sample)
{
    static uint8_t bytes[MODEL_SAMPLE_CHUNK];
    size_t size = 0;
    for (uint32_t i = 0; i < sample->manifest.chunk_count; i++) {
        assert_int_equal(s_read(sample, i, bytes, &size), TACIT_OK);
        assert_true(tacit_span_equal(tacit_span(bytes, size), model_sample_chunk(sample, i)));
    }
    assert_int_equal(s_read(sample, sample->manifest.chunk_count, bytes, &size), TACIT_NOT_FOUND);
    assert_int_equal(s_read(sample, UINT32_MAX, bytes, &size), TACIT_NOT_FOUND);
}

/*  --- what is kept ---------------------------------------------------------------------------- */

static void a_model_is_there_whole_after_opening_again(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, TACIT_MODEL_CHUNK_SIZE, 2 * TACIT_MODEL_CHUNK_SIZE + 7};
    for (uint32_t i = 0; i < 3; i++) {
        const model_sample_t sample = model_sample(1, "m", i + 1, sizes[i]);
        assert_int_equal(s_push(&sample), TACIT_OK);
        s_is_whole(&sample);
        s_open_again();
        s_is_whole(&sample);
    }
    assert_int_equal(state_count_files(s_blobs(), ""), 3);
}

static void a_model_is_not_there_before_it_is_added(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_upload_t upload;
    assert_int_equal(s_begin(&sample, &upload), TACIT_OK);
    assert_int_equal(s_put_chunks(&sample, &upload), TACIT_OK);
    assert_int_equal(s_get(1, "m", 1), 0);
    assert_int_equal(s_get(1, "m", 0), 0);
    tacit_blob_abort(&upload.writer);
}

static void versions_are_found_by_number_and_the_newest(void **state)
{
    (void)state;
    assert_int_equal(s_push_small(1, "m", 2), TACIT_OK);
    assert_int_equal(s_push_small(1, "m", 10), TACIT_OK);
    assert_int_equal(s_push_small(1, "n", 1), TACIT_OK);
    assert_int_equal(s_push_small(2, "m", 3), TACIT_OK);
    assert_int_equal(s_get(1, "m", 0), 10);
    assert_int_equal(s_get(1, "m", 2), 2);
    assert_int_equal(s_get(1, "m", 3), 0);
    assert_int_equal(s_get(2, "m", 0), 3);
    assert_int_equal(s_get(3, "m", 0), 0);
    assert_int_equal(s_get(1, "", 0), 0);
}

static void versions_only_go_up(void **state)
{
    (void)state;
    const model_sample_t same = model_sample(1, "m", 5, S_SMALL);
    tacit_upload_t upload;
    assert_int_equal(s_push_small(1, "m", 5), TACIT_OK);
    assert_int_equal(s_push_small(1, "m", 5), TACIT_MODELS_STALE_VERSION);
    assert_int_equal(s_push_small(1, "m", 4), TACIT_MODELS_STALE_VERSION);
    assert_int_equal(s_begin(&same, &upload), TACIT_MODELS_STALE_VERSION); /* before any chunk */
    assert_null(upload.writer);
    assert_int_equal(s_push_small(1, "m", 6), TACIT_OK);
    assert_int_equal(s_push_small(1, "m", UINT32_MAX), TACIT_OK);
    assert_int_equal(s_push_small(1, "m", UINT32_MAX), TACIT_MODELS_STALE_VERSION);
    assert_int_equal(state_count_files(s_blobs(), ""), 3);
}

static void of_two_uploads_of_a_version_one_is_added(void **state)
{
    (void)state;
    tacit_error_t error = {.code = TACIT_OK};
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_upload_t first;
    tacit_upload_t second;
    assert_int_equal(s_begin(&sample, &first), TACIT_OK);
    assert_int_equal(s_begin(&sample, &second), TACIT_OK);
    assert_int_equal(s_put_chunks(&sample, &first), TACIT_OK);
    assert_int_equal(s_put_chunks(&sample, &second), TACIT_OK);
    assert_int_equal(tacit_model_store_add(s_store, &second, NULL), TACIT_OK);
    assert_int_equal(tacit_model_store_add(s_store, &first, &error), TACIT_MODELS_STALE_VERSION);
    assert_string_equal(error.claim, "version");
    assert_null(first.writer);
    assert_int_equal(state_count_files(s_blobs(), ""), 1);
    s_is_whole(&sample);
}

static void a_time_that_cannot_be_kept_is_refused(void **state)
{
    (void)state;
    model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_upload_t upload;
    sample.manifest.created_ms = (uint64_t)INT64_MAX + 1;
    assert_int_equal(s_begin(&sample, &upload), TACIT_BAD_INPUT);
    sample.manifest.created_ms = INT64_MAX;
    assert_int_equal(s_push(&sample), TACIT_OK);
}

/*  --- quotas ---------------------------------------------------------------------------------- */

static void models_of_an_owner_are_limited(void **state)
{
    (void)state;
    s_limits.models_per_owner = 3;
    s_open_again();
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(s_push_small(1, "m", i), TACIT_OK);
    }
    assert_int_equal(s_push_small(1, "m", 4), TACIT_MODELS_QUOTA_EXCEEDED);
    assert_int_equal(s_push_small(1, "n", 1), TACIT_MODELS_QUOTA_EXCEEDED);
    assert_int_equal(s_push_small(2, "n", 1), TACIT_OK);
    assert_int_equal(tacit_model_store_remove(s_store, s_owner(1), tacit_span_string("m"), 1),
                     TACIT_OK);
    assert_int_equal(s_push_small(1, "m", 4), TACIT_OK);
}

static void the_limit_of_models_is_no_higher_than_the_constant(void **state)
{
    (void)state;
    s_limits.models_per_owner = UINT32_MAX;
    s_open_again();
    const tacit_upload_sum_t almost = {.owner_models = TACIT_MODELS_PER_OWNER_MAX - 1};
    const tacit_upload_sum_t all = {.owner_models = TACIT_MODELS_PER_OWNER_MAX};
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_blob_writer_t *writer = NULL;
    assert_int_equal(tacit_model_store_begin(s_store, &sample.manifest, &all, &writer, NULL),
                     TACIT_MODELS_QUOTA_EXCEEDED);
    assert_int_equal(tacit_model_store_begin(s_store, &sample.manifest, &almost, &writer, NULL),
                     TACIT_OK);
    tacit_blob_abort(&writer);
}

static void bytes_are_limited_with_what_is_under_way(void **state)
{
    (void)state;
    static const struct {
        tacit_model_limits_t limits;
        tacit_upload_sum_t under_way;
        const char *claim; /* NULL: fits */
    } rows[] = {
        {{.owner_bytes = 2 * S_SMALL_SEALED}, {0}, NULL},
        {{.owner_bytes = 2 * S_SMALL_SEALED - 1}, {0}, "bytes of the owner"},
        {{.owner_bytes = 2 * S_SMALL_SEALED}, {.owner_bytes = 1}, "bytes of the owner"},
        {{.total_bytes = 3 * S_SMALL_SEALED}, {0}, NULL},
        {{.total_bytes = 3 * S_SMALL_SEALED - 1}, {0}, "bytes of the store"},
        {{.total_bytes = 3 * S_SMALL_SEALED}, {.total_bytes = 1}, "bytes of the store"},
        {{0}, {.owner_bytes = TACIT_MODELS_OWNER_BYTES_MAX - 2 * S_SMALL_SEALED}, NULL},
        {{0},
         {.owner_bytes = TACIT_MODELS_OWNER_BYTES_MAX - 2 * S_SMALL_SEALED + 1},
         "bytes of the owner"},
        {{0}, {.total_bytes = TACIT_MODELS_TOTAL_BYTES_MAX - 3 * S_SMALL_SEALED}, NULL},
        {{0},
         {.total_bytes = TACIT_MODELS_TOTAL_BYTES_MAX - 3 * S_SMALL_SEALED + 1},
         "bytes of the store"},
    };
    assert_int_equal(s_push_small(1, "m", 1), TACIT_OK);
    assert_int_equal(s_push_small(2, "m", 1), TACIT_OK);
    const model_sample_t sample = model_sample(1, "n", 1, S_SMALL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_blob_writer_t *writer = NULL;
        tacit_error_t error = {.code = TACIT_OK};
        s_limits = rows[i].limits;
        s_open_again();
        tacit_status_t status =
            tacit_model_store_begin(s_store, &sample.manifest, &rows[i].under_way, &writer, &error);
        assert_int_equal(status, rows[i].claim ? TACIT_MODELS_QUOTA_EXCEEDED : TACIT_OK);
        if (rows[i].claim) {
            assert_string_equal(error.claim, rows[i].claim);
            assert_true(error.remedy[0]);
        }
        tacit_blob_abort(&writer);
    }
}

/*  --- lists and removing ---------------------------------------------------------------------- */

static void lists_are_read_in_pages(void **state)
{
    (void)state;
    tacit_model_entry_t entries[8];
    size_t count = 99;
    assert_int_equal(tacit_model_store_list(s_store, NULL, 0, entries, 8, &count), TACIT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(s_push_small(2, "a", 1), TACIT_OK);
    assert_int_equal(s_push_small(1, "b", 1), TACIT_OK);
    assert_int_equal(s_push_small(1, "b", 2), TACIT_OK);
    assert_int_equal(s_push_small(1, "a", 7), TACIT_OK);
    assert_int_equal(tacit_model_store_list(s_store, NULL, 0, entries, 8, &count), TACIT_OK);
    assert_int_equal(count, 4);
    assert_string_equal(entries[0].name, "a");
    assert_int_equal(entries[0].version, 7);
    assert_int_equal(entries[0].size, S_SMALL);
    assert_int_equal(entries[0].created_ms, 1007);
    assert_int_equal(entries[2].version, 2);
    assert_memory_equal(entries[3].owner, s_owner(2), 32);
    const model_sample_t sample = model_sample(1, "a", 7, S_SMALL);
    assert_memory_equal(entries[0].content_sha256, sample.manifest.content_sha256, 32);
    assert_int_equal(tacit_model_store_list(s_store, NULL, 1, entries, 2, &count), TACIT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(entries[1].version, 2);
    assert_int_equal(tacit_model_store_list(s_store, s_owner(1), 2, entries, 8, &count), TACIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(tacit_model_store_list(s_store, s_owner(1), 3, entries, 8, &count), TACIT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(tacit_model_store_list(s_store, s_owner(9), 0, entries, 8, &count), TACIT_OK);
    assert_int_equal(count, 0);
}

static tacit_status_t s_remove(uint8_t owner, const char *name, uint32_t version)
{
    return tacit_model_store_remove(s_store, s_owner(owner), tacit_span_string(name), version);
}

static void only_what_is_meant_is_removed(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 4; i++) {
        assert_int_equal(s_push_small(1, "m", i), TACIT_OK);
    }
    assert_int_equal(s_push_small(1, "n", 1), TACIT_OK);
    assert_int_equal(s_push_small(2, "m", 1), TACIT_OK);
    assert_int_equal(s_remove(1, "m", 5), TACIT_NOT_FOUND);
    assert_int_equal(s_remove(3, "m", 0), TACIT_NOT_FOUND);
    assert_int_equal(s_remove(1, "m", 4), TACIT_OK);
    assert_int_equal(s_remove(1, "m", 4), TACIT_NOT_FOUND);
    assert_int_equal(s_get(1, "m", 0), 3);
    assert_int_equal(state_count_files(s_blobs(), ""), 5);
    assert_int_equal(s_remove(1, "m", 0), TACIT_OK);
    assert_int_equal(s_get(1, "m", 0), 0);
    assert_int_equal(state_count_files(s_blobs(), ""), 2);
    s_open_again();
    assert_int_equal(s_get(1, "m", 0), 0);
    assert_int_equal(s_get(1, "n", 0), 1);
    assert_int_equal(s_get(2, "m", 0), 1);
}

/*  --- crashes and full disks ------------------------------------------------------------------ */

static void an_unfinished_upload_is_gone_after_a_crash(void **state)
{
    (void)state;
    int code = 0;
    const model_sample_t kept = model_sample(1, "m", 1, S_SMALL);
    const model_sample_t half = model_sample(1, "m", 2, TACIT_MODEL_CHUNK_SIZE + 1);
    tacit_model_store_destroy(&s_store);
    pid_t child = fork();
    if (child == 0) {
        tacit_upload_t upload;
        if (!tacit_model_store_open(s_folder, &s_limits, &s_store, NULL) && !s_push(&kept) &&
            !s_begin(&half, &upload) &&
            !tacit_upload_append(&upload, model_sample_chunk(&half, 0), NULL)) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    assert_int_equal(state_count_files(s_blobs(), ""), 2);
    s_open();
    assert_int_equal(state_count_files(s_blobs(), ""), 1);
    s_is_whole(&kept);
    assert_int_equal(s_push(&half), TACIT_OK);
    s_is_whole(&half);
}

/*  Between the blob and its row: the blob is there, finished, and nobody knows it.  */
static void a_blob_without_a_row_is_removed_at_the_start(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_upload_t upload;
    assert_int_equal(s_push_small(1, "n", 1), TACIT_OK);
    assert_int_equal(s_begin(&sample, &upload), TACIT_OK);
    assert_int_equal(s_put_chunks(&sample, &upload), TACIT_OK);
    assert_int_equal(tacit_blob_finish(&upload.writer), TACIT_OK);
    assert_int_equal(state_count_files(s_blobs(), ""), 2);
    s_open_again();
    assert_int_equal(state_count_files(s_blobs(), ""), 1);
    assert_int_equal(s_get(1, "m", 0), 0);
    assert_int_equal(s_push(&sample), TACIT_OK);
}

/*  Full for the row alone: the blob is not left behind, and the version is free.  */
static void a_full_disk_at_the_end_changes_nothing(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    tacit_upload_t upload;
    assert_int_equal(s_begin(&sample, &upload), TACIT_OK);
    assert_int_equal(s_put_chunks(&sample, &upload), TACIT_OK);
    state_disk_full(0);
    assert_int_equal(tacit_model_store_add(s_store, &upload, NULL), TACIT_STORAGE_FULL);
    assert_null(upload.writer);
    assert_int_equal(state_count_files(s_blobs(), ""), 0);
    assert_int_equal(s_get(1, "m", 0), 0);
    state_disk_free();
    assert_int_equal(s_push(&sample), TACIT_OK);
    state_disk_full(0);
    assert_int_equal(s_remove(1, "m", 0), TACIT_STORAGE_FULL);
    state_disk_free();
    s_is_whole(&sample);
    s_open_again();
    s_is_whole(&sample);
}

/*  --- the host -------------------------------------------------------------------------------- */

static void a_blob_that_is_gone_or_short_is_corrupt(void **state)
{
    (void)state;
    static uint8_t bytes[MODEL_SAMPLE_CHUNK];
    size_t size = 0;
    tacit_model_chunk_t chunk;
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    assert_int_equal(s_push(&sample), TACIT_OK);
    assert_int_equal(
        tacit_model_store_find_chunk(s_store, s_owner(1), tacit_span_string("m"), 1, 0, &chunk),
        TACIT_OK);
    state_truncate(state_path(s_blobs(), chunk.blob), S_SMALL_SEALED - 1);
    assert_int_equal(s_read(&sample, 0, bytes, &size), TACIT_CORRUPT);
    assert_int_equal(unlink(state_path(s_blobs(), chunk.blob)), 0);
    assert_int_equal(s_read(&sample, 0, bytes, &size), TACIT_CORRUPT);
    assert_int_equal(s_remove(1, "m", 1), TACIT_OK); /* what is broken can be removed */
}

static void a_row_that_was_altered_gives_nothing(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE models SET blob = '../models.db'",
        "UPDATE models SET blob = printf('%100s', 'a')",
        "UPDATE models SET blob = ''",
        "UPDATE models SET blob = 'other'",
        "UPDATE models SET size = 0",
        "UPDATE models SET size = 1 << 31",
    };
    static uint8_t bytes[MODEL_SAMPLE_CHUNK];
    const model_sample_t sample = model_sample(1, "m", 1, S_SMALL);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        size_t size = 0;
        assert_int_equal(s_push(&sample), TACIT_OK);
        tacit_model_store_destroy(&s_store);
        state_sql(state_path(s_folder, "models.db"), changes[i]);
        s_open();
        assert_int_equal(s_read(&sample, 0, bytes, &size), TACIT_CORRUPT);
        assert_int_equal(s_remove(1, "m", 0), TACIT_OK);
    }
    assert_true(state_size(state_path(s_folder, "models.db")) > 0);
}

static void a_manifest_of_another_size_is_corrupt(void **state)
{
    (void)state;
    uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_entry_t entry;
    size_t count = 0;
    assert_int_equal(s_push_small(1, "m", 1), TACIT_OK);
    tacit_model_store_destroy(&s_store);
    state_sql(state_path(s_folder, "models.db"),
              "UPDATE models SET manifest = x'00', content_sha256 = x'00'");
    s_open();
    assert_int_equal(
        tacit_model_store_get(s_store, s_owner(1), tacit_span_string("m"), 1, manifest, signature),
        TACIT_CORRUPT);
    assert_int_equal(tacit_model_store_list(s_store, NULL, 0, &entry, 1, &count), TACIT_CORRUPT);
}

static void a_folder_that_is_none_is_refused(void **state)
{
    (void)state;
    tacit_model_store_t *store = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_not_equal(
        tacit_model_store_open(state_path(s_folder, "none"), &s_limits, &store, &error), TACIT_OK);
    assert_null(store);
    assert_true(error.message[0]);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(a_model_is_there_whole_after_opening_again),
        S_CASE(a_model_is_not_there_before_it_is_added),
        S_CASE(versions_are_found_by_number_and_the_newest),
        S_CASE(versions_only_go_up),
        S_CASE(of_two_uploads_of_a_version_one_is_added),
        S_CASE(a_time_that_cannot_be_kept_is_refused),
        S_CASE(models_of_an_owner_are_limited),
        S_CASE(the_limit_of_models_is_no_higher_than_the_constant),
        S_CASE(bytes_are_limited_with_what_is_under_way),
        S_CASE(lists_are_read_in_pages),
        S_CASE(only_what_is_meant_is_removed),
        S_CASE(an_unfinished_upload_is_gone_after_a_crash),
        S_CASE(a_blob_without_a_row_is_removed_at_the_start),
        S_CASE(a_full_disk_at_the_end_changes_nothing),
        S_CASE(a_blob_that_is_gone_or_short_is_corrupt),
        S_CASE(a_row_that_was_altered_gives_nothing),
        S_CASE(a_manifest_of_another_size_is_corrupt),
        S_CASE(a_folder_that_is_none_is_refused),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
