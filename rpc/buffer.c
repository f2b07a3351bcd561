/*  buffer.c - the bounded output buffer.

    Growing copies by hand instead of calling realloc, which would leave the old bytes behind in
    freed memory.  */

#include "rpc/buffer.h"

#include <sodium.h>
#include <stdlib.h>

enum { S_CAPACITY_MIN = 256 };

void tacit_buffer_init(tacit_buffer_t *buffer, size_t max)
{
    *buffer = (tacit_buffer_t){.max = max};
}

void tacit_buffer_clear(tacit_buffer_t *buffer)
{
    buffer->size = 0;
}

void tacit_buffer_free(tacit_buffer_t *buffer)
{
    if (buffer && buffer->data) {
        sodium_memzero(buffer->data, buffer->capacity);
        free(buffer->data);
        tacit_buffer_init(buffer, buffer->max);
    }
}

static tacit_status_t s_grow(tacit_buffer_t *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > S_CAPACITY_MIN ? buffer->capacity : S_CAPACITY_MIN;
    while (capacity < needed) {
        capacity = capacity > buffer->max / 2 ? buffer->max : capacity * 2;
    }
    if (capacity > buffer->max) {
        capacity = buffer->max;
    }
    uint8_t *data = malloc(capacity);
    if (!data) {
        return TACIT_NO_MEMORY;
    }
    if (buffer->data) {
        memcpy(data, buffer->data, buffer->size);
        sodium_memzero(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return TACIT_OK;
}

tacit_status_t tacit_buffer_reserve(tacit_buffer_t *buffer, size_t size)
{
    if (buffer->size > buffer->max || size > buffer->max - buffer->size) {
        return TACIT_TOO_LARGE;
    }
    size_t needed = buffer->size + size;
    return needed > buffer->capacity ? s_grow(buffer, needed) : TACIT_OK;
}

tacit_status_t tacit_buffer_extend(tacit_buffer_t *buffer, size_t size, uint8_t **ret_bytes)
{
    tacit_status_t status = tacit_buffer_reserve(buffer, size);
    if (status == TACIT_OK) {
        *ret_bytes = buffer->data + buffer->size;
        buffer->size += size;
    }
    return status;
}
