/*  cbor_writer.h - CBOR (RFC 8949) in its shortest form, into a buffer of known size.

    A writer that ran out of room stays failed and writes no more: look at failed once, at the
    end.  */

#ifndef TACIT_ENCLAVE_CBOR_WRITER_H
#define TACIT_ENCLAVE_CBOR_WRITER_H

#include "enclave/cbor.h"

enum { TACIT_CBOR_INDEFINITE_MAP = 0xbf, TACIT_CBOR_BREAK = 0xff }; /* single bytes */

typedef struct tacit_cbor_writer {
    uint8_t *data;
    size_t size; /* written */
    size_t room; /* in all */
    bool failed;
} tacit_cbor_writer_t;

static inline tacit_cbor_writer_t tacit_cbor_writer(uint8_t *buffer, size_t room)
{
    return (tacit_cbor_writer_t){.data = buffer, .room = room};
}

/*  The head of an item: a number, a string's length, how many entries or items follow.  */
void tacit_cbor_write_head(tacit_cbor_writer_t *writer, tacit_cbor_type_t type, uint64_t number);

void tacit_cbor_write_bytes(tacit_cbor_writer_t *writer, tacit_span_t bytes);
void tacit_cbor_write_text(tacit_cbor_writer_t *writer, const char *text);
void tacit_cbor_write_null(tacit_cbor_writer_t *writer);

/*  Bytes as they are: items that were encoded before.  */
void tacit_cbor_write_raw(tacit_cbor_writer_t *writer, const void *bytes, size_t size);

#endif
