/*  input_npy_test.c - NumPy's file format, in and out.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/input_npy.h"
#include "clients/lib/output_npy.h"

enum { S_FILE_MAX = 8192 };

typedef struct s_file {
    uint8_t bytes[S_FILE_MAX];
    size_t size;
} s_file_t;

/*  A version 1 file of that header text and those elements.  */
static s_file_t s_file(const char *text, const void *elements, size_t size)
{
    s_file_t file = {.size = 0};
    size_t text_size = strlen(text);
    memcpy(file.bytes, "\x93NUMPY\x01\x00", 8);
    file.bytes[8] = (uint8_t)(text_size & 0xff);
    file.bytes[9] = (uint8_t)(text_size >> 8);
    memcpy(file.bytes + 10, text, text_size);
    memcpy(file.bytes + 10 + text_size, elements, size);
    file.size = 10 + text_size + size;
    return file;
}

static tacit_status_t s_parse(const s_file_t *file, bool narrow, tacit_tensor_t *ret_tensor)
{
    tacit_error_t error = {0};
    tacit_tensor_t tensor = {.rank = 77};
    tacit_status_t status =
        tacit_npy_parse(tacit_span(file->bytes, file->size), narrow, &tensor, &error);
    assert_true(status == TACIT_OK || (tensor.rank == 77 && error.code == status));
    if (status == TACIT_OK) {
        *ret_tensor = tensor;
    }
    return status;
}

/*  As above, and it has to be taken. abort() is not reached, and tells an analyser so.  */
static tacit_tensor_t s_must_parse(const s_file_t *file, bool narrow)
{
    tacit_tensor_t tensor = {0};
    if (s_parse(file, narrow, &tensor) != TACIT_OK || !tensor.data) {
        fail_msg("refused");
        abort();
    }
    return tensor;
}

static tacit_status_t s_judge(const char *text, size_t size)
{
    static const uint8_t zeros[512];
    tacit_tensor_t tensor = {0};
    s_file_t file = s_file(text, zeros, size);
    tacit_status_t status = s_parse(&file, false, &tensor);
    tacit_tensor_release(&tensor);
    return status;
}

static void test_float32(void **state)
{
    const float elements[] = {1, 2, 3, 4, 5, 6};
    (void)state;
    s_file_t file = s_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
                           elements, sizeof elements);
    tacit_tensor_t tensor = s_must_parse(&file, false);
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT32);
    assert_int_equal(tensor.rank, 2);
    assert_int_equal(tensor.dims[0], 2);
    assert_int_equal(tensor.dims[1], 3);
    assert_memory_equal(tensor.data->data, elements, sizeof elements);
    tacit_tensor_release(&tensor);
}

static void test_every_type(void **state)
{
    static const struct {
        const char *descr;
        tacit_inference_dtype_t dtype;
        size_t size;
    } types[] = {
        {"<f4", TACIT_INFERENCE_DTYPE_FLOAT32, 4}, {"|u1", TACIT_INFERENCE_DTYPE_UINT8, 1},
        {"|i1", TACIT_INFERENCE_DTYPE_INT8, 1},    {"<i4", TACIT_INFERENCE_DTYPE_INT32, 4},
        {"<i8", TACIT_INFERENCE_DTYPE_INT64, 8},   {"|b1", TACIT_INFERENCE_DTYPE_BOOL8, 1},
    };
    static const uint8_t zeros[64];
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[128];
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (3,), }\n",
                 types[i].descr);
        s_file_t file = s_file(text, zeros, 3 * types[i].size);
        tacit_tensor_t tensor = s_must_parse(&file, false);
        assert_int_equal(tensor.dtype, types[i].dtype);
        assert_int_equal(tensor.data->size, 3 * types[i].size);
        tacit_tensor_release(&tensor);
    }
}

static void test_types_refused(void **state)
{
    static const char *const refused[] = {">f4", "<f2", "<f8", "<u4", "|S4", "<c8", "|O", "<U1"};
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[128];
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n",
                 refused[i]);
        assert_int_equal(s_judge(text, 8), TACIT_UNSUPPORTED);
    }
    assert_int_equal(
        s_judge("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", 4),
        TACIT_UNSUPPORTED);
}

static void test_narrowing(void **state)
{
    const double elements[] = {0.1, -INFINITY, 1e-320};
    const double beyond[] = {1, 1e39, 0};
    const char *text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n";
    float first = 0;
    (void)state;
    s_file_t file = s_file(text, elements, sizeof elements);
    tacit_tensor_t tensor = s_must_parse(&file, true);
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT32);
    memcpy(&first, tensor.data->data, sizeof first);
    assert_true(first == 0.1F);
    tacit_tensor_release(&tensor);
    file = s_file(text, beyond, sizeof beyond);
    assert_int_equal(s_parse(&file, true, &tensor), TACIT_BAD_INPUT);
    assert_int_equal(s_judge(text, sizeof elements), TACIT_UNSUPPORTED);
    file = s_file(text, beyond, sizeof beyond);
    assert_int_equal(
        tacit_npy_parse(tacit_span(file.bytes, file.size), TACIT_NPY_FLOAT64_KEPT, &tensor, NULL),
        TACIT_OK);
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT64);
    assert_memory_equal(tensor.data->data, beyond, sizeof beyond);
    tacit_tensor_release(&tensor);
}

static void test_bool_is_zero_or_one(void **state)
{
    const uint8_t right[] = {0, 1};
    const uint8_t wrong[] = {0, 2};
    const char *text = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\n";
    tacit_tensor_t tensor = {0};
    (void)state;
    s_file_t file = s_file(text, right, 2);
    assert_int_equal(s_parse(&file, false, &tensor), TACIT_OK);
    tacit_tensor_release(&tensor);
    file = s_file(text, wrong, 2);
    assert_int_equal(s_parse(&file, false, &tensor), TACIT_MALFORMED);
}

static void test_header_spellings(void **state)
{
    (void)state;
    assert_int_equal(s_judge("{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(2,)}\n", 8),
                     TACIT_OK);
    assert_int_equal(s_judge("{'shape': (2, 1), 'descr': '<f4', 'fortran_order': False}    \n", 8),
                     TACIT_OK);
    assert_int_equal(s_judge("{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", 4),
                     TACIT_OK);
    assert_int_equal(s_judge("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }\n", 8),
                     TACIT_UNSUPPORTED);
}

static void test_headers_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "\n",
        "{}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", /* no line feed */
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n ",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n\n",
        "{'descr': '<f4', 'fortran_order': False, }\n",
        "{'descr': '<f4', 'shape': (2,), }\n",
        "{'fortran_order': False, 'shape': (2,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }\n",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2], }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (02,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,), }\n",
        "{'descr': '<f4', 'fortran_order': False,, 'shape': (2,), }\n",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (2,), }\n",
        "{'descr': '<f4\", 'fortran_order': False, 'shape': (2,), }\n",
        "{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (2,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2), }\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (s_judge(wrong[i], 8) != TACIT_MALFORMED) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
}

static void test_eight_dimensions_are_the_limit(void **state)
{
    (void)state;
    assert_int_equal(
        s_judge("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2), }\n", 8),
        TACIT_OK);
}

static void test_sizes_must_match(void **state)
{
    const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
    (void)state;
    assert_int_equal(s_judge(text, 7), TACIT_MALFORMED);
    assert_int_equal(s_judge(text, 8), TACIT_OK);
    assert_int_equal(s_judge(text, 9), TACIT_MALFORMED);
    assert_int_equal(s_judge("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }\n", 0),
                     TACIT_BAD_INPUT);
}

static void test_shapes_beyond_the_limit(void **state)
{
    static const char *const wrong[] = {
        "(16777217,)", "(4096, 4097)", "(99999999999999999999999999,)",
        "(65536, 65536, 65536, 65536)", /* wraps to 0 in 64 bits */
    };
    char text[160];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n",
                 wrong[i]);
        assert_int_equal(s_judge(text, 8), TACIT_TOO_LARGE);
    }
    /* within the limit, the missing elements count */
    assert_int_equal(
        s_judge("{'descr': '|u1', 'fortran_order': False, 'shape': (4096, 64), }\n", 8),
        TACIT_MALFORMED);
}

static void test_header_size_limit(void **state)
{
    char text[TACIT_NPY_HEADER_MAX + 2];
    const char *start = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    (void)state;
    memset(text, ' ', sizeof text);
    memcpy(text, start, strlen(start));
    text[TACIT_NPY_HEADER_MAX - 1] = '\n';
    text[TACIT_NPY_HEADER_MAX] = '\0';
    assert_int_equal(s_judge(text, 8), TACIT_OK);
    text[TACIT_NPY_HEADER_MAX - 1] = ' ';
    text[TACIT_NPY_HEADER_MAX] = '\n';
    text[TACIT_NPY_HEADER_MAX + 1] = '\0';
    assert_int_equal(s_judge(text, 8), TACIT_TOO_LARGE);
}

/*  The past of a decoder's first step: no elements, wherever the 0 stands.  */
static void test_views_what_is_empty(void **state)
{
    static const char *const shapes[] = {"(0,)", "(0, 2, 3)", "(2, 0, 3)", "(2, 3, 0)"};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char text[96];
        tacit_npy_view_t view = {.rank = 0};
        (void)snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n",
                       shapes[i]);
        s_file_t file = s_file(text, "1234", 4);
        assert_int_equal(tacit_npy_view(tacit_span(file.bytes, file.size), &view, NULL),
                         TACIT_MALFORMED);
        assert_int_equal(tacit_npy_view(tacit_span(file.bytes, file.size - 4), &view, NULL),
                         TACIT_OK);
        assert_int_equal(view.elements.size, 0);
    }
}

static void test_versions(void **state)
{
    static const char two[] = "\x93NUMPY\x02\x00\x3a\x00\x00\x00"
                              "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n"
                              "ab";
    uint8_t copy[sizeof two];
    tacit_tensor_t tensor = {0};
    (void)state;
    assert_int_equal(tacit_npy_parse(tacit_span(two, sizeof two - 1), false, &tensor, NULL),
                     TACIT_OK);
    assert_memory_equal(tensor.data->data, "ab", 2);
    tacit_tensor_release(&tensor);
    memcpy(copy, two, sizeof two);
    copy[6] = 3;
    assert_int_equal(tacit_npy_parse(tacit_span(copy, sizeof two - 1), false, &tensor, NULL),
                     TACIT_UNSUPPORTED);
    copy[6] = 2;
    copy[11] = 0xff; /* a header of 4 GiB */
    assert_int_equal(tacit_npy_parse(tacit_span(copy, sizeof two - 1), false, &tensor, NULL),
                     TACIT_TOO_LARGE);
}

static void test_every_truncation(void **state)
{
    const float elements[] = {1, 2};
    tacit_tensor_t tensor = {0};
    (void)state;
    s_file_t file = s_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", elements,
                           sizeof elements);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, file.bytes, size);
        assert_int_equal(tacit_npy_parse(tacit_span(copy, size), false, &tensor, NULL),
                         TACIT_MALFORMED);
        free(copy);
    }
}

static void test_output_is_what_numpy_writes(void **state)
{
    /* numpy.save of numpy.array([[1, 2, 3]], dtype=numpy.uint8), NumPy 1.24 */
    static const char numpy[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3), }"
        "                                                          \n\x01\x02\x03";
    const int64_t dims[] = {1, 3};
    tacit_tensor_t tensor = {0};
    tacit_secret_t *file = NULL;
    (void)state;
    assert_int_equal(tacit_tensor_allocate(TACIT_INFERENCE_DTYPE_UINT8, 2, dims, &tensor, NULL),
                     TACIT_OK);
    memcpy(tensor.data->data, "\x01\x02\x03", 3);
    assert_int_equal(tacit_npy_format(&tensor, &file, NULL), TACIT_OK);
    assert_int_equal(file->size, sizeof numpy - 1);
    assert_memory_equal(file->data, numpy, file->size);
    tacit_secret_destroy(&file);
    tacit_tensor_release(&tensor);
}

static void test_round_trip_of_every_rank(void **state)
{
    const int64_t dims[TACIT_TENSOR_RANK_MAX] = {2, 1, 3, 1, 1, 2, 1, 1};
    (void)state;
    for (size_t rank = 0; rank <= TACIT_TENSOR_RANK_MAX; rank++) {
        tacit_tensor_t before = {0};
        tacit_tensor_t after = {0};
        tacit_secret_t *file = NULL;
        assert_int_equal(
            tacit_tensor_allocate(TACIT_INFERENCE_DTYPE_INT64, rank, dims, &before, NULL),
            TACIT_OK);
        randombytes_buf(before.data->data, before.data->size);
        assert_int_equal(tacit_npy_format(&before, &file, NULL), TACIT_OK);
        assert_int_equal(tacit_npy_parse(tacit_secret_span(file), false, &after, NULL), TACIT_OK);
        assert_int_equal(after.rank, rank);
        assert_memory_equal(after.dims, before.dims, sizeof after.dims);
        assert_true(
            tacit_span_equal(tacit_secret_span(before.data), tacit_secret_span(after.data)));
        tacit_secret_destroy(&file);
        tacit_tensor_release(&before);
        tacit_tensor_release(&after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float32),
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_types_refused),
        cmocka_unit_test(test_narrowing),
        cmocka_unit_test(test_bool_is_zero_or_one),
        cmocka_unit_test(test_header_spellings),
        cmocka_unit_test(test_headers_refused),
        cmocka_unit_test(test_eight_dimensions_are_the_limit),
        cmocka_unit_test(test_sizes_must_match),
        cmocka_unit_test(test_shapes_beyond_the_limit),
        cmocka_unit_test(test_header_size_limit),
        cmocka_unit_test(test_views_what_is_empty),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_output_is_what_numpy_writes),
        cmocka_unit_test(test_round_trip_of_every_rank),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
