/*  upload_keeper_test.c - half uploads survive their carriers and kill -9, cut back to what was
   told as kept; what the host did to them in between costs the upload, and nothing else.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "idl/models.h"
#include "model_sample.h"
#include "services/models/upload_keeper.h"
#include "state_folder.h"

enum { S_SIZE = 2 * TACIT_MODEL_CHUNK_SIZE + 5 };

static char s_folder[STATE_FOLDER_MAX];
static tacit_model_store_t *s_store;
static tacit_upload_keeper_t *s_keeper;
static int s_carrier;

static void s_open(void)
{
    const tacit_model_limits_t limits = {0};
    assert_int_equal(tacit_model_store_open(s_folder, &limits, &s_store, NULL), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_open(s_store, &s_keeper, NULL), TACIT_OK);
}

static void s_close(void)
{
    tacit_upload_keeper_destroy(&s_keeper);
    tacit_model_store_destroy(&s_store);
}

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    s_open();
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    s_close();
    state_folder_remove(s_folder);
    return 0;
}

static size_t s_parts(void)
{
    return state_count_files(state_path(s_folder, "blobs"), ".part");
}

static tacit_status_t s_begin(const model_sample_t *sample, tacit_upload_t **ret_upload)
{
    return tacit_upload_keeper_begin(s_keeper, &sample->manifest, sample->bytes, sample->signature,
                                     &s_carrier, ret_upload, NULL);
}

/*  The bytes from upload->size to that offset.  */
static tacit_status_t s_bring(const model_sample_t *sample, tacit_upload_t *upload, uint64_t to)
{
    tacit_status_t status = TACIT_OK;
    while (upload->size < to && !status) {
        uint32_t index = (uint32_t)(upload->size / MODEL_SAMPLE_CHUNK);
        size_t within = (size_t)(upload->size % MODEL_SAMPLE_CHUNK);
        tacit_span_t chunk = model_sample_chunk(sample, index);
        uint64_t left = to - upload->size;
        size_t size = chunk.size - within < left ? chunk.size - within : (size_t)left;
        status = tacit_upload_append(upload, tacit_span(chunk.data + within, size), NULL);
    }
    return status;
}

static void s_finish(const model_sample_t *sample, tacit_upload_t *upload)
{
    uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    assert_int_equal(s_bring(sample, upload, tacit_model_sealed_size(&sample->manifest)), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_finish(s_keeper, upload, NULL), TACIT_OK);
    assert_int_equal(tacit_model_store_get(s_store, sample->manifest.owner,
                                           tacit_span_string(sample->manifest.name),
                                           sample->manifest.version, manifest, signature),
                     TACIT_OK);
    assert_memory_equal(manifest, sample->bytes, sizeof manifest);
}

/*  What a change to the database by the host does.  */
static void s_alter(const char *sql)
{
    tacit_database_t *database = NULL;
    const char *path = state_path(s_folder, "models.db");
    assert_int_equal(tacit_database_open(path, "SELECT 1;", &database, NULL), TACIT_OK);
    assert_int_equal(tacit_step_done(tacit_database_query(database, sql)), TACIT_OK);
    tacit_database_destroy(&database);
}

static uint64_t s_rows(void)
{
    static const char sql[] = "SELECT count(*) FROM uploads";
    sqlite3_stmt *row = tacit_database_query(tacit_model_store_database(s_store), sql);
    assert_int_equal(tacit_step(row), TACIT_OK);
    uint64_t count = tacit_column_u64(row, 0);
    sqlite3_reset(row);
    return count;
}

/*  An upload of so many bytes that was left.  */
static void s_leave_half(const model_sample_t *sample, uint64_t size)
{
    tacit_upload_t *upload = NULL;
    assert_int_equal(s_begin(sample, &upload), TACIT_OK);
    assert_int_equal(s_bring(sample, upload, size), TACIT_OK);
    tacit_upload_keeper_leave(s_keeper, upload);
}

static uint64_t s_kept(const model_sample_t *sample, tacit_upload_t **ret_upload)
{
    assert_int_equal(s_begin(sample, ret_upload), TACIT_OK);
    return (*ret_upload)->kept;
}

/*  --- losses ---------------------------------------------------------------------------------- */

static void an_upload_waits_for_its_next_carrier(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, S_SIZE);
    const uint64_t sizes[] = {1, 262144, 262185, tacit_model_sealed_size(&sample.manifest)};
    tacit_upload_t *upload = NULL;
    for (size_t i = 0; i < 4; i++) {
        s_leave_half(&sample, sizes[i]);
        assert_null(tacit_upload_keeper_carrier(s_keeper, sample.bytes));
        assert_int_equal(s_kept(&sample, &upload), sizes[i]);
        assert_ptr_equal(tacit_upload_keeper_carrier(s_keeper, sample.bytes), &s_carrier);
        tacit_upload_keeper_leave(s_keeper, upload);
        s_close();
        s_open();
    }
    assert_int_equal(s_kept(&sample, &upload), sizes[3]);
    s_finish(&sample, upload);
    assert_int_equal(s_parts(), 0);
    assert_int_equal(s_rows(), 0);
    assert_int_equal(s_begin(&sample, &upload), TACIT_ALREADY_EXISTS);
}

static void of_nothing_nothing_stays(void **state)
{
    (void)state;
    const model_sample_t sample = model_sample(1, "m", 1, S_SIZE);
    s_leave_half(&sample, 0);
    assert_int_equal(s_parts(), 0);
    assert_int_equal(s_rows(), 0);
}

static void a_crash_cuts_back_to_what_was_kept(void **state)
{
    (void)state;
    int code = 0;
    tacit_upload_t *upload = NULL;
    const model_sample_t sample = model_sample(1, "m", 1, S_SIZE);
    const model_sample_t unkept = model_sample(1, "n", 1, S_SIZE);
    s_close();
    pid_t child = fork();
    if (child == 0) {
        s_open();
        if (!s_begin(&unkept, &upload) && !s_bring(&unkept, upload, 5000) &&
            !s_begin(&sample, &upload) && !s_bring(&sample, upload, 300000) &&
            !tacit_upload_keeper_sync(s_keeper, upload) && !s_bring(&sample, upload, 400000)) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    s_open();
    assert_int_equal(s_parts(), 1); /* of the other one nothing was ever told */
    assert_int_equal(s_kept(&sample, &upload), 300000);
    assert_int_equal(upload->size, 300000);
    s_finish(&sample, upload);
    assert_int_equal(s_kept(&unkept, &upload), 0);
    tacit_upload_keeper_drop(s_keeper, upload);
}

static void a_full_disk_costs_the_upload_alone(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    const model_sample_t sample = model_sample(1, "m", 1, S_SIZE);
    assert_int_equal(s_begin(&sample, &upload), TACIT_OK);
    assert_int_equal(s_bring(&sample, upload, 1000), TACIT_OK);
    state_disk_full(0);
    assert_int_equal(tacit_upload_keeper_sync(s_keeper, upload), TACIT_STORAGE_FULL);
    tacit_upload_keeper_leave(s_keeper, upload);
    state_disk_free();
    assert_int_equal(s_parts(), 0);
    assert_int_equal(s_kept(&sample, &upload), 0);
    s_finish(&sample, upload);
}

/*  --- what is refused ------------------------------------------------------------------------- */

static void another_content_ends_the_upload(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    const model_sample_t sample = model_sample(1, "m", 1, 100);
    const model_sample_t other = model_sample(1, "other", 1, 100);
    s_leave_half(&sample, 50);
    assert_int_equal(s_kept(&sample, &upload), 50);
    assert_int_equal(s_bring(&other, upload, 140), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_finish(s_keeper, upload, NULL),
                     TACIT_MODELS_CONTENT_MISMATCH);
    assert_int_equal(s_parts(), 0);
    assert_int_equal(s_rows(), 0);
    assert_int_equal(s_kept(&sample, &upload), 0);
    s_finish(&sample, upload);
}

static void a_version_that_was_overtaken_is_refused_at_the_end(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    const model_sample_t old = model_sample(1, "m", 1, 100);
    const model_sample_t newer = model_sample(1, "m", 2, 100);
    s_leave_half(&old, 50);
    assert_int_equal(s_kept(&newer, &upload), 0);
    s_finish(&newer, upload);
    assert_int_equal(s_kept(&old, &upload), 50);
    assert_int_equal(s_bring(&old, upload, 140), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_finish(s_keeper, upload, NULL),
                     TACIT_MODELS_STALE_VERSION);
    assert_int_equal(s_rows(), 0);
}

/*  --- what the host does ---------------------------------------------------------------------- */

static void s_host_did(const model_sample_t *sample, const char *sql)
{
    tacit_upload_t *upload = NULL;
    s_leave_half(sample, 1000);
    s_close();
    s_alter(sql);
    s_open();
    assert_int_equal(s_kept(sample, &upload), 0);
    s_finish(sample, upload);
    s_close();
    s_open();
    assert_int_equal(s_rows(), 0);
}

static void rows_that_do_not_hold_together_are_removed(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE uploads SET kept = 1001",
        "UPDATE uploads SET kept = 9000000000000000000",
        "UPDATE uploads SET kept = -1",
        "UPDATE uploads SET manifest = zeroblob(256)",
        "UPDATE uploads SET manifest = zeroblob(255)",
        "UPDATE uploads SET signature = zeroblob(64)",
        "UPDATE uploads SET hash = zeroblob(7)",
        "UPDATE uploads SET blob = ''",
        "UPDATE uploads SET blob = '../../etc/passwd'",
        "UPDATE uploads SET blob = 'not-there'",
        "UPDATE uploads SET heard_ms = 0",
        "DELETE FROM uploads",
    };
    for (uint32_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const model_sample_t sample = model_sample(1, "m", i + 1, S_SIZE);
        s_host_did(&sample, changes[i]);
    }
}

static void a_state_that_is_not_true_shows_at_the_end(void **state)
{
    (void)state;
    tacit_upload_t *upload = NULL;
    const model_sample_t sample = model_sample(1, "m", 1, S_SIZE);
    s_leave_half(&sample, 1000);
    s_close();
    s_alter("UPDATE uploads SET hash = zeroblob(length(hash))");
    s_open();
    assert_int_equal(s_kept(&sample, &upload), 1000);
    assert_int_equal(s_bring(&sample, upload, tacit_model_sealed_size(&sample.manifest)), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_finish(s_keeper, upload, NULL),
                     TACIT_MODELS_CONTENT_MISMATCH);
    assert_int_equal(s_rows(), 0);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(an_upload_waits_for_its_next_carrier),
        S_CASE(of_nothing_nothing_stays),
        S_CASE(a_crash_cuts_back_to_what_was_kept),
        S_CASE(a_full_disk_costs_the_upload_alone),
        S_CASE(another_content_ends_the_upload),
        S_CASE(a_version_that_was_overtaken_is_refused_at_the_end),
        S_CASE(rows_that_do_not_hold_together_are_removed),
        S_CASE(a_state_that_is_not_true_shows_at_the_end),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
