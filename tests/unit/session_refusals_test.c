/*  session_refusals_test.c - sessions that were refused, until somebody takes them; what a stranger
 * hears. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/refusals.h"

static const uint8_t s_peer[32] = {7};

static void s_add(tacit_refusals_t *refusals, tacit_status_t status)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_error_set(&error, status, NULL);
    tacit_refusals_add(refusals, s_peer, TACIT_ROLE_WORKER, &error);
}

static void it_holds_so_many_and_counts_the_rest(void **state)
{
    (void)state;
    tacit_refusals_t refusals = {.count = 0};
    for (size_t i = 0; i < TACIT_REFUSALS_HELD_MAX; i++) {
        s_add(&refusals, TACIT_RESULT_INVALID);
    }
    assert_int_equal(refusals.count, TACIT_REFUSALS_HELD_MAX);
    assert_int_equal(refusals.suppressed, 0);
    s_add(&refusals, TACIT_RESULT_INVALID);
    assert_int_equal(refusals.count, TACIT_REFUSALS_HELD_MAX);
    assert_int_equal(refusals.suppressed, 1);
    assert_memory_equal(refusals.held[0].peer, s_peer, sizeof s_peer);
    assert_int_equal(refusals.held[0].role, TACIT_ROLE_WORKER);
    tacit_refusals_clear(&refusals);
    assert_int_equal(refusals.count + refusals.suppressed, 0);
}

static void a_fault_of_ones_own_is_no_refusal(void **state)
{
    (void)state;
    static const tacit_status_t own[] = {TACIT_OK, TACIT_NO_MEMORY, TACIT_INTERNAL, TACIT_BUSY,
                                         TACIT_UNREACHABLE};
    tacit_refusals_t refusals = {.count = 0};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        s_add(&refusals, own[i]);
    }
    assert_int_equal(refusals.count, 0);
    s_add(NULL, TACIT_ROLE_REFUSED);
}

static void a_stranger_hears_the_code_alone(void **state)
{
    (void)state;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_error_claim(&error, TACIT_MEASUREMENT_REFUSED, "mrenclave", "a", "b");
    tacit_error_policy(&error, "line 3");
    tacit_error_remedy(&error, "list it");
    tacit_error_conceal(&error);
    assert_int_equal(error.code, TACIT_MEASUREMENT_REFUSED);
    assert_string_equal(error.name, "measurement_refused");
    assert_string_equal(error.message, tacit_status_text(TACIT_MEASUREMENT_REFUSED));
    assert_string_equal(error.claim, "");
    assert_string_equal(error.expected, "");
    assert_string_equal(error.got, "");
    assert_string_equal(error.policy, "");
    assert_string_equal(error.remedy, "");
    tacit_error_set_named(&error, (tacit_status_t)3003, "no_policy", "why");
    tacit_error_conceal(&error);
    assert_string_equal(error.name, "no_policy");
    tacit_error_conceal(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_so_many_and_counts_the_rest),
        cmocka_unit_test(a_fault_of_ones_own_is_no_refusal),
        cmocka_unit_test(a_stranger_hears_the_code_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
