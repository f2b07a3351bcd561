/*  lane_pool.h - memory for bulks on a lane, used again and again.

    Fresh memory of this size costs more in page faults than its encryption does. Buffers are taken
    by the owner's thread and given back by any thread (libzmq's, when a frame was sent), perhaps
    after the pool was destroyed: the last one frees it. Kept memory is bounded.  */

#ifndef TACIT_RPC_LANE_POOL_H
#define TACIT_RPC_LANE_POOL_H

#include <stddef.h>
#include <stdint.h>

typedef struct tacit_lane_pool tacit_lane_pool_t;

/*  NULL without memory.  */
tacit_lane_pool_t *tacit_lane_pool_new(void);
void tacit_lane_pool_destroy(tacit_lane_pool_t **pool);

/*  A buffer of at least that size, its content unset; NULL without memory.  */
uint8_t *tacit_lane_pool_take(tacit_lane_pool_t *pool, size_t size);

/*  Give a buffer back to the pool it is of, destroyed or not; made to be libzmq's free function. */
void tacit_lane_pool_give(void *data, void *pool);

/*  Free what was not needed since the last call: to be called now and then.  */
void tacit_lane_pool_trim(tacit_lane_pool_t *pool);

#endif
