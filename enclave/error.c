/*  error.c - filling in refusals. Formatting only; nothing here can fail.  */

#include "enclave/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void s_copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void s_start(tacit_error_t *error, tacit_status_t code, const char *name)
{
    memset(error, 0, sizeof *error);
    error->code = code;
    s_copy(error->name, sizeof error->name, name);
    s_copy(error->message, sizeof error->message, tacit_status_text(code));
}

tacit_status_t tacit_error_set(tacit_error_t *error, tacit_status_t code, const char *format, ...)
{
    if (error) {
        s_start(error, code, tacit_status_name(code));
        if (format) {
            va_list args;
            va_start(args, format);
            vsnprintf(error->message, sizeof error->message, format, args);
            va_end(args);
        }
    }
    return code;
}

tacit_status_t tacit_error_set_named(tacit_error_t *error, tacit_status_t code, const char *name,
                                     const char *format, ...)
{
    if (error) {
        s_start(error, code, name);
        va_list args;
        va_start(args, format);
        vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return code;
}

tacit_status_t tacit_error_claim(tacit_error_t *error, tacit_status_t code, const char *claim,
                                 const char *expected, const char *got)
{
    if (error) {
        s_start(error, code, tacit_status_name(code));
        s_copy(error->claim, sizeof error->claim, claim);
        s_copy(error->expected, sizeof error->expected, expected);
        s_copy(error->got, sizeof error->got, got);
    }
    return code;
}

void tacit_error_conceal(tacit_error_t *error)
{
    if (error && error->code != TACIT_OK) {
        char name[TACIT_ERROR_NAME_MAX];
        uint32_t retry_after_ms = error->retry_after_ms;
        s_copy(name, sizeof name, error->name);
        s_start(error, error->code, name);
        error->retry_after_ms = retry_after_ms;
    }
}

void tacit_error_about(tacit_error_t *error, const char *what)
{
    if (error) {
        char message[sizeof error->message];
        memcpy(message, error->message, sizeof message);
        (void)snprintf(error->message, sizeof error->message, "%.120s: %.130s", what, message);
    }
}

void tacit_error_remedy(tacit_error_t *error, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->remedy, sizeof error->remedy, format, args);
        va_end(args);
    }
}

void tacit_error_policy(tacit_error_t *error, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->policy, sizeof error->policy, format, args);
        va_end(args);
    }
}
