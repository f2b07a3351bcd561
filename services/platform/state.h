/*  state.h - what the platform keeps for life, in a folder that only it may read:

        lock          held while a platform runs, so that two never share a state
        fuse.key      32 random bytes: every sealing key comes from them
        counters.db   monotonic counters
        pki.pem       keys and certificates of the simulated vendor, of one kind for life; written
                      last: its presence says that the state is whole
        root.der      the trust anchor's certificate, for whoever sets up trust

    A state of which a part is missing is refused, never completed: a new fuse key would make
    everything sealed unreadable, new counters would make old copies look current.  */

#ifndef TACIT_PLATFORM_STATE_H
#define TACIT_PLATFORM_STATE_H

#include "services/platform/counters.h"
#include "services/platform/nitro_vendor.h"
#include "services/platform/pki.h"

typedef struct tacit_platform_state {
    int lock;                 /* descriptor that holds the lock */
    tacit_secret_t *fuse_key; /* TACIT_FUSE_KEY_SIZE */
    tacit_counters_t *counters;
    tacit_tee_t tee;
    tacit_pki_t *pki;            /* SGX and TDX; NULL for Nitro */
    tacit_nitro_vendor_t *nitro; /* Nitro; NULL for the others */
} tacit_platform_state_t;

/*  Open the folder, or make it. tee: the kind that it must be of (NULL: whichever it is; a new one
    is SGX). BUSY where another platform has it, CORRUPT where a part is missing or altered,
    BAD_INPUT where it is of another kind.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_state_open(const char *folder,
                                                          const tacit_tee_t *tee,
                                                          tacit_platform_state_t **ret_state,
                                                          tacit_error_t *ret_error);
/*  The trust anchor's certificate.  */
tacit_span_t tacit_platform_state_root_der(const tacit_platform_state_t *state);

/*  Issue anew what runs out soon; *ret_issued tells whether anything did.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_state_refresh(tacit_platform_state_t *state,
                                                             uint64_t now_s, bool *ret_issued);

void tacit_platform_state_destroy(tacit_platform_state_t **state);

#endif
