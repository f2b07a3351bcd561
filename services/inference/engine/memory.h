/*  memory.h - what an engine may use: memory, counted against a limit, aligned for vectors, wiped
    when freed; and time, looked at between two nodes.

    The error of a refused allocation is set: TOO_LARGE over the limit, NO_MEMORY where the system
    has none. Not thread-safe: a budget belongs to one engine.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_MEMORY_H
#define TACIT_SERVICES_INFERENCE_ENGINE_MEMORY_H

#include "enclave/error.h"

#include "services/inference/engine/spare.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TACIT_MEMORY_ALIGNMENT = 64 };

typedef struct tacit_budget {
    size_t limit;          /* bytes */
    size_t used;           /* bytes */
    uint64_t deadline_us;  /* of the monotonic clock; 0: none */
    atomic_bool cancelled; /* by another thread */
    tacit_spare_t *spare;  /* where large blocks may lie; or NULL */
} tacit_budget_t;

/*  Start the time that a run may take; 0: any.  */
void tacit_budget_start(tacit_budget_t *budget, uint32_t limit_ms);

/*  DEADLINE_EXCEEDED where the time is over, or the run was cancelled.  */
TACIT_MUST_CHECK tacit_status_t tacit_budget_check(const tacit_budget_t *budget,
                                                   tacit_error_t *error);

/*  Zeroed and aligned; NULL with the error set where refused. A size of 0 gives a valid pointer.
    The budget must outlive it.  */
void *tacit_memory_new(tacit_budget_t *budget, size_t size, tacit_error_t *error);

/*  A block of what lies at `place` already, behind room for a header of one unit: aligned, in pages
    that the budget has as spare ones once it is freed. The bytes that it takes there; NULL where
   the limit does not allow them.  */
size_t tacit_memory_whole(size_t size);
void *tacit_memory_adopt(tacit_budget_t *budget, void *place, size_t size);

/*  Wipes and frees. NULL-safe.  */
void tacit_memory_free(void *data);

/*  Many small things that live and die together.  */
typedef struct tacit_pool tacit_pool_t;

tacit_pool_t *tacit_pool_new(tacit_budget_t *budget, tacit_error_t *error);

/*  count * size zeroed bytes, aligned for any type; NULL with the error set where refused.  */
void *tacit_pool_take(tacit_pool_t *pool, size_t count, size_t size, tacit_error_t *error);

/*  A copy of the text with its NUL.  */
char *tacit_pool_text(tacit_pool_t *pool, const char *text, tacit_error_t *error);

/*  Wipes and frees all. NULL-safe.  */
void tacit_pool_destroy(tacit_pool_t **pool);

#endif
