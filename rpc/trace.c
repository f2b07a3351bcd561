/*  trace.c - strict reading and cheap making of trace contexts.

    Ids come from a counter that starts at random in each thread and is mixed (splitmix64): a call
    must not cost a system call for a name that is no secret.  */

#include "rpc/trace.h"

#include <sodium.h>
#include <string.h>

#include "rpc/text.h"

static _Thread_local tacit_trace_t s_current;

/*  --- text ------------------------------------------------------------------------------------ */

enum { S_TRACE_AT = 3, S_SPAN_AT = 36, S_FLAGS_AT = 53 };

static const char s_form[] = "00-00000000000000000000000000000000-0000000000000000-00";

_Static_assert(sizeof s_form == TACIT_TRACE_TEXT_SIZE + 1, "a trace context and NUL");

tacit_status_t tacit_trace_parse(tacit_span_t text, tacit_trace_t *ret_trace)
{
    tacit_trace_t trace = {.set = true};
    const char *at = (const char *)text.data;
    bool good = text.size == TACIT_TRACE_TEXT_SIZE && memcmp(at, "00-", 3) == 0 &&
                at[S_SPAN_AT - 1] == '-' && at[S_FLAGS_AT - 1] == '-' &&
                tacit_text_get_hex(at + S_TRACE_AT, sizeof trace.trace_id, trace.trace_id) &&
                tacit_text_get_hex(at + S_SPAN_AT, sizeof trace.span_id, trace.span_id) &&
                tacit_text_get_hex(at + S_FLAGS_AT, 1, &trace.flags) &&
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
    memcpy(ret_text, s_form, sizeof s_form);
    tacit_text_put_hex(trace->trace_id, sizeof trace->trace_id, ret_text + S_TRACE_AT);
    tacit_text_put_hex(trace->span_id, sizeof trace->span_id, ret_text + S_SPAN_AT);
    tacit_text_put_hex(&trace->flags, 1, ret_text + S_FLAGS_AT);
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
