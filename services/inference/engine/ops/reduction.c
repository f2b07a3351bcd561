/*  reduction.c - Reduce*.

    Reals are summed up in double precision, integers wrap.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

/*  Axes are an attribute, or (ReduceSum since opset 13) an input.  */
TACIT_INFER(reduce)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *from = &inference->inputs[0].shape;
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, "axes");
    const int64_t *axes = attribute != NULL ? attribute->integers : NULL;
    size_t count = attribute != NULL ? attribute->count : 0;
    if (tacit_graph_node_input(node, 1) != TACIT_NO_VALUE) {
        axes = inference->inputs[1].data;
        count = inference->inputs[1].count;
    }
    bool all = count == 0 && tacit_graph_node_integer(node, "noop_with_empty_axes", 0) == 0;
    bool keep = tacit_graph_node_integer(node, "keepdims", 1) != 0;
    bool *flags = inference->parameters->reduction.axes;
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        if (axes == NULL || !tacit_shape_axis(axes[i], from->rank, &axis) || flags[axis]) {
            return tacit_infer_refuse(inference, "an axis is outside its input, or named twice");
        }
        flags[axis] = true;
    }
    tacit_shape_t shape = {.rank = 0};
    for (size_t i = 0; i < from->rank; i++) {
        flags[i] |= all;
        if (!flags[i] || keep) {
            shape.dims[shape.rank++] = flags[i] ? 1 : from->dims[i];
        }
    }
    inference->parameters->reduction.rank = from->rank;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

typedef union s_total {
    double real;
    int64_t integer;
} s_total_t;

/*  Take a line of elements into the total.  */
typedef void (*s_take_t)(const void *line, size_t count, size_t step, s_total_t *total);

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define TAKE(name, type, wide, member, expression)                                                 \
    static void s_##name(const void *line, size_t count, size_t step, s_total_t *total)            \
    {                                                                                              \
        const type *items = line;                                                                  \
        wide held = (wide)total->member;                                                           \
        for (size_t i = 0; i < count; i++) {                                                       \
            wide x = (wide)items[i * step];                                                        \
            held = (expression);                                                                   \
        }                                                                                          \
        total->member = (__typeof__(total->member))held;                                           \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define TAKES(name, real_expression, integer_expression, wide)                                     \
    TAKE(name##_f32, float, double, real, real_expression)                                         \
    TAKE(name##_f64, double, double, real, real_expression)                                        \
    TAKE(name##_u8, uint8_t, wide, integer, integer_expression)                                    \
    TAKE(name##_i8, int8_t, wide, integer, integer_expression)                                     \
    TAKE(name##_i32, int32_t, wide, integer, integer_expression)                                   \
    TAKE(name##_i64, int64_t, wide, integer, integer_expression)                                   \
    static const s_take_t s_##name[TACIT_COLUMNS] = {s_##name##_f32, s_##name##_f64,               \
                                                     s_##name##_u8,  s_##name##_i8,                \
                                                     s_##name##_i32, s_##name##_i64};

TAKES(total, held + x, held + x, uint64_t)
TAKES(squares, held + x * x, held + x * x, uint64_t)
TAKES(sizes, held + fabs(x), held + (x >> 63 != 0 ? 0 - x : x), uint64_t)
TAKES(product, held *x, held *x, uint64_t)
TAKES(largest, x > held || isnan(x) ? x : held, x > held ? x : held, int64_t)
TAKES(smallest, x < held || isnan(x) ? x : held, x < held ? x : held, int64_t)

/*  For ReduceLogSumExp, total holds the sum, and the largest, which is subtracted first.  */
static double s_exponentials(const tacit_tensor_t *tensor, size_t at, size_t count, size_t step,
                             double largest)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += exp(tacit_element_real(tensor, at + i * step) - largest);
    }
    return sum;
}

/*  The input as kept and reduced dimensions, neighbours of the latter joined.  */
typedef struct s_split {
    tacit_shape_t kept, gone;
    size_t kept_strides[TACIT_ENGINE_RANK_MAX];
    size_t gone_strides[TACIT_ENGINE_RANK_MAX];
} s_split_t;

static s_split_t s_split(const tacit_parameters_t *parameters, const tacit_shape_t *shape)
{
    s_split_t split = {.kept = {.rank = 0}};
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(shape, strides);
    for (size_t i = 0; i < shape->rank; i++) {
        if (!parameters->reduction.axes[i]) {
            split.kept_strides[split.kept.rank] = strides[i];
            split.kept.dims[split.kept.rank++] = shape->dims[i];
        } else if (i > 0 && parameters->reduction.axes[i - 1]) {
            split.gone.dims[split.gone.rank - 1] *= shape->dims[i];
            split.gone_strides[split.gone.rank - 1] = strides[i];
        } else {
            split.gone_strides[split.gone.rank] = strides[i];
            split.gone.dims[split.gone.rank++] = shape->dims[i];
        }
    }
    return split;
}

static void s_put(tacit_tensor_t *output, size_t n, s_total_t total)
{
    switch (output->dtype) {
    case TACIT_DTYPE_FLOAT32:
        ((float *)output->data)[n] = (float)total.real;
        break;
    case TACIT_DTYPE_FLOAT64:
        ((double *)output->data)[n] = total.real;
        break;
    case TACIT_DTYPE_INT32:
        ((int32_t *)output->data)[n] = (int32_t)total.integer;
        break;
    case TACIT_DTYPE_INT64:
        ((int64_t *)output->data)[n] = total.integer;
        break;
    default:
        ((uint8_t *)output->data)[n] = (uint8_t)total.integer;
        break;
    }
}

/*  What becomes of a total, as a real number.  */
typedef enum s_finish { AS_IT_IS, MEAN, ROOT, LOGARITHM } s_finish_t;

static s_total_t s_finished(s_total_t total, s_finish_t finish, size_t count, bool real)
{
    if (finish == AS_IT_IS) {
        return total;
    }
    if (finish == MEAN && !real) {
        return (s_total_t){.integer = count > 0 ? total.integer / (int64_t)count : 0};
    }
    double x = real ? total.real : (double)total.integer;
    x = finish == MEAN ? x / (double)count : (finish == ROOT ? sqrt(x) : log(x));
    return real ? (s_total_t){.real = x}
                : (s_total_t){.integer = tacit_saturate(x, INT64_MIN, INT64_MAX)};
}

typedef struct s_reduction {
    const s_take_t *takes;
    s_finish_t finish;
    double real; /* of nothing */
    int64_t integer;
} s_reduction_t;

static s_total_t s_take_all(const s_split_t *split, s_take_t take, const tacit_tensor_t *input,
                            size_t base, s_total_t total)
{
    size_t size = tacit_dtype_size(input->dtype);
    size_t inner = split->gone.rank > 0 ? split->gone.rank - 1 : 0;
    size_t run = split->gone.rank > 0 ? (size_t)split->gone.dims[inner] : 1;
    size_t step = split->gone.rank > 0 ? split->gone_strides[inner] : 1;
    tacit_shape_t outer = split->gone;
    outer.rank = inner;
    size_t lines = tacit_shape_span(&outer, 0, outer.rank);
    for (size_t i = 0; i < lines; i++) {
        size_t at[TACIT_ENGINE_RANK_MAX];
        tacit_coordinates(&outer, i, at);
        size_t from = base + tacit_offset(outer.rank, at, split->gone_strides);
        take((const uint8_t *)input->data + from * size, run, step, &total);
    }
    return total;
}

enum { COLUMNS = 64 };

/*  Totals of columns that lie side by side, row after row: each in the order of its elements.  */
static void s_total_columns(const float *x, size_t rows, size_t step, size_t columns,
                            double *ret_totals)
{
    for (size_t i = 0; i < columns; i++) {
        ret_totals[i] = 0;
    }
    for (size_t row = 0; row < rows; row++, x += step) {
        for (size_t i = 0; i < columns; i++) {
            ret_totals[i] += (double)x[i];
        }
    }
}

/*  Sums and means of reals over dimensions that are neighbours, with others behind them.  */
static bool s_reduce_columns(const s_reduction_t *reduction, const s_split_t *split, size_t count,
                             const tacit_tensor_t *input, tacit_tensor_t *output)
{
    size_t step = split->gone.rank == 1 ? split->gone_strides[0] : 1;
    if (reduction->takes != s_total || input->dtype != TACIT_DTYPE_FLOAT32 || step == 1 ||
        count == 0) {
        return false;
    }
    for (size_t n = 0; n < output->count;) {
        double totals[COLUMNS];
        size_t left = step - n % step;
        size_t columns = left < COLUMNS ? left : COLUMNS;
        s_total_columns((const float *)input->data + n / step * step * count + n % step, count,
                        step, columns, totals);
        for (size_t i = 0; i < columns; i++, n++) {
            s_put(output, n,
                  s_finished((s_total_t){.real = totals[i]}, reduction->finish, count, true));
        }
    }
    return true;
}

static void s_reduce(const s_reduction_t *reduction, const tacit_parameters_t *parameters,
                     const tacit_tensor_t *input, tacit_tensor_t *output)
{
    bool real = input->dtype == TACIT_DTYPE_FLOAT32 || input->dtype == TACIT_DTYPE_FLOAT64;
    s_split_t split = s_split(parameters, &input->shape);
    s_take_t take = reduction->takes[tacit_column(input->dtype)];
    s_total_t nothing = {.integer = reduction->integer};
    size_t count = tacit_shape_span(&split.gone, 0, split.gone.rank);
    if (real) {
        nothing.real = reduction->real;
    }
    if (s_reduce_columns(reduction, &split, count, input, output)) {
        return;
    }
    for (size_t n = 0; n < output->count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX];
        tacit_coordinates(&split.kept, n, at);
        size_t base = tacit_offset(split.kept.rank, at, split.kept_strides);
        s_total_t total = count > 0 ? s_take_all(&split, take, input, base, nothing) : nothing;
        s_put(output, n, s_finished(total, reduction->finish, count, real));
    }
}

#define REDUCE(name, takes, finish, real, integer)                                                 \
    TACIT_KERNEL(reduce_##name)                                                                    \
    {                                                                                              \
        static const s_reduction_t reduction = {takes, finish, real, integer};                     \
        (void)input_count, (void)output_count;                                                     \
        s_reduce(&reduction, parameters, &inputs[0], &outputs[0]);                                 \
        return NULL;                                                                               \
    }

REDUCE(sum, s_total, AS_IT_IS, 0, 0)
REDUCE(mean, s_total, MEAN, 0, 0)
REDUCE(product, s_product, AS_IT_IS, 1, 1)
REDUCE(max, s_largest, AS_IT_IS, -HUGE_VAL, INT64_MIN)
REDUCE(min, s_smallest, AS_IT_IS, HUGE_VAL, INT64_MAX)
REDUCE(l1, s_sizes, AS_IT_IS, 0, 0)
REDUCE(l2, s_squares, ROOT, 0, 0)
REDUCE(sum_square, s_squares, AS_IT_IS, 0, 0)
REDUCE(log_sum, s_total, LOGARITHM, 0, 0)

TACIT_KERNEL(reduce_log_sum_exp)
{
    (void)input_count, (void)output_count;
    s_split_t split = s_split(parameters, &inputs[0].shape);
    size_t count = tacit_shape_span(&split.gone, 0, split.gone.rank);
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX];
        tacit_coordinates(&split.kept, n, at);
        size_t base = tacit_offset(split.kept.rank, at, split.kept_strides);
        s_total_t largest = {.real = -HUGE_VAL};
        largest =
            s_take_all(&split, s_largest[tacit_column(inputs[0].dtype)], &inputs[0], base, largest);
        double shift = isfinite(largest.real) ? largest.real : 0;
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            tacit_coordinates(&split.gone, i, at);
            size_t from = base + tacit_offset(split.gone.rank, at, split.gone_strides);
            sum += s_exponentials(&inputs[0], from, 1, 1, shift);
        }
        s_put(&outputs[0], n, (s_total_t){.real = log(sum) + shift});
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(reduction) = {
    {"ReduceSum", 1, 12, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_sum), NULL},
    {"ReduceSum", 13, 17, NUMBER, "Ti|T", 1, "keepdims:i noop_with_empty_axes:i", 1 << 1, 0, I(reduce), K(reduce_sum), NULL},
    {"ReduceMean", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_mean), NULL},
    {"ReduceProd", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_product), NULL},
    {"ReduceMax", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_max), NULL},
    {"ReduceMin", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_min), NULL},
    {"ReduceL1", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_l1), NULL},
    {"ReduceL2", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_l2), NULL},
    {"ReduceSumSquare", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_sum_square), NULL},
    {"ReduceLogSum", 1, 17, NUMBER, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_log_sum), NULL},
    {"ReduceLogSumExp", 1, 17, FLOAT, "T|T", 1, "axes:I keepdims:i", 0, 0, I(reduce), K(reduce_log_sum_exp), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
