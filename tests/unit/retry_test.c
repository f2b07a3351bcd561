/*  retry_test.c - delays within their range, and a budget that bounds retries.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>

#include "rpc/retry.h"

static void delays_double_up_to_the_cap(void **state)
{
    (void)state;
    const struct {
        unsigned failures;
        uint64_t most;
    } rows[] = {{0, 20},   {1, 40},    {2, 80},    {5, 640},
                {6, 1000}, {20, 1000}, {64, 1000}, {1000, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t largest = 0;
        uint64_t least = UINT64_MAX;
        for (int j = 0; j < 2000; j++) {
            uint64_t delay = tacit_backoff_ms(20, 1000, rows[i].failures);
            largest = delay > largest ? delay : largest;
            least = delay < least ? delay : least;
        }
        assert_true(largest <= rows[i].most);
        assert_true(largest > rows[i].most * 3 / 4); /* the whole range is used */
        assert_true(least < rows[i].most / 4);
    }
}

static void the_floor_is_there_at_first(void **state)
{
    (void)state;
    tacit_retry_budget_t budget;
    tacit_retry_budget_init(&budget, 1000);
    for (int i = 0; i < TACIT_RETRY_FLOOR; i++) {
        assert_true(tacit_retry_budget_spend(&budget, 1000));
    }
    assert_false(tacit_retry_budget_spend(&budget, 1000));
    assert_false(tacit_retry_budget_spend(&budget, 1999));
    assert_true(tacit_retry_budget_spend(&budget, 2000));
    assert_false(tacit_retry_budget_spend(&budget, 2000));
}

static void time_fills_up_to_the_floor(void **state)
{
    (void)state;
    tacit_retry_budget_t budget;
    tacit_retry_budget_init(&budget, 0);
    int left = 0;
    while (tacit_retry_budget_spend(&budget, 3600 * 1000)) {
        left++;
    }
    assert_int_equal(left, TACIT_RETRY_FLOOR);
    while (tacit_retry_budget_spend(&budget, 2 * 3600 * 1000)) {
        left++;
    }
    assert_int_equal(left, 2 * TACIT_RETRY_FLOOR);
}

static void calls_earn_a_tenth(void **state)
{
    (void)state;
    tacit_retry_budget_t budget;
    tacit_retry_budget_init(&budget, 0);
    for (int i = 0; i < 200; i++) {
        tacit_retry_budget_earn(&budget);
    }
    int left = 0;
    while (tacit_retry_budget_spend(&budget, 0)) {
        left++;
    }
    assert_int_equal(left, TACIT_RETRY_FLOOR + 20);
    for (int i = 0; i < 100000; i++) {
        tacit_retry_budget_earn(&budget);
    }
    for (left = 0; tacit_retry_budget_spend(&budget, 0); left++) {
    }
    assert_int_equal(left, TACIT_RETRY_SAVED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_cap),
        cmocka_unit_test(the_floor_is_there_at_first),
        cmocka_unit_test(time_fills_up_to_the_floor),
        cmocka_unit_test(calls_earn_a_tenth),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
