/*  clock.h - the wall clock, in the one unit that Tacit uses on the wire and in storage.  */

#ifndef TACIT_ENCLAVE_CLOCK_H
#define TACIT_ENCLAVE_CLOCK_H

#include <stdint.h>

/*  Unix time in milliseconds. The host sets it: good for expiry, worthless against the host.  */
uint64_t tacit_now_ms(void);

#endif
