/*  engine_spare_test.c - memory of a model's bytes, used again for blocks.  */

#include "services/inference/engine/memory.h"
#include "services/inference/engine/spare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 64, UNIT = TACIT_MEMORY_ALIGNMENT };

typedef struct {
    uint8_t *pages;
    tacit_spare_t *spare;
} s_ground_t;

static s_ground_t s_begin_locked(bool locked)
{
    s_ground_t ground = {.pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    assert_true(ground.pages != MAP_FAILED);
    ground.spare = tacit_spare_new(ground.pages, (size_t)PAGES * PAGE, locked);
    assert_non_null(ground.spare);
    return ground;
}

static s_ground_t s_begin(void)
{
    return s_begin_locked(false);
}

static void s_end(s_ground_t *ground)
{
    tacit_spare_destroy(&ground->spare);
    assert_null(ground->spare);
    assert_int_equal(munmap(ground->pages, (size_t)PAGES * PAGE), 0);
}

static void test_nothing_is_spare_at_first(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    assert_null(tacit_spare_take(ground.spare, UNIT));
    s_end(&ground);
}

static void test_what_fits_best_is_taken(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    tacit_spare_add(ground.spare, ground.pages, (size_t)8 * PAGE);
    tacit_spare_add(ground.spare, ground.pages + (size_t)10 * PAGE, (size_t)2 * PAGE);
    tacit_spare_add(ground.spare, ground.pages + (size_t)20 * PAGE, (size_t)4 * PAGE);
    assert_null(tacit_spare_take(ground.spare, (size_t)8 * PAGE + UNIT));
    assert_ptr_equal(tacit_spare_take(ground.spare, (size_t)3 * PAGE),
                     ground.pages + (size_t)20 * PAGE);
    assert_ptr_equal(tacit_spare_take(ground.spare, PAGE), ground.pages + (size_t)23 * PAGE);
    assert_ptr_equal(tacit_spare_take(ground.spare, (size_t)2 * PAGE),
                     ground.pages + (size_t)10 * PAGE);
    assert_ptr_equal(tacit_spare_take(ground.spare, (size_t)8 * PAGE), ground.pages);
    assert_null(tacit_spare_take(ground.spare, UNIT));
    s_end(&ground);
}

static void test_parts_that_touch_are_one(void **state)
{
    (void)state;
    static const size_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {3, 0, 1, 2}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        s_ground_t ground = s_begin();
        for (size_t k = 0; k < 4; k++) {
            assert_null(tacit_spare_take(ground.spare, (size_t)4 * UNIT));
            tacit_spare_add(ground.spare, ground.pages + orders[i][k] * UNIT, UNIT);
        }
        assert_ptr_equal(tacit_spare_take(ground.spare, (size_t)4 * UNIT), ground.pages);
        s_end(&ground);
    }
}

static void test_many_parts(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    size_t count = (size_t)PAGES * PAGE / UNIT;
    for (size_t i = 0; i < count; i += 2) {
        tacit_spare_add(ground.spare, ground.pages + i * UNIT, UNIT);
    }
    assert_null(tacit_spare_take(ground.spare, (size_t)2 * UNIT));
    for (size_t i = 1; i < count; i += 2) {
        tacit_spare_add(ground.spare, ground.pages + i * UNIT, UNIT);
    }
    assert_ptr_equal(tacit_spare_take(ground.spare, count * UNIT), ground.pages);
    s_end(&ground);
}

static size_t s_resident(const s_ground_t *ground)
{
    unsigned char there[PAGES];
    size_t count = 0;
    assert_int_equal(mincore(ground->pages, (size_t)PAGES * PAGE, there), 0);
    for (size_t i = 0; i < PAGES; i++) {
        count += there[i] & 1U;
    }
    return count;
}

static void test_whole_pages_go_back(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    memset(ground.pages, 1, (size_t)PAGES * PAGE);
    memset(ground.pages + UNIT, 0, (size_t)4 * PAGE);
    tacit_spare_add(ground.spare, ground.pages + UNIT, (size_t)4 * PAGE);
    tacit_spare_give_back(ground.spare);
    assert_int_equal(s_resident(&ground), PAGES - 3);
    assert_int_equal(ground.pages[0], 1);
    assert_int_equal(ground.pages[(size_t)4 * PAGE + UNIT], 1);
    memset(ground.pages + (size_t)8 * PAGE, 0, (size_t)8 * PAGE);
    tacit_spare_add(ground.spare, ground.pages + (size_t)8 * PAGE, (size_t)8 * PAGE);
    assert_int_equal(s_resident(&ground), PAGES - 11);
    uint8_t *taken = tacit_spare_take(ground.spare, (size_t)8 * PAGE);
    assert_non_null(taken);
    for (size_t i = 0; i < (size_t)8 * PAGE; i++) {
        assert_int_equal(taken[i], 0);
    }
    s_end(&ground);
}

/*  Bytes of these pages that the kernel keeps out of swap.  */
static size_t s_locked(const s_ground_t *ground)
{
    char line[256];
    uintptr_t begin = (uintptr_t)ground->pages;
    uintptr_t end = begin + (size_t)PAGES * PAGE;
    uintptr_t from = 0;
    uintptr_t to = 0;
    size_t locked = 0;
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *rest = NULL;
        uintptr_t number = strtoul(line, &rest, 16);
        if (*rest == '-') {
            from = number > begin ? number : begin;
            number = strtoul(rest + 1, NULL, 16);
            to = number < end ? number : end;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " lo") != NULL && from < to) {
            locked += to - from;
        }
    }
    (void)fclose(file);
    return locked;
}

static void test_locked_pages_go_back_and_stay_locked(void **state)
{
    (void)state;
    enum { ALL = PAGES * PAGE };
    s_ground_t ground = s_begin_locked(true);
    if (mlock(ground.pages, ALL) != 0 || s_locked(&ground) == 0) {
        s_end(&ground);
        skip(); /* the limit of locked memory is below 256 KiB, or a sanitizer locks nothing */
    }
    assert_int_equal(s_locked(&ground), ALL);
    tacit_spare_add(ground.spare, ground.pages + PAGE, (size_t)4 * PAGE);
    tacit_spare_give_back(ground.spare);
    assert_int_equal(s_resident(&ground), PAGES - 4);
    assert_int_equal(s_locked(&ground), ALL);
    tacit_spare_add(ground.spare, ground.pages + (size_t)20 * PAGE, PAGE);
    assert_int_equal(s_resident(&ground), PAGES - 5);
    assert_int_equal(s_locked(&ground), ALL);
    uint8_t *taken = tacit_spare_take(ground.spare, (size_t)4 * PAGE);
    assert_non_null(taken);
    memset(taken, 1, (size_t)4 * PAGE);
    assert_int_equal(s_locked(&ground), ALL);
    s_end(&ground);
}

static void test_blocks_lie_there_and_are_counted(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    tacit_budget_t budget = {.limit = (size_t)1 << 20, .spare = ground.spare};
    tacit_spare_add(ground.spare, ground.pages, (size_t)PAGES * PAGE);
    uint8_t *small = tacit_memory_new(&budget, 100, NULL);
    uint8_t *large = tacit_memory_new(&budget, (size_t)3 * PAGE, NULL);
    uint8_t *larger = tacit_memory_new(&budget, (size_t)PAGES * PAGE, NULL);
    assert_ptr_equal(large, ground.pages + UNIT);
    assert_int_equal(budget.used, tacit_memory_whole(100) + tacit_memory_whole((size_t)3 * PAGE) +
                                      tacit_memory_whole((size_t)PAGES * PAGE));
    memset(large, 7, (size_t)3 * PAGE);
    tacit_memory_free(large);
    tacit_memory_free(larger);
    tacit_memory_free(small);
    assert_int_equal(budget.used, 0);
    large = tacit_spare_take(ground.spare, (size_t)PAGES * PAGE);
    assert_ptr_equal(large, ground.pages);
    for (size_t i = 0; i < (size_t)4 * PAGE; i++) {
        assert_int_equal(large[i], 0);
    }
    s_end(&ground);
}

static void test_a_limit_holds_for_what_is_adopted(void **state)
{
    (void)state;
    s_ground_t ground = s_begin();
    size_t whole = tacit_memory_whole(PAGE);
    tacit_budget_t budget = {.limit = 2 * whole, .spare = ground.spare};
    memset(ground.pages, 3, (size_t)4 * PAGE);
    uint8_t *block = tacit_memory_adopt(&budget, ground.pages, PAGE);
    assert_ptr_equal(block, ground.pages + UNIT);
    assert_int_equal(budget.used, whole);
    assert_null(tacit_memory_adopt(&budget, ground.pages + (size_t)2 * PAGE, whole));
    tacit_memory_free(block);
    assert_int_equal(budget.used, 0);
    assert_ptr_equal(tacit_spare_take(ground.spare, whole), ground.pages);
    s_end(&ground);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_spare_at_first),
        cmocka_unit_test(test_what_fits_best_is_taken),
        cmocka_unit_test(test_parts_that_touch_are_one),
        cmocka_unit_test(test_many_parts),
        cmocka_unit_test(test_whole_pages_go_back),
        cmocka_unit_test(test_locked_pages_go_back_and_stay_locked),
        cmocka_unit_test(test_blocks_lie_there_and_are_counted),
        cmocka_unit_test(test_a_limit_holds_for_what_is_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
