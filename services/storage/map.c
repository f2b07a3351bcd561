/*  map.c - buckets of short chains, twice as many when there are as many rows as buckets.  */

#include "services/storage/map.h"

#include <sodium.h>
#include <stdlib.h>

enum { S_BUCKETS_FIRST = 64 };

_Static_assert(sizeof(((tacit_map_t *)0)->hash_key) == crypto_shorthash_KEYBYTES, "a SipHash key");

tacit_status_t tacit_map_init(tacit_map_t *map)
{
    *map = (tacit_map_t){.bucket_count = S_BUCKETS_FIRST};
    randombytes_buf(map->hash_key, sizeof map->hash_key);
    map->buckets = calloc(S_BUCKETS_FIRST, sizeof(tacit_map_node_t *));
    return map->buckets ? TACIT_OK : TACIT_NO_MEMORY;
}

void tacit_map_clear(tacit_map_t *map)
{
    tacit_map_node_t *node = map->first;
    while (node) {
        tacit_map_node_t *next = node->next;
        free(node);
        node = next;
    }
    free((void *)map->buckets);
    *map = (tacit_map_t){.buckets = NULL};
}

static size_t s_bucket(const tacit_map_t *self, tacit_span_t key)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t number = 0;
    crypto_shorthash(hash, key.data, key.size, self->hash_key);
    memcpy(&number, hash, sizeof number);
    return (size_t)number & (self->bucket_count - 1);
}

tacit_map_node_t *tacit_map_find(const tacit_map_t *map, tacit_span_t key)
{
    tacit_map_node_t *node = map->buckets[s_bucket(map, key)];
    while (node && !tacit_span_equal(node->key, key)) {
        node = node->below;
    }
    return node;
}

static void s_link(tacit_map_t *self, tacit_map_node_t *node)
{
    tacit_map_node_t **bucket = &self->buckets[s_bucket(self, node->key)];
    node->below = *bucket;
    *bucket = node;
}

/*  Without memory for more buckets the chains are longer, and that is all.  */
static void s_grow(tacit_map_t *self)
{
    size_t count = self->bucket_count * 2;
    tacit_map_node_t **buckets = calloc(count, sizeof(tacit_map_node_t *));
    if (!buckets) {
        return;
    }
    free((void *)self->buckets);
    self->buckets = buckets;
    self->bucket_count = count;
    for (tacit_map_node_t *node = self->first; node; node = node->next) {
        s_link(self, node);
    }
}

void tacit_map_add(tacit_map_t *map, tacit_map_node_t *node, tacit_span_t key)
{
    if (map->count == map->bucket_count) {
        s_grow(map);
    }
    *node = (tacit_map_node_t){.key = key, .previous = map->last};
    if (map->last) {
        map->last->next = node;
    } else {
        map->first = node;
    }
    map->last = node;
    map->count++;
    s_link(map, node);
}

void tacit_map_remove(tacit_map_t *map, tacit_map_node_t *node)
{
    tacit_map_node_t **at = &map->buckets[s_bucket(map, node->key)];
    while (*at && *at != node) {
        at = &(*at)->below;
    }
    if (!*at) {
        abort(); /* programmer error: it is not in this map */
    }
    *at = node->below;
    *(node->previous ? &node->previous->next : &map->first) = node->next;
    *(node->next ? &node->next->previous : &map->last) = node->previous;
    map->count--;
}
