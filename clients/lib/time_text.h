/*  time_text.h - points in time as users read and type them: ISO 8601 in UTC, or so long from
    now.  */

#ifndef TACIT_CLIENTS_TIME_TEXT_H
#define TACIT_CLIENTS_TIME_TEXT_H

#include "enclave/status.h"

enum { TACIT_TIME_TEXT_SIZE = 32 };

/*  "2025-01-31T12:00:00Z" of Unix ms.  */
void tacit_time_format(uint64_t time_ms, char ret_text[TACIT_TIME_TEXT_SIZE]);

/*  Reads an end in the future: a duration ("90s", "30m", "12h", "7d"), a day ("2025-01-31", its
    beginning) or a time ("2025-01-31T12:00Z", seconds may follow the minutes; always UTC).
   BAD_INPUT for anything else, for what is not after now_ms, and beyond the year 9999.  */
TACIT_MUST_CHECK tacit_status_t tacit_time_parse(const char *text, uint64_t now_ms,
                                                 uint64_t *ret_time_ms);

#endif
