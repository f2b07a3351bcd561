/*  text.c - a model's bytes in pages of their own, wiped and given back as they are read.  */

#include "services/inference/engine/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct tacit_engine_text {
    uint8_t *data; /* whole pages of our own */
    size_t size;   /* bytes of the model */
    size_t room;   /* bytes of the pages */
    size_t spent;  /* bytes that were wiped */
    size_t given;  /* bytes of pages given back; at most spent */
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

void tacit_engine_text_spend(tacit_engine_text_t *text, const uint8_t *upto)
{
    size_t spent = (size_t)(upto - text->data);
    if (spent <= text->spent || spent > text->size) {
        return;
    }
    sodium_memzero(text->data + text->spent, spent - text->spent);
    text->spent = spent;
    size_t whole = spent / s_page() * s_page();
    if (whole > text->given) {
        /* Pages that are locked are not given back.  */
        (void)munlock(text->data + text->given, whole - text->given);
        (void)madvise(text->data + text->given, whole - text->given, MADV_DONTNEED);
        text->given = whole;
    }
}

void tacit_engine_text_destroy(tacit_engine_text_t **text)
{
    tacit_engine_text_t *self = *text;
    if (self == NULL) {
        return;
    }
    sodium_memzero(self->data + self->spent, self->size - self->spent);
    (void)munmap(self->data, self->room); /* unlocks, too */
    free(self);
    *text = NULL;
}
