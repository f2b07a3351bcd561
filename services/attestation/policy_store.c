/*  policy_store.c - policies in SQLite. The order of an apply is: commit, then the counter. A crash
    between the two leaves the database one ahead, which opening repairs; the database behind the
    counter is a rollback.  */

#include "services/attestation/policy_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/seal.h"
#include "services/storage/database.h"

struct tacit_policy_store {
    tacit_database_t *database;
    tacit_platform_t *platform;
    tacit_policy_chain_t chain; /* up to the policy in force */
    uint8_t counter[32];        /* the counter's name */
    tacit_policy_t *policy;     /* in force; NULL before the first */
    uint8_t *text;
    size_t text_size;
    uint8_t signatures[TACIT_POLICY_SIGNATURES_SIZE_MAX];
    size_t signatures_size;
};

static const char s_schema[] = "CREATE TABLE IF NOT EXISTS policies("
                               "number INTEGER PRIMARY KEY, head BLOB NOT NULL, "
                               "previous BLOB NOT NULL, text BLOB NOT NULL, "
                               "signature BLOB NOT NULL, applied_ms INTEGER NOT NULL);";

static void s_name_counter(const uint8_t mesh_id[32], uint8_t ret_name[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/counter/policy/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha256(ret_name, transcript.data, transcript.size);
}

/*  Takes policy over.  */
static tacit_status_t s_put_in_force(tacit_policy_store_t *self, tacit_policy_t *policy,
                                     tacit_span_t text, tacit_span_t signatures)
{
    uint8_t *copy = malloc(text.size);
    if (!copy) {
        tacit_policy_destroy(&policy);
        return TACIT_NO_MEMORY;
    }
    memcpy(copy, text.data, text.size);
    free(self->text);
    tacit_policy_destroy(&self->policy);
    self->policy = policy;
    self->text = copy;
    self->text_size = text.size;
    memcpy(self->signatures, signatures.data, signatures.size); /* a chain checked the bound */
    self->signatures_size = signatures.size;
    tacit_policy_chain_advance(&self->chain, text, policy);
    return TACIT_OK;
}

static tacit_status_t s_load_row(tacit_policy_store_t *self, sqlite3_stmt *row,
                                 tacit_error_t *ret_error)
{
    tacit_span_t text = tacit_column_span(row, 0);
    tacit_span_t signatures = tacit_column_span(row, 1);
    tacit_policy_t *policy = NULL;
    tacit_status_t status =
        tacit_policy_chain_check(&self->chain, text, signatures, &policy, ret_error);
    return status ? status : s_put_in_force(self, policy, text, signatures);
}

static tacit_status_t s_load(tacit_policy_store_t *self, tacit_error_t *ret_error)
{
    static const char sql[] = "SELECT text, signature FROM policies ORDER BY number";
    sqlite3_stmt *rows = tacit_database_query(self->database, sql);
    tacit_status_t status = TACIT_OK;
    while (!(status = tacit_step(rows))) {
        status = s_load_row(self, rows, ret_error);
        if (status) {
            sqlite3_reset(rows);
            return status;
        }
    }
    return status == TACIT_NOT_FOUND ? TACIT_OK
                                     : tacit_error_set(ret_error, status, "cannot read policies");
}

static tacit_status_t s_check_counter(tacit_policy_store_t *self, tacit_error_t *ret_error)
{
    uint64_t counted = 0;
    tacit_status_t status =
        tacit_platform_counter_read(self->platform, self->counter, &counted, ret_error);
    if (status || self->chain.number == counted) {
        return status;
    }
    if (self->chain.number == counted + 1) {
        return tacit_platform_counter_advance(self->platform, self->counter, counted + 1,
                                              ret_error);
    }
    char expected[32];
    char got[32];
    snprintf(expected, sizeof expected, "policy %llu", (unsigned long long)counted);
    snprintf(got, sizeof got, "policy %llu", (unsigned long long)self->chain.number);
    status = tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, "policy history", expected, got);
    tacit_error_remedy(ret_error, "put back the newest attestation.db");
    return status;
}

tacit_status_t tacit_policy_store_open(const char *folder, const uint8_t operator_key[32],
                                       const uint8_t mesh_id[32], tacit_platform_t *platform,
                                       tacit_policy_store_t **ret_store, tacit_error_t *ret_error)
{
    tacit_policy_store_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->platform = platform;
    tacit_policy_chain_start(operator_key, &self->chain);
    s_name_counter(mesh_id, self->counter);
    char path[1024];
    snprintf(path, sizeof path, "%s/attestation.db", folder);
    tacit_status_t status = tacit_database_open(path, s_schema, &self->database, ret_error);
    if (!status) {
        status = s_load(self, ret_error);
    }
    if (!status) {
        status = s_check_counter(self, ret_error);
    }
    if (status) {
        tacit_policy_store_destroy(&self);
        return status;
    }
    *ret_store = self;
    return TACIT_OK;
}

void tacit_policy_store_destroy(tacit_policy_store_t **store)
{
    if (*store) {
        tacit_policy_store_t *self = *store;
        tacit_database_destroy(&self->database);
        tacit_policy_destroy(&self->policy);
        free(self->text);
        free(self);
        *store = NULL;
    }
}

const tacit_policy_t *tacit_policy_store_policy(const tacit_policy_store_t *store)
{
    return store->policy;
}

tacit_span_t tacit_policy_store_text(const tacit_policy_store_t *store)
{
    return tacit_span(store->text, store->text_size);
}

tacit_span_t tacit_policy_store_signatures(const tacit_policy_store_t *store)
{
    return tacit_span(store->signatures, store->signatures_size);
}

const uint8_t *tacit_policy_store_head(const tacit_policy_store_t *store)
{
    return store->chain.head;
}

static tacit_status_t s_insert(tacit_policy_store_t *self, const tacit_policy_t *policy,
                               tacit_span_t text, tacit_span_t signatures, uint64_t now_ms)
{
    static const char sql[] = "INSERT INTO policies(number, head, previous, text, signature, "
                              "applied_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    uint8_t head[32];
    tacit_policy_head(text, head);
    tacit_status_t status = tacit_database_begin(self->database);
    if (status) {
        return status;
    }
    sqlite3_stmt *insert = tacit_database_query(self->database, sql);
    tacit_bind_u64(insert, 1, tacit_policy_number(policy));
    tacit_bind_blob(insert, 2, tacit_span(head, sizeof head));
    tacit_bind_blob(insert, 3, tacit_span(tacit_policy_previous(policy), 32));
    tacit_bind_blob(insert, 4, text);
    tacit_bind_blob(insert, 5, signatures);
    tacit_bind_u64(insert, 6, now_ms);
    status = tacit_step_done(insert);
    if (status) {
        tacit_database_rollback(self->database);
        return status;
    }
    return tacit_database_commit(self->database);
}

tacit_status_t tacit_policy_store_apply(tacit_policy_store_t *store, tacit_span_t text,
                                        tacit_span_t signatures, uint64_t now_ms,
                                        tacit_error_t *ret_error)
{
    tacit_policy_t *policy = NULL;
    tacit_status_t status =
        tacit_policy_chain_check(&store->chain, text, signatures, &policy, ret_error);
    if (status) {
        return status;
    }
    status = s_insert(store, policy, text, signatures, now_ms);
    if (status) {
        tacit_policy_destroy(&policy);
        return tacit_error_set(ret_error, status, "cannot store the policy");
    }
    uint64_t number = tacit_policy_number(policy);
    status = s_put_in_force(store, policy, text, signatures);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    return tacit_platform_counter_advance(store->platform, store->counter, number, ret_error);
}

tacit_status_t tacit_policy_store_history(tacit_policy_store_t *store,
                                          tacit_policy_link_t *ret_links, size_t max,
                                          size_t *ret_count)
{
    static const char sql[] =
        "SELECT number, head, previous, applied_ms FROM policies ORDER BY number DESC LIMIT ?1";
    sqlite3_stmt *rows = tacit_database_query(store->database, sql);
    tacit_bind_u64(rows, 1, max);
    size_t count = 0;
    tacit_status_t status = TACIT_OK;
    while (count < max && !(status = tacit_step(rows))) {
        tacit_policy_link_t *link = &ret_links[count++];
        link->number = tacit_column_u64(rows, 0);
        if (!tacit_column_copy(rows, 1, link->head, 32) ||
            !tacit_column_copy(rows, 2, link->previous, 32)) {
            status = TACIT_CORRUPT;
            break;
        }
        link->applied_ms = tacit_column_u64(rows, 3);
    }
    sqlite3_reset(rows);
    if (status && status != TACIT_NOT_FOUND) {
        return status;
    }
    *ret_count = count;
    return TACIT_OK;
}

static bool s_copy_column(sqlite3_stmt *row, int column, uint8_t **ret_bytes, size_t *ret_size)
{
    tacit_span_t span = tacit_column_span(row, column);
    uint8_t *bytes = malloc(span.size ? span.size : 1);
    if (bytes && span.size > 0) {
        memcpy(bytes, span.data, span.size);
    }
    *ret_bytes = bytes;
    *ret_size = span.size;
    return bytes != NULL;
}

tacit_status_t tacit_policy_store_copy(tacit_policy_store_t *store, uint64_t number,
                                       tacit_policy_copy_t *ret_copy)
{
    static const char sql[] = "SELECT text, signature, applied_ms FROM policies WHERE number = ?1";
    sqlite3_stmt *rows = tacit_database_query(store->database, sql);
    tacit_bind_u64(rows, 1, number);
    tacit_policy_copy_t copy = {0};
    tacit_status_t status = tacit_step(rows);
    if (!status && (!s_copy_column(rows, 0, &copy.text, &copy.text_size) ||
                    !s_copy_column(rows, 1, &copy.signatures, &copy.signatures_size))) {
        status = TACIT_NO_MEMORY;
    }
    if (!status) {
        copy.applied_ms = tacit_column_u64(rows, 2);
    }
    sqlite3_reset(rows);
    if (status) {
        tacit_policy_copy_free(&copy);
        return status;
    }
    *ret_copy = copy;
    return TACIT_OK;
}

void tacit_policy_copy_free(tacit_policy_copy_t *copy)
{
    free(copy->text);
    free(copy->signatures);
    *copy = (tacit_policy_copy_t){0};
}
