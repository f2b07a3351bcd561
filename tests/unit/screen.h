/*  screen.h - a pseudo-terminal: what a program writes there, and who reads it.  */

#ifndef TACIT_TESTS_SCREEN_H
#define TACIT_TESTS_SCREEN_H

#include <stddef.h>
#include <stdio.h>

typedef struct screen {
    int master;   /* what a terminal program would read */
    FILE *stream; /* what ours writes */
} screen_t;

/*  A terminal that understands escape sequences: TERM is set from now on.  */
screen_t screen_open(void);
void screen_close(screen_t *screen);

/*  What was written since the last time, ended by NUL; its bytes.  */
size_t screen_read(const screen_t *screen, char *ret_text, size_t size);

#endif
