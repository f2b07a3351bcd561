/*  database_test.c - what is committed is there, what is not is not, and each failure has its code.
 */

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

#include "services/storage/database.h"
#include "state_folder.h"

static const char s_schema[] = "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, "
                               "bytes BLOB NOT NULL, note TEXT, number INTEGER CHECK(number < 9));";
static const char s_insert_sql[] = "INSERT INTO rows(id, bytes) VALUES(?1, ?2)";
static const char s_select_sql[] = "SELECT bytes FROM rows WHERE id = ?1";
static const char s_count_sql[] = "SELECT count(*) FROM rows";

static char s_folder[STATE_FOLDER_MAX];

static const char *s_path(void)
{
    return state_path(s_folder, "test.db");
}

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    state_folder_remove(s_folder);
    return 0;
}

static tacit_database_t *s_open(void)
{
    tacit_database_t *database = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_database_open(s_path(), s_schema, &database, &error)) {
        fail_msg("%s: %s", error.name, error.message);
    }
    return database;
}

static tacit_status_t s_insert(tacit_database_t *database, uint64_t id, tacit_span_t bytes)
{
    sqlite3_stmt *statement = tacit_database_query(database, s_insert_sql);
    tacit_bind_u64(statement, 1, id);
    tacit_bind_blob(statement, 2, bytes);
    return tacit_step_done(statement);
}

static uint64_t s_count(tacit_database_t *database)
{
    sqlite3_stmt *statement = tacit_database_query(database, s_count_sql);
    assert_int_equal(tacit_step(statement), TACIT_OK);
    uint64_t count = tacit_column_u64(statement, 0);
    sqlite3_reset(statement);
    return count;
}

static void s_is_stored(tacit_database_t *database, uint64_t id, tacit_span_t bytes)
{
    sqlite3_stmt *statement = tacit_database_query(database, s_select_sql);
    tacit_bind_u64(statement, 1, id);
    assert_int_equal(tacit_step(statement), TACIT_OK);
    assert_true(tacit_span_equal(tacit_column_span(statement, 0), bytes));
    assert_int_equal(tacit_step(statement), TACIT_NOT_FOUND);
}

static void rows_are_there_after_opening_again(void **state)
{
    (void)state;
    tacit_database_t *database = s_open();
    assert_int_equal(s_insert(database, 1, tacit_span("a\0b", 3)), TACIT_OK);
    assert_int_equal(s_insert(database, INT64_MAX, tacit_span(NULL, 0)), TACIT_OK);
    tacit_database_destroy(&database);
    assert_null(database);
    tacit_database_destroy(&database);
    database = s_open();
    s_is_stored(database, 1, tacit_span("a\0b", 3));
    s_is_stored(database, INT64_MAX, tacit_span(NULL, 0));
    assert_int_equal(s_count(database), 2);
    tacit_database_destroy(&database);
}

static void a_file_is_for_its_owner_alone(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    tacit_database_t *database = s_open();
    for (size_t i = 0; i < 3; i++) {
        char path[STATE_PATH_MAX];
        struct stat facts;
        snprintf(path, sizeof path, "%s%s", s_path(), suffixes[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
    }
    tacit_database_destroy(&database);
}

static void a_transaction_is_whole_or_nothing(void **state)
{
    (void)state;
    tacit_database_t *database = s_open();
    assert_int_equal(tacit_database_begin(database), TACIT_OK);
    assert_int_equal(s_insert(database, 1, tacit_span("x", 1)), TACIT_OK);
    assert_int_equal(s_insert(database, 2, tacit_span("y", 1)), TACIT_OK);
    tacit_database_rollback(database);
    assert_int_equal(s_count(database), 0);
    tacit_database_rollback(database);
    assert_int_equal(tacit_database_begin(database), TACIT_OK);
    assert_int_equal(s_insert(database, 1, tacit_span("x", 1)), TACIT_OK);
    assert_int_equal(tacit_database_commit(database), TACIT_OK);
    assert_int_equal(tacit_database_begin(database), TACIT_OK);
    assert_int_equal(s_insert(database, 3, tacit_span("z", 1)), TACIT_OK);
    tacit_database_destroy(&database); /* with the transaction open */
    database = s_open();
    assert_int_equal(s_count(database), 1);
    tacit_database_destroy(&database);
}

/*  A process that is killed, after a commit and within the next transaction.  */
static void a_commit_outlives_the_process(void **state)
{
    (void)state;
    int code = 0;
    pid_t child = fork();
    if (child == 0) {
        tacit_database_t *database = NULL;
        if (!tacit_database_open(s_path(), s_schema, &database, NULL) &&
            !tacit_database_begin(database) && !s_insert(database, 1, tacit_span("x", 1)) &&
            !tacit_database_commit(database) && !tacit_database_begin(database) &&
            !s_insert(database, 2, tacit_span("y", 1))) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code));
    tacit_database_t *database = s_open();
    s_is_stored(database, 1, tacit_span("x", 1));
    assert_int_equal(s_count(database), 1);
    tacit_database_destroy(&database);
}

static void a_broken_rule_has_its_code(void **state)
{
    (void)state;
    static const char sql[] = "INSERT INTO rows(id, bytes, number) VALUES(7, x'00', 9)";
    tacit_database_t *database = s_open();
    assert_int_equal(s_insert(database, 1, tacit_span("x", 1)), TACIT_OK);
    assert_int_equal(s_insert(database, 1, tacit_span("y", 1)), TACIT_ALREADY_EXISTS);
    s_is_stored(database, 1, tacit_span("x", 1));
    assert_int_equal(tacit_step_done(tacit_database_query(database, sql)), TACIT_BAD_INPUT);
    tacit_database_destroy(&database);
}

/*  What SQLite cannot hold is not cut short: it is no value.  */
static void a_number_beyond_63_bits_is_refused(void **state)
{
    (void)state;
    static const char sql[] = "CREATE TABLE numbers(value INTEGER NOT NULL)";
    static const char insert[] = "INSERT INTO numbers VALUES(?1)";
    tacit_database_t *database = s_open();
    assert_int_equal(tacit_step_done(tacit_database_query(database, sql)), TACIT_OK);
    sqlite3_stmt *statement = tacit_database_query(database, insert);
    tacit_bind_u64(statement, 1, INT64_MAX);
    assert_int_equal(tacit_step_done(statement), TACIT_OK);
    statement = tacit_database_query(database, insert);
    tacit_bind_u64(statement, 1, (uint64_t)INT64_MAX + 1);
    assert_int_equal(tacit_step_done(statement), TACIT_BAD_INPUT);
    tacit_database_destroy(&database);
}

static void a_copy_of_a_column_has_exactly_its_size(void **state)
{
    (void)state;
    uint8_t bytes[8] = {0};
    tacit_database_t *database = s_open();
    assert_int_equal(s_insert(database, 1, tacit_span("abc", 3)), TACIT_OK);
    sqlite3_stmt *statement = tacit_database_query(database, s_select_sql);
    tacit_bind_u64(statement, 1, 1);
    assert_int_equal(tacit_step(statement), TACIT_OK);
    assert_false(tacit_column_copy(statement, 0, bytes, 2));
    assert_false(tacit_column_copy(statement, 0, bytes, 4));
    assert_int_equal(bytes[0], 0);
    assert_true(tacit_column_copy(statement, 0, bytes, 3));
    assert_memory_equal(bytes, "abc", 3);
    tacit_database_destroy(&database);
}

static void statements_are_limited(void **state)
{
    (void)state;
    static char texts[TACIT_DATABASE_STATEMENTS_MAX + 1][32];
    tacit_database_t *database = s_open();
    for (size_t i = 0; i < TACIT_DATABASE_STATEMENTS_MAX; i++) {
        snprintf(texts[i], sizeof texts[i], "SELECT %zu", i);
        assert_int_equal(tacit_step(tacit_database_query(database, texts[i])), TACIT_OK);
    }
    snprintf(texts[TACIT_DATABASE_STATEMENTS_MAX], sizeof texts[0], "SELECT 1");
    sqlite3_stmt *none = tacit_database_query(database, texts[TACIT_DATABASE_STATEMENTS_MAX]);
    assert_null(none);
    tacit_bind_u64(none, 1, 1);
    assert_int_equal(tacit_step(none), TACIT_INTERNAL);
    assert_int_equal(tacit_step_done(none), TACIT_INTERNAL);
    assert_non_null(tacit_database_query(database, texts[0])); /* those that are known still work */
    tacit_database_destroy(&database);
}

static void what_is_no_database_is_corrupt(void **state)
{
    (void)state;
    tacit_database_t *database = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    char noise[8192];
    memset(noise, 'n', sizeof noise);
    state_write(s_path(), 0, noise, sizeof noise);
    assert_int_equal(tacit_database_open(s_path(), s_schema, &database, &error), TACIT_CORRUPT);
    assert_null(database);
    assert_int_equal(error.code, TACIT_CORRUPT);
    assert_true(error.remedy[0]);
}

static void a_damaged_database_is_corrupt_when_it_is_opened(void **state)
{
    (void)state;
    uint8_t bytes[1024] = {1};
    uint8_t noise[512];
    memset(noise, 0xee, sizeof noise);
    tacit_database_t *database = s_open();
    for (uint64_t i = 1; i <= 64; i++) {
        assert_int_equal(s_insert(database, i, tacit_span(bytes, sizeof bytes)), TACIT_OK);
    }
    tacit_database_destroy(&database);
    state_write(s_path(), 8192, noise, sizeof noise);
    assert_int_equal(tacit_database_open(s_path(), s_schema, &database, NULL), TACIT_CORRUPT);
    assert_null(database);
}

static void without_a_folder_there_is_no_database(void **state)
{
    (void)state;
    tacit_database_t *database = NULL;
    assert_int_equal(
        tacit_database_open(state_path(s_folder, "none/test.db"), s_schema, &database, NULL),
        TACIT_STORAGE_FAILED);
    assert_null(database);
}

static void a_schema_that_is_none_is_refused(void **state)
{
    (void)state;
    tacit_database_t *database = NULL;
    assert_int_not_equal(tacit_database_open(s_path(), "CREATE NONSENSE", &database, NULL),
                         TACIT_OK);
    assert_null(database);
}

static void another_writer_makes_it_busy(void **state)
{
    (void)state;
    tacit_database_t *first = s_open();
    tacit_database_t *second = s_open();
    assert_int_equal(tacit_database_begin(first), TACIT_OK);
    assert_int_equal(tacit_database_begin(second), TACIT_BUSY);
    assert_int_equal(tacit_database_commit(first), TACIT_OK);
    assert_int_equal(tacit_database_begin(second), TACIT_OK);
    tacit_database_rollback(second);
    tacit_database_destroy(&first);
    tacit_database_destroy(&second);
}

/*  Wherever the disk becomes full: all before, nothing after, and it goes on when there is room. */
static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    static uint8_t bytes[16 * 1024] = {7};
    char wal[STATE_PATH_MAX];
    snprintf(wal, sizeof wal, "%s-wal", s_path());
    tacit_database_t *database = s_open();
    assert_int_equal(s_insert(database, 1, tacit_span("x", 1)), TACIT_OK);
    size_t before = state_size(wal);
    for (size_t more = 0; more < 20000; more += 3000) {
        state_disk_full(before + more);
        assert_int_equal(s_insert(database, 2, tacit_span(bytes, sizeof bytes)),
                         TACIT_STORAGE_FULL);
        assert_int_equal(tacit_database_begin(database), TACIT_OK);
        tacit_status_t status = s_insert(database, 2, tacit_span(bytes, sizeof bytes));
        status = status ? status : tacit_database_commit(database);
        assert_int_equal(status, TACIT_STORAGE_FULL);
        tacit_database_rollback(database);
        state_disk_free();
        s_is_stored(database, 1, tacit_span("x", 1));
        assert_int_equal(s_count(database), 1);
    }
    assert_int_equal(s_insert(database, 2, tacit_span(bytes, sizeof bytes)), TACIT_OK);
    tacit_database_destroy(&database);
    database = s_open();
    assert_int_equal(s_count(database), 2);
    tacit_database_destroy(&database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_there_after_opening_again, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_for_its_owner_alone, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_transaction_is_whole_or_nothing, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_commit_outlives_the_process, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_broken_rule_has_its_code, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_number_beyond_63_bits_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_copy_of_a_column_has_exactly_its_size, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(statements_are_limited, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_corrupt, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_corrupt_when_it_is_opened, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(without_a_folder_there_is_no_database, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_schema_that_is_none_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(another_writer_makes_it_busy, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing, s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
