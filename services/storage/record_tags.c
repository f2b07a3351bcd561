/*  record_tags.c - the tags in a map by their record's name, their sum, and what to undo.  */

#include "services/storage/record_tags.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/layout.h"
#include "enclave/seal.h"
#include "services/storage/map.h"

typedef struct {
    tacit_map_node_t node;
    uint8_t name[TACIT_RECORD_NAME_MAX];
    uint8_t tag[TACIT_RECORD_TAG_SIZE];
} s_tag_t;

/*  What a transaction did to one tag.  */
typedef struct s_undo {
    struct s_undo *next;
    uint8_t name[TACIT_RECORD_NAME_MAX];
    size_t name_size;
    bool existed;
    uint8_t tag[TACIT_RECORD_TAG_SIZE];
} s_undo_t;

struct tacit_record_tags {
    tacit_secret_t *key;
    tacit_map_t tags; /* of s_tag_t, by name */
    uint8_t sum[TACIT_RECORD_TAG_SIZE];
    s_undo_t *undo; /* the latest change first */
};

tacit_status_t tacit_record_tags_new(const uint8_t *key, tacit_record_tags_t **ret_tags)
{
    tacit_record_tags_t *self = calloc(1, sizeof *self);
    if (!self) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = tacit_map_init(&self->tags);
    if (!status) {
        status = tacit_secret_new(TACIT_KEY_SIZE, &self->key);
    }
    if (status) {
        tacit_record_tags_destroy(&self);
        return status;
    }
    memcpy(self->key->data, key, TACIT_KEY_SIZE);
    *ret_tags = self;
    return TACIT_OK;
}

void tacit_record_tags_destroy(tacit_record_tags_t **tags)
{
    if (*tags) {
        tacit_record_tags_keep(*tags);
        tacit_map_clear(&(*tags)->tags);
        tacit_secret_destroy(&(*tags)->key);
        free(*tags);
        *tags = NULL;
    }
}

size_t tacit_record_tags_count(const tacit_record_tags_t *tags)
{
    return tags->tags.count;
}

static s_tag_t *s_find(const tacit_record_tags_t *self, tacit_span_t name)
{
    return (s_tag_t *)tacit_map_find(&self->tags, name);
}

bool tacit_record_tags_has(const tacit_record_tags_t *tags, tacit_span_t name)
{
    return s_find(tags, name) != NULL;
}

const uint8_t *tacit_record_tags_sum(const tacit_record_tags_t *tags)
{
    return tags->sum;
}

/*  The name's length goes before it, so that no two records give the same bytes.  */
static void s_compute(const tacit_record_tags_t *self, tacit_span_t name, tacit_span_t sealed,
                      uint8_t ret_tag[TACIT_RECORD_TAG_SIZE])
{
    uint8_t length[4];
    tacit_writer_t writer = {.next = length, .rest = sizeof length};
    tacit_writer_little(&writer, name.size, sizeof length);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, self->key->data, self->key->size);
    crypto_auth_hmacsha256_update(&state, length, sizeof length);
    crypto_auth_hmacsha256_update(&state, name.data, name.size);
    crypto_auth_hmacsha256_update(&state, sealed.data, sealed.size);
    crypto_auth_hmacsha256_final(&state, ret_tag);
}

/*  Sets a tag in the map and the sum; NULL takes it away. Removing needs no memory.  */
static tacit_status_t s_set(tacit_record_tags_t *self, tacit_span_t name, const uint8_t *tag)
{
    s_tag_t *entry = s_find(self, name);
    if (!entry && tag) {
        entry = calloc(1, sizeof *entry);
        if (!entry) {
            return TACIT_NO_MEMORY;
        }
        memcpy(entry->name, name.data, name.size);
        tacit_map_add(&self->tags, &entry->node, tacit_span(entry->name, name.size));
    }
    if (entry) {
        sodium_sub(self->sum, entry->tag, sizeof self->sum);
    }
    if (tag) {
        memcpy(entry->tag, tag, sizeof entry->tag);
        sodium_add(self->sum, tag, sizeof self->sum);
    } else if (entry) {
        tacit_map_remove(&self->tags, &entry->node);
        free(entry);
    }
    return TACIT_OK;
}

/*  As s_set, but so that it can be undone.  */
static tacit_status_t s_change(tacit_record_tags_t *self, tacit_span_t name, const uint8_t *tag)
{
    s_undo_t *undo = calloc(1, sizeof *undo);
    if (!undo) {
        return TACIT_NO_MEMORY;
    }
    const s_tag_t *entry = s_find(self, name);
    memcpy(undo->name, name.data, name.size);
    undo->name_size = name.size;
    undo->existed = entry != NULL;
    if (entry) {
        memcpy(undo->tag, entry->tag, sizeof undo->tag);
    }
    tacit_status_t status = s_set(self, name, tag);
    if (status) {
        free(undo);
        return status;
    }
    undo->next = self->undo;
    self->undo = undo;
    return TACIT_OK;
}

tacit_status_t tacit_record_tags_put(tacit_record_tags_t *tags, tacit_span_t name,
                                     tacit_span_t sealed)
{
    uint8_t tag[TACIT_RECORD_TAG_SIZE];
    s_compute(tags, name, sealed, tag);
    return s_change(tags, name, tag);
}

tacit_status_t tacit_record_tags_remove(tacit_record_tags_t *tags, tacit_span_t name)
{
    return s_change(tags, name, NULL);
}

void tacit_record_tags_keep(tacit_record_tags_t *tags)
{
    while (tags->undo) {
        s_undo_t *undo = tags->undo;
        tags->undo = undo->next;
        free(undo);
    }
}

void tacit_record_tags_undo(tacit_record_tags_t *tags)
{
    for (const s_undo_t *undo = tags->undo; undo; undo = undo->next) {
        if (s_set(tags, tacit_span(undo->name, undo->name_size),
                  undo->existed ? undo->tag : NULL)) {
            abort(); /* the tags no longer say what the file does: nothing may be answered */
        }
    }
    tacit_record_tags_keep(tags);
}
