/*  layout_test.c - the arithmetic on layouts that both backends plan with: as oneDNN does it, and,
   in a program of its own, as portable/no_onednn.c does. What is asserted is the same.  */

#include "services/inference/engine/engine.h"
#include "services/inference/engine/onednn.h"
#include "services/inference/engine/portable/portable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

enum { DRAWS = 2000, SIDE_MOST = 40, BLOCK = 16 };

/*  A small number, the same in every run.  */
static int64_t s_draw(int64_t least, int64_t most)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U;
    return least + (int64_t)((state >> 33) % (uint64_t)(most - least + 1));
}

static tacit_shape_t s_draw_shape(size_t least, size_t most)
{
    tacit_shape_t shape = {.rank = (size_t)s_draw((int64_t)least, (int64_t)most)};
    for (size_t d = 0; d < shape.rank; d++) {
        shape.dims[d] = s_draw(0, 3) == 0 ? 1 : s_draw(1, SIDE_MOST);
    }
    return shape;
}

static int64_t s_product(const int64_t *dims, size_t rank)
{
    int64_t product = 1;
    for (size_t d = 0; d < rank; d++) {
        product *= dims[d];
    }
    return product;
}

static void s_expect_size(dnnl_memory_desc_t layout, int64_t count)
{
    static const struct {
        tacit_dtype_t dtype;
        size_t size;
    } types[] = {{TACIT_DTYPE_FLOAT32, 4},
                 {TACIT_DTYPE_INT32, 4},
                 {TACIT_DTYPE_UINT8, 1},
                 {TACIT_DTYPE_INT8, 1}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        dnnl_memory_desc_t typed = tacit_onednn_retyped(layout, types[i].dtype);
        assert_int_equal(dnnl_memory_desc_get_size(&typed), (size_t)count * types[i].size);
    }
    dnnl_memory_desc_t reduced = tacit_onednn_reduced(layout);
    assert_int_equal(dnnl_memory_desc_get_size(&reduced), (size_t)count * 2);
}

static void test_a_row_major_layout_is_as_large_as_its_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < DRAWS; i++) {
        tacit_shape_t shape = s_draw_shape(0, TACIT_ENGINE_RANK_MAX);
        for (size_t d = 4; d < shape.rank; d++) {
            shape.dims[d] = shape.dims[d] % 3 + 1;
        }
        s_expect_size(tacit_onednn_plain(&shape), s_product(shape.dims, shape.rank));
    }
}

static void test_channels_last_is_as_large_and_is_the_same_only_where_no_step_differs(void **state)
{
    (void)state;
    for (size_t i = 0; i < DRAWS; i++) {
        tacit_shape_t shape = s_draw_shape(4, 4);
        dnnl_memory_desc_t plain = tacit_onednn_plain(&shape);
        dnnl_memory_desc_t last = tacit_onednn_channels_last(&shape);
        bool flat = shape.dims[1] == 1 || shape.dims[2] * shape.dims[3] == 1;
        s_expect_size(last, s_product(shape.dims, 4));
        assert_int_equal(dnnl_memory_desc_equal(&plain, &last) != 0, flat);
        assert_true(dnnl_memory_desc_equal(&last, &last));
    }
}

static void test_blocks_of_channels_are_filled_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < DRAWS; i++) {
        tacit_shape_t shape = s_draw_shape(3, 4);
        dnnl_memory_desc_t blocked = tacit_blocked_layout(&shape);
        tacit_shape_t whole = shape;
        whole.dims[1] = (shape.dims[1] + BLOCK - 1) / BLOCK * BLOCK;
        s_expect_size(blocked, s_product(whole.dims, whole.rank));
        assert_int_equal(blocked.padded_dims[1], whole.dims[1]);
        assert_int_equal(blocked.dims[1], shape.dims[1]);
        assert_int_equal(blocked.format_desc.blocking.inner_nblks, 1);
        assert_int_equal(blocked.format_desc.blocking.inner_blks[0], BLOCK);
        assert_int_equal(blocked.format_desc.blocking.inner_idxs[0], 1);
        assert_int_equal(blocked.format_desc.blocking.strides[shape.rank - 1], BLOCK);
        assert_int_equal(blocked.format_desc.blocking.strides[1],
                         BLOCK * s_product(&shape.dims[2], shape.rank - 2));
    }
}

static void test_layouts_differ_by_shape_type_and_blocks(void **state)
{
    (void)state;
    tacit_shape_t shape = {.rank = 4, .dims = {2, 16, 5, 7}};
    tacit_shape_t other = {.rank = 4, .dims = {2, 16, 7, 5}};
    tacit_shape_t fewer = {.rank = 3, .dims = {2, 16, 35}};
    tacit_shape_t filled = {.rank = 4, .dims = {2, 15, 5, 7}};
    dnnl_memory_desc_t plain = tacit_onednn_plain(&shape);
    dnnl_memory_desc_t layouts[] = {plain,
                                    tacit_onednn_plain(&other),
                                    tacit_onednn_plain(&fewer),
                                    tacit_onednn_channels_last(&shape),
                                    tacit_blocked_layout(&shape),
                                    tacit_blocked_layout(&fewer),
                                    tacit_blocked_layout(&filled),
                                    tacit_onednn_any(4, shape.dims),
                                    tacit_onednn_retyped(plain, TACIT_DTYPE_INT8),
                                    tacit_onednn_retyped(plain, TACIT_DTYPE_UINT8),
                                    tacit_onednn_reduced(plain)};
    size_t count = sizeof(layouts) / sizeof(layouts[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(dnnl_memory_desc_equal(&layouts[i], &layouts[k]) != 0, i == k);
        }
    }
}

static void test_the_step_along_a_side_of_one_does_not_matter(void **state)
{
    (void)state;
    const int64_t dims[] = {3, 1, 4};
    const int64_t near[] = {4, 4, 1};
    const int64_t far[] = {4, 77, 1};
    dnnl_memory_desc_t a = tacit_onednn_strided(3, dims, near);
    dnnl_memory_desc_t b = tacit_onednn_strided(3, dims, NULL);
    assert_true(dnnl_memory_desc_equal(&a, &b));
    dnnl_memory_desc_t c = tacit_onednn_strided(3, dims, far);
    assert_true(dnnl_memory_desc_equal(&a, &c));
}

static void test_an_empty_layout_has_no_size(void **state)
{
    (void)state;
    tacit_shape_t shape = {.rank = 3, .dims = {3, 0, 4}};
    dnnl_memory_desc_t layout = tacit_onednn_plain(&shape);
    assert_int_equal(dnnl_memory_desc_get_size(&layout), 0);
}

static void test_a_program_says_which_backends_it_has(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0};
    tacit_engine_t *engine = NULL;
    assert_true(tacit_engine_offers(TACIT_PRECISION_FP32, true));
    assert_false(tacit_engine_offers(TACIT_PRECISION_BF16, true));
#ifdef LINKED
    assert_true(tacit_engine_offers(TACIT_PRECISION_FP32, false));
#else
    assert_false(tacit_engine_offers(TACIT_PRECISION_FP32, false));
    assert_false(tacit_engine_offers(TACIT_PRECISION_BF16, false));
    assert_false(tacit_onednn_has_bf16());
    assert_false(tacit_onednn_sums_bytes());
    tacit_onednn_t *onednn = NULL;
    tacit_budget_t budget = {0};
    tacit_error_t error = {0};
    assert_int_equal(tacit_onednn_new(&budget, &onednn, &error), TACIT_UNSUPPORTED);
    assert_null(onednn);
#endif
    assert_int_not_equal(
        tacit_engine_load((tacit_span_t){bytes, sizeof(bytes)}, NULL, &engine, NULL), TACIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_major_layout_is_as_large_as_its_elements),
        cmocka_unit_test(test_channels_last_is_as_large_and_is_the_same_only_where_no_step_differs),
        cmocka_unit_test(test_blocks_of_channels_are_filled_up),
        cmocka_unit_test(test_layouts_differ_by_shape_type_and_blocks),
        cmocka_unit_test(test_the_step_along_a_side_of_one_does_not_matter),
        cmocka_unit_test(test_an_empty_layout_has_no_size),
        cmocka_unit_test(test_a_program_says_which_backends_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
