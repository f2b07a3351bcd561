/*  blob_store_test.c - blobs are there whole or not at all; names stay in the folder; a full disk
    and a crash leave nothing behind.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/storage/blob_store.h"
#include "state_folder.h"

#define S_CHUNK ((size_t)100 * 1000)

static char s_folder[STATE_FOLDER_MAX];
static tacit_blob_store_t *s_store;
static uint8_t s_chunk[S_CHUNK];

static const char *s_blobs(void)
{
    return state_path(s_folder, "blobs");
}

static void s_open(void)
{
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_blob_store_open(s_blobs(), NULL, NULL, &s_store, &error)) {
        fail_msg("%s", error.message);
    }
}

static int s_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_chunk; i++) {
        s_chunk[i] = (uint8_t)(i * 31 + i / 256);
    }
    state_folder_make(s_folder);
    s_open();
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    tacit_blob_store_destroy(&s_store);
    state_folder_remove(s_folder);
    return 0;
}

static void s_put(const char *name, size_t chunks)
{
    tacit_blob_writer_t *writer = NULL;
    assert_int_equal(tacit_blob_create(s_store, name, &writer), TACIT_OK);
    assert_string_equal(tacit_blob_writer_name(writer), name);
    for (size_t i = 0; i < chunks; i++) {
        assert_int_equal(tacit_blob_append(writer, tacit_span(s_chunk, S_CHUNK)), TACIT_OK);
    }
    assert_int_equal(tacit_blob_finish(&writer), TACIT_OK);
    assert_null(writer);
}

static void a_blob_is_read_in_any_range(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        size_t size;
    } ranges[] = {{0, 1}, {0, S_CHUNK},    {S_CHUNK - 1, 2}, {2 * S_CHUNK, S_CHUNK},
                  {3, 0}, {3 * S_CHUNK, 0}};
    static uint8_t bytes[S_CHUNK];
    uint64_t size = 0;
    s_put("model-1", 3);
    assert_int_equal(tacit_blob_size(s_store, "model-1", &size), TACIT_OK);
    assert_int_equal(size, 3 * S_CHUNK);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        assert_int_equal(
            tacit_blob_read(s_store, "model-1", ranges[i].offset, ranges[i].size, bytes), TACIT_OK);
        for (size_t k = 0; k < ranges[i].size; k++) {
            assert_int_equal(bytes[k], s_chunk[(ranges[i].offset + k) % S_CHUNK]);
        }
    }
}

/*  What is not in the kernel's memory, or where that cannot be told, is not waited for.  */
static void reads_at_once_or_not_at_all(void **state)
{
    (void)state;
    static uint8_t bytes[S_CHUNK];
    s_put("a", 2);
    tacit_status_t status = tacit_blob_read_cached(s_store, "a", 3, S_CHUNK, bytes);
    assert_true(status == TACIT_OK || status == TACIT_PENDING);
    for (size_t i = 0; status == TACIT_OK && i < S_CHUNK; i++) {
        assert_int_equal(bytes[i], s_chunk[(3 + i) % S_CHUNK]);
    }
    status = tacit_blob_read_cached(s_store, "a", 2 * S_CHUNK, 1, bytes);
    assert_true(status == TACIT_CORRUPT || status == TACIT_PENDING);
    assert_int_equal(tacit_blob_read_cached(s_store, "b", 0, 1, bytes), TACIT_NOT_FOUND);
}

static void beyond_its_end_there_is_nothing(void **state)
{
    (void)state;
    static uint8_t bytes[S_CHUNK];
    s_put("a", 1);
    assert_int_equal(tacit_blob_read(s_store, "a", S_CHUNK, 1, bytes), TACIT_CORRUPT);
    assert_int_equal(tacit_blob_read(s_store, "a", 1, S_CHUNK, bytes), TACIT_CORRUPT);
    assert_int_equal(tacit_blob_read(s_store, "a", UINT64_MAX, 1, bytes), TACIT_BAD_INPUT);
    assert_int_equal(tacit_blob_read(s_store, "a", INT64_MAX, 1, bytes), TACIT_BAD_INPUT);
    assert_int_equal(tacit_blob_read(s_store, "b", 0, 1, bytes), TACIT_NOT_FOUND);
}

static void an_empty_blob_is_a_blob(void **state)
{
    (void)state;
    uint64_t size = 1;
    s_put("empty", 0);
    assert_int_equal(tacit_blob_size(s_store, "empty", &size), TACIT_OK);
    assert_int_equal(size, 0);
}

static void names_stay_in_the_folder(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    ".",   "..",       "a/b", "../a", "a.part", "A",
                                      "a b", "a\n", "\xc3\xa4", "a.b", "/a",   "_"};
    char longest[TACIT_BLOB_NAME_MAX + 2];
    tacit_blob_writer_t *writer = NULL;
    uint64_t size = 0;
    uint8_t byte = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tacit_blob_name_valid(bad[i]));
        assert_int_equal(tacit_blob_create(s_store, bad[i], &writer), TACIT_BAD_INPUT);
        assert_int_equal(tacit_blob_read(s_store, bad[i], 0, 0, &byte), TACIT_BAD_INPUT);
        assert_int_equal(tacit_blob_size(s_store, bad[i], &size), TACIT_BAD_INPUT);
        assert_int_equal(tacit_blob_remove(s_store, bad[i]), TACIT_BAD_INPUT);
    }
    assert_null(writer);
    memset(longest, 'x', sizeof longest);
    longest[TACIT_BLOB_NAME_MAX + 1] = '\0';
    assert_int_equal(tacit_blob_create(s_store, longest, &writer), TACIT_BAD_INPUT);
    longest[TACIT_BLOB_NAME_MAX] = '\0';
    s_put(longest, 1);
}

static void a_blob_is_not_there_before_it_is_finished(void **state)
{
    (void)state;
    tacit_blob_writer_t *writer = NULL;
    tacit_blob_writer_t *other = NULL;
    uint64_t size = 0;
    assert_int_equal(tacit_blob_create(s_store, "a", &writer), TACIT_OK);
    assert_int_equal(tacit_blob_append(writer, tacit_span(s_chunk, S_CHUNK)), TACIT_OK);
    assert_int_equal(tacit_blob_size(s_store, "a", &size), TACIT_NOT_FOUND);
    assert_int_equal(tacit_blob_create(s_store, "a", &other), TACIT_ALREADY_EXISTS);
    tacit_blob_abort(&writer);
    assert_null(writer);
    tacit_blob_abort(&writer);
    assert_int_equal(state_count_files(s_blobs(), ""), 0);
}

static void a_finished_blob_is_never_written_again(void **state)
{
    (void)state;
    tacit_blob_writer_t *writer = NULL;
    s_put("a", 1);
    assert_int_equal(tacit_blob_create(s_store, "a", &writer), TACIT_ALREADY_EXISTS);
    assert_null(writer);
    /*  Also where it appears in the meantime.  */
    assert_int_equal(tacit_blob_create(s_store, "b", &writer), TACIT_OK);
    state_write(state_path(s_blobs(), "b"), 0, "there", 5);
    assert_int_equal(tacit_blob_finish(&writer), TACIT_ALREADY_EXISTS);
    assert_null(writer);
    assert_int_equal(state_size(state_path(s_blobs(), "b")), 5);
    assert_int_equal(state_count_files(s_blobs(), ".part"), 0);
}

static void removing_is_once(void **state)
{
    (void)state;
    s_put("a", 1);
    s_put("b", 1);
    assert_int_equal(tacit_blob_remove(s_store, "a"), TACIT_OK);
    assert_int_equal(tacit_blob_remove(s_store, "a"), TACIT_NOT_FOUND);
    assert_int_equal(state_count_files(s_blobs(), ""), 1);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    s_put("kept", 1);
    for (size_t room = 0; room < 2 * S_CHUNK; room += 49999) {
        tacit_blob_writer_t *writer = NULL;
        tacit_status_t status = TACIT_OK;
        state_disk_full(room);
        assert_int_equal(tacit_blob_create(s_store, "a", &writer), TACIT_OK);
        for (size_t i = 0; i < 3 && !status; i++) {
            status = tacit_blob_append(writer, tacit_span(s_chunk, S_CHUNK));
        }
        assert_int_equal(status, TACIT_STORAGE_FULL);
        assert_int_equal(state_count_files(s_blobs(), ""), 1); /* at once, not only at the end */
        state_disk_free();
        assert_int_equal(tacit_blob_append(writer, tacit_span(s_chunk, 1)), TACIT_STORAGE_FULL);
        assert_int_equal(tacit_blob_finish(&writer), TACIT_STORAGE_FULL);
        assert_null(writer);
        assert_int_equal(state_count_files(s_blobs(), ""), 1);
    }
    s_put("a", 3);
}

/*  A process that is killed in the middle of a blob, with another one finished.  */
static void what_a_crash_left_is_removed_at_the_start(void **state)
{
    (void)state;
    int code = 0;
    pid_t child = fork();
    if (child == 0) {
        tacit_blob_writer_t *writer = NULL;
        tacit_span_t bytes = tacit_span(s_chunk, S_CHUNK);
        if (!tacit_blob_create(s_store, "whole", &writer) && !tacit_blob_append(writer, bytes) &&
            !tacit_blob_finish(&writer) && !tacit_blob_create(s_store, "half", &writer) &&
            !tacit_blob_append(writer, bytes)) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    assert_int_equal(state_count_files(s_blobs(), ".part"), 1);
    tacit_blob_store_destroy(&s_store);
    s_open();
    assert_int_equal(state_count_files(s_blobs(), ".part"), 0);
    assert_int_equal(state_count_files(s_blobs(), ""), 1);
    s_put("half", 1);
}

static tacit_status_t s_keep_named(void *context, const char *name, bool *ret_keep)
{
    *ret_keep = strcmp(name, context) == 0;
    return TACIT_OK;
}

static tacit_status_t s_keep_fails(void *context, const char *name, bool *ret_keep)
{
    (void)context;
    (void)name;
    (void)ret_keep;
    return TACIT_STORAGE_FAILED;
}

static void a_sweep_removes_what_nobody_names(void **state)
{
    (void)state;
    char kept[] = "b";
    size_t removed = 9;
    s_put("a", 1);
    s_put("b", 1);
    s_put("c", 1);
    state_write(state_path(s_blobs(), "Not-Ours"), 0, "x", 1);
    assert_int_equal(tacit_blob_sweep(s_store, s_keep_fails, NULL, &removed), TACIT_STORAGE_FAILED);
    assert_int_equal(removed, 9);
    assert_int_equal(state_count_files(s_blobs(), ""), 4);
    assert_int_equal(tacit_blob_sweep(s_store, s_keep_named, kept, &removed), TACIT_OK);
    assert_int_equal(removed, 2);
    assert_int_equal(state_count_files(s_blobs(), ""), 2);
    assert_int_equal(tacit_blob_sweep(s_store, s_keep_named, kept, &removed), TACIT_OK);
    assert_int_equal(removed, 0);
}

/*  The host may put anything there: a link out of the folder is not followed.  */
static void links_are_not_followed(void **state)
{
    (void)state;
    uint8_t byte = 0;
    uint64_t size = 0;
    state_write(state_path(s_folder, "outside"), 0, "secret", 6);
    assert_int_equal(symlink(state_path(s_folder, "outside"), state_path(s_blobs(), "a")), 0);
    assert_int_equal(tacit_blob_read(s_store, "a", 0, 1, &byte), TACIT_STORAGE_FAILED);
    assert_int_equal(tacit_blob_size(s_store, "a", &size), TACIT_CORRUPT);
    assert_int_equal(tacit_blob_remove(s_store, "a"), TACIT_OK);
    assert_int_equal(state_size(state_path(s_folder, "outside")), 6);
}

static void a_folder_that_cannot_be_is_refused(void **state)
{
    (void)state;
    tacit_blob_store_t *store = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    state_write(state_path(s_folder, "file"), 0, "x", 1);
    assert_int_not_equal(
        tacit_blob_store_open(state_path(s_folder, "file"), NULL, NULL, &store, &error), TACIT_OK);
    assert_int_not_equal(
        tacit_blob_store_open(state_path(s_folder, "no/where"), NULL, NULL, &store, &error),
        TACIT_OK);
    assert_null(store);
    assert_true(error.remedy[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_blob_is_read_in_any_range, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(reads_at_once_or_not_at_all, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(beyond_its_end_there_is_nothing, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(an_empty_blob_is_a_blob, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(names_stay_in_the_folder, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_blob_is_not_there_before_it_is_finished, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(a_finished_blob_is_never_written_again, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(removing_is_once, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_behind, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_left_is_removed_at_the_start, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(a_sweep_removes_what_nobody_names, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(links_are_not_followed, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_is_refused, s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
