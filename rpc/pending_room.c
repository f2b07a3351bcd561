/*  pending_room.c - see pending_room.h.  */

#include "rpc/pending_room.h"

static tacit_room_t s_for_bytes(uint64_t bytes, size_t held, bool enclave)
{
    uint64_t most =
        enclave ? TACIT_CALLS_PENDING_BYTES_ENCLAVE_MAX : TACIT_CALLS_PENDING_BYTES_HARD_MAX;
    if (held < TACIT_CALL_LARGE_MIN || bytes + held <= TACIT_CALLS_PENDING_BYTES_MAX) {
        return TACIT_ROOM_FOR_ALL;
    }
    return bytes + held <= most ? TACIT_ROOM_FOR_NEW : TACIT_ROOM_NONE;
}

static tacit_room_t s_for_count(const tacit_pending_room_t *taken)
{
    if (taken->own_count >= TACIT_CALLS_PENDING_PER_CONNECTION_MAX ||
        taken->count >= TACIT_CALLS_PENDING_HARD_MAX) {
        return TACIT_ROOM_NONE;
    }
    return taken->count < TACIT_CALLS_PENDING_MAX ? TACIT_ROOM_FOR_ALL : TACIT_ROOM_FOR_NEW;
}

tacit_room_t tacit_pending_room(const tacit_pending_room_t *taken, size_t held, bool enclave)
{
    tacit_room_t count = s_for_count(taken);
    tacit_room_t bytes = s_for_bytes(taken->bytes, held, enclave);
    return count < bytes ? count : bytes;
}
