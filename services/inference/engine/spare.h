/*  spare.h - memory that lay under a model's bytes, used again.

    Fresh pages cost more than anything else while a model is loaded: the kernel finds and clears
    each. So what is packed takes the room of weights that went before it. Pages that nothing took
    in the end go back to the kernel.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_SPARE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_SPARE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tacit_spare tacit_spare_t;

/*  Of whole pages, none of which is spare yet. locked: they are kept out of swap, and stay so:
   those that are given back as soon as they are touched again. NULL where there is no memory.  */
tacit_spare_t *tacit_spare_new(void *pages, size_t size, bool locked);

/*  The pages stay. NULL-safe.  */
void tacit_spare_destroy(tacit_spare_t **spare);

/*  That part of the pages, which was wiped, is spare.  */
void tacit_spare_add(tacit_spare_t *spare, void *part, size_t size);

/*  Zeroed and aligned as tacit_memory_new's, of a size that is a multiple of that; or NULL.  */
void *tacit_spare_take(tacit_spare_t *spare, size_t size);

/*  Give back what is spare now, and what becomes so later. It can be taken nevertheless.  */
void tacit_spare_give_back(tacit_spare_t *spare);

#endif
