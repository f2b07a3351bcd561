/*  map_test.c - rows are found by their key and kept in their order, however many come and go.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>

#include "services/storage/map.h"

enum { S_MANY = 5000 };

typedef struct {
    tacit_map_node_t node;
    uint32_t number;
} s_row_t;

static tacit_map_t s_map;

static int s_setup(void **state)
{
    (void)state;
    return tacit_map_init(&s_map) ? -1 : 0;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_map_clear(&s_map);
    tacit_map_clear(&s_map);
    return 0;
}

static void s_add(uint32_t number)
{
    s_row_t *row = calloc(1, sizeof *row);
    assert_non_null(row);
    row->number = number;
    tacit_map_add(&s_map, &row->node, tacit_span(&row->number, sizeof row->number));
}

static s_row_t *s_find(uint32_t number)
{
    return (s_row_t *)tacit_map_find(&s_map, tacit_span(&number, sizeof number));
}

static void s_remove(uint32_t number)
{
    s_row_t *row = s_find(number);
    assert_non_null(row);
    tacit_map_remove(&s_map, &row->node);
    free(row);
}

/*  The rows from first to last are in the map, in this order: numbers that rise by step.  */
static void s_holds(uint32_t first, uint32_t last, uint32_t step)
{
    uint32_t expected = first;
    size_t count = 0;
    const tacit_map_node_t *before = NULL;
    for (const tacit_map_node_t *node = s_map.first; node; node = node->next) {
        assert_int_equal(((const s_row_t *)node)->number, expected);
        assert_ptr_equal(node->previous, before);
        assert_ptr_equal(s_find(expected), node);
        before = node;
        expected += step;
        count++;
    }
    assert_int_equal(expected, last + step);
    assert_ptr_equal(s_map.last, before);
    assert_int_equal(s_map.count, count);
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    assert_null(s_find(0));
    assert_null(tacit_map_find(&s_map, tacit_span(NULL, 0)));
    assert_null(s_map.first);
    assert_int_equal(s_map.count, 0);
}

static void many_rows_are_found_in_their_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < S_MANY; i++) {
        s_add(i);
        assert_null(s_find(i + 1));
    }
    s_holds(0, S_MANY - 1, 1);
}

static void rows_are_taken_out_anywhere(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < S_MANY; i++) {
        s_add(i);
    }
    for (uint32_t i = 1; i < S_MANY; i += 2) {
        s_remove(i);
        assert_null(s_find(i));
    }
    s_holds(0, S_MANY - 2, 2);
    s_remove(0);
    s_remove(S_MANY - 2);
    s_holds(2, S_MANY - 4, 2);
}

static void the_last_row_may_go_and_others_come(void **state)
{
    (void)state;
    s_add(1);
    s_remove(1);
    assert_null(s_map.first);
    assert_null(s_map.last);
    s_add(7);
    s_holds(7, 7, 1);
}

static void a_key_is_all_of_its_bytes(void **state)
{
    (void)state;
    const uint8_t longer[5] = {1, 0, 0, 0, 0};
    s_add(1);
    assert_non_null(tacit_map_find(&s_map, tacit_span(longer, 4)));
    assert_null(tacit_map_find(&s_map, tacit_span(longer, 5)));
    assert_null(tacit_map_find(&s_map, tacit_span(longer, 3)));
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(an_empty_map_has_nothing),    S_CASE(many_rows_are_found_in_their_order),
        S_CASE(rows_are_taken_out_anywhere), S_CASE(the_last_row_may_go_and_others_come),
        S_CASE(a_key_is_all_of_its_bytes),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
