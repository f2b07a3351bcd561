/*  shared_bytes.h - memory with several holders, freed by the last.

    For bulk that is sent without a copy and that its sender keeps: to send it again, or to prove
    later what was sent. release fits free_bulk of a request; any thread may call it.  */

#ifndef TACIT_RPC_SHARED_BYTES_H
#define TACIT_RPC_SHARED_BYTES_H

#include <stddef.h>
#include <stdint.h>

/*  size bytes of unset content with one holder; NULL without memory.  */
uint8_t *tacit_shared_bytes_new(size_t size);

/*  One holder more.  */
void tacit_shared_bytes_hold(uint8_t *bytes);

/*  One holder less. NULL-safe; hint is not looked at.  */
void tacit_shared_bytes_release(void *bytes, void *hint);

#endif
