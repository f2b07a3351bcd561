/*  database.c - SQLite, opened and asked in one way.  */

#include "services/storage/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    const char *sql; /* its address is its name */
    sqlite3_stmt *statement;
} s_prepared_t;

struct tacit_database {
    sqlite3 *handle;
    s_prepared_t prepared[TACIT_DATABASE_STATEMENTS_MAX];
    size_t prepared_count;
};

typedef struct {
    int code;
    tacit_status_t status;
} s_code_row_t;

static const s_code_row_t s_codes[] = {
    {SQLITE_OK, TACIT_OK},
    {SQLITE_DONE, TACIT_NOT_FOUND},
    {SQLITE_ROW, TACIT_OK},
    {SQLITE_FULL, TACIT_STORAGE_FULL},
    {SQLITE_CONSTRAINT, TACIT_ALREADY_EXISTS},
    {SQLITE_NOMEM, TACIT_NO_MEMORY},
    {SQLITE_BUSY, TACIT_BUSY},
    {SQLITE_LOCKED, TACIT_BUSY},
    {SQLITE_TOOBIG, TACIT_TOO_LARGE},
    {SQLITE_CORRUPT, TACIT_CORRUPT},
    {SQLITE_NOTADB, TACIT_CORRUPT},
};

/*  SQLite names only ENOSPC full; a quota and a limit on the size of files are no other thing. What
    the system said is still in errno, where that was 0 before the call.  */
static bool s_is_full(int code)
{
    return (code & 0xff) == SQLITE_IOERR && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
}

/*  Of the constraints only these mean that the row is there already.  */
static bool s_is_broken_check(int code)
{
    return (code & 0xff) == SQLITE_CONSTRAINT && code != SQLITE_CONSTRAINT_UNIQUE &&
           code != SQLITE_CONSTRAINT_PRIMARYKEY && code != SQLITE_CONSTRAINT_ROWID;
}

static tacit_status_t s_status(int code)
{
    if (s_is_full(code)) {
        return TACIT_STORAGE_FULL;
    }
    if (s_is_broken_check(code)) {
        return TACIT_BAD_INPUT;
    }
    for (size_t i = 0; i < sizeof s_codes / sizeof *s_codes; i++) {
        if (s_codes[i].code == (code & 0xff)) {
            return s_codes[i].status;
        }
    }
    return TACIT_STORAGE_FAILED;
}

static tacit_status_t s_execute(tacit_database_t *self, const char *sql)
{
    errno = 0;
    return s_status(sqlite3_exec(self->handle, sql, NULL, NULL, NULL));
}

static int s_on_check(void *context, int count, char **values, char **names)
{
    (void)names;
    bool *healthy = context;
    *healthy = count == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

/*  Damage is found when the service starts rather than in the middle of a call.  */
static tacit_status_t s_check_health(tacit_database_t *self)
{
    bool healthy = false;
    errno = 0;
    int code = sqlite3_exec(self->handle, "PRAGMA quick_check(1)", s_on_check, &healthy, NULL);
    tacit_status_t status = s_status(code);
    return status || healthy ? status : TACIT_CORRUPT;
}

/*  Made here rather than by SQLite, so that it is never readable by others.  */
static bool s_touch(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0;
}

static tacit_status_t s_prepare_file(tacit_database_t *self, const char *schema)
{
    static const char settings[] = "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                                   "PRAGMA foreign_keys=ON;PRAGMA trusted_schema=OFF;";
    sqlite3_busy_timeout(self->handle, TACIT_DATABASE_BUSY_MS);
    sqlite3_extended_result_codes(self->handle, 1);
    tacit_status_t status = s_execute(self, settings);
    if (!status) {
        status = s_check_health(self);
    }
    return status ? status : s_execute(self, schema);
}

tacit_status_t tacit_database_open(const char *path, const char *schema,
                                   tacit_database_t **ret_database, tacit_error_t *ret_error)
{
    tacit_database_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = TACIT_STORAGE_FAILED;
    if (s_touch(path)) {
        status = s_status(sqlite3_open_v2(path, &self->handle,
                                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    }
    if (!status) {
        status = s_prepare_file(self, schema);
    }
    if (status) {
        tacit_database_destroy(&self);
        tacit_error_set(ret_error, status, "cannot use the database %s", path);
        tacit_error_remedy(ret_error, "check that the folder exists, is writable and has space");
        return status;
    }
    *ret_database = self;
    return TACIT_OK;
}

void tacit_database_destroy(tacit_database_t **database)
{
    if (*database) {
        tacit_database_t *self = *database;
        for (size_t i = 0; i < self->prepared_count; i++) {
            sqlite3_finalize(self->prepared[i].statement);
        }
        sqlite3_close(self->handle);
        free(self);
        *database = NULL;
    }
}

tacit_status_t tacit_database_begin(tacit_database_t *database)
{
    return s_execute(database, "BEGIN IMMEDIATE");
}

tacit_status_t tacit_database_commit(tacit_database_t *database)
{
    tacit_status_t status = s_execute(database, "COMMIT");
    if (status) {
        tacit_database_rollback(database);
    }
    return status;
}

void tacit_database_rollback(tacit_database_t *database)
{
    if (!sqlite3_get_autocommit(database->handle)) {
        (void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

static sqlite3_stmt *s_find(tacit_database_t *self, const char *sql)
{
    for (size_t i = 0; i < self->prepared_count; i++) {
        if (self->prepared[i].sql == sql) {
            return self->prepared[i].statement;
        }
    }
    return NULL;
}

sqlite3_stmt *tacit_database_query(tacit_database_t *database, const char *sql)
{
    sqlite3_stmt *statement = s_find(database, sql);
    if (statement) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return statement;
    }
    if (database->prepared_count == TACIT_DATABASE_STATEMENTS_MAX ||
        sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           NULL) != SQLITE_OK) {
        return NULL;
    }
    database->prepared[database->prepared_count++] =
        (s_prepared_t){.sql = sql, .statement = statement};
    return statement;
}

/*  A failed bind leaves the parameter NULL; NOT NULL columns then refuse the row.  */
void tacit_bind_blob(sqlite3_stmt *statement, int index, tacit_span_t bytes)
{
    if (bytes.size == 0) {
        (void)sqlite3_bind_zeroblob(statement, index, 0);
    } else {
        (void)sqlite3_bind_blob64(statement, index, bytes.data, bytes.size, SQLITE_STATIC);
    }
}

void tacit_bind_text(sqlite3_stmt *statement, int index, tacit_span_t text)
{
    (void)sqlite3_bind_text64(statement, index, text.size ? (const char *)text.data : "", text.size,
                              SQLITE_STATIC, SQLITE_UTF8);
}

void tacit_bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
    if (value <= INT64_MAX) {
        (void)sqlite3_bind_int64(statement, index, (sqlite3_int64)value);
    }
}

tacit_status_t tacit_step(sqlite3_stmt *statement)
{
    if (!statement) {
        return TACIT_INTERNAL;
    }
    errno = 0;
    int code = sqlite3_step(statement);
    tacit_status_t status = s_status(code);
    if (code != SQLITE_ROW) {
        sqlite3_reset(statement);
    }
    return status;
}

tacit_status_t tacit_step_done(sqlite3_stmt *statement)
{
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        sqlite3_reset(statement);
        return TACIT_OK;
    }
    return status == TACIT_NOT_FOUND ? TACIT_OK : status;
}

tacit_span_t tacit_column_span(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    return tacit_span(data, data && size > 0 ? (size_t)size : 0);
}

uint64_t tacit_column_u64(sqlite3_stmt *statement, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
}

bool tacit_column_copy(sqlite3_stmt *statement, int column, void *ret_bytes, size_t size)
{
    tacit_span_t span = tacit_column_span(statement, column);
    if (span.size != size) {
        return false;
    }
    if (size > 0) {
        memcpy(ret_bytes, span.data, size);
    }
    return true;
}
