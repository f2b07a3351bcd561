/*  record_tags.h - one HMAC tag for each sealed record, and their sum.

    The sum modulo 2^256 of HMAC-SHA256 tags over all records is a keyed multiset hash (Clarke et
    al., "Incremental Multiset Hash Functions", MSet-Add-Hash): it says whether a set of records is
    this one, whatever their order, and changes with one record at the cost of one tag. Tags stay in
    memory, so that what the host changes in the database meanwhile does not slip into the sum.

    Changes can be undone until they are kept: one transaction at a time. One thread only.  */

#ifndef TACIT_SERVICES_STORAGE_RECORD_TAGS_H
#define TACIT_SERVICES_STORAGE_RECORD_TAGS_H

#include "enclave/secret.h"
#include "enclave/span.h"
#include "enclave/status.h"

enum {
    TACIT_RECORD_TAG_SIZE = 32,
    TACIT_RECORD_NAME_MAX = 193 /* bytes: a record's kind and key */
};

typedef struct tacit_record_tags tacit_record_tags_t;

/*  An empty set; the key (TACIT_KEY_SIZE bytes) is copied.  */
TACIT_MUST_CHECK tacit_status_t tacit_record_tags_new(const uint8_t *key,
                                                      tacit_record_tags_t **ret_tags);
void tacit_record_tags_destroy(tacit_record_tags_t **tags);

size_t tacit_record_tags_count(const tacit_record_tags_t *tags);
bool tacit_record_tags_has(const tacit_record_tags_t *tags, tacit_span_t name);

/*  The sum of all tags; little-endian, TACIT_RECORD_TAG_SIZE bytes, until the next change.  */
const uint8_t *tacit_record_tags_sum(const tacit_record_tags_t *tags);

/*  The record of that name (at most TACIT_RECORD_NAME_MAX bytes) is now these sealed bytes, or is
    no more. NO_MEMORY changes nothing.  */
TACIT_MUST_CHECK tacit_status_t tacit_record_tags_put(tacit_record_tags_t *tags, tacit_span_t name,
                                                      tacit_span_t sealed);
TACIT_MUST_CHECK tacit_status_t tacit_record_tags_remove(tacit_record_tags_t *tags,
                                                         tacit_span_t name);

/*  Ends a transaction: all changes since the last end stay, or are taken back.  */
void tacit_record_tags_keep(tacit_record_tags_t *tags);
void tacit_record_tags_undo(tacit_record_tags_t *tags);

#endif
