/*  quantized_maps.c - what ONNX Runtime's quantizer writes between convolutions (com.microsoft):
    QLinearAdd, QLinearMul, QLinearGlobalAveragePool.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/portable.h"

/* --- two maps --------------------------------------------------------------------------------- */

enum { LEFT = 0, LEFT_SCALE, LEFT_ZERO, RIGHT, RIGHT_SCALE, RIGHT_ZERO, Y_SCALE, Y_ZERO };

TACIT_INFER(pair)
{
    static const size_t numbers[] = {LEFT_SCALE, LEFT_ZERO, RIGHT_SCALE,
                                     RIGHT_ZERO, Y_SCALE,   Y_ZERO};
    const tacit_tensor_t *inputs = inference->inputs;
    bool fits = tacit_shape_broadcast(&inputs[LEFT].shape, &inputs[RIGHT].shape,
                                      &inference->outputs[0].shape);
    for (size_t i = 0; fits && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fits = tacit_quantized_fit(inference, numbers[i], 1);
    }
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its operands do not fit each other");
}

typedef void (*s_combine_t)(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b,
                            tacit_grid_t of_b, size_t count, tacit_grid_t of_y, uint8_t *y);

/*  Two maps broadcast to one: dimensions in the order in which the result lies, and steps.  */
typedef struct s_walk {
    size_t rank;
    size_t dims[TACIT_ENGINE_RANK_MAX];
    size_t a[TACIT_ENGINE_RANK_MAX], b[TACIT_ENGINE_RANK_MAX];
} s_walk_t;

/*  Steps of an operand; last: its channels lie side by side.  */
static void s_steps(const tacit_shape_t *operand, const tacit_shape_t *output, bool last,
                    size_t *ret_steps)
{
    tacit_shape_strides(operand, output, ret_steps);
    if (last && operand->rank == output->rank) {
        size_t step = (size_t)operand->dims[1];
        ret_steps[1] = operand->dims[1] > 1 ? 1 : 0;
        for (size_t i = output->rank; i-- > 2;) {
            ret_steps[i] = operand->dims[i] > 1 ? step : 0;
            step *= (size_t)operand->dims[i];
        }
    }
}

/*  A dimension goes into the one after it where both operands go on as within that one.  */
static void s_add_dimension(s_walk_t *walk, size_t dim, size_t step_a, size_t step_b)
{
    if (dim == 1) {
        return;
    }
    size_t last = walk->rank - 1;
    if (walk->rank > 0 && walk->a[last] == step_a * dim && walk->b[last] == step_b * dim) {
        walk->dims[last] *= dim;
        walk->a[last] = step_a;
        walk->b[last] = step_b;
        return;
    }
    walk->dims[walk->rank] = dim;
    walk->a[walk->rank] = step_a;
    walk->b[walk->rank++] = step_b;
}

static s_walk_t s_walk(const tacit_tensor_t *inputs, const tacit_shape_t *output, bool last)
{
    s_walk_t walk = {.rank = 0};
    size_t steps_a[TACIT_ENGINE_RANK_MAX] = {0};
    size_t steps_b[TACIT_ENGINE_RANK_MAX] = {0};
    s_steps(&inputs[LEFT].shape, output, last, steps_a);
    s_steps(&inputs[RIGHT].shape, output, last, steps_b);
    for (size_t i = 0; i < output->rank; i++) {
        size_t from = !last || i == 0 ? i : i + 1 < output->rank ? i + 1 : 1;
        s_add_dimension(&walk, (size_t)output->dims[from], steps_a[from], steps_b[from]);
    }
    if (walk.rank == 0) {
        walk = (s_walk_t){.rank = 1, .dims = {1}};
    }
    return walk;
}

enum { PIECE = 256, SHARE = 1 << 14 }; /* bytes: of a row at a time, and of a thread's share */

/*  A row of operands, one of which may be the same byte all along.  */
static void s_row(s_combine_t combine, const tacit_grid_t *grids, const uint8_t *a, size_t step_a,
                  const uint8_t *b, size_t step_b, size_t count, uint8_t *y)
{
    uint8_t same[2][PIECE];
    for (size_t i = 0; i < count; i += PIECE) {
        size_t length = count - i < PIECE ? count - i : PIECE;
        for (size_t k = 0; step_a != 1 && k < length; k++) {
            same[0][k] = a[(i + k) * step_a];
        }
        for (size_t k = 0; step_b != 1 && k < length; k++) {
            same[1][k] = b[(i + k) * step_b];
        }
        combine(step_a == 1 ? a + i : same[0], grids[0], step_b == 1 ? b + i : same[1], grids[1],
                length, grids[2], y + i);
    }
}

static void s_pair(s_combine_t combine, const tacit_tensor_t *inputs, size_t count, bool last,
                   tacit_tensor_t *output)
{
    const tacit_grid_t grids[] = {
        tacit_quantized_grid(inputs, count, LEFT, LEFT_SCALE, LEFT_ZERO),
        tacit_quantized_grid(inputs, count, RIGHT, RIGHT_SCALE, RIGHT_ZERO),
        tacit_quantized_grid(inputs, count, LEFT, Y_SCALE, Y_ZERO)};
    const uint8_t *a = inputs[LEFT].data;
    const uint8_t *b = inputs[RIGHT].data;
    uint8_t *y = output->data;
    if (tacit_shape_equal(&inputs[LEFT].shape, &inputs[RIGHT].shape)) {
        size_t shares = (output->count + SHARE - 1) / SHARE;
#pragma omp parallel for schedule(static) if (shares > 1 && tacit_portable_threads() > 1)
        for (size_t i = 0; i < shares; i++) {
            size_t left = output->count - i * SHARE;
            combine(a + i * SHARE, grids[0], b + i * SHARE, grids[1], left < SHARE ? left : SHARE,
                    grids[2], y + i * SHARE);
        }
        return;
    }
    s_walk_t walk = s_walk(inputs, &output->shape, last);
    size_t inner = walk.rank - 1;
    for (size_t n = 0; n < output->count; n += walk.dims[inner]) {
        size_t at_a = 0;
        size_t at_b = 0;
        for (size_t i = inner, rest = n / walk.dims[inner]; i-- > 0; rest /= walk.dims[i]) {
            at_a += rest % walk.dims[i] * walk.a[i];
            at_b += rest % walk.dims[i] * walk.b[i];
        }
        s_row(combine, grids, a + at_a, walk.a[inner], b + at_b, walk.b[inner], walk.dims[inner],
              y + n);
    }
}

TACIT_KERNEL(add)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->add, inputs, input_count, false, &outputs[0]);
    return NULL;
}

TACIT_KERNEL(multiply)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->multiply, inputs, input_count, false, &outputs[0]);
    return NULL;
}

static const char *s_add_last(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->add, inputs, input_count, true, &outputs[0]);
    return NULL;
}

static const char *s_multiply_last(const tacit_parameters_t *parameters,
                                   const tacit_tensor_t *inputs, size_t input_count,
                                   tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->multiply, inputs, input_count, true, &outputs[0]);
    return NULL;
}

/*  Operands that broadcast, one of which has its channels side by side.  */
static tacit_status_t s_broadcast(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[Y_ZERO + 2];
    bool any = false;
    bool fits = shape->rank >= 3;
    for (size_t i = 0; i <= Y_ZERO; i++) {
        slots[i] = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    }
    for (size_t i = LEFT; i <= RIGHT; i += RIGHT - LEFT) {
        const tacit_tensor_t *map = &inference->inputs[i];
        any |= tacit_last_is(planner, slots[i]);
        fits = fits && (map->shape.rank == shape->rank || map->count == 1);
    }
    if (!fits || !any) {
        return TACIT_OK;
    }
    for (size_t i = LEFT; i <= RIGHT; i += RIGHT - LEFT) {
        bool map = inference->inputs[i].shape.rank == shape->rank;
        slots[i] = map ? tacit_last_slot(planner, slots[i]) : slots[i];
        if (slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    slots[Y_ZERO + 1] = tacit_last_new(planner, inference->outputs[0].dtype, shape);
    if (slots[Y_ZERO + 1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, node->outputs[0], slots[Y_ZERO + 1]);
    *ret_done = true;
    return tacit_planner_kernel(
        planner, strcmp(node->op->name, "QLinearAdd") == 0 ? s_add_last : s_multiply_last, "bytes",
        NULL, slots, Y_ZERO + 1, 1, 0);
}

TACIT_ACCELERATE(pair)
{
    static const size_t maps[] = {LEFT, RIGHT};
    return tacit_shape_equal(&inference->inputs[LEFT].shape, &inference->inputs[RIGHT].shape)
               ? tacit_quantized_elements(planner, inference, maps, 2, ret_done)
               : s_broadcast(planner, inference, ret_done);
}

/* --- averages --------------------------------------------------------------------------------- */

enum { X = 0, X_SCALE, X_ZERO, MEAN_SCALE, MEAN_ZERO };

/*  Places whose sum, and what the zero point takes from it, fit 32 bits.  */
enum { PLACES_MAX = INT32_MAX / UINT8_MAX };

TACIT_INFER(average)
{
    static const size_t numbers[] = {X_SCALE, X_ZERO, MEAN_SCALE, MEAN_ZERO};
    const tacit_shape_t *x = &inference->inputs[X].shape;
    bool fits = x->rank >= 3 && tacit_shape_span(x, 2, x->rank) > 0 &&
                tacit_shape_span(x, 2, x->rank) <= PLACES_MAX;
    for (size_t i = 0; fits && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fits = tacit_quantized_fit(inference, numbers[i], 1);
    }
    inference->outputs[0].shape = *x;
    for (size_t i = 2; i < x->rank; i++) {
        inference->outputs[0].shape.dims[i] = 1;
    }
    *inference->scratch = fits ? (size_t)x->dims[1] * (sizeof(int32_t) + sizeof(float)) : 0;
    return fits ? TACIT_OK
                : tacit_infer_refuse(inference, "its input has no places to average, or too many");
}

/*  Sums of one picture's channels, whose elements are `step` apart, the channels `apart`.  */
static void s_sum(const tacit_tensor_t *x, size_t first, size_t area, size_t step, size_t channels,
                  size_t apart, int32_t *ret_sums)
{
    memset(ret_sums, 0, channels * sizeof(int32_t));
    const uint8_t *bytes = (const uint8_t *)x->data + first;
    for (size_t i = 0; apart == 1 && i < area; i++) {
        tacit_integer()->accumulate(bytes + i * step, channels, x->dtype == TACIT_DTYPE_INT8,
                                    ret_sums);
    }
    for (size_t c = 0; apart != 1 && c < channels; c++) {
        for (size_t i = 0; i < area; i++) {
            ret_sums[c] += tacit_quantized_byte(x, first + c * apart + i * step);
        }
    }
}

static void s_average(const tacit_tensor_t *inputs, size_t count, tacit_tensor_t *output,
                      bool channels_last, void *scratch)
{
    const tacit_tensor_t *x = &inputs[X];
    size_t batches = (size_t)x->shape.dims[0];
    size_t channels = (size_t)x->shape.dims[1];
    size_t area = tacit_shape_span(&x->shape, 2, x->shape.rank);
    tacit_grid_t of_x = tacit_quantized_grid(inputs, count, X, X_SCALE, X_ZERO);
    tacit_grid_t of_y = tacit_quantized_grid(inputs, count, X, MEAN_SCALE, MEAN_ZERO);
    float *scales = scratch;
    int32_t *sums = (int32_t *)(void *)(scales + channels);
    for (size_t c = 0; c < channels; c++) {
        scales[c] = of_x.scale / ((float)area * of_y.scale);
    }
    for (size_t batch = 0; batch < batches; batch++) {
        s_sum(x, batch * channels * area, area, channels_last ? channels : 1, channels,
              channels_last ? 1 : area, sums);
        for (size_t c = 0; c < channels; c++) {
            sums[c] -= (int32_t)area * of_x.zero;
        }
        tacit_integer()->place(sums, scales, channels, of_y,
                               (uint8_t *)output->data + batch * channels);
    }
}

TACIT_KERNEL(average)
{
    (void)parameters;
    s_average(inputs, input_count, &outputs[0], false, outputs[output_count].data);
    return NULL;
}

static const char *s_average_last(const tacit_parameters_t *parameters,
                                  const tacit_tensor_t *inputs, size_t input_count,
                                  tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters;
    s_average(inputs, input_count, &outputs[0], true, outputs[output_count].data);
    return NULL;
}

TACIT_ACCELERATE(average)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[MEAN_ZERO + 2];
    for (size_t i = 0; i <= MEAN_ZERO; i++) {
        slots[i] = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    }
    if (!tacit_last_is(planner, slots[X])) {
        return TACIT_OK;
    }
    int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                   &inference->outputs[0].shape, NULL);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[MEAN_ZERO + 1] = y;
    tacit_planner_bind(planner, node->outputs[0], y);
    *ret_done = true;
    size_t scratch = (size_t)inference->inputs[X].shape.dims[1] * (sizeof(int32_t) + sizeof(float));
    return tacit_planner_kernel(planner, s_average_last, "bytes", NULL, slots, MEAN_ZERO + 1, 1,
                                scratch);
}

/* clang-format off */
#define EIGHT_BITS (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8))
TACIT_OPERATORS(quantized_maps) = {
    {"QLinearAdd", 1, 1, EIGHT_BITS, "TfTTfTfT|T", 7, "", 0, MS | BYTES | BOTH, I(pair), K(add), A(pair)},
    {"QLinearMul", 1, 1, EIGHT_BITS, "TfTTfTfT|T", 7, "", 0, MS | BYTES | BOTH, I(pair), K(multiply), A(pair)},
    {"QLinearGlobalAveragePool", 1, 1, EIGHT_BITS, "TfTfT|T", 4, "channels_last:i=0", 0, MS | BYTES | BOTH, I(average), K(average), A(average)},
    TACIT_OPERATORS_END
};
/* clang-format on */
