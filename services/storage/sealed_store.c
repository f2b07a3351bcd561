/*  sealed_store.c - sealed records, their sum, the audit chain and the head that binds them.

    Tables: records(kind, key, sealed), audit (audit_chain.h), head(sealed of counter || counter of
    the commit before || sum || audit number || audit hash). The sum is of record_tags.h.  */

#include "services/storage/sealed_store.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "enclave/layout.h"
#include "services/storage/database.h"
#include "services/storage/record_tags.h"

enum {
    S_HEAD_SIZE = 8 + 8 + TACIT_RECORD_TAG_SIZE + 8 + 32, /* as in s_write_head */
    S_BASE_SIZE = 8 + 32, /* number and hash of the audit chain's base */
    S_PATH_MAX = 1024
};

_Static_assert(TACIT_RECORD_KEY_MAX + 1 == TACIT_RECORD_NAME_MAX, "a name is kind and key");

typedef struct {
    uint64_t counter;  /* of this commit; 0 before the first */
    uint64_t previous; /* of the commit before */
    tacit_audit_head_t audit;
} s_head_t;

struct tacit_sealed_store {
    int lock; /* of PATH.lock, held while open; -1: not held */
    tacit_database_t *database;
    tacit_platform_t *platform;
    uint8_t counter[32];      /* the counter's name */
    tacit_secret_t *seal_key; /* of values and head */
    tacit_record_tags_t *tags;
    s_head_t head;
    s_head_t saved;          /* the head before the transaction */
    tacit_audit_head_t base; /* before the first audit entry that is kept */
    tacit_audit_head_t saved_base;
    tacit_status_t failed; /* the first failure of the transaction */
    tacit_status_t broken; /* committed, but not counted: only a restart mends that */
};

static const char s_schema[] =
    "CREATE TABLE IF NOT EXISTS records(kind INTEGER NOT NULL, key BLOB NOT NULL, "
    "sealed BLOB NOT NULL, UNIQUE(kind, key));" TACIT_AUDIT_SCHEMA
    "CREATE TABLE IF NOT EXISTS head(id INTEGER PRIMARY KEY CHECK(id = 1), sealed BLOB NOT NULL);";

/*  --- sealing --------------------------------------------------------------------------------- */

static tacit_span_t s_name(unsigned kind, tacit_span_t key, uint8_t storage[TACIT_RECORD_NAME_MAX])
{
    storage[0] = (uint8_t)kind;
    if (key.size > 0) {
        memcpy(storage + 1, key.data, key.size);
    }
    return tacit_span(storage, key.size + 1);
}

static void s_associate(tacit_transcript_t *transcript, tacit_span_t name)
{
    tacit_transcript_start(transcript, "tacit/keys/record/v1");
    tacit_transcript_add(transcript, name);
}

static tacit_span_t s_head_associated(void)
{
    return tacit_span_string("tacit/keys/head/v1");
}

static tacit_status_t s_write_head(tacit_sealed_store_t *self)
{
    static const char sql[] = "INSERT INTO head(id, sealed) VALUES(1, ?1) "
                              "ON CONFLICT(id) DO UPDATE SET sealed = ?1";
    uint8_t plain[S_HEAD_SIZE];
    uint8_t sealed[S_HEAD_SIZE + TACIT_SEAL_OVERHEAD];
    tacit_writer_t writer = {.next = plain, .rest = sizeof plain};
    tacit_writer_little(&writer, self->head.counter, 8);
    tacit_writer_little(&writer, self->head.previous, 8);
    tacit_writer_bytes(&writer, tacit_record_tags_sum(self->tags), TACIT_RECORD_TAG_SIZE);
    tacit_writer_little(&writer, self->head.audit.number, 8);
    tacit_writer_bytes(&writer, self->head.audit.hash, 32);
    tacit_seal(self->seal_key->data, s_head_associated(), tacit_span(plain, sizeof plain), sealed);
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_blob(statement, 1, tacit_span(sealed, sizeof sealed));
    return tacit_step_done(statement);
}

/*  With the sum of all records that was written with it. NOT_FOUND in a new database.  */
static tacit_status_t s_read_head(tacit_sealed_store_t *self, s_head_t *ret_head,
                                  uint8_t ret_sum[TACIT_RECORD_TAG_SIZE])
{
    static const char sql[] = "SELECT sealed FROM head WHERE id = 1";
    uint8_t sealed[S_HEAD_SIZE + TACIT_SEAL_OVERHEAD];
    uint8_t plain[S_HEAD_SIZE];
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_status_t status = tacit_step(statement);
    if (status) {
        return status;
    }
    bool whole = tacit_column_copy(statement, 0, sealed, sizeof sealed);
    sqlite3_reset(statement);
    if (!whole || tacit_seal_open(self->seal_key->data, s_head_associated(),
                                  tacit_span(sealed, sizeof sealed), plain)) {
        return TACIT_CORRUPT;
    }
    tacit_cursor_t cursor = tacit_cursor(tacit_span(plain, sizeof plain));
    ret_head->counter = tacit_cursor_u64(&cursor);
    ret_head->previous = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, ret_sum, TACIT_RECORD_TAG_SIZE);
    ret_head->audit.number = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, ret_head->audit.hash, 32);
    return TACIT_OK;
}

/*  --- opening --------------------------------------------------------------------------------- */

/*  The store's own record: where the audit chain begins.  */
static tacit_status_t s_take_base(tacit_sealed_store_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != 0 || value.size != S_BASE_SIZE) {
        return TACIT_CORRUPT;
    }
    tacit_cursor_t cursor = tacit_cursor(value);
    self->base.number = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, self->base.hash, 32);
    return TACIT_OK;
}

static tacit_status_t s_load_record(tacit_sealed_store_t *self, sqlite3_stmt *row,
                                    tacit_record_fn found, void *context)
{
    uint64_t kind = tacit_column_u64(row, 0);
    tacit_span_t key = tacit_column_span(row, 1);
    tacit_span_t sealed = tacit_column_span(row, 2);
    if (kind > UINT8_MAX || key.size > TACIT_RECORD_KEY_MAX || sealed.size < TACIT_SEAL_OVERHEAD ||
        sealed.size > TACIT_RECORD_VALUE_MAX + TACIT_SEAL_OVERHEAD) {
        return TACIT_CORRUPT;
    }
    uint8_t storage[TACIT_RECORD_NAME_MAX];
    uint8_t value[TACIT_RECORD_VALUE_MAX];
    tacit_transcript_t associated;
    tacit_span_t name = s_name((unsigned)kind, key, storage);
    /*  SQLite tells a key as text from the same key as bytes; to us that is one record twice.  */
    if (tacit_record_tags_has(self->tags, name)) {
        return TACIT_CORRUPT;
    }
    s_associate(&associated, name);
    tacit_status_t status =
        tacit_seal_open(self->seal_key->data, tacit_transcript_span(&associated), sealed, value);
    if (!status) {
        status = tacit_record_tags_put(self->tags, name, sealed);
        tacit_record_tags_keep(self->tags);
    }
    if (!status) {
        tacit_span_t plain = tacit_span(value, sealed.size - TACIT_SEAL_OVERHEAD);
        status = kind == TACIT_RECORD_KINDS_MAX ? s_take_base(self, key, plain)
                                                : found(context, (unsigned)kind, key, plain);
    }
    sodium_memzero(value, sizeof value);
    return status;
}

static tacit_status_t s_load_records(tacit_sealed_store_t *self, tacit_record_fn found,
                                     void *context)
{
    static const char sql[] = "SELECT kind, key, sealed FROM records LIMIT ?1";
    sqlite3_stmt *rows = tacit_database_query(self->database, sql);
    tacit_bind_u64(rows, 1, TACIT_RECORDS_MAX + 1);
    tacit_status_t status = TACIT_OK;
    while (!(status = tacit_step(rows))) {
        status = tacit_record_tags_count(self->tags) >= TACIT_RECORDS_MAX
                     ? TACIT_TOO_LARGE
                     : s_load_record(self, rows, found, context);
        if (status) {
            sqlite3_reset(rows);
            return status;
        }
    }
    return status == TACIT_NOT_FOUND ? TACIT_OK : status;
}

static tacit_status_t s_rollback_error(tacit_error_t *ret_error, const char *claim,
                                       uint64_t expected, uint64_t got)
{
    char want[32];
    char have[32];
    snprintf(want, sizeof want, "%llu", (unsigned long long)expected);
    snprintf(have, sizeof have, "%llu", (unsigned long long)got);
    tacit_status_t status =
        tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, claim, want, have);
    tacit_error_remedy(ret_error, "put back the newest copy of the database; the platform counts "
                                  "commits, so an older one cannot be used");
    return status;
}

static tacit_status_t s_check_counter(tacit_sealed_store_t *self, tacit_error_t *ret_error)
{
    uint64_t counted = 0;
    tacit_status_t status =
        tacit_platform_counter_read(self->platform, self->counter, &counted, ret_error);
    if (status || self->head.counter == counted) {
        return status;
    }
    if (self->head.counter > counted && self->head.previous == counted) {
        return tacit_platform_counter_move(self->platform, self->counter, counted,
                                           self->head.counter, ret_error);
    }
    return s_rollback_error(ret_error, "counter", counted, self->head.counter);
}

static tacit_status_t s_check_whole(tacit_sealed_store_t *self, tacit_error_t *ret_error)
{
    uint8_t sum[TACIT_RECORD_TAG_SIZE] = {0};
    tacit_status_t status = s_read_head(self, &self->head, sum);
    if (status && status != TACIT_NOT_FOUND) {
        return tacit_error_set(ret_error, status, "the head of the sealed database does not open");
    }
    if (sodium_memcmp(sum, tacit_record_tags_sum(self->tags), sizeof sum) != 0) {
        tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, "sum of all records",
                          "that of the last commit", "another");
        tacit_error_remedy(ret_error, "put back the newest copy of the database, whole");
        return TACIT_ROLLBACK_DETECTED;
    }
    status = tacit_audit_verify(self->database, &self->base, &self->head.audit, ret_error);
    return status ? status : s_check_counter(self, ret_error);
}

/*  Two processes on one database would each break the other's sum. This is for accidents; against
    the host there is the counter.  */
static tacit_status_t s_lock(tacit_sealed_store_t *self, const char *path, tacit_error_t *ret_error)
{
    char lock[S_PATH_MAX];
    if ((size_t)snprintf(lock, sizeof lock, "%s.lock", path) >= sizeof lock) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the database's path is too long");
    }
    self->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->lock < 0) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot make %s", lock);
    }
    return flock(self->lock, LOCK_EX | LOCK_NB) == 0
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BUSY, "another process uses %s", path);
}

static tacit_status_t s_derive(tacit_sealed_store_t *self, const tacit_secret_t *key)
{
    uint8_t tag_key[TACIT_KEY_SIZE];
    tacit_status_t status = tacit_secret_new(TACIT_KEY_SIZE, &self->seal_key);
    if (!status) {
        crypto_kdf_derive_from_key(self->seal_key->data, TACIT_KEY_SIZE, 1, "keysseal", key->data);
        crypto_kdf_derive_from_key(tag_key, sizeof tag_key, 2, "keystags", key->data);
        status = tacit_record_tags_new(tag_key, &self->tags);
        sodium_memzero(tag_key, sizeof tag_key);
    }
    return status;
}

tacit_status_t tacit_sealed_store_open(const char *path, const tacit_secret_t *key,
                                       tacit_platform_t *platform, const uint8_t counter[32],
                                       tacit_record_fn found, void *context,
                                       tacit_sealed_store_t **ret_store, tacit_error_t *ret_error)
{
    tacit_sealed_store_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->lock = -1;
    self->platform = platform;
    memcpy(self->counter, counter, sizeof self->counter);
    tacit_status_t status = s_derive(self, key);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
        goto out;
    }
    status = s_lock(self, path, ret_error);
    if (status) {
        goto out;
    }
    status = tacit_database_open(path, s_schema, &self->database, ret_error);
    if (status) {
        goto out;
    }
    status = s_load_records(self, found, context);
    if (status) {
        tacit_error_set(ret_error, status, "a record of the sealed database cannot be used");
        goto out;
    }
    status = s_check_whole(self, ret_error);
out:
    if (status) {
        tacit_sealed_store_destroy(&self);
        return status;
    }
    *ret_store = self;
    return TACIT_OK;
}

void tacit_sealed_store_destroy(tacit_sealed_store_t **store)
{
    if (*store) {
        tacit_sealed_store_t *self = *store;
        tacit_record_tags_destroy(&self->tags);
        tacit_database_destroy(&self->database);
        if (self->lock >= 0) {
            close(self->lock);
        }
        tacit_secret_destroy(&self->seal_key);
        free(self);
        *store = NULL;
    }
}

/*  --- transactions ---------------------------------------------------------------------------- */

static void s_note(tacit_sealed_store_t *self, tacit_status_t status)
{
    if (!self->failed) {
        self->failed = status;
    }
}

void tacit_sealed_store_begin(tacit_sealed_store_t *store)
{
    store->saved = store->head;
    store->saved_base = store->base;
    store->failed = store->broken ? store->broken : tacit_database_begin(store->database);
}

void tacit_sealed_store_put(tacit_sealed_store_t *store, unsigned kind, tacit_span_t key,
                            tacit_span_t value)
{
    static const char sql[] = "INSERT INTO records(kind, key, sealed) VALUES(?1, ?2, ?3) "
                              "ON CONFLICT(kind, key) DO UPDATE SET sealed = ?3";
    if (store->failed) {
        return;
    }
    if (key.size > TACIT_RECORD_KEY_MAX || value.size > TACIT_RECORD_VALUE_MAX) {
        s_note(store, TACIT_TOO_LARGE);
        return;
    }
    uint8_t storage[TACIT_RECORD_NAME_MAX];
    uint8_t sealed[TACIT_RECORD_VALUE_MAX + TACIT_SEAL_OVERHEAD];
    tacit_transcript_t associated;
    tacit_span_t name = s_name(kind, key, storage);
    tacit_span_t bytes = tacit_span(sealed, value.size + TACIT_SEAL_OVERHEAD);
    if (tacit_record_tags_count(store->tags) >= TACIT_RECORDS_MAX &&
        !tacit_record_tags_has(store->tags, name)) {
        s_note(store, TACIT_TOO_LARGE);
        return;
    }
    s_associate(&associated, name);
    tacit_seal(store->seal_key->data, tacit_transcript_span(&associated), value, sealed);
    sqlite3_stmt *statement = tacit_database_query(store->database, sql);
    tacit_bind_u64(statement, 1, kind);
    tacit_bind_blob(statement, 2, key);
    tacit_bind_blob(statement, 3, bytes);
    s_note(store, tacit_step_done(statement));
    if (!store->failed) {
        s_note(store, tacit_record_tags_put(store->tags, name, bytes));
    }
}

void tacit_sealed_store_remove(tacit_sealed_store_t *store, unsigned kind, tacit_span_t key)
{
    static const char sql[] = "DELETE FROM records WHERE kind = ?1 AND key = ?2";
    if (store->failed) {
        return;
    }
    if (key.size > TACIT_RECORD_KEY_MAX) {
        s_note(store, TACIT_TOO_LARGE);
        return;
    }
    uint8_t storage[TACIT_RECORD_NAME_MAX];
    tacit_span_t name = s_name(kind, key, storage);
    sqlite3_stmt *statement = tacit_database_query(store->database, sql);
    tacit_bind_u64(statement, 1, kind);
    tacit_bind_blob(statement, 2, key);
    s_note(store, tacit_step_done(statement));
    if (!store->failed) {
        s_note(store, tacit_record_tags_remove(store->tags, name));
    }
}

void tacit_sealed_store_audit(tacit_sealed_store_t *store, const tacit_audit_record_t *record)
{
    if (!store->failed) {
        s_note(store, tacit_audit_append(store->database, &store->head.audit, record));
    }
}

void tacit_sealed_store_trim_audit(tacit_sealed_store_t *store, uint64_t keep)
{
    uint64_t before = store->base.number;
    if (!store->failed) {
        s_note(store, tacit_audit_trim(store->database, &store->base, &store->head.audit, keep));
    }
    if (!store->failed && store->base.number != before) {
        uint8_t value[S_BASE_SIZE];
        tacit_writer_t writer = {.next = value, .rest = sizeof value};
        tacit_writer_little(&writer, store->base.number, 8);
        tacit_writer_bytes(&writer, store->base.hash, 32);
        tacit_sealed_store_put(store, TACIT_RECORD_KINDS_MAX, tacit_span("", 0),
                               tacit_span(value, sizeof value));
    }
}

static tacit_status_t s_give_up(tacit_sealed_store_t *self, tacit_error_t *ret_error)
{
    tacit_database_rollback(self->database);
    tacit_record_tags_undo(self->tags);
    self->head = self->saved;
    self->base = self->saved_base;
    if (self->broken) {
        tacit_error_set(ret_error, self->failed, "the platform did not count an earlier commit");
        tacit_error_remedy(ret_error, "restart the service: it finds out what was committed");
        return self->failed;
    }
    return tacit_error_set(ret_error, self->failed, NULL);
}

/*  Nobody can guess the next value, so that of two commits after the same one only the counted one
    has the counter's.  */
static void s_step_counter(s_head_t *head)
{
    head->previous = head->counter;
    head->counter += 1 + (uint64_t)randombytes_random();
}

tacit_status_t tacit_sealed_store_commit(tacit_sealed_store_t *store, tacit_error_t *ret_error)
{
    s_step_counter(&store->head);
    if (!store->failed) {
        s_note(store, s_write_head(store));
    }
    if (!store->failed) {
        s_note(store, tacit_database_commit(store->database));
    }
    if (store->failed) {
        return s_give_up(store, ret_error);
    }
    tacit_record_tags_keep(store->tags);
    store->broken = tacit_platform_counter_move(
        store->platform, store->counter, store->head.previous, store->head.counter, ret_error);
    return store->broken;
}

tacit_status_t tacit_sealed_store_read_audit(tacit_sealed_store_t *store, uint64_t from,
                                             tacit_audit_record_t *ret_records, size_t max,
                                             size_t *ret_count)
{
    return tacit_audit_read(store->database, &store->base, &store->head.audit, from, ret_records,
                            max, ret_count);
}

const tacit_audit_head_t *tacit_sealed_store_audit_base(const tacit_sealed_store_t *store)
{
    return &store->base;
}

const tacit_audit_head_t *tacit_sealed_store_audit_head(const tacit_sealed_store_t *store)
{
    return &store->head.audit;
}
