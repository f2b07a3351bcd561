/*  index.c - operators that pick and place elements by indices: Gather*, Scatter*.

    Indices are foreign numbers: the kernel refuses one that lies outside.  */

#include "services/inference/engine/ops/ops.h"

static const char s_outside[] = "an index is outside its tensor";

/*  Element i of an index tensor for a dimension, counted from the end where negative.  */
static bool s_index(const tacit_tensor_t *indices, size_t i, int64_t dim, size_t *ret_index)
{
    int64_t index = tacit_element_integer(indices, i);
    index += index < 0 ? dim : 0;
    *ret_index = (size_t)index;
    return index >= 0 && index < dim;
}

/* --- Gather ----------------------------------------------------------------------------------- */

TACIT_INFER(gather)
{
    const tacit_shape_t *data = &inference->inputs[0].shape;
    const tacit_shape_t *indices = &inference->inputs[1].shape;
    size_t *axis = &inference->parameters->axis.axis;
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, data->rank, axis);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_shape_t shape = {.rank = data->rank - 1 + indices->rank};
    if (shape.rank > TACIT_ENGINE_RANK_MAX) {
        return tacit_infer_refuse(inference, "its output has too many dimensions");
    }
    memcpy(shape.dims, data->dims, *axis * sizeof(int64_t));
    memcpy(shape.dims + *axis, indices->dims, indices->rank * sizeof(int64_t));
    memcpy(shape.dims + *axis + indices->rank, data->dims + *axis + 1,
           (data->rank - *axis - 1) * sizeof(int64_t));
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(gather)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = parameters->axis.axis;
    size_t row = tacit_shape_span(shape, axis + 1, shape->rank) * tacit_dtype_size(inputs[0].dtype);
    size_t length = (size_t)shape->dims[axis];
    size_t outer = outputs[0].count > 0 ? tacit_shape_span(shape, 0, axis) : 0;
    for (size_t o = 0; o < outer; o++) {
        for (size_t i = 0; i < inputs[1].count; i++) {
            size_t index = 0;
            if (!s_index(&inputs[1], i, shape->dims[axis], &index)) {
                return s_outside;
            }
            memcpy((uint8_t *)outputs[0].data + (o * inputs[1].count + i) * row,
                   (const uint8_t *)inputs[0].data + (o * length + index) * row, row);
        }
    }
    return NULL;
}

TACIT_INFER(gather_elements)
{
    const tacit_shape_t *data = &inference->inputs[0].shape;
    const tacit_shape_t *indices = &inference->inputs[1].shape;
    size_t *axis = &inference->parameters->axis.axis;
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, data->rank, axis);
    bool fits = data->rank == indices->rank;
    for (size_t i = 0; fits && i < data->rank; i++) {
        fits = i == *axis || indices->dims[i] <= data->dims[i];
    }
    if (status == TACIT_OK && !fits) {
        return tacit_infer_refuse(inference, "its indices do not fit its input");
    }
    inference->outputs[0].shape = *indices;
    return status;
}

TACIT_KERNEL(gather_elements)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *data = &inputs[0].shape;
    size_t size = tacit_dtype_size(inputs[0].dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(data, strides);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(&outputs[0].shape, n, at);
        size_t axis = parameters->axis.axis;
        if (!s_index(&inputs[1], n, data->dims[axis], &at[axis])) {
            return s_outside;
        }
        tacit_element_copy(size, outputs[0].data, n, inputs[0].data,
                           tacit_offset(data->rank, at, strides));
    }
    return NULL;
}

/* --- GatherND and ScatterND ------------------------------------------------------------------- */

/*  Where the slice lies that index tuple i names, in elements; false where outside.  */
static bool s_slice_at(const tacit_tensor_t *data, const tacit_tensor_t *indices, size_t i,
                       size_t first, size_t *ret_at)
{
    size_t depth = (size_t)indices->shape.dims[indices->shape.rank - 1];
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(&data->shape, strides);
    *ret_at = 0;
    for (size_t k = 0; k < depth; k++) {
        size_t index = 0;
        if (!s_index(indices, i * depth + k, data->shape.dims[first + k], &index)) {
            return false;
        }
        *ret_at += index * strides[first + k];
    }
    return true;
}

TACIT_INFER(gather_nd)
{
    const tacit_shape_t *data = &inference->inputs[0].shape;
    const tacit_shape_t *indices = &inference->inputs[1].shape;
    int64_t batch = tacit_graph_node_integer(inference->node, "batch_dims", 0);
    int64_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : 0;
    bool fits = batch >= 0 && (size_t)batch < data->rank && (size_t)batch < indices->rank &&
                depth >= 1 && depth <= (int64_t)data->rank - batch;
    for (size_t i = 0; fits && i < (size_t)batch; i++) {
        fits = data->dims[i] == indices->dims[i];
    }
    tacit_shape_t shape = {.rank = 0};
    for (size_t i = 0; fits && i + 1 < indices->rank; i++) {
        shape.dims[shape.rank++] = indices->dims[i];
    }
    for (size_t i = (size_t)(batch + depth); fits && i < data->rank; i++) {
        fits = shape.rank < TACIT_ENGINE_RANK_MAX;
        if (fits) {
            shape.dims[shape.rank++] = data->dims[i];
        }
    }
    if (!fits) {
        return tacit_infer_refuse(inference, "its indices do not fit its input");
    }
    inference->parameters->axis.axis = (size_t)batch;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(gather_nd)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *data = &inputs[0].shape;
    const tacit_shape_t *indices = &inputs[1].shape;
    size_t batch = parameters->axis.axis;
    size_t depth = (size_t)indices->dims[indices->rank - 1];
    size_t size = tacit_dtype_size(inputs[0].dtype);
    size_t row = tacit_shape_span(data, batch + depth, data->rank) * size;
    size_t tuples = tacit_shape_span(indices, 0, indices->rank - 1);
    size_t of_batch = tacit_shape_span(indices, batch, indices->rank - 1);
    size_t block = tacit_shape_span(data, batch, data->rank);
    for (size_t i = 0; i < tuples; i++) {
        size_t at = 0;
        if (!s_slice_at(&inputs[0], &inputs[1], i, batch, &at)) {
            return s_outside;
        }
        at += i / of_batch * block;
        if (row > 0) {
            memcpy((uint8_t *)outputs[0].data + i * row,
                   (const uint8_t *)inputs[0].data + at * size, row);
        }
    }
    return NULL;
}

/*  How scattered elements meet those that are there.  */
static const char *const s_modes[] = {"none", "add", "mul", "max", "min"};

static tacit_status_t s_scatter_mode(const tacit_inference_t *inference)
{
    const char *mode = tacit_graph_node_text(inference->node, "reduction", "none");
    for (size_t i = 0; i < sizeof(s_modes) / sizeof(s_modes[0]); i++) {
        if (strcmp(mode, s_modes[i]) == 0) {
            inference->parameters->node.mode = (int64_t)i;
            inference->outputs[0].shape = inference->inputs[0].shape;
            return TACIT_OK;
        }
    }
    return tacit_infer_refuse(inference, "its reduction is unknown");
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define COMBINE(type, wide)                                                                        \
    do {                                                                                           \
        type *held = (type *)to + at;                                                              \
        type item = ((const type *)from)[of];                                                      \
        wide sum = (wide)*held + (wide)item, product = (wide)*held * (wide)item;                   \
        type larger = *held > item ? *held : item, smaller = *held < item ? *held : item;          \
        *held =                                                                                    \
            mode == 1 ? (type)sum : (mode == 2 ? (type)product : (mode == 3 ? larger : smaller));  \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

static void s_combine(tacit_dtype_t dtype, int64_t mode, void *to, size_t at, const void *from,
                      size_t of)
{
    if (mode == 0) {
        tacit_element_copy(tacit_dtype_size(dtype), to, at, from, of);
        return;
    }
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        COMBINE(float, float);
        break;
    case TACIT_DTYPE_FLOAT64:
        COMBINE(double, double);
        break;
    case TACIT_DTYPE_INT32:
        COMBINE(int32_t, uint64_t);
        break;
    case TACIT_DTYPE_INT64:
        COMBINE(int64_t, uint64_t);
        break;
    case TACIT_DTYPE_INT8:
        COMBINE(int8_t, uint64_t);
        break;
    default:
        COMBINE(uint8_t, uint64_t);
        break;
    }
}

TACIT_INFER(scatter_nd)
{
    const tacit_shape_t *data = &inference->inputs[0].shape;
    const tacit_shape_t *indices = &inference->inputs[1].shape;
    const tacit_shape_t *updates = &inference->inputs[2].shape;
    int64_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : 0;
    bool fits = depth >= 1 && depth <= (int64_t)data->rank &&
                updates->rank == indices->rank - 1 + data->rank - (size_t)depth;
    for (size_t i = 0; fits && i < updates->rank; i++) {
        fits = updates->dims[i] == (i + 1 < indices->rank
                                        ? indices->dims[i]
                                        : data->dims[i + 1 - indices->rank + (size_t)depth]);
    }
    return fits ? s_scatter_mode(inference)
                : tacit_infer_refuse(inference, "its indices or updates do not fit its input");
}

TACIT_KERNEL(scatter_nd)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *indices = &inputs[1].shape;
    size_t depth = (size_t)indices->dims[indices->rank - 1];
    size_t row = tacit_shape_span(&inputs[0].shape, depth, inputs[0].shape.rank);
    size_t tuples = tacit_shape_span(indices, 0, indices->rank - 1);
    memcpy(outputs[0].data, inputs[0].data, tacit_tensor_size(&inputs[0]));
    for (size_t i = 0; i < tuples; i++) {
        size_t at = 0;
        if (!s_slice_at(&inputs[0], &inputs[1], i, 0, &at)) {
            return s_outside;
        }
        for (size_t k = 0; k < row; k++) {
            s_combine(inputs[0].dtype, parameters->node.mode, outputs[0].data, at + k,
                      inputs[2].data, i * row + k);
        }
    }
    return NULL;
}

TACIT_INFER(scatter_elements)
{
    size_t axis = 0;
    const tacit_shape_t *data = &inference->inputs[0].shape;
    const tacit_shape_t *indices = &inference->inputs[1].shape;
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, data->rank, &axis);
    bool fits =
        data->rank == indices->rank && tacit_shape_equal(indices, &inference->inputs[2].shape);
    for (size_t i = 0; fits && i < data->rank; i++) {
        fits = i == axis || indices->dims[i] <= data->dims[i];
    }
    if (status == TACIT_OK && !fits) {
        return tacit_infer_refuse(inference, "its indices or updates do not fit its input");
    }
    inference->parameters->node.axis = axis;
    return status == TACIT_OK ? s_scatter_mode(inference) : status;
}

TACIT_KERNEL(scatter_elements)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *data = &inputs[0].shape;
    size_t axis = parameters->node.axis;
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(data, strides);
    memcpy(outputs[0].data, inputs[0].data, tacit_tensor_size(&inputs[0]));
    for (size_t n = 0; n < inputs[1].count; n++) {
        tacit_coordinates(&inputs[1].shape, n, at);
        if (!s_index(&inputs[1], n, data->dims[axis], &at[axis])) {
            return s_outside;
        }
        s_combine(inputs[0].dtype, parameters->node.mode, outputs[0].data,
                  tacit_offset(data->rank, at, strides), inputs[2].data, n);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(index) = {
    {"Gather", 1, 17, ANY, "Tj|T", 2, "axis:i", 0, 0, I(gather), K(gather), NULL},
    {"GatherElements", 11, 17, ANY, "Tj|T", 2, "axis:i", 0, 0, I(gather_elements), K(gather_elements), NULL},
    {"GatherND", 11, 17, ANY, "Ti|T", 2, "batch_dims:i", 0, 0, I(gather_nd), K(gather_nd), NULL},
    {"Scatter", 9, 10, ANY, "TjT|T", 3, "axis:i", 0, 0, I(scatter_elements), K(scatter_elements), NULL},
    {"ScatterElements", 11, 17, ANY, "TjT|T", 3, "axis:i reduction:s", 0, 0, I(scatter_elements), K(scatter_elements), NULL},
    {"ScatterND", 11, 17, ANY, "TiT|T", 3, "reduction:s", 0, 0, I(scatter_nd), K(scatter_nd), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
