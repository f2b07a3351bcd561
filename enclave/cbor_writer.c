/*  cbor_writer.c - heads, and the strings behind them.  */

#include "enclave/cbor_writer.h"

enum { S_DIRECT_MAX = 23, S_MAJOR_SHIFT = 5 };

void tacit_cbor_write_raw(tacit_cbor_writer_t *writer, const void *bytes, size_t size)
{
    if (writer->failed || size > writer->room - writer->size) {
        writer->failed = true;
        return;
    }
    if (size > 0) {
        memcpy(writer->data + writer->size, bytes, size);
    }
    writer->size += size;
}

void tacit_cbor_write_head(tacit_cbor_writer_t *writer, tacit_cbor_type_t type, uint64_t number)
{
    static const struct {
        uint64_t max;
        uint8_t width;
        uint8_t information;
    } forms[] = {{UINT8_MAX, 1, 24}, {UINT16_MAX, 2, 25}, {UINT32_MAX, 4, 26}, {UINT64_MAX, 8, 27}};
    uint8_t head[9] = {(uint8_t)((unsigned)type << S_MAJOR_SHIFT)};
    size_t form = 0;
    if (number <= S_DIRECT_MAX) {
        head[0] |= (uint8_t)number;
        tacit_cbor_write_raw(writer, head, 1);
        return;
    }
    while (number > forms[form].max) {
        form++;
    }
    head[0] |= forms[form].information;
    for (size_t i = 0; i < forms[form].width; i++) {
        head[1 + i] = (uint8_t)(number >> (8 * (forms[form].width - 1 - i)));
    }
    tacit_cbor_write_raw(writer, head, 1U + forms[form].width);
}

void tacit_cbor_write_bytes(tacit_cbor_writer_t *writer, tacit_span_t bytes)
{
    tacit_cbor_write_head(writer, TACIT_CBOR_BYTES, bytes.size);
    tacit_cbor_write_raw(writer, bytes.data, bytes.size);
}

void tacit_cbor_write_text(tacit_cbor_writer_t *writer, const char *text)
{
    tacit_cbor_write_head(writer, TACIT_CBOR_TEXT, strlen(text));
    tacit_cbor_write_raw(writer, text, strlen(text));
}

void tacit_cbor_write_null(tacit_cbor_writer_t *writer)
{
    tacit_cbor_write_head(writer, TACIT_CBOR_SIMPLE, TACIT_CBOR_NULL);
}
