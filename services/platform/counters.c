/*  counters.c - one table in SQLite with synchronous=FULL: a commit is on disk when it returns.  */

#include "services/platform/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/storage/database.h"

struct tacit_counters {
    tacit_database_t *database;
};

static const char s_schema[] = "CREATE TABLE IF NOT EXISTS counter ("
                               " signer BLOB NOT NULL, product INTEGER NOT NULL,"
                               " debug INTEGER NOT NULL, name BLOB NOT NULL,"
                               " value INTEGER NOT NULL,"
                               " PRIMARY KEY (signer, product, debug, name)) WITHOUT ROWID;";
static const char s_select[] = "SELECT value FROM counter"
                               " WHERE signer = ?1 AND product = ?2 AND debug = ?3 AND name = ?4";
static const char s_count[] = "SELECT count(*) FROM counter"
                              " WHERE signer = ?1 AND product = ?2 AND debug = ?3";
static const char s_upsert[] = "INSERT INTO counter (signer, product, debug, name, value)"
                               " VALUES (?1, ?2, ?3, ?4, ?5)"
                               " ON CONFLICT DO UPDATE SET value = excluded.value";

tacit_status_t tacit_counters_open(const char *path, tacit_counters_t **ret_counters,
                                   tacit_error_t *ret_error)
{
    tacit_counters_t *counters = calloc(1, sizeof *counters);
    if (!counters) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_database_open(path, s_schema, &counters->database, ret_error);
    if (status) {
        free(counters);
        return status;
    }
    *ret_counters = counters;
    return TACIT_OK;
}

void tacit_counters_destroy(tacit_counters_t **counters)
{
    if (counters && *counters) {
        tacit_database_destroy(&(*counters)->database);
        free(*counters);
        *counters = NULL;
    }
}

static void s_bind_owner(sqlite3_stmt *statement, const tacit_self_t *owner)
{
    tacit_bind_blob(statement, 1, tacit_span(owner->mrsigner, sizeof owner->mrsigner));
    tacit_bind_u64(statement, 2, owner->product_id);
    tacit_bind_u64(statement, 3, owner->debug ? 1 : 0);
}

/*  NOT_FOUND for a counter never made.  */
static tacit_status_t s_find(tacit_counters_t *counters, const tacit_self_t *owner,
                             const uint8_t name[32], uint64_t *ret_value)
{
    sqlite3_stmt *statement = tacit_database_query(counters->database, s_select);
    if (!statement) {
        return TACIT_STORAGE_FAILED;
    }
    s_bind_owner(statement, owner);
    tacit_bind_blob(statement, 4, tacit_span(name, 32));
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        *ret_value = tacit_column_u64(statement, 0);
        sqlite3_reset(statement);
    }
    return status;
}

tacit_status_t tacit_counters_read(tacit_counters_t *counters, const tacit_self_t *owner,
                                   const uint8_t name[32], uint64_t *ret_value,
                                   tacit_error_t *ret_error)
{
    uint64_t value = 0;
    tacit_status_t status = s_find(counters, owner, name, &value);
    if (status && status != TACIT_NOT_FOUND) {
        return tacit_error_set(ret_error, status, "cannot read the platform's counters");
    }
    *ret_value = value;
    return TACIT_OK;
}

static tacit_status_t s_check_room(tacit_counters_t *counters, const tacit_self_t *owner)
{
    sqlite3_stmt *statement = tacit_database_query(counters->database, s_count);
    if (!statement) {
        return TACIT_STORAGE_FAILED;
    }
    s_bind_owner(statement, owner);
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        bool full = tacit_column_u64(statement, 0) >= TACIT_COUNTERS_PER_OWNER_MAX;
        sqlite3_reset(statement);
        status = full ? TACIT_TOO_LARGE : TACIT_OK;
    }
    return status;
}

static tacit_status_t s_write(tacit_counters_t *counters, const tacit_self_t *owner,
                              const uint8_t name[32], uint64_t value)
{
    sqlite3_stmt *statement = tacit_database_query(counters->database, s_upsert);
    if (!statement) {
        return TACIT_STORAGE_FAILED;
    }
    s_bind_owner(statement, owner);
    tacit_bind_blob(statement, 4, tacit_span(name, 32));
    tacit_bind_u64(statement, 5, value);
    return tacit_step_done(statement);
}

static tacit_status_t s_refuse(tacit_error_t *ret_error, const char *rule, uint64_t present,
                               uint64_t value)
{
    char expected[48];
    char got[32];
    snprintf(expected, sizeof expected, "%s %" PRIu64, rule, present);
    snprintf(got, sizeof got, "%" PRIu64, value);
    return tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, "counter", expected, got);
}

/*  from NULL: from any value below. This daemon alone has the database: nothing comes between the
    look and the write.  */
static tacit_status_t s_set(tacit_counters_t *counters, const tacit_self_t *owner,
                            const uint8_t name[32], const uint64_t *from, uint64_t value,
                            tacit_error_t *ret_error)
{
    if (value > TACIT_COUNTER_VALUE_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a counter goes up to 2^63 - 1");
    }
    uint64_t present = 0;
    tacit_status_t status = s_find(counters, owner, name, &present);
    if (!status || status == TACIT_NOT_FOUND) {
        if (from && *from != present) {
            return s_refuse(ret_error, "from", present, *from);
        }
        if (value <= present) {
            return s_refuse(ret_error, "above", present, value);
        }
        status = status ? s_check_room(counters, owner) : TACIT_OK;
    }
    if (!status) {
        status = s_write(counters, owner, name, value);
    }
    return status ? tacit_error_set(ret_error, status, "cannot advance the counter: %s",
                                    tacit_status_text(status))
                  : TACIT_OK;
}

tacit_status_t tacit_counters_advance(tacit_counters_t *counters, const tacit_self_t *owner,
                                      const uint8_t name[32], uint64_t value,
                                      tacit_error_t *ret_error)
{
    return s_set(counters, owner, name, NULL, value, ret_error);
}

tacit_status_t tacit_counters_move(tacit_counters_t *counters, const tacit_self_t *owner,
                                   const uint8_t name[32], uint64_t from, uint64_t value,
                                   tacit_error_t *ret_error)
{
    return s_set(counters, owner, name, &from, value, ret_error);
}
