/*  reply_cache.c - a bounded row of entries, in the order in which they began.

    Calls with keys change durable state: looking through a few thousand entries costs them nothing
    beside that, and keeps the bounds in one place.  */

#include "rpc/reply_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/binding.h"
#include "enclave/secret.h"
#include "rpc/buffer.h"
#include "rpc/limits.h"

struct tacit_reply_entry {
    tacit_reply_key_t key;
    uint8_t caller[32];
    const tacit_method_t *method;
    uint64_t number;
    uint64_t end_ms;       /* monotonic; 0: its call runs */
    size_t charge;         /* bytes that count */
    tacit_buffer_t result; /* encoded */
};

struct tacit_reply_cache {
    tacit_reply_entry_t *entries[TACIT_REPLIES_MAX]; /* owned; the first count of them */
    size_t count;
    size_t bytes;
    uint64_t last_number;
    tacit_secret_t *own_key; /* of kept secrets */
    tacit_reply_stats_t stats;
};

tacit_reply_cache_t *tacit_reply_cache_new(void)
{
    tacit_reply_cache_t *self = calloc(1, sizeof *self);
    if (self && tacit_secret_new(32, &self->own_key) != TACIT_OK) {
        free(self);
        return NULL;
    }
    if (self) {
        randombytes_buf(self->own_key->data, self->own_key->size);
    }
    return self;
}

static void s_remove(tacit_reply_cache_t *self, size_t index)
{
    tacit_reply_entry_t *entry = self->entries[index];
    self->count--;
    self->bytes -= entry->charge;
    memmove(&self->entries[index], &self->entries[index + 1],
            (self->count - index) * sizeof(void *));
    tacit_buffer_free(&entry->result);
    sodium_memzero(entry, sizeof *entry);
    free(entry);
}

void tacit_reply_cache_destroy(tacit_reply_cache_t **cache)
{
    tacit_reply_cache_t *self = *cache;
    if (self) {
        while (self->count > 0) {
            s_remove(self, self->count - 1);
        }
        tacit_secret_destroy(&self->own_key);
        free(self);
        *cache = NULL;
    }
}

/*  --- which call it is ------------------------------------------------------------------------ */

static void s_hash(crypto_hash_sha256_state *state, tacit_span_t part)
{
    uint8_t size[8];
    for (size_t i = 0; i < sizeof size; i++) {
        size[i] = (uint8_t)((uint64_t)part.size >> (8 * i));
    }
    (void)crypto_hash_sha256_update(state, size, sizeof size);
    if (part.size > 0) {
        (void)crypto_hash_sha256_update(state, part.data, part.size);
    }
}

static void s_digest(const tacit_span_t *parts, size_t count,
                     uint8_t ret_digest[TACIT_REPLY_ID_SIZE])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        s_hash(&state, parts[i]);
    }
    (void)crypto_hash_sha256_final(&state, ret_digest);
}

void tacit_reply_key_make(const char *method, const uint8_t caller[32], tacit_span_t key,
                          tacit_span_t args, tacit_span_t bulk, tacit_reply_key_t *ret_key)
{
    const tacit_span_t id[] = {tacit_span_string("tacit/rpc/reply/v1"), tacit_span(caller, 32),
                               tacit_span_string(method), key};
    const tacit_span_t asked[] = {args, bulk};
    s_digest(id, sizeof id / sizeof *id, ret_key->id);
    s_digest(asked, sizeof asked / sizeof *asked, ret_key->digest);
}

/*  --- entries --------------------------------------------------------------------------------- */

static void s_expire(tacit_reply_cache_t *self, uint64_t now_ms)
{
    for (size_t i = self->count; i > 0; i--) {
        const tacit_reply_entry_t *entry = self->entries[i - 1];
        if (entry->end_ms > 0 && entry->end_ms <= now_ms) {
            s_remove(self, i - 1);
        }
    }
}

static tacit_reply_entry_t *s_find(const tacit_reply_cache_t *self, const tacit_reply_key_t *key)
{
    for (size_t i = 0; i < self->count; i++) {
        if (memcmp(self->entries[i]->key.id, key->id, sizeof key->id) == 0) {
            return self->entries[i];
        }
    }
    return NULL;
}

/*  Before anything runs, by the most that the contract allows a result.  */
static bool s_fits(const tacit_reply_cache_t *self, const uint8_t caller[32], size_t bytes)
{
    size_t count = 0;
    size_t used = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (memcmp(self->entries[i]->caller, caller, 32) == 0) {
            count++;
            used += self->entries[i]->charge;
        }
    }
    return self->count < TACIT_REPLIES_MAX && count < TACIT_REPLIES_PER_CALLER_MAX &&
           used + bytes <= TACIT_REPLY_BYTES_PER_CALLER_MAX &&
           self->bytes + bytes <= TACIT_REPLY_BYTES_MAX;
}

static tacit_reply_entry_t *s_add(tacit_reply_cache_t *self, const tacit_method_t *method,
                                  const uint8_t caller[32], const tacit_reply_key_t *key)
{
    tacit_reply_entry_t *entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->key = *key;
        memcpy(entry->caller, caller, sizeof entry->caller);
        entry->method = method;
        entry->number = ++self->last_number;
        entry->charge = method->result->encoded_max;
        tacit_buffer_init(&entry->result, method->result->encoded_max);
        self->entries[self->count++] = entry;
        self->bytes += entry->charge;
    }
    return entry;
}

static tacit_status_t s_take(tacit_reply_cache_t *self, tacit_reply_entry_t *entry,
                             const tacit_reply_key_t *key, tacit_reply_found_t *ret_found,
                             tacit_error_t *ret_error)
{
    if (sodium_memcmp(entry->key.digest, key->digest, sizeof key->digest) != 0) {
        self->stats.refused++;
        return tacit_error_set(ret_error, TACIT_KEY_REUSED, NULL);
    }
    *ret_found = entry->end_ms > 0 ? TACIT_REPLY_KEPT : TACIT_REPLY_RUNNING;
    self->stats.hits += entry->end_ms > 0;
    self->stats.joins += entry->end_ms == 0;
    return TACIT_OK;
}

tacit_status_t tacit_reply_cache_begin(tacit_reply_cache_t *cache, const tacit_method_t *method,
                                       const uint8_t caller[32], const tacit_reply_key_t *key,
                                       uint64_t now_ms, tacit_reply_found_t *ret_found,
                                       tacit_reply_entry_t **ret_entry, tacit_error_t *ret_error)
{
    s_expire(cache, now_ms);
    tacit_reply_entry_t *entry = s_find(cache, key);
    tacit_status_t status = TACIT_OK;
    if (entry) {
        status = s_take(cache, entry, key, ret_found, ret_error);
    } else if (!s_fits(cache, caller, method->result->encoded_max)) {
        cache->stats.refused++;
        status = tacit_error_set(ret_error, TACIT_BUSY, "too many answers are kept by keys");
    } else {
        entry = s_add(cache, method, caller, key);
        *ret_found = TACIT_REPLY_NEW;
        status = entry ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (status == TACIT_OK) {
        *ret_entry = entry;
    }
    return status;
}

static tacit_secret_context_t s_own_secrets(const tacit_reply_cache_t *self,
                                            const tacit_reply_entry_t *entry)
{
    static const uint8_t no_session[TACIT_SESSION_ID_SIZE];
    return (tacit_secret_context_t){.key = self->own_key->data,
                                    .session = no_session,
                                    .msgid = entry->number,
                                    .method = entry->method->name};
}

void tacit_reply_cache_keep(tacit_reply_cache_t *cache, tacit_reply_entry_t *entry,
                            const void *result, uint64_t now_ms)
{
    tacit_secret_context_t secrets = s_own_secrets(cache, entry);
    tacit_error_t error;
    if (tacit_codec_encode(entry->method->result, result, &secrets, &entry->result, &error) !=
        TACIT_OK) {
        tacit_reply_cache_drop(cache, entry);
        return;
    }
    cache->bytes -= entry->charge - entry->result.size;
    entry->charge = entry->result.size;
    entry->end_ms = now_ms + TACIT_REPLY_KEPT_MS;
}

void tacit_reply_cache_drop(tacit_reply_cache_t *cache, tacit_reply_entry_t *entry)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (cache->entries[i] == entry) {
            s_remove(cache, i);
            return;
        }
    }
}

tacit_status_t tacit_reply_cache_read(const tacit_reply_cache_t *cache,
                                      const tacit_reply_entry_t *entry, tacit_arena_t *arena,
                                      void *ret_result)
{
    tacit_secret_context_t secrets = s_own_secrets(cache, entry);
    tacit_error_t error;
    return tacit_codec_decode(entry->method->result, tacit_buffer_span(&entry->result), &secrets,
                              arena, ret_result, &error);
}

const tacit_reply_key_t *tacit_reply_entry_key(const tacit_reply_entry_t *entry)
{
    return &entry->key;
}

const tacit_reply_stats_t *tacit_reply_cache_stats(const tacit_reply_cache_t *cache)
{
    return &cache->stats;
}

size_t tacit_reply_cache_count(const tacit_reply_cache_t *cache)
{
    return cache->count;
}
