/*  log.h - the bounded, structured log of a program: one JSON object a line on standard error.

    Programs log, libraries return. Never a secret, an argument's value or plaintext. Thread-safe:
    a line is one write. A line of a thread that works for a call (rpc/trace.h) names its trace and
    span. Beyond TACIT_LOG_LINES_MAX a second lines are counted, not written, and the count is
    told.  */

#ifndef TACIT_RPC_LOG_H
#define TACIT_RPC_LOG_H

#include <stdbool.h>

#include "enclave/error.h"

enum {
    TACIT_LOG_LINE_MAX = 1024, /* bytes; longer lines are cut */
    TACIT_LOG_LINES_MAX = 1000 /* a second */
};

typedef enum tacit_log_level {
    TACIT_LOG_DEBUG,
    TACIT_LOG_INFO,
    TACIT_LOG_WARNING,
    TACIT_LOG_ERROR
} tacit_log_level_t;

/*  Who logs, and from which level on. Before this nothing is logged.  */
void tacit_log_open(const char *program, tacit_log_level_t least);

/*  {"time":"2026-01-01T00:00:00.000Z","level":"info","program":..,"event":event,"text":..}.
    event is a constant in snake_case; the text is for people.  */
void tacit_log(tacit_log_level_t level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*  An error with its claim, expected, got, policy and remedy.  */
void tacit_log_error(const char *event, const tacit_error_t *error);

/*  One call that a server answered. Names come from tables, so that a line holds nothing of the
    caller's.  */
typedef struct tacit_log_call {
    const char *method;
    const char *outcome; /* "ok", or a code's name */
    uint64_t microseconds;
    uint64_t bytes_in;
    uint64_t bytes_out;
} tacit_log_call_t;

void tacit_log_call(tacit_log_level_t level, const tacit_log_call_t *call);

/*  The level of that name ("debug", "info", "warning", "error"), or false.  */
bool tacit_log_level_from_name(const char *name, tacit_log_level_t *ret_level);

#endif
