/*  text.c - a model's bytes in pages of their own, which hold its weights afterwards.  */

#include "services/inference/engine/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct tacit_engine_text {
    uint8_t *data; /* whole pages of our own */
    size_t size;   /* bytes of the model */
    size_t room;   /* bytes of the pages */
    size_t kept;   /* bytes in front that are blocks */
    bool locked;
    bool ended; /* what is no block was wiped */
    tacit_spare_t *spare;
};

static size_t s_page(void)
{
    long page = sysconf(_SC_PAGESIZE);
    return page > 0 ? (size_t)page : 4096;
}

tacit_status_t tacit_engine_text_new(size_t size, bool locked, tacit_engine_text_t **ret_text,
                                     tacit_error_t *ret_error)
{
    size_t page = s_page();
    if (size == 0 || size > TACIT_ENGINE_MODEL_SIZE_MAX) {
        return tacit_error_set(ret_error, size == 0 ? TACIT_MALFORMED : TACIT_TOO_LARGE,
                               "a model has 1 to %d bytes, this has %zu",
                               TACIT_ENGINE_MODEL_SIZE_MAX, size);
    }
    tacit_engine_text_t *text = calloc(1, sizeof(*text));
    if (text == NULL) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    text->size = size;
    text->room = (size + page - 1) / page * page;
    text->data = mmap(NULL, text->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (text->data == MAP_FAILED) {
        free(text);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, "no memory for a model of %zu bytes",
                               size);
    }
    (void)madvise(text->data, text->room, MADV_DONTDUMP);
    if (locked && mlock(text->data, text->room) != 0) {
        tacit_engine_text_destroy(&text);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY,
                               "cannot lock memory for a model of %zu bytes", size);
    }
    text->locked = locked;
    *ret_text = text;
    return TACIT_OK;
}

uint8_t *tacit_engine_text_data(tacit_engine_text_t *text)
{
    return text->data;
}

tacit_span_t tacit_engine_text_span(const tacit_engine_text_t *text)
{
    return tacit_span(text->data, text->size);
}

/*  Fewer are copied: they stay for good, and would keep what lies between them apart.  */
enum { KEEP_SIZE_MIN = 64 * 1024 };

void *tacit_engine_text_keep(tacit_engine_text_t *text, tacit_span_t bytes, tacit_budget_t *budget)
{
    size_t at = (size_t)(bytes.data - text->data);
    size_t to = text->kept + TACIT_MEMORY_ALIGNMENT;
    if (bytes.size < KEEP_SIZE_MIN || to > at) {
        return NULL;
    }
    void *block = tacit_memory_adopt(budget, text->data + text->kept, bytes.size);
    if (block != NULL) {
        memmove(block, bytes.data, bytes.size);
        text->kept += tacit_memory_whole(bytes.size);
    }
    return block;
}

tacit_spare_t *tacit_engine_text_end(tacit_engine_text_t *text)
{
    text->ended = true;
    sodium_memzero(text->data + text->kept, text->room - text->kept);
    text->spare = tacit_spare_new(text->data, text->room, text->locked);
    if (text->spare != NULL) {
        tacit_spare_add(text->spare, text->data + text->kept, text->room - text->kept);
    }
    return text->spare;
}

void tacit_engine_text_destroy(tacit_engine_text_t **text)
{
    tacit_engine_text_t *self = *text;
    if (self == NULL) {
        return;
    }
    tacit_spare_destroy(&self->spare);
    if (!self->ended) {
        sodium_memzero(self->data, self->size);
    }
    (void)munmap(self->data, self->room); /* unlocks, too */
    free(self);
    *text = NULL;
}
