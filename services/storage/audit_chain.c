/*  audit_chain.c - entries in, entries out, and the hashes between them.  */

#include "services/storage/audit_chain.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "enclave/seal.h"

static void s_hash(const uint8_t previous[32], const tacit_audit_record_t *record,
                   uint8_t ret_hash[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/audit/v1");
    tacit_transcript_add(&transcript, tacit_span(previous, 32));
    tacit_transcript_add_u64(&transcript, record->number);
    tacit_transcript_add_u64(&transcript, record->time_ms);
    tacit_transcript_add(&transcript, tacit_span_string(record->action));
    tacit_transcript_add(&transcript, tacit_span(record->actor, 32));
    tacit_transcript_add(&transcript, tacit_span_string(record->subject));
    tacit_transcript_add(&transcript, tacit_span_string(record->outcome));
    crypto_hash_sha256(ret_hash, transcript.data, transcript.size);
}

tacit_status_t tacit_audit_append(tacit_database_t *database, tacit_audit_head_t *head,
                                  const tacit_audit_record_t *record)
{
    static const char sql[] = "INSERT INTO audit(number, time_ms, action, actor, subject, outcome, "
                              "hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tacit_audit_record_t numbered = *record;
    numbered.number = head->number + 1;
    s_hash(head->hash, &numbered, numbered.hash);
    sqlite3_stmt *statement = tacit_database_query(database, sql);
    tacit_bind_u64(statement, 1, numbered.number);
    tacit_bind_u64(statement, 2, numbered.time_ms);
    tacit_bind_text(statement, 3, tacit_span_string(numbered.action));
    tacit_bind_blob(statement, 4, tacit_span(numbered.actor, 32));
    tacit_bind_text(statement, 5, tacit_span_string(numbered.subject));
    tacit_bind_text(statement, 6, tacit_span_string(numbered.outcome));
    tacit_bind_blob(statement, 7, tacit_span(numbered.hash, 32));
    tacit_status_t status = tacit_step_done(statement);
    if (!status) {
        head->number = numbered.number;
        memcpy(head->hash, numbered.hash, sizeof head->hash);
    }
    return status;
}

/*  --- reading --------------------------------------------------------------------------------- */

/*  False for what would not be the same text again: too long, or with a NUL inside.  */
static bool s_copy_text(sqlite3_stmt *row, int column, char *ret_text, size_t size)
{
    tacit_span_t text = tacit_column_span(row, column);
    if (text.size >= size || (text.size && memchr(text.data, '\0', text.size))) {
        return false;
    }
    if (text.size) {
        memcpy(ret_text, text.data, text.size);
    }
    ret_text[text.size] = '\0';
    return true;
}

/*  The row as an entry, which must be the one after previous; CORRUPT otherwise.  */
static tacit_status_t s_read_row(sqlite3_stmt *row, const tacit_audit_head_t *previous,
                                 tacit_audit_record_t *ret_record)
{
    uint8_t hash[32];
    memset(ret_record, 0, sizeof *ret_record);
    ret_record->number = tacit_column_u64(row, 0);
    ret_record->time_ms = tacit_column_u64(row, 1);
    if (ret_record->number != previous->number + 1 ||
        !s_copy_text(row, 2, ret_record->action, sizeof ret_record->action) ||
        !tacit_column_copy(row, 3, ret_record->actor, 32) ||
        !s_copy_text(row, 4, ret_record->subject, sizeof ret_record->subject) ||
        !s_copy_text(row, 5, ret_record->outcome, sizeof ret_record->outcome) ||
        !tacit_column_copy(row, 6, ret_record->hash, 32)) {
        return TACIT_CORRUPT;
    }
    s_hash(previous->hash, ret_record, hash);
    return memcmp(hash, ret_record->hash, sizeof hash) == 0 ? TACIT_OK : TACIT_CORRUPT;
}

static sqlite3_stmt *s_rows(tacit_database_t *database, uint64_t from)
{
    static const char sql[] = "SELECT number, time_ms, action, actor, subject, outcome, hash "
                              "FROM audit WHERE number >= ?1 ORDER BY number";
    sqlite3_stmt *rows = tacit_database_query(database, sql);
    tacit_bind_u64(rows, 1, from);
    return rows;
}

static void s_follow(tacit_audit_head_t *at, const tacit_audit_record_t *record)
{
    at->number = record->number;
    memcpy(at->hash, record->hash, sizeof at->hash);
}

static bool s_is_at(const tacit_audit_head_t *at, const tacit_audit_head_t *head)
{
    return at->number == head->number && memcmp(at->hash, head->hash, sizeof at->hash) == 0;
}

static tacit_status_t s_explain(tacit_status_t status, const char *expected,
                                uint64_t expected_number, uint64_t got_number,
                                tacit_error_t *ret_error)
{
    char want[96];
    char have[32];
    snprintf(want, sizeof want, "%s %" PRIu64, expected, expected_number);
    snprintf(have, sizeof have, "entry %" PRIu64, got_number);
    tacit_error_claim(ret_error, status, "audit chain", want, have);
    tacit_error_remedy(ret_error, "put back the newest copy of the database, unaltered");
    return status;
}

tacit_status_t tacit_audit_verify(tacit_database_t *database, const tacit_audit_head_t *base,
                                  const tacit_audit_head_t *head, tacit_error_t *ret_error)
{
    tacit_audit_head_t at = *base;
    tacit_audit_record_t record;
    tacit_status_t status = TACIT_OK;
    sqlite3_stmt *rows = s_rows(database, 0);
    while (!(status = tacit_step(rows))) {
        status = s_read_row(rows, &at, &record);
        if (status) {
            sqlite3_reset(rows);
            return s_explain(status, "unaltered entry", at.number + 1, record.number, ret_error);
        }
        s_follow(&at, &record);
    }
    if (status != TACIT_NOT_FOUND) {
        return tacit_error_set(ret_error, status, "cannot read the audit chain");
    }
    return s_is_at(&at, head) ? TACIT_OK
                              : s_explain(TACIT_ROLLBACK_DETECTED, "the end of the chain at entry",
                                          head->number, at.number, ret_error);
}

/*  The entry before the one to start with, as far as its hash goes.  */
static tacit_status_t s_find_before(tacit_database_t *database, const tacit_audit_head_t *base,
                                    uint64_t from, tacit_audit_head_t *ret_at)
{
    static const char sql[] = "SELECT hash FROM audit WHERE number = ?1";
    if (from == base->number + 1) {
        *ret_at = *base;
        return TACIT_OK;
    }
    *ret_at = (tacit_audit_head_t){.number = from - 1};
    sqlite3_stmt *statement = tacit_database_query(database, sql);
    tacit_bind_u64(statement, 1, from - 1);
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        status = tacit_column_copy(statement, 0, ret_at->hash, 32) ? TACIT_OK : TACIT_CORRUPT;
        sqlite3_reset(statement);
    }
    return status == TACIT_NOT_FOUND ? TACIT_CORRUPT : status;
}

/*  Rows after at, each checked against the one before, which at is then.  */
static tacit_status_t s_read_rows(tacit_database_t *database, tacit_audit_head_t *at,
                                  tacit_audit_record_t *ret_records, size_t count)
{
    tacit_status_t status = TACIT_OK;
    sqlite3_stmt *rows = s_rows(database, at->number + 1);
    for (size_t i = 0; i < count && !status; i++) {
        status = tacit_step(rows);
        if (!status) {
            status = s_read_row(rows, at, &ret_records[i]);
        }
        if (!status) {
            s_follow(at, &ret_records[i]);
        }
    }
    sqlite3_reset(rows);
    return status == TACIT_NOT_FOUND ? TACIT_CORRUPT : status;
}

tacit_status_t tacit_audit_read(tacit_database_t *database, const tacit_audit_head_t *base,
                                const tacit_audit_head_t *head, uint64_t from,
                                tacit_audit_record_t *ret_records, size_t max, size_t *ret_count)
{
    tacit_audit_head_t at;
    from = from > base->number ? from : base->number + 1;
    if (from > head->number || max == 0) {
        *ret_count = 0;
        return TACIT_OK;
    }
    uint64_t left = head->number - from + 1;
    size_t wanted = left < max ? (size_t)left : max;
    tacit_status_t status = s_find_before(database, base, from, &at);
    if (!status) {
        status = s_read_rows(database, &at, ret_records, wanted);
    }
    if (!status && at.number == head->number && !s_is_at(&at, head)) {
        status = TACIT_CORRUPT;
    }
    if (!status) {
        *ret_count = wanted;
    }
    return status;
}

/*  --- keeping it short ------------------------------------------------------------------------ */

tacit_status_t tacit_audit_trim(tacit_database_t *database, tacit_audit_head_t *base,
                                const tacit_audit_head_t *head, uint64_t keep)
{
    static const char sql[] = "DELETE FROM audit WHERE number <= ?1";
    tacit_audit_head_t last;
    if (head->number - base->number <= keep) {
        return TACIT_OK;
    }
    if (keep == 0) {
        last = *head;
    } else {
        tacit_status_t status = s_find_before(database, base, head->number - keep + 1, &last);
        if (status) {
            return status;
        }
    }
    sqlite3_stmt *statement = tacit_database_query(database, sql);
    tacit_bind_u64(statement, 1, last.number);
    tacit_status_t status = tacit_step_done(statement);
    if (!status) {
        *base = last;
    }
    return status;
}
