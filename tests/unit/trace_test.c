/*  trace_test.c - trace contexts: strict reading, fresh ids, what a thread works for.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/trace.h"

static const char s_good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static tacit_status_t s_parse(const char *text, tacit_trace_t *ret_trace)
{
    return tacit_trace_parse(tacit_span_string(text), ret_trace);
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    tacit_trace_t trace;
    char text[TACIT_TRACE_TEXT_SIZE + 1];
    assert_int_equal(s_parse(s_good, &trace), TACIT_OK);
    assert_true(trace.set);
    assert_int_equal(trace.flags, 1);
    tacit_trace_format(&trace, text);
    assert_string_equal(text, s_good);
}

static void refuses_every_other_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tacit_trace_t trace = {.flags = 77};
        assert_int_equal(s_parse(bad[i], &trace), TACIT_BAD_INPUT);
        assert_int_equal(trace.flags, 77);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    tacit_trace_t trace;
    for (size_t size = 0; size < TACIT_TRACE_TEXT_SIZE; size++) {
        assert_int_equal(tacit_trace_parse(tacit_span(s_good, size), &trace), TACIT_BAD_INPUT);
    }
}

static void a_child_is_of_its_parents_trace(void **state)
{
    (void)state;
    tacit_trace_t root = tacit_trace_root();
    tacit_trace_t other = tacit_trace_root();
    tacit_trace_t child = tacit_trace_child(&root);
    assert_memory_equal(child.trace_id, root.trace_id, sizeof root.trace_id);
    assert_memory_not_equal(child.span_id, root.span_id, sizeof root.span_id);
    assert_memory_not_equal(other.trace_id, root.trace_id, sizeof root.trace_id);
    assert_int_equal(child.flags, root.flags);
}

static void a_thread_works_for_what_it_entered(void **state)
{
    (void)state;
    assert_false(tacit_trace_current().set);
    tacit_trace_t root = tacit_trace_root();
    tacit_trace_t before = tacit_trace_enter(&root);
    assert_false(before.set);
    assert_memory_equal(tacit_trace_current().span_id, root.span_id, sizeof root.span_id);
    before = tacit_trace_enter(NULL);
    assert_true(before.set);
    assert_false(tacit_trace_current().set);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_what_it_writes),
        CASE(refuses_every_other_text),
        CASE(refuses_every_truncation),
        CASE(a_child_is_of_its_parents_trace),
        CASE(a_thread_works_for_what_it_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
