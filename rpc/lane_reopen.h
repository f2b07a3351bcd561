/*  lane_reopen.h - when a client may open its session's next bulk lane, and under which names.

    A lane that was lost is opened again with the next large bulk: at once where it lasted, else
    after a time that doubles, so that a broken network costs no more than an attempt now and then.
    No name is taken twice in a session, since keys come from it and every lane counts its nonces
    from 0: whatever the service says, no key sees a nonce again.  */

#ifndef TACIT_RPC_LANE_REOPEN_H
#define TACIT_RPC_LANE_REOPEN_H

#include "rpc/lane_seal.h"
#include "rpc/limits.h"

typedef struct tacit_lane_reopen {
    uint8_t names[TACIT_LANES_PER_SESSION_MAX][TACIT_LANE_ID_SIZE];
    size_t count;      /* of lanes that were asked for and answered, in this session */
    unsigned failures; /* since one lasted */
    uint64_t next_ms;  /* monotonic; not before */
    uint64_t opened_ms;
} tacit_lane_reopen_t;

/*  Is it time to ask for another lane?  */
bool tacit_lane_reopen_due(const tacit_lane_reopen_t *reopen, uint64_t now_ms);

/*  The service's name for it: PROTOCOL_ERROR where the session had that one before, TOO_LARGE
    beyond TACIT_LANES_PER_SESSION_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_reopen_name(tacit_lane_reopen_t *reopen,
                                                       const uint8_t name[TACIT_LANE_ID_SIZE]);

/*  It is there; it was lost, or could not be opened. renewed: it ended so that a fresh key may take
    its place.  */
void tacit_lane_reopen_opened(tacit_lane_reopen_t *reopen, uint64_t now_ms);
void tacit_lane_reopen_lost(tacit_lane_reopen_t *reopen, uint64_t now_ms);
void tacit_lane_reopen_renewed(tacit_lane_reopen_t *reopen);

/*  What a connection knew of its lanes, for the one that takes its place.  */
void tacit_lane_reopen_inherit(tacit_lane_reopen_t *reopen, const tacit_lane_reopen_t *before,
                               uint64_t now_ms);

#endif
