/*  map.h - rows by their key, and in the order in which they came.

    A row has a tacit_map_node_t as its first member and its key somewhere inside; the map allocates
    nothing for it, so that adding cannot fail. Keys are other people's choice: they are hashed with
    SipHash under a random key, so that nobody can make all of them meet. One thread only.  */

#ifndef TACIT_SERVICES_STORAGE_MAP_H
#define TACIT_SERVICES_STORAGE_MAP_H

#include "enclave/span.h"
#include "enclave/status.h"

typedef struct tacit_map_node {
    tacit_span_t key;                /* borrowed from the row; the map's */
    struct tacit_map_node *below;    /* in the same bucket */
    struct tacit_map_node *previous; /* in order of coming */
    struct tacit_map_node *next;
} tacit_map_node_t;

typedef struct tacit_map {
    tacit_map_node_t **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    tacit_map_node_t *first; /* next by ->next */
    tacit_map_node_t *last;
    uint8_t hash_key[16];
} tacit_map_t;

/*  An empty map. NO_MEMORY: then it may be cleared, and nothing else.  */
TACIT_MUST_CHECK tacit_status_t tacit_map_init(tacit_map_t *map);

/*  Frees every row with free, and what the map has. For a zeroed map, too.  */
void tacit_map_clear(tacit_map_t *map);

/*  NULL where there is none.  */
tacit_map_node_t *tacit_map_find(const tacit_map_t *map, tacit_span_t key);

/*  Adds a row under a key inside it, which must not be in the map yet.  */
void tacit_map_add(tacit_map_t *map, tacit_map_node_t *node, tacit_span_t key);

/*  Takes a row out; it is the caller's again.  */
void tacit_map_remove(tacit_map_t *map, tacit_map_node_t *node);

#endif
