/*  upload_table_test.c - uploads belong to one session, come in order, and end.  */

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
    return s_table && !tacit_blob_store_open(state_path(s_folder, "blobs"), &s_blobs, NULL) ? 0
                                                                                            : -1;
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

static const uint8_t *s_id(unsigned number)
{
    static uint8_t ids[4][32];
    static size_t next;
    uint8_t *id = ids[next++ % 4];
    memset(id, 0, 32);
    memcpy(id, &number, sizeof number);
    return id;
}

static tacit_status_t s_try_add(unsigned caller, unsigned session, uint64_t now_ms,
                                tacit_upload_t **ret_upload)
{
    return tacit_upload_table_add(s_table, s_id(caller), s_id(session), now_ms, ret_upload);
}

static tacit_upload_t *s_add(unsigned caller, unsigned session, uint64_t now_ms)
{
    tacit_upload_t *upload = NULL;
    assert_int_equal(s_try_add(caller, session, now_ms, &upload), TACIT_OK);
    return upload;
}

static tacit_upload_t *s_find(unsigned caller, unsigned session, uint64_t id, uint64_t now_ms)
{
    return tacit_upload_table_find(s_table, s_id(caller), s_id(session), id, now_ms);
}

/*  An upload of that model with a writer.  */
static tacit_upload_t *s_begin(const model_sample_t *sample)
{
    char name[32];
    tacit_upload_t *upload = s_add(1, 1, S_NOW);
    model_sample_fill(sample, upload);
    snprintf(name, sizeof name, "blob-%u", s_blob_count++);
    assert_int_equal(tacit_blob_create(s_blobs, name, &upload->writer), TACIT_OK);
    return upload;
}

/*  --- whose ----------------------------------------------------------------------------------- */

static void an_upload_is_of_one_session(void **state)
{
    (void)state;
    const tacit_upload_t *upload = s_add(1, 10, S_NOW);
    uint64_t id = upload->id;
    assert_int_not_equal(id, 0);
    assert_ptr_equal(s_find(1, 10, id, S_NOW), upload);
    assert_null(s_find(1, 11, id, S_NOW)); /* the same user's other session */
    assert_null(s_find(2, 10, id, S_NOW));
    assert_null(s_find(1, 10, id + 1, S_NOW));
    assert_null(s_find(1, 10, 0, S_NOW));
    assert_null(s_find(0, 0, 0, S_NOW)); /* no free row is an upload */
}

static void an_upload_that_ended_is_unknown(void **state)
{
    (void)state;
    tacit_upload_t *upload = s_add(1, 10, S_NOW);
    uint64_t id = upload->id;
    tacit_upload_table_end(s_table, upload);
    assert_null(s_find(1, 10, id, S_NOW));
    assert_int_not_equal(s_add(1, 10, S_NOW)->id, id); /* numbers do not come again */
}

static void an_upload_ends_at_its_time(void **state)
{
    (void)state;
    uint64_t id = s_add(1, 10, S_NOW)->id;
    assert_non_null(s_find(1, 10, id, S_NOW + TACIT_UPLOAD_LIFETIME_MS - 1));
    assert_null(s_find(1, 10, id, S_NOW + TACIT_UPLOAD_LIFETIME_MS));
    id = s_add(1, 10, S_NOW)->id;
    assert_int_equal(tacit_upload_table_expire(s_table, S_NOW + TACIT_UPLOAD_LIFETIME_MS - 1), 0);
    assert_int_equal(tacit_upload_table_expire(s_table, S_NOW + TACIT_UPLOAD_LIFETIME_MS), 1);
    assert_null(s_find(1, 10, id, S_NOW));
}

/*  --- limits ---------------------------------------------------------------------------------- */

static void uploads_of_a_caller_are_limited(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    for (unsigned i = 0; i < TACIT_UPLOADS_PER_CALLER_MAX; i++) {
        (void)s_add(1, i, S_NOW);
    }
    assert_int_equal(s_try_add(1, 9, S_NOW, &upload), TACIT_BUSY);
    assert_null(upload);
    (void)s_add(2, 9, S_NOW);
    tacit_upload_table_end(s_table, s_find(1, 0, 1, S_NOW));
    (void)s_add(1, 9, S_NOW);
}

static void uploads_of_all_are_limited(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    for (unsigned i = 0; i < TACIT_UPLOADS_MAX; i++) {
        (void)s_add(1 + i / TACIT_UPLOADS_PER_CALLER_MAX, 1, S_NOW);
    }
    assert_int_equal(s_try_add(99, 1, S_NOW, &upload), TACIT_BUSY);
    assert_null(upload);
    (void)s_add(99, 1, S_NOW + TACIT_UPLOAD_LIFETIME_MS); /* the others are over then */
    assert_int_equal(tacit_upload_table_expire(s_table, S_NOW + TACIT_UPLOAD_LIFETIME_MS), 0);
}

/*  What a client that vanished left behind does not hold the next one up.  */
static void a_quiet_upload_gives_way(void **state)
{
    (void)state;
    uint64_t later = S_NOW + TACIT_UPLOAD_PATIENCE_MS;
    tacit_upload_t *upload = NULL;
    uint64_t first = s_add(1, 1, S_NOW)->id;
    uint64_t second = s_add(1, 1, S_NOW)->id;
    (void)s_add(1, 1, S_NOW + 1);
    (void)s_add(1, 1, S_NOW + 1);
    assert_non_null(s_find(1, 1, first, S_NOW + 2)); /* is heard of: the second is the quietest */
    assert_int_equal(s_try_add(1, 1, later - 1, &upload), TACIT_BUSY);
    assert_int_equal(s_try_add(1, 1, later, &upload), TACIT_OK);
    assert_null(s_find(1, 1, second, later));
    assert_non_null(s_find(1, 1, first, later));
}

static void a_quiet_upload_of_another_gives_way_when_all_are_taken(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TACIT_UPLOADS_MAX; i++) {
        (void)s_add(1 + i / TACIT_UPLOADS_PER_CALLER_MAX, 1, S_NOW + i);
    }
    (void)s_add(99, 1, S_NOW + TACIT_UPLOAD_PATIENCE_MS);
    assert_null(s_find(1, 1, 1, S_NOW + TACIT_UPLOAD_PATIENCE_MS));
    assert_non_null(s_find(1, 1, 2, S_NOW + TACIT_UPLOAD_PATIENCE_MS));
}

static void what_is_under_way_is_summed(void **state)
{
    (void)state;
    const model_sample_t small = model_sample(1, "m", 1, 10);
    const model_sample_t large = model_sample(2, "m", 1, TACIT_MODEL_CHUNK_SIZE + 1);
    uint64_t of_small = 10 + TACIT_SEAL_OVERHEAD;
    uint64_t of_large = TACIT_MODEL_CHUNK_SIZE + 1 + 2 * TACIT_SEAL_OVERHEAD;
    tacit_upload_t *upload = NULL;
    for (unsigned i = 0; i < 3; i++) {
        const model_sample_t *sample = i < 2 ? &small : &large;
        assert_int_equal(
            tacit_upload_table_add(s_table, sample->manifest.owner, s_id(1), S_NOW, &upload),
            TACIT_OK);
        model_sample_fill(sample, upload);
    }
    tacit_upload_sum_t sum = tacit_upload_table_sum(s_table, small.manifest.owner);
    assert_int_equal(sum.owner_models, 2);
    assert_int_equal(sum.owner_bytes, 2 * of_small);
    assert_int_equal(sum.total_bytes, 2 * of_small + of_large);
    tacit_upload_table_end(s_table, upload);
    sum = tacit_upload_table_sum(s_table, large.manifest.owner);
    assert_int_equal(sum.owner_models, 0);
    assert_int_equal(sum.owner_bytes, 0);
    assert_int_equal(sum.total_bytes, 2 * of_small);
}

/*  --- chunks ---------------------------------------------------------------------------------- */

static void chunks_come_in_order_and_whole(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, 2 * TACIT_MODEL_CHUNK_SIZE + 5);
    tacit_upload_t *upload = s_begin(&sample);
    for (uint32_t i = 0; i < sample.manifest.chunk_count; i++) {
        tacit_span_t chunk = model_sample_chunk(&sample, i);
        tacit_span_t shorter = tacit_span(chunk.data, chunk.size - 1);
        tacit_span_t longer = tacit_span(chunk.data, chunk.size + 1);
        tacit_error_t error = {.code = TACIT_OK};
        assert_int_equal(tacit_upload_check(upload, &error), TACIT_MODELS_CONTENT_MISMATCH);
        assert_string_equal(error.claim, "chunks");
        assert_int_equal(tacit_upload_put_chunk(upload, i + 1, chunk, &error),
                         TACIT_MODELS_WRONG_CHUNK);
        assert_string_equal(error.claim, "index");
        assert_int_equal(tacit_upload_put_chunk(upload, UINT32_MAX, chunk, NULL),
                         TACIT_MODELS_WRONG_CHUNK);
        assert_int_equal(tacit_upload_put_chunk(upload, i, shorter, &error),
                         TACIT_MODELS_WRONG_CHUNK);
        assert_string_equal(error.claim, "bytes");
        assert_int_equal(tacit_upload_put_chunk(upload, i, longer, NULL), TACIT_MODELS_WRONG_CHUNK);
        assert_int_equal(tacit_upload_put_chunk(upload, i, tacit_span(NULL, 0), NULL),
                         TACIT_MODELS_WRONG_CHUNK);
        assert_int_equal(tacit_upload_put_chunk(upload, i, chunk, NULL), TACIT_OK);
        assert_int_equal(tacit_upload_put_chunk(upload, i, chunk, NULL), TACIT_MODELS_WRONG_CHUNK);
    }
    assert_int_equal(tacit_upload_put_chunk(upload, sample.manifest.chunk_count,
                                            tacit_span("", TACIT_SEAL_OVERHEAD), NULL),
                     TACIT_MODELS_WRONG_CHUNK);
    assert_int_equal(tacit_upload_check(upload, NULL), TACIT_OK);
    assert_int_equal(tacit_upload_check(upload, NULL), TACIT_OK);
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
    assert_int_equal(tacit_upload_put_chunk(upload, 0, tacit_span(altered, sizeof altered), NULL),
                     TACIT_OK);
    assert_int_equal(tacit_upload_check(upload, &error), TACIT_MODELS_CONTENT_MISMATCH);
    assert_string_equal(error.claim, "content SHA-256");
    assert_string_not_equal(error.expected, error.got);
}

static void the_smallest_and_a_whole_chunk_fit(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, TACIT_MODEL_CHUNK_SIZE, TACIT_MODEL_CHUNK_SIZE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const model_sample_t sample = model_sample(1, "m", 1, sizes[i]);
        tacit_upload_t *upload = s_begin(&sample);
        for (uint32_t k = 0; k < sample.manifest.chunk_count; k++) {
            assert_int_equal(
                tacit_upload_put_chunk(upload, k, model_sample_chunk(&sample, k), NULL), TACIT_OK);
        }
        assert_int_equal(tacit_upload_check(upload, NULL), TACIT_OK);
        tacit_upload_table_end(s_table, upload);
    }
}

static void a_full_disk_ends_a_chunk_with_its_code(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, 1000);
    tacit_upload_t *upload = s_begin(&sample);
    state_disk_full(100);
    assert_int_equal(tacit_upload_put_chunk(upload, 0, model_sample_chunk(&sample, 0), NULL),
                     TACIT_STORAGE_FULL);
    state_disk_free();
    assert_int_equal(state_count_files(state_path(s_folder, "blobs"), ""), 0);
    tacit_upload_table_end(s_table, upload);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(an_upload_is_of_one_session),
        S_CASE(an_upload_that_ended_is_unknown),
        S_CASE(an_upload_ends_at_its_time),
        S_CASE(uploads_of_a_caller_are_limited),
        S_CASE(uploads_of_all_are_limited),
        S_CASE(a_quiet_upload_gives_way),
        S_CASE(a_quiet_upload_of_another_gives_way_when_all_are_taken),
        S_CASE(what_is_under_way_is_summed),
        S_CASE(chunks_come_in_order_and_whole),
        S_CASE(another_content_is_seen_at_the_end),
        S_CASE(the_smallest_and_a_whole_chunk_fit),
        S_CASE(a_full_disk_ends_a_chunk_with_its_code),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
