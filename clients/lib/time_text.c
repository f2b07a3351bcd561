/*  time_text.c - see time_text.h.  */

#include "clients/lib/time_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const uint64_t s_year_10000_ms = UINT64_C(253402300800000);

void tacit_time_format(uint64_t time_ms, char ret_text[TACIT_TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts = {0};
    if (time_ms >= s_year_10000_ms || !gmtime_r(&seconds, &parts) ||
        strftime(ret_text, TACIT_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        (void)snprintf(ret_text, TACIT_TIME_TEXT_SIZE, "beyond 9999");
    }
}

/*  --- durations ------------------------------------------------------------------------------- */

typedef struct s_unit {
    char letter;
    uint64_t ms;
} s_unit_t;

static const s_unit_t s_units[] = {
    {'s', 1000},
    {'m', UINT64_C(60) * 1000},
    {'h', UINT64_C(3600) * 1000},
    {'d', UINT64_C(86400) * 1000},
};

enum { S_DURATION_DIGITS = 7 };

static bool s_parse_duration(const char *text, uint64_t *ret_ms)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number = 0;
    if (digits == 0 || digits > S_DURATION_DIGITS || strlen(text) != digits + 1) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < sizeof s_units / sizeof *s_units; i++) {
        if (s_units[i].letter == text[digits]) {
            *ret_ms = number * s_units[i].ms;
            return true;
        }
    }
    return false;
}

/*  --- points in time -------------------------------------------------------------------------- */

/*  strptime takes blanks and signs where a digit is due; the shape is checked first.  */
static bool s_is_shaped(const char *text, const char *shape)
{
    size_t size = strlen(shape);
    if (strlen(text) != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == '0' ? !digit : text[i] != shape[i]) {
            return false;
        }
    }
    return true;
}

static bool s_parse_point(const char *text, uint64_t *ret_ms)
{
    static const char *const shapes[][2] = {
        {"0000-00-00", "%Y-%m-%d"},
        {"0000-00-00T00:00Z", "%Y-%m-%dT%H:%MZ"},
        {"0000-00-00T00:00:00Z", "%Y-%m-%dT%H:%M:%SZ"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct tm parts = {0};
        const char *end =
            s_is_shaped(text, shapes[i][0]) ? strptime(text, shapes[i][1], &parts) : NULL;
        if (end && *end == '\0') {
            int day = parts.tm_mday;
            time_t seconds = timegm(&parts);
            *ret_ms = (uint64_t)seconds * 1000;
            return seconds >= 0 && parts.tm_mday == day; /* the 31st of June is none */
        }
    }
    return false;
}

tacit_status_t tacit_time_parse(const char *text, uint64_t now_ms, uint64_t *ret_time_ms)
{
    uint64_t time_ms = 0;
    if (s_parse_duration(text, &time_ms)) {
        time_ms += now_ms;
    } else if (!s_parse_point(text, &time_ms)) {
        return TACIT_BAD_INPUT;
    }
    if (time_ms <= now_ms || time_ms >= s_year_10000_ms) {
        return TACIT_BAD_INPUT;
    }
    *ret_time_ms = time_ms;
    return TACIT_OK;
}
