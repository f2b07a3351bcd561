/*  log.c - one JSON object a line, built in a buffer of fixed size and written at once.

    A line that would be longer is cut inside its texts, never inside its syntax, so that whatever
    reads the log gets whole objects.  */

#include "rpc/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rpc/text.h"
#include "rpc/trace.h"

enum {
    S_PROGRAM_MAX = 64,
    S_TAIL = 3, /* what every line needs at its end: quote, brace, newline */
    S_UNIT = 6  /* the longest escape of one character */
};

static const char *const s_levels[] = {
    [TACIT_LOG_DEBUG] = "debug",
    [TACIT_LOG_INFO] = "info",
    [TACIT_LOG_WARNING] = "warning",
    [TACIT_LOG_ERROR] = "error",
};

/*  Set before threads start; least says that program is there.  */
static char s_program[S_PROGRAM_MAX];
static atomic_int s_least = TACIT_LOG_ERROR + 1;

typedef struct {
    char bytes[TACIT_LOG_LINE_MAX];
    size_t size;
} s_line_t;

void tacit_log_open(const char *program, tacit_log_level_t least)
{
    snprintf(s_program, sizeof s_program, "%s", program);
    atomic_store(&s_least, (int)least);
}

bool tacit_log_level_from_name(const char *name, tacit_log_level_t *ret_level)
{
    for (size_t i = 0; i < sizeof s_levels / sizeof *s_levels; i++) {
        if (strcmp(name, s_levels[i]) == 0) {
            *ret_level = (tacit_log_level_t)i;
            return true;
        }
    }
    return false;
}

static bool s_enabled(tacit_log_level_t level)
{
    return (int)level >= atomic_load(&s_least) && level <= TACIT_LOG_ERROR;
}

/*  Bytes that may still be written, with the line's end set aside.  */
static size_t s_room(const s_line_t *line)
{
    size_t most = sizeof line->bytes - S_TAIL;
    return line->size < most ? most - line->size : 0;
}

static void s_put(s_line_t *line, const char *bytes, size_t size)
{
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

/*  One character as JSON wants it; returns the bytes of unit.  */
static size_t s_escape(tacit_span_t character, char unit[S_UNIT + 1])
{
    uint8_t byte = character.data[0];
    if (byte == '"' || byte == '\\') {
        unit[0] = '\\';
        unit[1] = (char)byte;
        return 2;
    }
    if (byte < 0x20 || byte == 0x7f) {
        return (size_t)snprintf(unit, S_UNIT + 1, "\\u%04x", byte);
    }
    memcpy(unit, character.data, character.size);
    return character.size;
}

/*  The text's characters as far as there is room. text is valid.  */
static void s_put_text(s_line_t *line, tacit_span_t text)
{
    char unit[S_UNIT + 1];
    while (text.size > 0) {
        size_t length = tacit_text_character(text);
        size_t escaped = s_escape(tacit_span(text.data, length), unit);
        if (escaped > s_room(line)) {
            return;
        }
        s_put(line, unit, escaped);
        text.data += length;
        text.size -= length;
    }
}

/*  `,"name":"text"`, or nothing where not even the name has room.  */
static void s_put_member(s_line_t *line, const char *name, const char *text)
{
    char clean[TACIT_LOG_LINE_MAX];
    size_t size = strnlen(text, sizeof clean);
    size_t name_size = strlen(name);
    if (s_room(line) < name_size + 5) {
        return;
    }
    memcpy(clean, text, size);
    tacit_text_clean(clean, size);
    s_put(line, ",\"", 2);
    s_put(line, name, name_size);
    s_put(line, "\":\"", 3);
    s_put_text(line, tacit_span(clean, size));
    line->bytes[line->size++] = '"';
}

/*  `,"name":number`.  */
static void s_put_number(s_line_t *line, const char *name, uint64_t number)
{
    char member[64];
    int size = snprintf(member, sizeof member, ",\"%s\":%" PRIu64, name, number);
    if (size > 0 && (size_t)size < sizeof member && (size_t)size <= s_room(line)) {
        s_put(line, member, (size_t)size);
    }
}

static void s_put_trace(s_line_t *line)
{
    tacit_trace_t trace = tacit_trace_current();
    char trace_id[2 * sizeof trace.trace_id + 1];
    char span_id[2 * sizeof trace.span_id + 1];
    if (trace.set) {
        sodium_bin2hex(trace_id, sizeof trace_id, trace.trace_id, sizeof trace.trace_id);
        sodium_bin2hex(span_id, sizeof span_id, trace.span_id, sizeof trace.span_id);
        s_put_member(line, "trace", trace_id);
        s_put_member(line, "span", span_id);
    }
}

static void s_start(s_line_t *line, tacit_log_level_t level, const char *event)
{
    struct timespec now = {.tv_sec = 0};
    struct tm utc;
    char date[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    int size = snprintf(line->bytes, sizeof line->bytes, "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"",
                        date, now.tv_nsec / 1000000, s_levels[level]);
    line->size = (size_t)size;
    s_put_member(line, "program", s_program);
    s_put_member(line, "event", event);
    s_put_trace(line);
}

/*  A log that cannot be written must not stop the service.  */
static void s_write(s_line_t *line)
{
    s_put(line, "}\n", 2);
    ssize_t written = write(STDERR_FILENO, line->bytes, line->size);
    (void)written;
}

/*  May one more line be written this second? Gives how many were not, of the seconds before.  */
static bool s_admit(uint64_t *ret_withheld)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static time_t second;
    static uint64_t written;
    static uint64_t withheld;
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    *ret_withheld = 0;
    pthread_mutex_lock(&mutex);
    if (now.tv_sec != second) {
        *ret_withheld = withheld;
        second = now.tv_sec;
        written = 0;
        withheld = 0;
    }
    bool admitted = written < TACIT_LOG_LINES_MAX;
    written += admitted;
    withheld += !admitted;
    pthread_mutex_unlock(&mutex);
    return admitted;
}

static void s_finish(s_line_t *line)
{
    uint64_t withheld;
    bool admitted = s_admit(&withheld);
    if (withheld > 0) {
        s_line_t told;
        s_start(&told, TACIT_LOG_WARNING, "lines_withheld");
        s_put_number(&told, "lines", withheld);
        s_write(&told);
    }
    if (admitted) {
        s_write(line);
    }
}

void tacit_log(tacit_log_level_t level, const char *event, const char *format, ...)
{
    s_line_t line;
    char text[TACIT_LOG_LINE_MAX];
    va_list args;
    if (!s_enabled(level)) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s_start(&line, level, event);
    s_put_member(&line, "text", text);
    s_finish(&line);
}

void tacit_log_error(const char *event, const tacit_error_t *error)
{
    s_line_t line;
    if (!s_enabled(TACIT_LOG_ERROR)) {
        return;
    }
    const char *const members[][2] = {
        {"text", error->message},      {"code", error->name}, {"claim", error->claim},
        {"expected", error->expected}, {"got", error->got},   {"policy", error->policy},
        {"remedy", error->remedy},
    };
    s_start(&line, TACIT_LOG_ERROR, event);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (members[i][1][0] != '\0') {
            s_put_member(&line, members[i][0], members[i][1]);
        }
    }
    s_finish(&line);
}

void tacit_log_call(tacit_log_level_t level, const tacit_log_call_t *call)
{
    s_line_t line;
    if (!s_enabled(level)) {
        return;
    }
    s_start(&line, level, "call");
    s_put_member(&line, "method", call->method);
    s_put_member(&line, "outcome", call->outcome);
    s_put_number(&line, "us", call->microseconds);
    s_put_number(&line, "bytes_in", call->bytes_in);
    s_put_number(&line, "bytes_out", call->bytes_out);
    s_finish(&line);
}
