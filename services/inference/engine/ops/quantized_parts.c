/*  quantized_parts.c - what ONNX Runtime's quantizer writes where maps with grids of their own
    become one (com.microsoft): QLinearConcat, QLinearWhere; and QLinearAveragePool.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/ops/window.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/maps.h"

/* --- from one grid to another ----------------------------------------------------------------- */

enum { BYTES_OF_TABLE = 256 };

/*  What each byte becomes.  */
static void s_table(tacit_grid_t of_x, tacit_grid_t of_y, uint8_t ret_table[BYTES_OF_TABLE])
{
    float reals[BYTES_OF_TABLE];
    for (size_t i = 0; i < BYTES_OF_TABLE; i++) {
        ret_table[i] = (uint8_t)i;
    }
    if (of_x.scale != of_y.scale || of_x.zero != of_y.zero) {
        tacit_integer()->dequantize(ret_table, BYTES_OF_TABLE, of_x, reals);
        tacit_integer()->quantize(reals, BYTES_OF_TABLE, of_y, ret_table);
    }
}

/* --- QLinearConcat ---------------------------------------------------------------------------- */

/*  Two numbers of the result's grid, then each part with its own.  */
enum { CONCAT_SCALE = 0, CONCAT_ZERO, PARTS, EACH = 3 };

static bool s_is_part(const tacit_inference_t *inference, size_t i)
{
    const tacit_tensor_t *part = &inference->inputs[i];
    tacit_dtype_t dtype = inference->outputs[0].dtype;
    return part[0].dtype == dtype && part[1].dtype == TACIT_DTYPE_FLOAT32 &&
           part[2].dtype == dtype && part[1].count == 1 && part[2].count == 1;
}

TACIT_INFER(concat)
{
    const tacit_tensor_t *inputs = inference->inputs;
    size_t count = inference->node->input_count;
    if (count < PARTS + EACH || (count - PARTS) % EACH != 0) {
        return tacit_infer_refuse(inference, "a part has no grid");
    }
    tacit_shape_t shape = inputs[PARTS].shape;
    size_t *axis = &inference->parameters->axis.axis;
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, shape.rank, axis);
    int64_t length = 0;
    bool fits = inputs[CONCAT_SCALE].count == 1 && inputs[CONCAT_ZERO].count == 1;
    for (size_t i = PARTS; status == TACIT_OK && fits && i < count; i += EACH) {
        tacit_shape_t part = inputs[i].shape;
        fits = s_is_part(inference, i) && part.rank == shape.rank;
        length += fits ? part.dims[*axis] : 0;
        part.dims[*axis] = shape.dims[*axis];
        fits = fits && tacit_shape_equal(&part, &shape);
    }
    if (status == TACIT_OK && !fits) {
        return tacit_infer_refuse(inference, "its parts do not fit each other");
    }
    shape.dims[*axis] = length;
    inference->outputs[0].shape = shape;
    return status;
}

/*  Each row of the result is a row of each part, one after the other.  */
static void s_join(const tacit_tensor_t *inputs, size_t input_count, size_t rows,
                   tacit_tensor_t *output)
{
    size_t row = rows > 0 ? output->count / rows : 0;
    uint8_t *y = output->data;
    for (size_t i = PARTS; i < input_count; i += EACH) {
        uint8_t table[BYTES_OF_TABLE];
        s_table(tacit_quantized_grid(inputs, input_count, i, i + 1, i + 2),
                tacit_quantized_grid(inputs, input_count, i, CONCAT_SCALE, CONCAT_ZERO), table);
        size_t length = rows > 0 ? inputs[i].count / rows : 0;
        for (size_t n = 0; n < rows; n++) {
            tacit_maps()->look_up((const uint8_t *)inputs[i].data + n * length, length, table,
                                  y + n * row);
        }
        y += length;
    }
}

TACIT_KERNEL(concat)
{
    (void)output_count;
    s_join(inputs, input_count, tacit_shape_span(&outputs[0].shape, 0, parameters->axis.axis),
           &outputs[0]);
    return NULL;
}

/*  The same of channels that lie side by side.  */
static const char *s_concat_last(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                 size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    s_join(inputs, input_count, (size_t)shape->dims[0] * tacit_shape_span(shape, 2, shape->rank),
           &outputs[0]);
    return NULL;
}

TACIT_ACCELERATE(concat)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    bool any = false;
    for (size_t i = 0; i < node->input_count; i++) {
        slots[i] = tacit_planner_slot(planner, node->inputs[i]);
        any |= slots[i] != TACIT_NO_SLOT && tacit_last_is(planner, slots[i]);
    }
    if (!any || inference->parameters->axis.axis != 1) {
        return TACIT_OK;
    }
    for (size_t i = PARTS; i < node->input_count; i += EACH) {
        slots[i] = tacit_last_slot(planner, slots[i]);
        if (slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    int y = tacit_last_new(planner, inference->outputs[0].dtype, shape);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[node->input_count] = y;
    tacit_planner_bind(planner, node->outputs[0], y);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_concat_last, "bytes", NULL, slots, node->input_count, 1,
                                0);
}

/* --- QLinearWhere ----------------------------------------------------------------------------- */

enum {
    CHOICE_OF = 0,
    LEFT,
    LEFT_SCALE,
    LEFT_ZERO,
    RIGHT,
    RIGHT_SCALE,
    RIGHT_ZERO,
    Z_SCALE,
    Z_ZERO
};

TACIT_INFER(where)
{
    static const size_t numbers[] = {LEFT_SCALE, LEFT_ZERO, RIGHT_SCALE,
                                     RIGHT_ZERO, Z_SCALE,   Z_ZERO};
    const tacit_tensor_t *inputs = inference->inputs;
    tacit_shape_t both;
    bool fits =
        tacit_shape_broadcast(&inputs[LEFT].shape, &inputs[RIGHT].shape, &both) &&
        tacit_shape_broadcast(&both, &inputs[CHOICE_OF].shape, &inference->outputs[0].shape);
    for (size_t i = 0; fits && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fits = inputs[numbers[i]].count == 1;
    }
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its operands do not fit each other");
}

TACIT_KERNEL(where)
{
    (void)parameters, (void)output_count;
    static const size_t maps[] = {LEFT, RIGHT, CHOICE_OF};
    size_t strides[3][TACIT_ENGINE_RANK_MAX];
    uint8_t tables[2][BYTES_OF_TABLE];
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    const tacit_shape_t *shape = &outputs[0].shape;
    for (size_t i = 0; i < 3; i++) {
        tacit_shape_strides(&inputs[maps[i]].shape, shape, strides[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        size_t map = maps[i];
        s_table(tacit_quantized_grid(inputs, input_count, map, map + 1, map + 2),
                tacit_quantized_grid(inputs, input_count, map, Z_SCALE, Z_ZERO), tables[i]);
    }
    const uint8_t *choices = inputs[CHOICE_OF].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        size_t side = choices[tacit_offset(shape->rank, at, strides[2])] != 0 ? 0 : 1;
        const uint8_t *x = inputs[maps[side]].data;
        ((uint8_t *)outputs[0].data)[n] =
            tables[side][x[tacit_offset(shape->rank, at, strides[side])]];
    }
    return NULL;
}

/* --- QLinearAveragePool ----------------------------------------------------------------------- */

enum { X = 0, X_SCALE, X_ZERO, MEAN_SCALE, MEAN_ZERO };

TACIT_INFER(average_pool)
{
    int64_t output[TACIT_SPATIAL_MAX];
    const tacit_shape_t *x = &inference->inputs[X].shape;
    tacit_status_t status =
        tacit_window_read(inference, NULL, &inference->parameters->window, output);
    if (status != TACIT_OK) {
        return status;
    }
    for (size_t i = X_SCALE; i <= MEAN_ZERO; i++) {
        if (!tacit_quantized_fit(inference, i, 1)) {
            return tacit_infer_refuse(inference, "its grids are not single numbers");
        }
    }
    tacit_shape_t shape = *x;
    size_t count = 0;
    memcpy(&shape.dims[2], output, (x->rank - 2) * sizeof(int64_t));
    inference->outputs[0].shape = shape;
    if (!tacit_shape_count(&shape, TACIT_DTYPE_FLOAT32, &count)) {
        return tacit_infer_refuse(inference, "its output is too large");
    }
    *inference->scratch = (inference->inputs[X].count + count) * sizeof(float);
    return TACIT_OK;
}

/*  Averages of reals, placed on the grid at last: so they round as ONNX Runtime's.  */
TACIT_KERNEL(average_pool)
{
    tacit_tensor_t x = inputs[X];
    tacit_tensor_t y = outputs[0];
    x.dtype = y.dtype = TACIT_DTYPE_FLOAT32;
    x.data = outputs[output_count].data;
    y.data = (float *)x.data + x.count;
    tacit_integer()->dequantize(inputs[X].data, x.count,
                                tacit_quantized_grid(inputs, input_count, X, X_SCALE, X_ZERO),
                                x.data);
    tacit_window_average(&parameters->window, &x, &y);
    tacit_integer()->quantize(y.data, y.count,
                              tacit_quantized_grid(inputs, input_count, X, MEAN_SCALE, MEAN_ZERO),
                              outputs[0].data);
    return NULL;
}

TACIT_ACCELERATE(average_pool)
{
    return tacit_last_average_pool(planner, inference, ret_done);
}

/* clang-format off */
#define EIGHT_BITS (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8))
TACIT_OPERATORS(quantized_parts) = {
    {"QLinearConcat", 1, 1, EIGHT_BITS, "fTn*|T", 5, "axis:i", 0, MS | BYTES | BOTH, I(concat), K(concat), A(concat)},
    {"QLinearWhere", 1, 1, EIGHT_BITS, "bTfTTfTfT|T", 9, "", 0, MS, I(where), K(where), NULL},
    {"QLinearAveragePool", 1, 1, EIGHT_BITS, "TfTfT|T", 4, WINDOW " ceil_mode:i count_include_pad:i channels_last:i=0", 0, MS | BYTES | BOTH, I(average_pool), K(average_pool), A(average_pool)},
    TACIT_OPERATORS_END
};
/* clang-format on */
