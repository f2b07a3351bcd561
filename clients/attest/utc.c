/*  utc.c - a small cursor over text; no locale, no time zone of this machine.  */

#include "clients/attest/utc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { YEAR_MAX = 9999, FRACTION_DIGITS_MAX = 9, UNIX_DIGITS_MAX = 12 };

/*  Exactly so many digits.  */
static bool s_number(const char **text, size_t digits, int *ret_number)
{
    int number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)**text)) {
            return false;
        }
        number = 10 * number + (*(*text)++ - '0');
    }
    *ret_number = number;
    return true;
}

static bool s_word(const char **text, char word)
{
    if (**text != word) {
        return false;
    }
    (*text)++;
    return true;
}

/*  Milliseconds of ".545000"; further digits are dropped.  */
static bool s_fraction(const char **text, uint64_t *ret_ms)
{
    uint64_t ms = 0;
    uint64_t weight = 100;
    size_t digits = 0;
    for (; isdigit((unsigned char)**text) && digits < FRACTION_DIGITS_MAX; digits++) {
        ms += weight * (uint64_t)(*(*text)++ - '0');
        weight /= 10;
    }
    *ret_ms = ms;
    return digits > 0;
}

/*  Seconds east of UTC: "Z", "+02:00" or nothing.  */
static bool s_zone(const char **text, long *ret_seconds)
{
    int hours = 0;
    int minutes = 0;
    bool east = **text == '+';
    *ret_seconds = 0;
    if (**text == '\0' || s_word(text, 'Z')) {
        return true;
    }
    if (!s_word(text, east ? '+' : '-') || !s_number(text, 2, &hours) || !s_word(text, ':') ||
        !s_number(text, 2, &minutes) || hours > 14 || minutes > 59) {
        return false;
    }
    *ret_seconds = (east ? 60L : -60L) * (60L * hours + minutes);
    return true;
}

static bool s_date(const char **text, struct tm *date)
{
    if (!s_number(text, 4, &date->tm_year) || !s_word(text, '-') ||
        !s_number(text, 2, &date->tm_mon) || !s_word(text, '-') ||
        !s_number(text, 2, &date->tm_mday)) {
        return false;
    }
    date->tm_year -= 1900;
    date->tm_mon -= 1;
    return true;
}

static bool s_clock(const char **text, struct tm *date, uint64_t *ret_ms)
{
    if (!s_number(text, 2, &date->tm_hour) || !s_word(text, ':') ||
        !s_number(text, 2, &date->tm_min)) {
        return false;
    }
    if (!s_word(text, ':')) {
        return true;
    }
    return s_number(text, 2, &date->tm_sec) && (!s_word(text, '.') || s_fraction(text, ret_ms));
}

/*  timegm makes 3 March of 31 February: a date that it changed was none.  */
static bool s_seconds(const struct tm *date, time_t *ret_seconds)
{
    struct tm normal = *date;
    time_t seconds = timegm(&normal);
    *ret_seconds = seconds;
    return seconds >= 0 && normal.tm_year == date->tm_year && normal.tm_mon == date->tm_mon &&
           normal.tm_mday == date->tm_mday && normal.tm_hour == date->tm_hour &&
           normal.tm_min == date->tm_min && normal.tm_sec == date->tm_sec;
}

static bool s_parse_unix(const char *text, uint64_t *ret_ms)
{
    uint64_t seconds = 0;
    size_t digits = strlen(text);
    if (digits == 0 || digits > UNIX_DIGITS_MAX || strspn(text, "0123456789") != digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        seconds = 10 * seconds + (uint64_t)(text[i] - '0');
    }
    *ret_ms = seconds * 1000;
    return true;
}

bool tacit_utc_parse(const char *text, uint64_t *ret_ms)
{
    struct tm date = {0};
    time_t seconds = 0;
    uint64_t ms = 0;
    long zone = 0;
    if (s_parse_unix(text, ret_ms)) {
        return true;
    }
    if (!s_date(&text, &date)) {
        return false;
    }
    if (s_word(&text, 'T') || s_word(&text, ' ')) {
        if (!s_clock(&text, &date, &ms) || !s_zone(&text, &zone)) {
            return false;
        }
    }
    if (*text != '\0' || !s_seconds(&date, &seconds) || seconds < zone) {
        return false;
    }
    *ret_ms = (uint64_t)(seconds - zone) * 1000 + ms;
    return true;
}

void tacit_utc_format(uint64_t time_ms, char separator, char ret_text[TACIT_UTC_TEXT_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm date;
    char fraction[16] = "";
    if (!gmtime_r(&seconds, &date) || date.tm_year > YEAR_MAX - 1900) {
        snprintf(ret_text, TACIT_UTC_TEXT_SIZE, "beyond the year %d", YEAR_MAX);
        return;
    }
    if (time_ms % 1000 != 0) {
        snprintf(fraction, sizeof fraction, ".%03u000", (unsigned)(time_ms % 1000));
    }
    char day[16];
    char clock[16];
    (void)strftime(day, sizeof day, "%Y-%m-%d", &date);
    (void)strftime(clock, sizeof clock, "%H:%M:%S", &date);
    snprintf(ret_text, TACIT_UTC_TEXT_SIZE, "%s%c%s%s+00:00", day, separator, clock, fraction);
}
