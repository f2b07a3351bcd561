/*  cbor.h - strict CBOR (RFC 8949), read where it stands.

    An item is judged as a whole before any of it is used: integers and lengths in their shortest
    form, strings of definite length, text in UTF-8, no key twice in a map, keys that are integers
    or strings, nothing nested deeper than TACIT_CBOR_DEPTH_MAX. Maps and arrays may be indefinite.
    Nothing is allocated; lengths are compared with what remains.  */

#ifndef TACIT_ENCLAVE_CBOR_H
#define TACIT_ENCLAVE_CBOR_H

#include "enclave/span.h"

enum {
    TACIT_CBOR_DEPTH_MAX = 8,   /* levels of maps, arrays and tags */
    TACIT_CBOR_ENTRIES_MAX = 64 /* entries of one map */
};

typedef enum tacit_cbor_type {
    TACIT_CBOR_UNSIGNED,
    TACIT_CBOR_NEGATIVE, /* the value is -1 - number */
    TACIT_CBOR_BYTES,
    TACIT_CBOR_TEXT,
    TACIT_CBOR_ARRAY,
    TACIT_CBOR_MAP,
    TACIT_CBOR_TAG,
    TACIT_CBOR_SIMPLE /* false, true, null, undefined: 20 to 23 */
} tacit_cbor_type_t;

enum { TACIT_CBOR_NULL = 22 };

typedef struct tacit_cbor {
    tacit_cbor_type_t type;
    uint64_t number;      /* integer, tag or simple value; entries of an array or map */
    tacit_span_t content; /* of a string its bytes; of arrays, maps and tags the items inside */
    tacit_span_t whole;   /* head and content, as encoded */
} tacit_cbor_t;

/*  The one item that the bytes are; false where they are not exactly one strict item.  */
bool tacit_cbor_read(tacit_span_t bytes, tacit_cbor_t *ret_item);

/*  The next item of an array's, map's or tag's content, which is shortened by it; false at its
    end. Keys and values of a map take turns.  */
bool tacit_cbor_next(tacit_span_t *content, tacit_cbor_t *ret_item);

#endif
