/*  clock.h - the wall clock, in the one unit that Tacit uses on the wire and in storage; and the
   one for durations.  */

#ifndef TACIT_ENCLAVE_CLOCK_H
#define TACIT_ENCLAVE_CLOCK_H

#include <stdint.h>

/*  Unix time in milliseconds. The host sets it: good for expiry, worthless against the host.  */
uint64_t tacit_now_ms(void);

/*  Time since some moment before this process: for durations and deadlines of its own, which
    setting the wall clock does not change.  */
uint64_t tacit_monotonic_ns(void);
uint64_t tacit_monotonic_ms(void);

#endif
