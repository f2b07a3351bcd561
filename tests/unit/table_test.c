/*  table_test.c - aligned columns, and text that is safe to show.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/table.h"
#include "clients/lib/terminal.h"
#include "screen.h"

static const tacit_column_t s_columns[] = {{"name", TACIT_ALIGN_LEFT}, {"p", TACIT_ALIGN_RIGHT}};

/*  What the rows (pairs of cells, ended by NULL) print as.  */
static char *s_print(const char *const *cells)
{
    tacit_table_t *table = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(tacit_table_new(s_columns, 2, &table), TACIT_OK);
    for (; *cells; cells += 2) {
        assert_int_equal(tacit_table_add(table, cells), TACIT_OK);
    }
    tacit_table_print(table, stream);
    assert_int_equal(fclose(stream), 0);
    tacit_table_destroy(&table);
    tacit_table_destroy(&table);
    return text;
}

static void s_prints_as(const char *const *cells, const char *expected)
{
    char *text = s_print(cells);
    assert_string_equal(text, expected);
    free(text);
}

static void test_alignment(void **state)
{
    (void)state;
    s_prints_as((const char *const[]){"malignant", "0.9", "benign", "0.1234", NULL},
                "name            p\n"
                "malignant     0.9\n"
                "benign     0.1234\n");
}

static void test_no_rows(void **state)
{
    (void)state;
    s_prints_as((const char *const[]){NULL}, "name  p\n");
}

static void test_no_trailing_spaces(void **state)
{
    (void)state;
    s_prints_as((const char *const[]){"a", "", "", "1", "", "", NULL}, "name  p\n"
                                                                       "a\n"
                                                                       "      1\n"
                                                                       "\n");
}

static void test_a_line_instead_of_no_rows(void **state)
{
    (void)state;
    char text[64] = "";
    tacit_table_t *table = NULL;
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    assert_int_equal(tacit_table_new(s_columns, 2, &table), TACIT_OK);
    tacit_table_print_or(table, "None.", stream);
    assert_int_equal(tacit_table_add(table, (const char *const[]){"a", "1"}), TACIT_OK);
    tacit_table_print_or(table, "None.", stream);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "None.\nname  p\na     1\n");
    tacit_table_destroy(&table);
}

static void test_wide_characters(void **state)
{
    (void)state;
    s_prints_as((const char *const[]){"é", "1", "日本", "2", "e\xcc\x81", "3", NULL},
                "name  p\n"
                "é     1\n"
                "日本  2\n"
                "e\xcc\x81     3\n");
}

static void test_cells_cannot_drive_the_terminal(void **state)
{
    (void)state;
    s_prints_as((const char *const[]){"\033[2J", "a\nb", "\xff\xc3", "\xc2\x9b", NULL},
                "name    p\n"
                "?[2J  a?b\n"
                "??      ?\n");
}

static void test_text_that_turns_direction(void **state)
{
    char clean[32];
    (void)state;
    (void)tacit_terminal_clean("a\xe2\x80\xae"
                               "b\xe2\x81\xa6"
                               "c",
                               clean, sizeof clean);
    assert_string_equal(clean, "a?b?c");
}

static void test_cleaning_does_not_cut_characters(void **state)
{
    char clean[4];
    (void)state;
    assert_int_equal(tacit_terminal_clean("abcd", clean, sizeof clean), 3);
    assert_string_equal(clean, "abc");
    assert_int_equal(tacit_terminal_clean("abé", clean, sizeof clean), 2);
    assert_string_equal(clean, "ab");
    assert_int_equal(tacit_terminal_clean("aé", clean, sizeof clean), 3);
    assert_string_equal(clean, "aé");
    assert_int_equal(tacit_terminal_clean("aé", clean, 1), 0);
    assert_string_equal(clean, "");
}

static void test_columns_limit(void **state)
{
    tacit_column_t columns[TACIT_TABLE_COLUMNS_MAX + 1];
    tacit_table_t *table = NULL;
    (void)state;
    for (size_t i = 0; i <= TACIT_TABLE_COLUMNS_MAX; i++) {
        columns[i] = s_columns[0];
    }
    assert_int_equal(tacit_table_new(columns, 0, &table), TACIT_BAD_INPUT);
    assert_int_equal(tacit_table_new(columns, TACIT_TABLE_COLUMNS_MAX + 1, &table),
                     TACIT_BAD_INPUT);
    assert_int_equal(tacit_table_new(columns, TACIT_TABLE_COLUMNS_MAX, &table), TACIT_OK);
    tacit_table_destroy(&table);
}

static void test_long_cells_are_cut(void **state)
{
    char cell[2 * TACIT_TABLE_CELL_MAX];
    (void)state;
    memset(cell, 'x', sizeof cell);
    cell[sizeof cell - 1] = '\0';
    char *text = s_print((const char *const[]){cell, NULL, NULL});
    assert_int_equal(strspn(strchr(text, '\n') + 1, "x"), TACIT_TABLE_CELL_MAX - 1);
    free(text);
}

static void test_many_rows(void **state)
{
    tacit_table_t *table = NULL;
    (void)state;
    assert_int_equal(tacit_table_new(s_columns, 2, &table), TACIT_OK);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(tacit_table_add(table, (const char *const[]){"a", "b"}), TACIT_OK);
    }
    tacit_table_destroy(&table);
}

static bool s_heading_is_bold(void)
{
    char text[256];
    tacit_table_t *table = NULL;
    screen_t screen = screen_open();
    assert_int_equal(tacit_table_new(s_columns, 2, &table), TACIT_OK);
    tacit_table_print(table, screen.stream);
    assert_int_equal(fflush(screen.stream), 0);
    assert_true(screen_read(&screen, text, sizeof text) > 0);
    assert_non_null(strstr(text, "name  p"));
    tacit_table_destroy(&table);
    screen_close(&screen);
    return strchr(text, '\033') != NULL;
}

/*  no-color.org: any value but an empty one.  */
static void test_a_terminal_without_colours_where_the_user_wants_none(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NO_COLOR"), 0);
    assert_true(s_heading_is_bold());
    assert_int_equal(setenv("NO_COLOR", "", 1), 0);
    assert_true(s_heading_is_bold());
    assert_int_equal(setenv("NO_COLOR", "0", 1), 0);
    assert_false(s_heading_is_bold());
    assert_int_equal(unsetenv("NO_COLOR"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_no_trailing_spaces),
        cmocka_unit_test(test_a_line_instead_of_no_rows),
        cmocka_unit_test(test_wide_characters),
        cmocka_unit_test(test_cells_cannot_drive_the_terminal),
        cmocka_unit_test(test_text_that_turns_direction),
        cmocka_unit_test(test_cleaning_does_not_cut_characters),
        cmocka_unit_test(test_columns_limit),
        cmocka_unit_test(test_long_cells_are_cut),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_a_terminal_without_colours_where_the_user_wants_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
