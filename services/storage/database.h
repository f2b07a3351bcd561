/*  database.h - durable records in SQLite: what is committed survives kill -9 and power loss.

    WAL, synchronous=FULL, foreign keys, one connection per service thread. SQLite's errors become
    ours in one place: a full disk (quota, limit on file sizes) is TACIT_STORAGE_FULL and changes
    nothing. Statements are prepared once per database and reused; SQL is constant text, values are
    always bound.  */

#ifndef TACIT_SERVICES_STORAGE_DATABASE_H
#define TACIT_SERVICES_STORAGE_DATABASE_H

#include <sqlite3.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_DATABASE_STATEMENTS_MAX = 64, /* distinct texts of one database */
    TACIT_DATABASE_BUSY_MS = 2000       /* wait for another process's lock, then fail */
};

typedef struct tacit_database tacit_database_t;

/*  Open or make the file (mode 0600) and run the schema, which must be idempotent
    (CREATE TABLE IF NOT EXISTS). CORRUPT where the file is no healthy database.  */
TACIT_MUST_CHECK tacit_status_t tacit_database_open(const char *path, const char *schema,
                                                    tacit_database_t **ret_database,
                                                    tacit_error_t *ret_error);
void tacit_database_destroy(tacit_database_t **database);

/*  A transaction. Commit is durable when it returns TACIT_OK; otherwise nothing was changed and
    the transaction is over. Rollback cannot fail, and does nothing outside of a transaction.  */
TACIT_MUST_CHECK tacit_status_t tacit_database_begin(tacit_database_t *database);
TACIT_MUST_CHECK tacit_status_t tacit_database_commit(tacit_database_t *database);
void tacit_database_rollback(tacit_database_t *database);

/*  A prepared statement, reset and with nothing bound; NULL where it cannot be prepared (then
    step of NULL fails). sql must be a constant: it is known by its address. One use at a time.  */
sqlite3_stmt *tacit_database_query(tacit_database_t *database, const char *sql);

/*  Bind parameter index (from 1). The bytes are borrowed until the statement is used up.  */
void tacit_bind_blob(sqlite3_stmt *statement, int index, tacit_span_t bytes);
void tacit_bind_text(sqlite3_stmt *statement, int index, tacit_span_t text);
void tacit_bind_u64(sqlite3_stmt *statement, int index, uint64_t value);

/*  The next row: TACIT_OK. None (left): TACIT_NOT_FOUND, and the statement is reset.  */
TACIT_MUST_CHECK tacit_status_t tacit_step(sqlite3_stmt *statement);
/*  For statements without rows: TACIT_OK when done. ALREADY_EXISTS on a broken UNIQUE, BAD_INPUT on
    any other broken constraint.  */
TACIT_MUST_CHECK tacit_status_t tacit_step_done(sqlite3_stmt *statement);

/*  Columns (from 0) of the present row; spans are borrowed until the next step or query.  */
tacit_span_t tacit_column_span(sqlite3_stmt *statement, int column);
uint64_t tacit_column_u64(sqlite3_stmt *statement, int column);
/*  Exactly size bytes, or false.  */
bool tacit_column_copy(sqlite3_stmt *statement, int column, void *ret_bytes, size_t size);

#endif
