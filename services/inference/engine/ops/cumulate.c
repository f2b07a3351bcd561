/*  cumulate.c - CumSum. Reals are summed up in double precision, integers wrap.  */

#include "services/inference/engine/ops/ops.h"

TACIT_INFER(cumulate)
{
    inference->parameters->reals.first =
        tacit_graph_node_integer(inference->node, "exclusive", 0) != 0;
    inference->parameters->reals.second =
        tacit_graph_node_integer(inference->node, "reverse", 0) != 0;
    if (inference->inputs[1].count != 1) {
        return tacit_infer_refuse(inference, "its axis is not one number");
    }
    return tacit_infer_same(inference);
}

/*  A line of one tensor into that of another.  */
typedef struct s_run {
    size_t base, step, length;
    bool exclusive, reverse;
} s_run_t;

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define CUMULATE(name, type, wide)                                                                 \
    static void s_cumulate_##name(const s_run_t *run, const void *from, void *to)                  \
    {                                                                                              \
        const type *x = from;                                                                      \
        type *y = to;                                                                              \
        wide sum = 0;                                                                              \
        for (size_t i = 0; i < run->length; i++) {                                                 \
            size_t at = run->base + (run->reverse ? run->length - 1 - i : i) * run->step;          \
            wide item = (wide)x[at];                                                               \
            y[at] = (type)(run->exclusive ? sum : sum + item);                                     \
            sum += item;                                                                           \
        }                                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

CUMULATE(f32, float, double)
CUMULATE(f64, double, double)
CUMULATE(i32, int32_t, uint64_t)
CUMULATE(i64, int64_t, uint64_t)

static void s_cumulate(const s_run_t *run, const tacit_tensor_t *x, tacit_tensor_t *y)
{
    switch (x->dtype) {
    case TACIT_DTYPE_FLOAT32:
        s_cumulate_f32(run, x->data, y->data);
        break;
    case TACIT_DTYPE_FLOAT64:
        s_cumulate_f64(run, x->data, y->data);
        break;
    case TACIT_DTYPE_INT32:
        s_cumulate_i32(run, x->data, y->data);
        break;
    default:
        s_cumulate_i64(run, x->data, y->data);
        break;
    }
}

TACIT_KERNEL(cumulate)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = 0;
    if (!tacit_shape_axis(tacit_element_integer(&inputs[1], 0), shape->rank, &axis)) {
        return "its axis is outside its input";
    }
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    s_run_t run = {.step = inner,
                   .length = (size_t)shape->dims[axis],
                   .exclusive = parameters->reals.first,
                   .reverse = parameters->reals.second};
    for (size_t line = 0; run.length > 0 && line < inputs[0].count / run.length; line++) {
        run.base = line / inner * run.length * inner + line % inner;
        s_cumulate(&run, &inputs[0], &outputs[0]);
    }
    return NULL;
}

#define SUMMED (FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64))

/* clang-format off */
TACIT_OPERATORS(cumulate) = {
    {"CumSum", 11, 17, SUMMED, "Tj|T", 2, "exclusive:i reverse:i", 0, 0, I(cumulate), K(cumulate), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
