/*  trace.c - strict reading and cheap making of trace contexts.

    Ids come from a counter that starts at random in each thread and is mixed (splitmix64): a call
    must not cost a system call for a name that is no secret.  */

#include "rpc/trace.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static _Thread_local tacit_trace_t s_current;

/*  --- text ------------------------------------------------------------------------------------ */

static int s_digit(uint8_t character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

static bool s_read_hex(const uint8_t *text, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = s_digit(text[2 * i]);
        int low = s_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

tacit_status_t tacit_trace_parse(tacit_span_t text, tacit_trace_t *ret_trace)
{
    tacit_trace_t trace = {.set = true};
    const uint8_t *at = text.data;
    bool good = text.size == TACIT_TRACE_TEXT_SIZE && memcmp(at, "00-", 3) == 0 && at[35] == '-' &&
                at[52] == '-' && s_read_hex(at + 3, trace.trace_id, sizeof trace.trace_id) &&
                s_read_hex(at + 36, trace.span_id, sizeof trace.span_id) &&
                s_read_hex(at + 53, &trace.flags, 1) &&
                !sodium_is_zero(trace.trace_id, sizeof trace.trace_id) &&
                !sodium_is_zero(trace.span_id, sizeof trace.span_id);
    if (!good) {
        return TACIT_BAD_INPUT;
    }
    *ret_trace = trace;
    return TACIT_OK;
}

void tacit_trace_format(const tacit_trace_t *trace, char ret_text[TACIT_TRACE_TEXT_SIZE + 1])
{
    char trace_id[2 * sizeof trace->trace_id + 1];
    char span_id[2 * sizeof trace->span_id + 1];
    sodium_bin2hex(trace_id, sizeof trace_id, trace->trace_id, sizeof trace->trace_id);
    sodium_bin2hex(span_id, sizeof span_id, trace->span_id, sizeof trace->span_id);
    snprintf(ret_text, TACIT_TRACE_TEXT_SIZE + 1, "00-%s-%s-%02x", trace_id, span_id, trace->flags);
}

/*  --- ids ------------------------------------------------------------------------------------- */

/*  Never zero: the mixing is a bijection, and zero is passed over.  */
static uint64_t s_next(void)
{
    static _Thread_local uint64_t counter;
    static _Thread_local bool seeded;
    if (!seeded) {
        randombytes_buf(&counter, sizeof counter);
        seeded = true;
    }
    uint64_t mixed = 0;
    while (mixed == 0) {
        counter += UINT64_C(0x9e3779b97f4a7c15);
        mixed = counter;
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        mixed ^= mixed >> 31;
    }
    return mixed;
}

static void s_put(uint8_t bytes[8], uint64_t number)
{
    memcpy(bytes, &number, sizeof number);
}

tacit_trace_t tacit_trace_root(void)
{
    tacit_trace_t trace = {.set = true, .flags = 1};
    s_put(trace.trace_id, s_next());
    s_put(trace.trace_id + 8, s_next());
    s_put(trace.span_id, s_next());
    return trace;
}

tacit_trace_t tacit_trace_child(const tacit_trace_t *parent)
{
    tacit_trace_t trace = *parent;
    s_put(trace.span_id, s_next());
    return trace;
}

/*  --- what a thread works for ----------------------------------------------------------------- */

tacit_trace_t tacit_trace_current(void)
{
    return s_current;
}

tacit_trace_t tacit_trace_enter(const tacit_trace_t *trace)
{
    tacit_trace_t before = s_current;
    s_current = trace ? *trace : (tacit_trace_t){.set = false};
    return before;
}
