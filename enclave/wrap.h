/*  wrap.h - text of help in lines that every terminal shows whole.  */

#ifndef TACIT_ENCLAVE_WRAP_H
#define TACIT_ENCLAVE_WRAP_H

#include <stdio.h>

enum { TACIT_WRAP_WIDTH = 80 }; /* of a line */

/*  Writes text from that column on, where the line stands already, and ends the line; what does not
    fit, and what follows a line feed, begins in the same column below. A word is never cut.  */
void tacit_wrap(FILE *stream, const char *text, int column);

#endif
