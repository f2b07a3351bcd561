/*  terminal.h - what may be shown on a terminal, and how wide it is there.

    Names, labels and errors come from elsewhere: before they are shown, control characters, which
    could drive the terminal, and characters that turn the direction of writing are replaced.  */

#ifndef TACIT_CLIENTS_TERMINAL_H
#define TACIT_CLIENTS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*  A terminal that understands escape sequences (TERM is set and not "dumb").  */
bool tacit_terminal_is(FILE *stream);

/*  Such a terminal, and the user did not ask for NO_COLOR.  */
bool tacit_terminal_colour(FILE *stream);

/*  Width in columns; 0 where unknown.  */
size_t tacit_terminal_columns(FILE *stream);

/*  Copies text, as much as fits (size > 0, always ended by NUL, characters never cut in two), with
    '?' for whatever must not be shown. Returns the bytes written, without the NUL.  */
size_t tacit_terminal_clean(const char *text, char *ret_clean, size_t size);

/*  Columns that clean UTF-8 text takes.  */
size_t tacit_text_width(const char *text);

#endif
