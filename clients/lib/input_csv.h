/*  input_csv.h - a table of numbers as text to float32 [rows, columns].

    Strict on purpose, for a misread column is a wrong diagnosis: every line has the same number of
    fields, every field is one number, nothing is skipped. The numbers are decimal, with a point
    whatever the user's locale, and rounded once, to the nearest float32. Spelled "nan", "inf" and
    "infinity" (any case, with a sign) are taken as the IEEE values they name, because models exist
    that expect them; an empty field is refused, because nobody knows what it means.

    Lines end in LF or CRLF, the last one may lack it; a UTF-8 byte order mark is skipped. The
    first line is a heading when none of its fields is a number. Errors name line and column, never
    what stands there, which is the user's own business.  */

#ifndef TACIT_CLIENTS_INPUT_CSV_H
#define TACIT_CLIENTS_INPUT_CSV_H

#include "clients/lib/tensor.h"

enum {
    TACIT_CSV_BYTES_MAX = 64 * 1048576, /* of the text */
    TACIT_CSV_ROWS_MAX = 1048576,       /* without the heading */
    TACIT_CSV_COLUMNS_MAX = 65536,
    TACIT_CSV_FIELD_MAX = 64 /* bytes of one number */
};

/*  MALFORMED (line and column in the claim), TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_csv_parse(tacit_span_t text, tacit_tensor_t *ret_tensor,
                                                tacit_error_t *ret_error);

#endif
