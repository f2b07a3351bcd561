/*  interrupts.c - see interrupts.h. libzmq's own threads take no signals.  */

#include "clients/lib/interrupts.h"

#include <stddef.h>

void tacit_interrupts_hold(sigset_t *ret_before)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &held, ret_before);
}

void tacit_interrupts_allow(const sigset_t *before)
{
    (void)sigprocmask(SIG_SETMASK, before, NULL);
}
