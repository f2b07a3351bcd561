/*  refusal_journal_test.c - refusals are written down in full, for good, and not without end. On
   the real platform.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform_fixture.h"
#include "services/attestation/refusal_journal.h"
#include "store_fixture.h"

enum { S_START = 1000 * 1000, S_PAGE = 256 };

static tacit_refusal_journal_t *s_journal;
static tacit_audit_record_t s_records[S_PAGE];

static void s_close(void)
{
    tacit_refusal_journal_destroy(&s_journal);
}

static tacit_status_t s_open(tacit_error_t *ret_error)
{
    s_close();
    return tacit_refusal_journal_open(store_fixture_folder, store_fixture_mesh_id,
                                      platform_fixture(), &s_journal, ret_error);
}

static const store_fixture_t s_fixture = {s_open, s_close};

static void s_add(tacit_status_t status, uint64_t now_ms)
{
    static const uint8_t actor[32] = {9};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_error_claim(&error, status, "svn", "at least 3", "2");
    tacit_error_policy(&error, "line 12: mrsigner: 52d0");
    tacit_error_remedy(&error, "update the code");
    const tacit_refusal_t refusal = {.time_ms = now_ms,
                                     .action = "attest",
                                     .at = TACIT_ROLE_ATTESTATION,
                                     .role = TACIT_ROLE_WORKER,
                                     .actor = actor,
                                     .error = &error};
    tacit_refusal_journal_add(s_journal, &refusal);
}

static size_t s_read(uint64_t from, uint8_t ret_before[32])
{
    size_t count = 0;
    assert_int_equal(
        tacit_refusal_journal_read(s_journal, from, s_records, S_PAGE, &count, ret_before),
        TACIT_OK);
    return count;
}

static void a_refusal_is_there_in_full_after_opening_again(void **state)
{
    (void)state;
    static const uint8_t zeroes[32];
    uint8_t before[32];
    s_add(TACIT_SVN_TOO_LOW, S_START);
    s_add(TACIT_ROLE_REFUSED, S_START + 1);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_read(0, before), 2);
    assert_memory_equal(before, zeroes, 32);
    assert_int_equal(s_records[0].number, 1);
    assert_int_equal(s_records[0].time_ms, S_START);
    assert_string_equal(s_records[0].action, "attest");
    assert_string_equal(s_records[0].outcome, "svn_too_low");
    assert_int_equal(s_records[0].actor[0], 9);
    assert_string_equal(s_records[0].subject,
                        "at=attestation\trole=worker\tclaim=svn\texpected=at least 3\tgot=2\t"
                        "policy=line 12: mrsigner: 52d0\tremedy=update the code");
    uint8_t first[32];
    memcpy(first, s_records[0].hash, sizeof first);
    assert_int_equal(s_read(2, before), 1);
    assert_memory_equal(before, first, 32);
    assert_string_equal(s_records[0].outcome, "role_refused");
}

static void control_characters_do_not_make_fields(void **state)
{
    (void)state;
    uint8_t before[32];
    tacit_error_t error = {.code = TACIT_OK};
    tacit_error_claim(&error, TACIT_ROLE_REFUSED, "role", "x\tgot=y", "\x1b[2J\xff");
    const tacit_refusal_t refusal = {.time_ms = S_START,
                                     .action = "session",
                                     .at = TACIT_ROLE_KEYS,
                                     .role = TACIT_ROLE_USER,
                                     .error = &error};
    tacit_refusal_journal_add(s_journal, &refusal);
    assert_int_equal(s_read(0, before), 1);
    assert_string_equal(s_records[0].subject,
                        "at=keys\trole=user\tclaim=role\texpected=x?got=y\tgot=?[2J?");
}

static void all_of_an_error_fits(void **state)
{
    (void)state;
    uint8_t before[32];
    tacit_error_t error = {.code = TACIT_ROLE_REFUSED};
    memset(error.claim, 'a', sizeof error.claim - 1);
    memset(error.expected, 'b', sizeof error.expected - 1);
    memset(error.got, 'c', sizeof error.got - 1);
    memset(error.policy, 'd', sizeof error.policy - 1);
    memset(error.remedy, 'e', sizeof error.remedy - 1);
    const tacit_refusal_t refusal = {.time_ms = S_START,
                                     .action = "attest",
                                     .at = TACIT_ROLE_ATTESTATION,
                                     .role = TACIT_ROLE_ATTESTATION,
                                     .error = &error};
    tacit_refusal_journal_add(s_journal, &refusal);
    assert_int_equal(s_read(0, before), 1);
    size_t size = strlen(s_records[0].subject);
    assert_string_equal(s_records[0].subject + size - (sizeof error.remedy - 1), error.remedy);
}

static void more_than_the_burst_of_a_code_is_counted(void **state)
{
    (void)state;
    uint8_t before[32];
    for (size_t i = 0; i < TACIT_REFUSALS_BURST; i++) {
        s_add(TACIT_EVIDENCE_MALFORMED, S_START);
    }
    assert_int_equal(tacit_refusal_journal_suppressed(s_journal), 0);
    s_add(TACIT_EVIDENCE_MALFORMED, S_START);
    s_add(TACIT_EVIDENCE_MALFORMED, S_START + TACIT_REFUSALS_REFILL_MS - 1);
    assert_int_equal(tacit_refusal_journal_suppressed(s_journal), 2);
    assert_int_equal(s_read(0, before), TACIT_REFUSALS_BURST);
    s_add(TACIT_DEBUG_REFUSED, S_START); /* another code has its own */
    assert_int_equal(s_read(0, before), TACIT_REFUSALS_BURST + 1);
    tacit_refusal_journal_settle(s_journal, S_START + TACIT_REFUSALS_REFILL_MS - 1);
    assert_int_equal(tacit_refusal_journal_suppressed(s_journal), 2);
    tacit_refusal_journal_settle(s_journal, S_START + TACIT_REFUSALS_REFILL_MS);
    assert_int_equal(tacit_refusal_journal_suppressed(s_journal), 0);
    assert_int_equal(s_read(0, before), TACIT_REFUSALS_BURST + 2);
    const tacit_audit_record_t *last = &s_records[TACIT_REFUSALS_BURST + 1];
    assert_string_equal(last->action, "suppressed");
    assert_string_equal(last->outcome, "evidence_malformed");
    assert_string_equal(last->subject, "count=2");
}

static void what_was_counted_is_written_at_the_end(void **state)
{
    (void)state;
    uint8_t before[32];
    tacit_refusal_journal_suppress(s_journal, 0);
    tacit_refusal_journal_suppress(s_journal, 41);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_read(0, before), 1);
    assert_string_equal(s_records[0].subject, "count=41");
}

/*  Members name codes; however many they name, the table has an end, and so has what is written. */
static void codes_beyond_the_table_share_a_burst(void **state)
{
    (void)state;
    uint8_t before[32];
    size_t beyond = TACIT_REFUSALS_BURST + 10;
    for (size_t i = 0; i < TACIT_REFUSALS_CODES_MAX + beyond; i++) {
        s_add((tacit_status_t)(5000 + i), S_START);
    }
    assert_int_equal(s_read(0, before), TACIT_REFUSALS_CODES_MAX + TACIT_REFUSALS_BURST);
    assert_int_equal(tacit_refusal_journal_suppressed(s_journal), 10);
}

static void an_altered_or_old_journal_is_refused(void **state)
{
    (void)state;
    const char *path = state_path(store_fixture_folder, "refusals.db");
    s_add(TACIT_SVN_TOO_LOW, S_START);
    tacit_refusal_journal_destroy(&s_journal);
    state_copy_database(path, state_path(store_fixture_folder, "old.db"));
    assert_int_equal(s_open(NULL), TACIT_OK);
    s_add(TACIT_SVN_TOO_LOW, S_START);
    tacit_refusal_journal_destroy(&s_journal);
    state_copy_database(path, state_path(store_fixture_folder, "new.db"));
    state_sql(path, "UPDATE audit SET outcome = 'ok' WHERE number = 1");
    assert_int_equal(s_open(NULL), TACIT_CORRUPT);
    state_copy_database(state_path(store_fixture_folder, "old.db"), path);
    assert_int_equal(s_open(NULL), TACIT_ROLLBACK_DETECTED);
    state_copy_database(state_path(store_fixture_folder, "new.db"), path);
    assert_int_equal(s_open(NULL), TACIT_OK);
}

/*  A full disk is no reason to let anybody in, nor to stop.  */
static void a_full_disk_loses_entries_and_nothing_else(void **state)
{
    (void)state;
    uint8_t before[32];
    s_add(TACIT_SVN_TOO_LOW, S_START);
    state_disk_full(4096);
    s_add(TACIT_SVN_TOO_LOW, S_START);
    state_disk_free();
    s_add(TACIT_SVN_TOO_LOW, S_START + 2);
    assert_int_equal(s_read(0, before), 2);
    assert_int_equal(s_records[1].time_ms, S_START + 2);
}

#define S_CASE(name) STORE_CASE(name, &s_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(a_refusal_is_there_in_full_after_opening_again),
        S_CASE(control_characters_do_not_make_fields),
        S_CASE(all_of_an_error_fits),
        S_CASE(more_than_the_burst_of_a_code_is_counted),
        S_CASE(what_was_counted_is_written_at_the_end),
        S_CASE(codes_beyond_the_table_share_a_burst),
        S_CASE(an_altered_or_old_journal_is_refused),
        S_CASE(a_full_disk_loses_entries_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, store_fixture_group, store_fixture_group_end);
}
