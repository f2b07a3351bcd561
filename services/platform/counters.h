/*  counters.h - monotonic counters that outlive power cuts, so that an enclave notices when an old
    copy of its state is put back.

    A counter belongs to signer, product and debug flag, so that a debug enclave cannot push a
    production one's forward.  */

#ifndef TACIT_PLATFORM_COUNTERS_H
#define TACIT_PLATFORM_COUNTERS_H

#include "enclave/platform.h"

enum { TACIT_COUNTERS_PER_OWNER_MAX = 1024 /* counters of one signer, product and debug flag */ };

#define TACIT_COUNTER_VALUE_MAX ((uint64_t)INT64_MAX)

typedef struct tacit_counters tacit_counters_t;

TACIT_MUST_CHECK tacit_status_t tacit_counters_open(const char *path,
                                                    tacit_counters_t **ret_counters,
                                                    tacit_error_t *ret_error);
void tacit_counters_destroy(tacit_counters_t **counters);

/*  0 for a counter never made.  */
TACIT_MUST_CHECK tacit_status_t tacit_counters_read(tacit_counters_t *counters,
                                                    const tacit_self_t *owner,
                                                    const uint8_t name[32], uint64_t *ret_value,
                                                    tacit_error_t *ret_error);

/*  Durable when it returns TACIT_OK. ROLLBACK_DETECTED unless value is above the present one;
    TOO_LARGE for one counter too many; BAD_INPUT above TACIT_COUNTER_VALUE_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_counters_advance(tacit_counters_t *counters,
                                                       const tacit_self_t *owner,
                                                       const uint8_t name[32], uint64_t value,
                                                       tacit_error_t *ret_error);

/*  The same, and ROLLBACK_DETECTED also where the present value is another than from.  */
TACIT_MUST_CHECK tacit_status_t tacit_counters_move(tacit_counters_t *counters,
                                                    const tacit_self_t *owner,
                                                    const uint8_t name[32], uint64_t from,
                                                    uint64_t value, tacit_error_t *ret_error);

#endif
