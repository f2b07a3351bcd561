/*  refusal_journal.c - a bucket of tokens for each code, and entries in a sealed store that has no
    other records.  */

#include "services/attestation/refusal_journal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "rpc/log.h"
#include "rpc/node.h"
#include "rpc/text.h"

enum { S_PATH_MAX = 1024 };

/*  What may still be written down of one code. The last one is for all codes beyond the table.  */
typedef struct {
    int code;
    char name[TACIT_ERROR_NAME_MAX];
    uint32_t tokens;
    uint64_t refilled_ms;
    uint64_t suppressed;
} s_bucket_t;

struct tacit_refusal_journal {
    tacit_sealed_store_t *store;
    s_bucket_t buckets[TACIT_REFUSALS_CODES_MAX + 1];
    size_t bucket_count;
};

static const char s_purpose[] = "attestation refusals";

/*  --- opening --------------------------------------------------------------------------------- */

static void s_name_counter(const uint8_t mesh_id[32], uint8_t ret_name[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/counter/refusals/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha256(ret_name, transcript.data, transcript.size);
}

/*  The store has its audit chain, and no records of ours.  */
static tacit_status_t s_found(void *context, unsigned kind, tacit_span_t key, tacit_span_t value)
{
    (void)context;
    (void)kind;
    (void)key;
    (void)value;
    return TACIT_CORRUPT;
}

tacit_status_t tacit_refusal_journal_open(const char *folder, const uint8_t mesh_id[32],
                                          tacit_platform_t *platform,
                                          tacit_refusal_journal_t **ret_journal,
                                          tacit_error_t *ret_error)
{
    uint8_t context[32];
    uint8_t counter[32];
    char path[S_PATH_MAX];
    tacit_secret_t *key = NULL;
    tacit_refusal_journal_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    snprintf(path, sizeof path, "%s/refusals.db", folder);
    s_name_counter(mesh_id, counter);
    tacit_sealing_context(mesh_id, s_purpose, context);
    tacit_status_t status =
        tacit_platform_sealing_key(platform, TACIT_SEAL_MRSIGNER,
                                   tacit_platform_self(platform)->svn, context, &key, ret_error);
    if (!status) {
        status = tacit_sealed_store_open(path, key, platform, counter, s_found, NULL, &self->store,
                                         ret_error);
    }
    tacit_secret_destroy(&key);
    if (status) {
        tacit_refusal_journal_destroy(&self);
        return status;
    }
    *ret_journal = self;
    return TACIT_OK;
}

/*  --- how many -------------------------------------------------------------------------------- */

static s_bucket_t *s_bucket(tacit_refusal_journal_t *self, int code, const char *name,
                            uint64_t now_ms)
{
    size_t i = 0;
    while (i < self->bucket_count && self->buckets[i].code != code) {
        i++;
    }
    if (i > TACIT_REFUSALS_CODES_MAX) {
        return &self->buckets[TACIT_REFUSALS_CODES_MAX];
    }
    s_bucket_t *bucket = &self->buckets[i];
    if (i == self->bucket_count) {
        bool last = i == TACIT_REFUSALS_CODES_MAX;
        *bucket = (s_bucket_t){.code = code, .tokens = TACIT_REFUSALS_BURST, .refilled_ms = now_ms};
        snprintf(bucket->name, sizeof bucket->name, "%s", last ? "other" : name);
        self->bucket_count++;
    }
    return bucket;
}

static bool s_take_token(s_bucket_t *bucket, uint64_t now_ms)
{
    uint64_t passed = now_ms > bucket->refilled_ms ? now_ms - bucket->refilled_ms : 0;
    uint64_t more = passed / TACIT_REFUSALS_REFILL_MS;
    uint64_t room = TACIT_REFUSALS_BURST - bucket->tokens;
    bucket->tokens += (uint32_t)(more < room ? more : room);
    bucket->refilled_ms =
        room == 0 ? now_ms : bucket->refilled_ms + more * TACIT_REFUSALS_REFILL_MS;
    if (bucket->tokens == 0) {
        return false;
    }
    bucket->tokens--;
    return true;
}

/*  --- writing --------------------------------------------------------------------------------- */

/*  NAME=VALUE after what is there. No control characters: tabs are between the fields, and the text
    is for people, too.  */
static void s_field(char subject[TACIT_AUDIT_SUBJECT_MAX], const char *name, const char *value)
{
    size_t size = strlen(subject);
    if (!value[0]) {
        return;
    }
    char *at = subject + size;
    snprintf(at, TACIT_AUDIT_SUBJECT_MAX - size, "%s%s=%s", size ? "\t" : "", name, value);
    for (char *next = at + (size ? 1 : 0); *next; next++) {
        if ((unsigned char)*next < ' ' || *next == 0x7f) {
            *next = '?';
        }
    }
    tacit_text_clean(subject, strlen(subject));
}

static void s_append(tacit_refusal_journal_t *self, const tacit_audit_record_t *record)
{
    tacit_error_t error = {.code = TACIT_OK};
    const tacit_audit_head_t *head = tacit_sealed_store_audit_head(self->store);
    const tacit_audit_head_t *base = tacit_sealed_store_audit_base(self->store);
    tacit_sealed_store_begin(self->store);
    tacit_sealed_store_audit(self->store, record);
    if (head->number - base->number > TACIT_REFUSALS_KEPT_MAX + TACIT_REFUSALS_KEPT_SLACK) {
        tacit_sealed_store_trim_audit(self->store, TACIT_REFUSALS_KEPT_MAX);
    }
    if (tacit_sealed_store_commit(self->store, &error)) {
        tacit_log_error("refusal_not_written", &error);
    }
}

static void s_write(tacit_refusal_journal_t *self, const tacit_refusal_t *refusal)
{
    const tacit_error_t *error = refusal->error;
    tacit_audit_record_t record = {.time_ms = refusal->time_ms};
    snprintf(record.action, sizeof record.action, "%s", refusal->action);
    snprintf(record.outcome, sizeof record.outcome, "%s", error->name);
    if (refusal->actor) {
        memcpy(record.actor, refusal->actor, sizeof record.actor);
    }
    s_field(record.subject, "at", tacit_role_name(refusal->at));
    s_field(record.subject, "role", tacit_role_name(refusal->role));
    s_field(record.subject, "claim", error->claim);
    s_field(record.subject, "expected", error->expected);
    s_field(record.subject, "got", error->got);
    s_field(record.subject, "policy", error->policy);
    s_field(record.subject, "remedy", error->remedy);
    s_append(self, &record);
}

static void s_write_count(tacit_refusal_journal_t *self, s_bucket_t *bucket, uint64_t now_ms)
{
    char count[24];
    tacit_audit_record_t record = {.time_ms = now_ms, .action = "suppressed"};
    snprintf(count, sizeof count, "%llu", (unsigned long long)bucket->suppressed);
    snprintf(record.outcome, sizeof record.outcome, "%s", bucket->name);
    s_field(record.subject, "count", count);
    s_append(self, &record);
    bucket->suppressed = 0;
}

void tacit_refusal_journal_add(tacit_refusal_journal_t *journal, const tacit_refusal_t *refusal)
{
    const tacit_error_t *error = refusal->error;
    s_bucket_t *bucket = s_bucket(journal, (int)error->code, error->name, refusal->time_ms);
    if (!s_take_token(bucket, refusal->time_ms)) {
        bucket->suppressed++;
        return;
    }
    tacit_log_error("evidence_refused", error);
    s_write(journal, refusal);
}

void tacit_refusal_journal_suppress(tacit_refusal_journal_t *journal, uint64_t count)
{
    if (count > 0) {
        s_bucket(journal, TACIT_OK, "unknown", tacit_now_ms())->suppressed += count;
    }
}

void tacit_refusal_journal_settle(tacit_refusal_journal_t *journal, uint64_t now_ms)
{
    for (size_t i = 0; i < journal->bucket_count; i++) {
        s_bucket_t *bucket = &journal->buckets[i];
        if (bucket->suppressed > 0 && s_take_token(bucket, now_ms)) {
            s_write_count(journal, bucket, now_ms);
        }
    }
}

void tacit_refusal_journal_destroy(tacit_refusal_journal_t **journal)
{
    if (*journal) {
        tacit_refusal_journal_t *self = *journal;
        for (size_t i = 0; i < self->bucket_count && self->store; i++) {
            if (self->buckets[i].suppressed > 0) {
                s_write_count(self, &self->buckets[i], tacit_now_ms());
            }
        }
        tacit_sealed_store_destroy(&self->store);
        free(self);
        *journal = NULL;
    }
}

/*  --- reading --------------------------------------------------------------------------------- */

tacit_status_t tacit_refusal_journal_read(tacit_refusal_journal_t *journal, uint64_t from,
                                          tacit_audit_record_t *ret_records, size_t max,
                                          size_t *ret_count, uint8_t ret_before[32])
{
    const tacit_audit_head_t *base = tacit_sealed_store_audit_base(journal->store);
    tacit_audit_record_t before = {.number = 0};
    size_t count = 0;
    tacit_status_t status = TACIT_OK;
    if (from > base->number + 1) {
        status = tacit_sealed_store_read_audit(journal->store, from - 1, &before, 1, &count);
    } else {
        memcpy(before.hash, base->hash, sizeof before.hash);
    }
    if (!status) {
        status = tacit_sealed_store_read_audit(journal->store, from, ret_records, max, ret_count);
    }
    if (!status) {
        memcpy(ret_before, before.hash, sizeof before.hash);
    }
    return status;
}

uint64_t tacit_refusal_journal_suppressed(const tacit_refusal_journal_t *journal)
{
    uint64_t count = 0;
    for (size_t i = 0; i < journal->bucket_count; i++) {
        count += journal->buckets[i].suppressed;
    }
    return count;
}
