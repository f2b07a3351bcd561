/*  stranger.h - who connects without being anybody's client: plain TCP, and what it costs a server
    of this process. Every function ends the test where it fails.  */

#ifndef TACIT_TESTS_UNIT_STRANGER_H
#define TACIT_TESTS_UNIT_STRANGER_H

#include <stdbool.h>

/*  A connection to that port of this host, whose reads wait 10 s at most; close it.  */
int stranger_dial(const char *address);

/*  Reads until the server closes; false where it does not in time.  */
bool stranger_is_closed(int file);

/*  Bytes of this process's address space.  */
long stranger_address_space(void);

#endif
