/*  utc.h - times as `tacit-attest` reads and writes them.  */

#ifndef TACIT_CLIENTS_ATTEST_UTC_H
#define TACIT_CLIENTS_ATTEST_UTC_H

#include <stdbool.h>
#include <stdint.h>

enum { TACIT_UTC_TEXT_SIZE = 40 };

/*  "2025-07-04T10:28:44.5+02:00": ISO 8601 with T or a blank; seconds, fraction and zone may be
    absent (UTC then), and so may the time of day. Or Unix seconds. False for anything else.  */
bool tacit_utc_parse(const char *text, uint64_t *ret_ms);

/*  "2025-07-04T10:28:44+00:00", with six digits of fraction where there is one; separator is 'T' or
    ' '.  */
void tacit_utc_format(uint64_t time_ms, char separator, char ret_text[TACIT_UTC_TEXT_SIZE]);

#endif
