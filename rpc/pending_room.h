/*  pending_room.h - who is still let in when many calls are pending, or many bytes of theirs.

    Callers who have none pending are let in beyond the limits of those who have some, so that a
    crowd of waiting calls does not shut others out; and enclaves of the mesh beyond those with what
    is large, since what they bring may be what others wait for.  */

#ifndef TACIT_RPC_PENDING_ROOM_H
#define TACIT_RPC_PENDING_ROOM_H

#include <stdbool.h>

#include "rpc/limits.h"

typedef enum tacit_room {
    TACIT_ROOM_NONE,
    TACIT_ROOM_FOR_NEW, /* for who has no call pending */
    TACIT_ROOM_FOR_ALL
} tacit_room_t;

typedef struct tacit_pending_room {
    size_t count;     /* pending calls of the endpoint */
    uint64_t bytes;   /* that they hold */
    size_t own_count; /* of the caller's connection */
} tacit_pending_room_t;

/*  For one call more, which holds so many bytes. Small ones are bounded by their number alone.  */
tacit_room_t tacit_pending_room(const tacit_pending_room_t *taken, size_t held, bool enclave);

#endif
