/*  buffer.h - a growing output buffer that never exceeds its bound.

    What is encoded may be plaintext, so that memory is wiped before it is given back, also when
    the buffer grows.  */

#ifndef TACIT_RPC_BUFFER_H
#define TACIT_RPC_BUFFER_H

#include "enclave/span.h"
#include "enclave/status.h"

typedef struct tacit_buffer {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
    size_t max;
} tacit_buffer_t;

void tacit_buffer_init(tacit_buffer_t *buffer, size_t max);
void tacit_buffer_clear(tacit_buffer_t *buffer); /* keeps the memory */
void tacit_buffer_free(tacit_buffer_t *buffer);  /* wipes it first; NULL-safe, idempotent */

/*  Append size bytes of unset content, for the caller to write: valid until the next append.  */
TACIT_MUST_CHECK tacit_status_t tacit_buffer_extend(tacit_buffer_t *buffer, size_t size,
                                                    uint8_t **ret_bytes);
/*  Memory for so many bytes more, so that large messages grow once.  */
TACIT_MUST_CHECK tacit_status_t tacit_buffer_reserve(tacit_buffer_t *buffer, size_t size);

/*  TOO_LARGE beyond max, NO_MEMORY without memory; the buffer is then as it was. In line, since
    most of what is appended is a byte or two of msgpack.  */
TACIT_MUST_CHECK static inline tacit_status_t tacit_buffer_append(tacit_buffer_t *buffer,
                                                                  const void *data, size_t size)
{
    if (size > buffer->capacity - buffer->size) {
        tacit_status_t status = tacit_buffer_reserve(buffer, size);
        if (status != TACIT_OK) {
            return status;
        }
    }
    if (size > 0) {
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
    }
    return TACIT_OK;
}

static inline tacit_span_t tacit_buffer_span(const tacit_buffer_t *buffer)
{
    return tacit_span(buffer->data, buffer->size);
}

#endif
