/*  interrupts.h - ^C comes before or after a step, never in its middle.

    A client that is interrupted ends at once, as its user expects. Files are replaced in one step
    anyway; holding signals back while one is written keeps the unfinished one beside it from being
    left behind.  */

#ifndef TACIT_CLIENTS_INTERRUPTS_H
#define TACIT_CLIENTS_INTERRUPTS_H

#include <signal.h>

/*  Holds SIGINT, SIGTERM and SIGHUP back until they are let through; calls nest. One thread.  */
void tacit_interrupts_hold(sigset_t *ret_before);
void tacit_interrupts_allow(const sigset_t *before);

#endif
