/*  sealed_store_test.c - the host does what it can to a database it cannot read: every record and
    audit entry changed, dropped, doubled, moved or put back is refused, on the real platform.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform_fixture.h"
#include "services/storage/sealed_store.h"
#include "state_folder.h"

enum { S_KIND = 3, S_RECORDS_MAX = 16 };

static char s_base[STATE_FOLDER_MAX]; /* of the platform */
static char s_folder[STATE_FOLDER_MAX];
static uint8_t s_counter[32]; /* of this test case */
static tacit_secret_t *s_key;

/*  What the store found when it opened.  */
static struct {
    unsigned kind;
    char key[TACIT_RECORD_KEY_MAX + 1];
    char value[TACIT_RECORD_VALUE_MAX + 1];
} s_records[S_RECORDS_MAX];
static size_t s_record_count;
static tacit_status_t s_found_status;

static int s_setup_group(void **state)
{
    (void)state;
    state_folder_make(s_base);
    platform_fixture_start(s_base);
    return tacit_secret_random(TACIT_KEY_SIZE, &s_key) ? -1 : 0;
}

static int s_teardown_group(void **state)
{
    (void)state;
    platform_fixture_end();
    tacit_secret_destroy(&s_key);
    state_folder_remove(s_base);
    return 0;
}

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    randombytes_buf(s_counter, sizeof s_counter);
    s_found_status = TACIT_OK;
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    state_folder_remove(s_folder);
    return 0;
}

static const char *s_path(void)
{
    return state_path(s_folder, "keys.db");
}

static tacit_status_t s_found(void *context, unsigned kind, tacit_span_t key, tacit_span_t value)
{
    (void)context;
    assert_true(s_record_count < S_RECORDS_MAX);
    s_records[s_record_count].kind = kind;
    snprintf(s_records[s_record_count].key, sizeof s_records[0].key, "%.*s", (int)key.size,
             (const char *)key.data);
    snprintf(s_records[s_record_count].value, sizeof s_records[0].value, "%.*s", (int)value.size,
             (const char *)value.data);
    s_record_count++;
    return s_found_status;
}

static tacit_status_t s_try_at(const char *path, tacit_platform_t *platform,
                               const tacit_secret_t *key, tacit_sealed_store_t **ret_store,
                               tacit_error_t *ret_error)
{
    s_record_count = 0;
    return tacit_sealed_store_open(path, key, platform, s_counter, s_found, NULL, ret_store,
                                   ret_error);
}

static tacit_sealed_store_t *s_open(void)
{
    tacit_sealed_store_t *store = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    if (s_try_at(s_path(), platform_fixture(), s_key, &store, &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    return store;
}

static void s_is_refused(tacit_status_t expected)
{
    tacit_sealed_store_t *store = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(s_try_at(s_path(), platform_fixture(), s_key, &store, &error), expected);
    assert_null(store);
    assert_int_equal(error.code, expected);
    assert_true(error.message[0]);
}

/*  The value found under a key; NULL where there is none.  */
static const char *s_value(const char *key)
{
    for (size_t i = 0; i < s_record_count; i++) {
        if (strcmp(s_records[i].key, key) == 0) {
            return s_records[i].value;
        }
    }
    return NULL;
}

static void s_put(tacit_sealed_store_t *store, const char *key, const char *value)
{
    tacit_sealed_store_put(store, S_KIND, tacit_span_string(key), tacit_span_string(value));
}

static void s_note(tacit_sealed_store_t *store, const char *subject)
{
    tacit_audit_record_t record = {.time_ms = 1000, .action = "put", .outcome = "ok"};
    snprintf(record.subject, sizeof record.subject, "%s", subject);
    tacit_sealed_store_audit(store, &record);
}

/*  One commit: a record and its audit entry.  */
static tacit_status_t s_commit(tacit_sealed_store_t *store, const char *key, const char *value)
{
    tacit_sealed_store_begin(store);
    s_put(store, key, value);
    s_note(store, key);
    return tacit_sealed_store_commit(store, NULL);
}

/*  A database with the records a, b and c, closed.  */
static void s_fill(void)
{
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_commit(store, "a", "first"), TACIT_OK);
    assert_int_equal(s_commit(store, "b", "second"), TACIT_OK);
    assert_int_equal(s_commit(store, "c", "third"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
}

/*  --- what is kept ---------------------------------------------------------------------------- */

static void records_are_there_after_opening_again(void **state)
{
    (void)state;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_record_count, 3);
    assert_string_equal(s_value("a"), "first");
    assert_string_equal(s_value("c"), "third");
    assert_int_equal(s_records[0].kind, S_KIND);
    tacit_sealed_store_begin(store);
    s_put(store, "a", "changed");
    tacit_sealed_store_remove(store, S_KIND, tacit_span_string("b"));
    tacit_sealed_store_remove(store, S_KIND, tacit_span_string("never there"));
    s_put(store, "d", "");
    assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    assert_null(store);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_int_equal(s_record_count, 3);
    assert_string_equal(s_value("a"), "changed");
    assert_null(s_value("b"));
    assert_string_equal(s_value("d"), "");
    tacit_sealed_store_destroy(&store);
}

static void values_are_not_in_the_file(void **state)
{
    (void)state;
    static char bytes[256 * 1024];
    static const char canary[] = "a canary that must not be seen";
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_commit(store, "a", canary), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    FILE *file = fopen(s_path(), "rbe");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true(size > 0);
    assert_null(memmem(bytes, size, canary, 12));
}

static void another_key_opens_nothing(void **state)
{
    (void)state;
    tacit_secret_t *other = NULL;
    tacit_sealed_store_t *store = NULL;
    s_fill();
    assert_int_equal(tacit_secret_random(TACIT_KEY_SIZE, &other), TACIT_OK);
    assert_int_equal(s_try_at(s_path(), platform_fixture(), other, &store, NULL), TACIT_CORRUPT);
    assert_null(store);
    assert_int_equal(s_record_count, 0);
    tacit_secret_destroy(&other);
}

static void what_the_owner_of_records_refuses_is_not_opened(void **state)
{
    (void)state;
    s_fill();
    s_found_status = TACIT_CORRUPT;
    s_is_refused(TACIT_CORRUPT);
    assert_int_equal(s_record_count, 1);
}

static void two_cannot_have_it_open(void **state)
{
    (void)state;
    tacit_sealed_store_t *store = s_open();
    s_is_refused(TACIT_BUSY);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    tacit_sealed_store_destroy(&store);
}

/*  --- limits ---------------------------------------------------------------------------------- */

static tacit_status_t s_put_sizes(tacit_sealed_store_t *store, size_t key_size, size_t value_size)
{
    static const uint8_t bytes[TACIT_RECORD_VALUE_MAX + 1] = {1};
    tacit_sealed_store_begin(store);
    tacit_sealed_store_put(store, S_KIND, tacit_span(bytes, key_size),
                           tacit_span(bytes, value_size));
    return tacit_sealed_store_commit(store, NULL);
}

static void keys_and_values_have_a_most(void **state)
{
    (void)state;
    static const uint8_t bytes[TACIT_RECORD_KEY_MAX + 1] = {1};
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_put_sizes(store, TACIT_RECORD_KEY_MAX, TACIT_RECORD_VALUE_MAX), TACIT_OK);
    assert_int_equal(s_put_sizes(store, TACIT_RECORD_KEY_MAX + 1, 1), TACIT_TOO_LARGE);
    assert_int_equal(s_put_sizes(store, 1, TACIT_RECORD_VALUE_MAX + 1), TACIT_TOO_LARGE);
    tacit_sealed_store_begin(store);
    tacit_sealed_store_remove(store, S_KIND, tacit_span(bytes, sizeof bytes));
    assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_TOO_LARGE);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_int_equal(s_record_count, 1);
    tacit_sealed_store_destroy(&store);
}

/*  --- the host and records -------------------------------------------------------------------- */

static void a_record_altered_is_corrupt(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE records SET sealed = zeroblob(length(sealed)) WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET sealed = substr(sealed, 2) WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET sealed = x'00' WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET sealed = zeroblob(600) WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET key = zeroblob(193) WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET kind = 300 WHERE key = CAST('b' AS BLOB)",
        "UPDATE records SET kind = 4 WHERE key = CAST('b' AS BLOB)",
        "UPDATE head SET sealed = zeroblob(length(sealed))",
        "UPDATE head SET sealed = x''",
    };
    s_fill();
    state_copy_database(s_path(), state_path(s_folder, "kept.db"));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        state_sql(s_path(), changes[i]);
        s_is_refused(TACIT_CORRUPT);
        state_copy_database(state_path(s_folder, "kept.db"), s_path());
    }
    tacit_sealed_store_t *store = s_open();
    tacit_sealed_store_destroy(&store);
}

static void a_record_dropped_is_missed(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "DELETE FROM records WHERE key = CAST('b' AS BLOB)");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

static void all_records_dropped_are_missed(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "DELETE FROM records");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
    state_sql(s_path(), "DELETE FROM head");
    s_is_refused(TACIT_ROLLBACK_DETECTED); /* the audit chain is still there */
    state_sql(s_path(), "DELETE FROM audit");
    s_is_refused(TACIT_ROLLBACK_DETECTED); /* and the platform counted */
}

static void a_database_that_is_gone_is_missed(void **state)
{
    (void)state;
    s_fill();
    assert_int_equal(unlink(s_path()), 0);
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

static void a_head_dropped_is_missed(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "DELETE FROM head");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

static void records_exchanged_are_corrupt(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "CREATE TEMP TABLE two AS SELECT key, sealed FROM records;"
                        "UPDATE records SET sealed = (SELECT sealed FROM two WHERE key = "
                        "CAST('a' AS BLOB)) WHERE key = CAST('b' AS BLOB);"
                        "UPDATE records SET sealed = (SELECT sealed FROM two WHERE key = "
                        "CAST('b' AS BLOB)) WHERE key = CAST('a' AS BLOB);");
    s_is_refused(TACIT_CORRUPT);
}

static void an_older_version_of_a_record_is_seen(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "CREATE TABLE hidden AS SELECT * FROM records");
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_commit(store, "a", "newer"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    state_sql(s_path(), "UPDATE records SET sealed = (SELECT h.sealed FROM hidden h "
                        "WHERE h.key = records.key) WHERE key = CAST('a' AS BLOB)");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

/*  The same key once as bytes and once as text, or under a kind that is the same in its low bits:
   to SQLite two rows, and the sum would not tell which was loaded last.  */
static void a_record_twice_is_corrupt(void **state)
{
    (void)state;
    static const char *const doubles[] = {
        "INSERT INTO records SELECT kind, CAST(key AS TEXT), sealed FROM records "
        "WHERE key = CAST('a' AS BLOB)",
        "INSERT INTO records SELECT kind + 4294967296, key, sealed FROM records "
        "WHERE key = CAST('a' AS BLOB)",
        "INSERT INTO records SELECT kind + 256, key, sealed FROM records "
        "WHERE key = CAST('a' AS BLOB)",
    };
    s_fill();
    state_copy_database(s_path(), state_path(s_folder, "kept.db"));
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        state_sql(s_path(), doubles[i]);
        s_is_refused(TACIT_CORRUPT);
        state_copy_database(state_path(s_folder, "kept.db"), s_path());
    }
}

static void a_removed_record_put_back_is_seen(void **state)
{
    (void)state;
    s_fill();
    state_sql(s_path(), "CREATE TABLE hidden AS SELECT * FROM records");
    tacit_sealed_store_t *store = s_open();
    tacit_sealed_store_begin(store);
    tacit_sealed_store_remove(store, S_KIND, tacit_span_string("b"));
    assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    state_sql(s_path(), "INSERT INTO records SELECT * FROM hidden WHERE key = CAST('b' AS BLOB)");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

/*  What is changed under a running service is not taken up: it works from memory.  */
static void changes_under_a_running_store_are_seen_at_the_next_start(void **state)
{
    (void)state;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    state_sql(s_path(), "DELETE FROM records WHERE key = CAST('b' AS BLOB)");
    assert_int_equal(s_commit(store, "d", "fourth"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

/*  --- the host and time ----------------------------------------------------------------------- */

static void an_older_database_is_refused_at_every_age(void **state)
{
    (void)state;
    enum { S_AGES = 4 };
    char copy[16];
    for (size_t i = 0; i < S_AGES; i++) {
        tacit_sealed_store_t *store = s_open();
        assert_int_equal(s_commit(store, "a", "value"), TACIT_OK);
        tacit_sealed_store_destroy(&store);
        snprintf(copy, sizeof copy, "copy%zu.db", i);
        state_copy_database(s_path(), state_path(s_folder, copy));
    }
    for (size_t i = 0; i < S_AGES; i++) {
        snprintf(copy, sizeof copy, "copy%zu.db", i);
        state_copy_database(state_path(s_folder, copy), s_path());
        if (i + 1 < S_AGES) {
            s_is_refused(TACIT_ROLLBACK_DETECTED);
        } else {
            tacit_sealed_store_t *store = s_open();
            tacit_sealed_store_destroy(&store);
        }
    }
}

/*  Commits, and the platform is lost before it counts: as after kill -9 between the two.  */
static void s_commit_uncounted(const char *key, const char *value)
{
    tacit_platform_t *platform = platform_fixture_connect();
    tacit_sealed_store_t *store = NULL;
    assert_int_equal(s_try_at(s_path(), platform, s_key, &store, NULL), TACIT_OK);
    platform_fixture_restart();
    assert_int_not_equal(s_commit(store, key, value), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    tacit_platform_destroy(&platform);
}

static void a_commit_that_was_not_counted_is_counted_at_the_next_start(void **state)
{
    (void)state;
    s_fill();
    s_commit_uncounted("a", "uncounted");
    for (size_t i = 0; i < 2; i++) {
        tacit_sealed_store_t *store = s_open();
        assert_string_equal(s_value("a"), "uncounted");
        tacit_sealed_store_destroy(&store);
    }
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_commit(store, "b", "after"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_string_equal(s_value("b"), "after");
    tacit_sealed_store_destroy(&store);
}

static void the_first_commit_may_be_the_one_not_counted(void **state)
{
    (void)state;
    s_commit_uncounted("a", "first");
    tacit_sealed_store_t *store = s_open();
    assert_string_equal(s_value("a"), "first");
    tacit_sealed_store_destroy(&store);
}

static void after_a_commit_that_was_not_counted_nothing_is_committed(void **state)
{
    (void)state;
    tacit_platform_t *platform = platform_fixture_connect();
    tacit_sealed_store_t *store = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(s_try_at(s_path(), platform, s_key, &store, NULL), TACIT_OK);
    platform_fixture_restart();
    assert_int_not_equal(s_commit(store, "a", "one"), TACIT_OK);
    tacit_sealed_store_begin(store);
    s_put(store, "b", "two");
    assert_int_not_equal(tacit_sealed_store_commit(store, &error), TACIT_OK);
    assert_true(error.remedy[0]);
    tacit_sealed_store_destroy(&store);
    tacit_platform_destroy(&platform);
    store = s_open();
    assert_int_equal(s_record_count, 1);
    tacit_sealed_store_destroy(&store);
}

/*  The host keeps a commit that was not counted, lets the service go on from before it, and puts it
    back then: it is as many commits old as what was acknowledged since, but another one.  */
static void an_uncounted_commit_cannot_take_the_place_of_a_counted_one(void **state)
{
    (void)state;
    s_fill();
    state_copy_database(s_path(), state_path(s_folder, "before.db"));
    s_commit_uncounted("a", "kept aside");
    state_copy_database(s_path(), state_path(s_folder, "aside.db"));
    state_copy_database(state_path(s_folder, "before.db"), s_path());
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_commit(store, "a", "acknowledged"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    state_copy_database(s_path(), state_path(s_folder, "newest.db"));
    state_copy_database(state_path(s_folder, "aside.db"), s_path());
    s_is_refused(TACIT_ROLLBACK_DETECTED);
    state_copy_database(state_path(s_folder, "newest.db"), s_path());
    store = s_open();
    assert_string_equal(s_value("a"), "acknowledged");
    tacit_sealed_store_destroy(&store);
}

/*  Two services on two copies: the one that commits first goes on, the other one's word is worth
    nothing.  */
static void of_two_on_copies_one_goes_on(void **state)
{
    (void)state;
    s_fill();
    const char *copy = state_path(s_folder, "copy.db");
    state_copy_database(s_path(), copy);
    tacit_sealed_store_t *first = s_open();
    tacit_sealed_store_t *second = NULL;
    assert_int_equal(s_try_at(copy, platform_fixture(), s_key, &second, NULL), TACIT_OK);
    assert_int_equal(s_commit(second, "a", "second's"), TACIT_OK);
    assert_int_equal(s_commit(first, "a", "first's"), TACIT_ROLLBACK_DETECTED);
    assert_int_equal(s_commit(first, "a", "first's"), TACIT_ROLLBACK_DETECTED);
    assert_int_equal(s_commit(second, "a", "second's again"), TACIT_OK);
    tacit_sealed_store_destroy(&first);
    tacit_sealed_store_destroy(&second);
    s_is_refused(TACIT_ROLLBACK_DETECTED);
    assert_int_equal(
        s_try_at(state_path(s_folder, "copy.db"), platform_fixture(), s_key, &second, NULL),
        TACIT_OK);
    assert_string_equal(s_value("a"), "second's again");
    tacit_sealed_store_destroy(&second);
}

/*  --- a full disk ----------------------------------------------------------------------------- */

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    tacit_audit_record_t record;
    size_t count = 0;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    for (size_t room = 0; room < 12000; room += 3000) {
        state_disk_full(room);
        tacit_sealed_store_begin(store);
        s_put(store, "a", "lost");
        s_put(store, "new", "lost");
        tacit_sealed_store_remove(store, S_KIND, tacit_span_string("b"));
        s_note(store, "lost");
        assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_STORAGE_FULL);
        state_disk_free();
        assert_int_equal(tacit_sealed_store_read_audit(store, 4, &record, 1, &count), TACIT_OK);
        assert_int_equal(count, 0);
    }
    assert_int_equal(s_commit(store, "c", "room again"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_int_equal(s_record_count, 3);
    assert_string_equal(s_value("a"), "first");
    assert_string_equal(s_value("b"), "second");
    assert_string_equal(s_value("c"), "room again");
    tacit_sealed_store_destroy(&store);
}

/*  --- the audit chain ------------------------------------------------------------------------- */

static void audit_entries_are_read_in_pages(void **state)
{
    (void)state;
    static const struct {
        uint64_t from;
        size_t max;
        size_t count;
        uint64_t first;
    } pages[] = {{0, 10, 3, 1}, {1, 10, 3, 1}, {1, 2, 2, 1}, {2, 2, 2, 2},
                 {3, 10, 1, 3}, {4, 10, 0, 0}, {1, 0, 0, 0}, {UINT64_MAX, 10, 0, 0}};
    tacit_audit_record_t records[10];
    s_fill();
    tacit_sealed_store_t *store = s_open();
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        size_t count = 99;
        assert_int_equal(
            tacit_sealed_store_read_audit(store, pages[i].from, records, pages[i].max, &count),
            TACIT_OK);
        assert_int_equal(count, pages[i].count);
        if (count) {
            assert_int_equal(records[0].number, pages[i].first);
        }
    }
    size_t count = 0;
    assert_int_equal(tacit_sealed_store_read_audit(store, 2, records, 1, &count), TACIT_OK);
    assert_string_equal(records[0].subject, "b");
    assert_string_equal(records[0].action, "put");
    assert_string_equal(records[0].outcome, "ok");
    assert_int_equal(records[0].time_ms, 1000);
    tacit_sealed_store_destroy(&store);
}

static const struct {
    const char *sql;
    tacit_status_t status;
} s_audit_changes[] = {
    {"DELETE FROM audit WHERE number = 3", TACIT_ROLLBACK_DETECTED},
    {"DELETE FROM audit WHERE number >= 2", TACIT_ROLLBACK_DETECTED},
    {"DELETE FROM audit", TACIT_ROLLBACK_DETECTED},
    {"DELETE FROM audit WHERE number = 1", TACIT_CORRUPT},
    {"DELETE FROM audit WHERE number = 2", TACIT_CORRUPT},
    {"UPDATE audit SET outcome = 'refused' WHERE number = 1", TACIT_CORRUPT},
    {"UPDATE audit SET subject = 'another' WHERE number = 2", TACIT_CORRUPT},
    {"UPDATE audit SET subject = 'b' || x'00' || 'more' WHERE number = 2", TACIT_CORRUPT},
    {"UPDATE audit SET subject = printf('%300s', 'b') WHERE number = 2", TACIT_CORRUPT},
    {"UPDATE audit SET time_ms = 1001 WHERE number = 3", TACIT_CORRUPT},
    {"UPDATE audit SET actor = zeroblob(31) WHERE number = 3", TACIT_CORRUPT},
    {"UPDATE audit SET hash = zeroblob(32) WHERE number = 3", TACIT_CORRUPT},
    {"UPDATE audit SET number = 4 WHERE number = 3", TACIT_CORRUPT},
    {"INSERT INTO audit SELECT 4, time_ms, action, actor, subject, outcome, hash FROM audit "
     "WHERE number = 3",
     TACIT_CORRUPT},
    {"INSERT INTO audit SELECT 0, time_ms, action, actor, subject, outcome, hash FROM audit "
     "WHERE number = 3",
     TACIT_CORRUPT},
};

static void an_audit_chain_altered_or_cut_is_refused(void **state)
{
    (void)state;
    s_fill();
    state_copy_database(s_path(), state_path(s_folder, "kept.db"));
    for (size_t i = 0; i < sizeof s_audit_changes / sizeof s_audit_changes[0]; i++) {
        state_sql(s_path(), s_audit_changes[i].sql);
        s_is_refused(s_audit_changes[i].status);
        state_copy_database(state_path(s_folder, "kept.db"), s_path());
    }
}

static void an_audit_chain_altered_while_open_is_not_read(void **state)
{
    (void)state;
    tacit_audit_record_t records[10];
    size_t count = 99;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    state_sql(s_path(), "UPDATE audit SET outcome = 'refused' WHERE number = 2");
    assert_int_equal(tacit_sealed_store_read_audit(store, 1, records, 10, &count), TACIT_CORRUPT);
    assert_int_equal(tacit_sealed_store_read_audit(store, 2, records, 1, &count), TACIT_CORRUPT);
    assert_int_equal(count, 99);
    assert_int_equal(tacit_sealed_store_read_audit(store, 1, records, 1, &count), TACIT_OK);
    state_sql(s_path(), "DELETE FROM audit WHERE number >= 2");
    assert_int_equal(tacit_sealed_store_read_audit(store, 1, records, 10, &count), TACIT_CORRUPT);
    assert_int_equal(tacit_sealed_store_read_audit(store, 3, records, 10, &count), TACIT_CORRUPT);
    tacit_sealed_store_destroy(&store);
}

/*  A chain made anew is a chain, too, but not the one that the head names.  */
static void an_audit_chain_made_anew_is_refused(void **state)
{
    (void)state;
    tacit_database_t *database = NULL;
    const tacit_audit_head_t base = {0};
    tacit_audit_head_t head = {0};
    const tacit_audit_record_t record = {.action = "put", .subject = "forged", .outcome = "ok"};
    s_fill();
    state_sql(s_path(), "DELETE FROM audit");
    assert_int_equal(tacit_database_open(s_path(), TACIT_AUDIT_SCHEMA, &database, NULL), TACIT_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tacit_audit_append(database, &head, &record), TACIT_OK);
    }
    assert_int_equal(tacit_audit_verify(database, &base, &head, NULL), TACIT_OK);
    tacit_database_destroy(&database);
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

static tacit_status_t s_trim(tacit_sealed_store_t *store, uint64_t keep)
{
    tacit_sealed_store_begin(store);
    tacit_sealed_store_trim_audit(store, keep);
    return tacit_sealed_store_commit(store, NULL);
}

static void an_audit_chain_is_kept_short(void **state)
{
    (void)state;
    tacit_audit_record_t records[10];
    size_t count = 0;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_trim(store, 3), TACIT_OK);
    assert_int_equal(tacit_sealed_store_audit_base(store)->number, 0);
    assert_int_equal(s_trim(store, 2), TACIT_OK);
    assert_int_equal(tacit_sealed_store_audit_base(store)->number, 1);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_int_equal(s_record_count, 3); /* the base is the store's own record */
    assert_int_equal(tacit_sealed_store_read_audit(store, 0, records, 10, &count), TACIT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(records[0].number, 2);
    assert_int_equal(tacit_sealed_store_read_audit(store, 3, records, 10, &count), TACIT_OK);
    assert_int_equal(records[0].number, 3);
    assert_int_equal(s_trim(store, 0), TACIT_OK);
    assert_int_equal(tacit_sealed_store_read_audit(store, 0, records, 10, &count), TACIT_OK);
    assert_int_equal(count, 0);
    assert_int_equal(s_commit(store, "d", "fourth"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    assert_int_equal(tacit_sealed_store_read_audit(store, 0, records, 10, &count), TACIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(records[0].number, 4);
    tacit_sealed_store_destroy(&store);
}

/*  The host cannot shorten it itself, nor begin it elsewhere.  */
static void a_chain_cut_at_its_beginning_is_refused(void **state)
{
    (void)state;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    assert_int_equal(s_trim(store, 2), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    state_copy_database(s_path(), state_path(s_folder, "kept.db"));
    state_sql(s_path(), "DELETE FROM audit WHERE number = 2");
    s_is_refused(TACIT_CORRUPT);
    state_copy_database(state_path(s_folder, "kept.db"), s_path());
    state_sql(s_path(), "DELETE FROM records WHERE kind = 255");
    s_is_refused(TACIT_ROLLBACK_DETECTED);
}

static void a_chain_is_not_shortened_by_a_commit_that_failed(void **state)
{
    (void)state;
    tacit_audit_record_t records[10];
    char key[TACIT_RECORD_KEY_MAX + 1];
    size_t count = 0;
    s_fill();
    tacit_sealed_store_t *store = s_open();
    memset(key, 'k', sizeof key);
    tacit_sealed_store_begin(store);
    tacit_sealed_store_trim_audit(store, 1);
    tacit_sealed_store_put(store, S_KIND, tacit_span(key, sizeof key), tacit_span_string("v"));
    assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_TOO_LARGE);
    assert_int_equal(tacit_sealed_store_read_audit(store, 0, records, 10, &count), TACIT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(s_commit(store, "d", "fourth"), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    store = s_open();
    tacit_sealed_store_destroy(&store);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(records_are_there_after_opening_again),
        S_CASE(values_are_not_in_the_file),
        S_CASE(another_key_opens_nothing),
        S_CASE(what_the_owner_of_records_refuses_is_not_opened),
        S_CASE(two_cannot_have_it_open),
        S_CASE(keys_and_values_have_a_most),
        S_CASE(a_record_altered_is_corrupt),
        S_CASE(a_record_dropped_is_missed),
        S_CASE(all_records_dropped_are_missed),
        S_CASE(a_database_that_is_gone_is_missed),
        S_CASE(a_head_dropped_is_missed),
        S_CASE(records_exchanged_are_corrupt),
        S_CASE(an_older_version_of_a_record_is_seen),
        S_CASE(a_record_twice_is_corrupt),
        S_CASE(a_removed_record_put_back_is_seen),
        S_CASE(changes_under_a_running_store_are_seen_at_the_next_start),
        S_CASE(an_older_database_is_refused_at_every_age),
        S_CASE(a_commit_that_was_not_counted_is_counted_at_the_next_start),
        S_CASE(the_first_commit_may_be_the_one_not_counted),
        S_CASE(after_a_commit_that_was_not_counted_nothing_is_committed),
        S_CASE(an_uncounted_commit_cannot_take_the_place_of_a_counted_one),
        S_CASE(of_two_on_copies_one_goes_on),
        S_CASE(a_full_disk_changes_nothing),
        S_CASE(audit_entries_are_read_in_pages),
        S_CASE(an_audit_chain_altered_or_cut_is_refused),
        S_CASE(an_audit_chain_altered_while_open_is_not_read),
        S_CASE(an_audit_chain_made_anew_is_refused),
        S_CASE(an_audit_chain_is_kept_short),
        S_CASE(a_chain_cut_at_its_beginning_is_refused),
        S_CASE(a_chain_is_not_shortened_by_a_commit_that_failed),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, s_setup_group, s_teardown_group);
}
