/*  input_test.c - which parser reads a file, and how several files become one batch; and that the
    examples' inputs load, where the examples are.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/file.h"
#include "clients/lib/input.h"
#include "clients/lib/output_npy.h"

static char s_folder[] = "/tmp/tacit-input-test-XXXXXX";

static const char *s_path(const char *name)
{
    static char paths[4][PATH_MAX]; /* as many as one statement uses */
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", s_folder, name);
    return path;
}

static void s_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(s_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void s_write_text(const char *name, const char *text)
{
    s_write(name, text, strlen(text));
}

static void s_write_npy(const char *name, tacit_inference_dtype_t dtype, size_t rank,
                        const int64_t *dims)
{
    tacit_tensor_t tensor = {0};
    tacit_secret_t *file = NULL;
    assert_int_equal(tacit_tensor_allocate(dtype, rank, dims, &tensor, NULL), TACIT_OK);
    assert_int_equal(tacit_npy_format(&tensor, &file, NULL), TACIT_OK);
    s_write(name, file->data, file->size);
    tacit_secret_destroy(&file);
    tacit_tensor_release(&tensor);
}

static tacit_status_t s_load(const char *first, const char *second, tacit_error_t *ret_error)
{
    const char *paths[] = {s_path(first), second ? s_path(second) : NULL};
    tacit_tensor_t tensor = {0};
    tacit_status_t status = tacit_input_load(paths, second ? 2 : 1, NULL, &tensor, ret_error);
    tacit_tensor_release(&tensor);
    return status;
}

static void test_by_name_and_content(void **state)
{
    tacit_error_t error;
    (void)state;
    s_write_text("good.csv", "1,2\n");
    s_write_text("GOOD.CSV", "1,2\n");
    s_write_npy("good.npy", TACIT_INFERENCE_DTYPE_INT8, 1, (const int64_t[]){3});
    s_write_npy("unnamed", TACIT_INFERENCE_DTYPE_INT8, 1, (const int64_t[]){3});
    assert_int_equal(s_load("good.csv", NULL, &error), TACIT_OK);
    assert_int_equal(s_load("GOOD.CSV", NULL, &error), TACIT_OK);
    assert_int_equal(s_load("good.npy", NULL, &error), TACIT_OK);
    assert_int_equal(s_load("unnamed", NULL, &error), TACIT_OK);
}

static void test_name_and_content_disagree(void **state)
{
    tacit_error_t error;
    (void)state;
    s_write_npy("array.csv", TACIT_INFERENCE_DTYPE_INT8, 1, (const int64_t[]){3});
    s_write_npy("array.png", TACIT_INFERENCE_DTYPE_INT8, 1, (const int64_t[]){3});
    s_write_text("table.npy", "1,2\n");
    assert_int_equal(s_load("array.csv", NULL, &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("array.png", NULL, &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("table.npy", NULL, &error), TACIT_BAD_INPUT);
    assert_non_null(strstr(error.message, "table.npy"));
}

static void test_unknown_kinds(void **state)
{
    tacit_error_t error;
    (void)state;
    s_write_text("table", "1,2\n");
    s_write_text("table.tiff", "1,2\n");
    s_write_text(".csv", "1,2\n");
    assert_int_equal(s_load("table", NULL, &error), TACIT_UNSUPPORTED);
    assert_int_equal(s_load("table.tiff", NULL, &error), TACIT_UNSUPPORTED);
    assert_true(strlen(error.remedy) > 0);
}

static void test_what_is_no_file(void **state)
{
    tacit_error_t error;
    (void)state;
    s_write_text("empty.csv", "");
    assert_int_equal(mkfifo(s_path("pipe.csv"), 0600), 0);
    assert_int_equal(mkdir(s_path("folder.csv"), 0700), 0);
    assert_int_equal(s_load("missing.csv", NULL, &error), TACIT_BAD_INPUT);
    assert_non_null(strstr(error.message, "missing.csv"));
    assert_int_equal(s_load("empty.csv", NULL, &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("pipe.csv", NULL, &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("folder.csv", NULL, &error), TACIT_BAD_INPUT);
}

static void test_file_size_limit(void **state)
{
    tacit_secret_t *bytes = NULL;
    (void)state;
    s_write_text("ten", "0123456789");
    assert_int_equal(tacit_file_read(s_path("ten"), 10, &bytes, NULL), TACIT_OK);
    assert_int_equal(bytes->size, 10);
    assert_memory_equal(bytes->data, "0123456789", 10);
    tacit_secret_destroy(&bytes);
    assert_int_equal(tacit_file_read(s_path("ten"), 9, &bytes, NULL), TACIT_TOO_LARGE);
    assert_null(bytes);
}

static void test_files_join_into_a_batch(void **state)
{
    float elements[6];
    const float expected[] = {1, 2, 3, 4, 5, 6};
    tacit_tensor_t tensor = {0};
    (void)state;
    s_write_text("one.csv", "1,2\n");
    s_write_text("two.csv", "3,4\n5,6\n");
    const char *paths[] = {s_path("one.csv"), s_path("two.csv")};
    assert_int_equal(tacit_input_load(paths, 2, NULL, &tensor, NULL), TACIT_OK);
    assert_int_equal(tensor.rank, 2);
    assert_int_equal(tensor.dims[0], 3);
    assert_int_equal(tensor.dims[1], 2);
    assert_int_equal(tensor.data->size, sizeof elements);
    memcpy(elements, tensor.data->data, sizeof elements);
    assert_memory_equal(elements, expected, sizeof elements);
    tacit_tensor_release(&tensor);
}

static void test_files_that_do_not_fit_together(void **state)
{
    tacit_error_t error;
    (void)state;
    s_write_text("two.csv", "1,2\n");
    s_write_text("three.csv", "1,2,3\n");
    s_write_npy("bytes.npy", TACIT_INFERENCE_DTYPE_UINT8, 2, (const int64_t[]){1, 2});
    s_write_npy("flat.npy", TACIT_INFERENCE_DTYPE_FLOAT32, 1, (const int64_t[]){2});
    s_write_npy("fits.npy", TACIT_INFERENCE_DTYPE_FLOAT32, 2, (const int64_t[]){1, 2});
    s_write_npy("scalar.npy", TACIT_INFERENCE_DTYPE_FLOAT32, 0, NULL);
    assert_int_equal(s_load("two.csv", "three.csv", &error), TACIT_BAD_INPUT);
    assert_string_equal(error.expected, "float32 [1,2]");
    assert_string_equal(error.got, "float32 [1,3]");
    assert_int_equal(s_load("two.csv", "bytes.npy", &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("two.csv", "flat.npy", &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("scalar.npy", "scalar.npy", &error), TACIT_BAD_INPUT);
    assert_int_equal(s_load("two.csv", "fits.npy", &error), TACIT_OK);
    assert_int_equal(s_load("scalar.npy", NULL, &error), TACIT_OK);
}

static void test_count_limits(void **state)
{
    const char *paths[] = {"/nonexistent"};
    tacit_tensor_t tensor;
    (void)state;
    assert_int_equal(tacit_input_load(paths, 0, NULL, &tensor, NULL), TACIT_BAD_INPUT);
    assert_int_equal(tacit_input_load(paths, TACIT_INPUT_FILES_MAX + 1, NULL, &tensor, NULL),
                     TACIT_BAD_INPUT);
}

/*  Ordinary users may often lock 8 MiB only.  */
static bool s_may_lock(size_t size)
{
    tacit_secret_t *secret = NULL;
    tacit_status_t status = tacit_secret_new(size, &secret);
    tacit_secret_destroy(&secret);
    return status == TACIT_OK;
}

static void test_bytes_of_all_files_limit(void **state)
{
    const int64_t half[] = {TACIT_TENSOR_BYTES_MAX / 2};
    const int64_t more[] = {TACIT_TENSOR_BYTES_MAX / 2 + 1};
    tacit_error_t error;
    (void)state;
    if (!s_may_lock(3 * (size_t)TACIT_TENSOR_BYTES_MAX)) {
        print_message("skipped: RLIMIT_MEMLOCK is too low for inputs at the limit\n");
        skip();
    }
    s_write_npy("half.npy", TACIT_INFERENCE_DTYPE_UINT8, 1, half);
    s_write_npy("more.npy", TACIT_INFERENCE_DTYPE_UINT8, 1, more);
    assert_int_equal(s_load("half.npy", "half.npy", &error), TACIT_OK);
    assert_int_equal(s_load("half.npy", "more.npy", &error), TACIT_TOO_LARGE);
}

static void test_narrowing_is_an_option(void **state)
{
    const tacit_input_options_t options = {.narrow_float64 = true};
    tacit_tensor_t tensor = {0};
    (void)state;
    s_write_npy("wide.npy", TACIT_INFERENCE_DTYPE_FLOAT64, 1, (const int64_t[]){2});
    const char *paths[] = {s_path("wide.npy")};
    assert_int_equal(tacit_input_load(paths, 1, NULL, &tensor, NULL), TACIT_UNSUPPORTED);
    assert_int_equal(tacit_input_load(paths, 1, &options, &tensor, NULL), TACIT_OK);
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT32);
    tacit_tensor_release(&tensor);
}

static void test_names_of_inputs(void **state)
{
    char name[TACIT_TENSOR_NAME_MAX + 2];
    tacit_tensor_t tensor = {0};
    (void)state;
    memset(name, 'n', sizeof name);
    name[TACIT_TENSOR_NAME_MAX] = '\0';
    assert_int_equal(tacit_tensor_set_name(&tensor, name, NULL), TACIT_OK);
    assert_string_equal(tensor.name, name);
    name[TACIT_TENSOR_NAME_MAX] = 'n';
    name[TACIT_TENSOR_NAME_MAX + 1] = '\0';
    assert_int_equal(tacit_tensor_set_name(&tensor, name, NULL), TACIT_TOO_LARGE);
}

static void test_example_table(void **state)
{
    const char *paths[] = {TACIT_EXAMPLES "/breast-cancer/inputs.csv"};
    tacit_tensor_t tensor = {0};
    (void)state;
    assert_int_equal(tacit_input_load(paths, 1, NULL, &tensor, NULL), TACIT_OK);
    assert_int_equal(tensor.dims[0], 143);
    assert_int_equal(tensor.dims[1], 30);
    tacit_tensor_release(&tensor);
}

static void test_example_images(void **state)
{
    const char *paths[] = {TACIT_EXAMPLES "/digits/images/000.png",
                           TACIT_EXAMPLES "/digits/images/179.png"};
    tacit_tensor_t tensor = {0};
    (void)state;
    assert_int_equal(tacit_input_load(paths, 2, NULL, &tensor, NULL), TACIT_OK);
    assert_int_equal(tensor.rank, 4);
    assert_int_equal(tensor.dims[0], 2);
    assert_int_equal(tensor.dims[1], 1);
    assert_int_equal(tensor.dims[2], 8);
    assert_int_equal(tensor.dims[3], 8);
    tacit_tensor_release(&tensor);
}

static int s_set_up(void **state)
{
    (void)state;
    return sodium_init() < 0 || !mkdtemp(s_folder);
}

static int s_tear_down(void **state)
{
    static const char *const names[] = {
        "good.csv",  "GOOD.CSV",   "good.npy",   "unnamed",   "array.csv", "array.png",
        "table.npy", "table",      "table.tiff", ".csv",      "empty.csv", "pipe.csv",
        "ten",       "one.csv",    "two.csv",    "three.csv", "bytes.npy", "flat.npy",
        "fits.npy",  "scalar.npy", "half.npy",   "more.npy",  "wide.npy",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlink(s_path(names[i]));
    }
    (void)rmdir(s_path("folder.csv"));
    return rmdir(s_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name_and_content),
        cmocka_unit_test(test_name_and_content_disagree),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_files_join_into_a_batch),
        cmocka_unit_test(test_files_that_do_not_fit_together),
        cmocka_unit_test(test_count_limits),
        cmocka_unit_test(test_bytes_of_all_files_limit),
        cmocka_unit_test(test_narrowing_is_an_option),
        cmocka_unit_test(test_names_of_inputs),
        cmocka_unit_test(test_example_table),
        cmocka_unit_test(test_example_images),
    };
    return cmocka_run_group_tests(tests, s_set_up, s_tear_down);
}
