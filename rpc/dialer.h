/*  dialer.h - a channel's errands: connecting and looking for endpoints, each on a thread that ends
    with it, so that the channel's own thread never waits.

    There is one place per route and one for looking; what came out is fetched by the owner, for
    whom the file becomes readable.  */

#ifndef TACIT_RPC_DIALER_H
#define TACIT_RPC_DIALER_H

#include "rpc/channel.h"

enum {
    TACIT_DIALER_LOOK = TACIT_CHANNEL_ROUTES_MAX, /* the place for looking */
    TACIT_DIALER_PLACES
};

typedef struct tacit_dialer tacit_dialer_t;

/*  NULL without memory or files. The source is the dialer's.  */
tacit_dialer_t *tacit_dialer_new(const tacit_channel_source_t *source);
/*  Tells all to stop, and waits for them.  */
void tacit_dialer_destroy(tacit_dialer_t **dialer);

/*  Readable from when an errand ended until clear.  */
int tacit_dialer_file(const tacit_dialer_t *dialer);
void tacit_dialer_clear(const tacit_dialer_t *dialer);

/*  Begin an errand in an idle place: connect to the target, or, at TACIT_DIALER_LOOK, look
    (target NULL). False where no thread can be had.  */
TACIT_MUST_CHECK bool tacit_dialer_begin(tacit_dialer_t *dialer, size_t place,
                                         const tacit_target_t *target);

/*  What came out of an errand.  */
typedef struct tacit_dialed {
    tacit_status_t status;
    tacit_error_t error;
    tacit_client_t *client; /* the caller's; of connecting that succeeded */
    tacit_target_t targets[TACIT_CHANNEL_ROUTES_MAX];
    size_t target_count;
} tacit_dialed_t;

/*  False while it is under way, or where there was none. The place is idle then.  */
TACIT_MUST_CHECK bool tacit_dialer_end(tacit_dialer_t *dialer, size_t place,
                                       tacit_dialed_t *ret_dialed);

#endif
