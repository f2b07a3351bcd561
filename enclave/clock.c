/*  clock.c - the clocks.  */

#include "enclave/clock.h"

#include <time.h>

uint64_t tacit_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t tacit_monotonic_ns(void)
{
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t tacit_monotonic_ms(void)
{
    return tacit_monotonic_ns() / 1000000U;
}
