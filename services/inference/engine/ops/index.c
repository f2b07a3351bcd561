/*  index.c - operators that pick, place and repeat elements: Gather*, Scatter*, Slice, Split, Pad,
    Expand, Tile, OneHot, Trilu, ReverseSequence, DepthToSpace, SpaceToDepth.

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

/* --- Slice ------------------------------------------------------------------------------------ */

/*  One list of Slice: an attribute before opset 10, an input since; ret_count 0 where absent.  */
static bool s_list(const tacit_inference_t *inference, const char *name, size_t i,
                   int64_t ret_items[TACIT_ENGINE_RANK_MAX], size_t *ret_count)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(inference->node, name);
    bool given = tacit_graph_node_input(inference->node, i) != TACIT_NO_VALUE;
    *ret_count = given ? inference->inputs[i].count : (attribute != NULL ? attribute->count : 0);
    if (*ret_count > TACIT_ENGINE_RANK_MAX) {
        return false;
    }
    for (size_t k = 0; k < *ret_count; k++) {
        ret_items[k] =
            given ? tacit_element_integer(&inference->inputs[i], k) : attribute->integers[k];
    }
    return true;
}

/*  Numpy's rules for one axis: clamp both ends, count the steps between.  */
static int64_t s_clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : (x > high ? high : x);
}

static int64_t s_range(int64_t dim, int64_t *start, int64_t end, int64_t step)
{
    int64_t low = step > 0 ? 0 : -1;
    int64_t high = step > 0 ? dim : dim - 1;
    *start = s_clamp(*start < 0 ? s_clamp(*start, -dim - 1, 0) + dim : *start, step > 0 ? 0 : -1,
                     step > 0 ? dim : dim - 1);
    end = s_clamp(end < 0 ? s_clamp(end, -dim - 1, 0) + dim : end, low, high);
    int64_t room = step > 0 ? end - *start : *start - end;
    uint64_t pace = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return room > 0 ? (int64_t)(((uint64_t)room - 1) / pace + 1) : 0;
}

TACIT_INFER(slice)
{
    tacit_shape_t shape = inference->inputs[0].shape;
    int64_t starts[TACIT_ENGINE_RANK_MAX];
    int64_t ends[TACIT_ENGINE_RANK_MAX];
    int64_t axes[TACIT_ENGINE_RANK_MAX];
    int64_t steps[TACIT_ENGINE_RANK_MAX];
    size_t count = 0;
    size_t counts[3] = {0};
    if (!s_list(inference, "starts", 1, starts, &count) ||
        !s_list(inference, "ends", 2, ends, &counts[0]) ||
        !s_list(inference, "axes", 3, axes, &counts[1]) ||
        !s_list(inference, "", 4, steps, &counts[2]) || counts[0] != count || count > shape.rank ||
        (counts[1] != 0 && counts[1] != count) || (counts[2] != 0 && counts[2] != count)) {
        return tacit_infer_refuse(inference, "its starts, ends, axes and steps do not fit");
    }
    tacit_parameters_t *parameters = inference->parameters;
    bool seen[TACIT_ENGINE_RANK_MAX] = {false};
    for (size_t i = 0; i < TACIT_ENGINE_RANK_MAX; i++) {
        parameters->places.step[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        int64_t step = counts[2] > 0 ? steps[i] : 1;
        if (!tacit_shape_axis(counts[1] > 0 ? axes[i] : (int64_t)i, shape.rank, &axis) ||
            seen[axis] || step == 0) {
            return tacit_infer_refuse(inference, "an axis is wrong, or a step is 0");
        }
        seen[axis] = true;
        parameters->places.start[axis] = starts[i];
        parameters->places.step[axis] = step;
        shape.dims[axis] =
            s_range(shape.dims[axis], &parameters->places.start[axis], ends[i], step);
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(slice)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    if (outputs[0].count == 0) {
        return NULL;
    }
    tacit_dense_strides(&inputs[0].shape, strides);
    size_t inner = shape->rank > 0 ? shape->rank - 1 : 0;
    size_t run = shape->rank > 0 ? (size_t)shape->dims[inner] : 1;
    for (size_t n = 0; n < outputs[0].count; n += run) {
        tacit_coordinates(shape, n, at);
        int64_t from = 0;
        for (size_t i = 0; i < shape->rank; i++) {
            from += (parameters->places.start[i] + (int64_t)at[i] * parameters->places.step[i]) *
                    (int64_t)strides[i];
        }
        int64_t step = shape->rank > 0 && run > 1 ? parameters->places.step[inner] : 1;
        if (step == 1) {
            memcpy((uint8_t *)outputs[0].data + n * size,
                   (const uint8_t *)inputs[0].data + (size_t)from * size, run * size);
            continue;
        }
        for (size_t i = 0; i < run; i++) {
            tacit_element_copy(size, outputs[0].data, n + i, inputs[0].data,
                               (size_t)(from + (int64_t)i * step));
        }
    }
    return NULL;
}

/* --- Split ------------------------------------------------------------------------------------ */

TACIT_INFER(split)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(inference->node, "split");
    size_t parts = inference->node->output_count;
    size_t *axis = &inference->parameters->axis.axis;
    const int64_t *sizes = attribute != NULL ? attribute->integers : NULL;
    size_t count = attribute != NULL ? attribute->count : 0;
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, from->rank, axis);
    if (status != TACIT_OK) {
        return status;
    }
    if (tacit_graph_node_input(inference->node, 1) != TACIT_NO_VALUE) {
        sizes = inference->inputs[1].data;
        count = inference->inputs[1].count;
    }
    int64_t left = from->dims[*axis];
    if ((sizes != NULL && count != parts) || (sizes == NULL && left % (int64_t)parts != 0)) {
        return tacit_infer_refuse(inference, "its parts do not fit its outputs");
    }
    for (size_t i = 0; i < parts; i++) {
        int64_t part = sizes != NULL ? sizes[i] : from->dims[*axis] / (int64_t)parts;
        if (part < 0 || part > left) {
            return tacit_infer_refuse(inference, "its parts are not those of its input");
        }
        left -= part;
        inference->outputs[i].shape = *from;
        inference->outputs[i].shape.dims[*axis] = part;
    }
    return left == 0 ? TACIT_OK
                     : tacit_infer_refuse(inference, "its parts are not those of its input");
}

/*  A part whose output nobody wants has no memory, but its place in the input.  */
TACIT_KERNEL(split)
{
    (void)input_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = parameters->axis.axis;
    size_t outer = tacit_shape_span(shape, 0, axis);
    size_t size = tacit_dtype_size(inputs[0].dtype);
    size_t row = tacit_shape_span(shape, axis, shape->rank) * size;
    size_t at = 0;
    for (size_t i = 0; i < output_count; i++) {
        size_t part = tacit_shape_span(&outputs[i].shape, axis, shape->rank) * size;
        for (size_t n = 0; outputs[i].data != NULL && part > 0 && n < outer; n++) {
            memcpy((uint8_t *)outputs[i].data + n * part,
                   (const uint8_t *)inputs[0].data + n * row + at, part);
        }
        at += part;
    }
    return NULL;
}

/* --- Expand, Tile ----------------------------------------------------------------------------- */

/*  The content of a list of dimensions, each in [0, TACIT_TENSOR_SIZE_MAX].  */
static bool s_dims(const tacit_tensor_t *list, tacit_shape_t *ret_shape)
{
    if (list->shape.rank != 1 || list->count > TACIT_ENGINE_RANK_MAX) {
        return false;
    }
    *ret_shape = (tacit_shape_t){.rank = list->count};
    for (size_t i = 0; i < list->count; i++) {
        ret_shape->dims[i] = ((const int64_t *)list->data)[i];
        if (ret_shape->dims[i] < 0 || ret_shape->dims[i] > TACIT_TENSOR_SIZE_MAX) {
            return false;
        }
    }
    return true;
}

TACIT_INFER(expand)
{
    tacit_shape_t wanted;
    if (!s_dims(&inference->inputs[1], &wanted) ||
        !tacit_shape_broadcast(&inference->inputs[0].shape, &wanted,
                               &inference->outputs[0].shape)) {
        return tacit_infer_refuse(inference, "its input does not broadcast to the shape");
    }
    return TACIT_OK;
}

TACIT_KERNEL(expand)
{
    (void)parameters, (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_shape_strides(&inputs[0].shape, shape, strides);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        tacit_element_copy(size, outputs[0].data, n, inputs[0].data,
                           tacit_offset(shape->rank, at, strides));
    }
    return NULL;
}

TACIT_INFER(tile)
{
    tacit_shape_t repeats;
    tacit_shape_t shape = inference->inputs[0].shape;
    if (!s_dims(&inference->inputs[1], &repeats) || repeats.rank != shape.rank) {
        return tacit_infer_refuse(inference, "its repeats do not fit its input");
    }
    for (size_t i = 0; i < shape.rank; i++) {
        shape.dims[i] *= repeats.dims[i]; /* both are below 2^31 */
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(tile)
{
    (void)parameters, (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(&inputs[0].shape, strides);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        for (size_t i = 0; i < shape->rank; i++) {
            at[i] %= (size_t)inputs[0].shape.dims[i];
        }
        tacit_element_copy(size, outputs[0].data, n, inputs[0].data,
                           tacit_offset(shape->rank, at, strides));
    }
    return NULL;
}

/* --- Pad -------------------------------------------------------------------------------------- */

enum { PAD_CONSTANT = 0, PAD_EDGE = 1, PAD_REFLECT = 2 };

TACIT_INFER(pad)
{
    const tacit_graph_node_t *node = inference->node;
    const char *mode = tacit_graph_node_text(node, "mode", "constant");
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, "pads");
    tacit_shape_t shape = inference->inputs[0].shape;
    const int64_t *pads = attribute != NULL ? attribute->integers : NULL;
    size_t count = attribute != NULL ? attribute->count : 0;
    if (tacit_graph_node_input(node, 1) != TACIT_NO_VALUE) {
        pads = inference->inputs[1].data;
        count = inference->inputs[1].count;
    }
    bool edge = strcmp(mode, "edge") == 0;
    bool reflect = strcmp(mode, "reflect") == 0;
    if (pads == NULL || count != 2 * shape.rank ||
        (!edge && !reflect && strcmp(mode, "constant") != 0)) {
        return tacit_infer_refuse(inference, "its pads do not fit its input, or its mode is none");
    }
    inference->parameters->places.mode = edge ? PAD_EDGE : (reflect ? PAD_REFLECT : PAD_CONSTANT);
    for (size_t i = 0; i < shape.rank; i++) {
        int64_t before = pads[i];
        int64_t after = pads[shape.rank + i];
        int64_t most = reflect ? shape.dims[i] - 1 : TACIT_TENSOR_SIZE_MAX;
        if (before < -shape.dims[i] || after < -shape.dims[i] || before > most || after > most ||
            before + after < -shape.dims[i] || (edge && shape.dims[i] < 1)) {
            return tacit_infer_refuse(inference, "a pad does not fit its input");
        }
        inference->parameters->places.start[i] = before;
        shape.dims[i] += before + after;
    }
    if (tacit_given(inference->inputs, node->input_count, 2) && inference->inputs[2].count != 1) {
        return tacit_infer_refuse(inference, "the value to pad with is not one");
    }
    inference->parameters->places.step[0] = 0;
    float value = tacit_graph_node_real(node, "value", 0.0F);
    memcpy(&inference->parameters->places.step[0], &value, sizeof(value));
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/*  The input's coordinate for one of the output; below 0 where there is none.  */
static int64_t s_padded(int64_t at, int64_t dim, int mode)
{
    if (mode == PAD_EDGE) {
        return at < 0 ? 0 : (at >= dim ? dim - 1 : at);
    }
    if (mode == PAD_REFLECT) {
        at = at < 0 ? -at : at;
        return at >= dim ? 2 * (dim - 1) - at : at;
    }
    return at < dim ? at : -1;
}

TACIT_KERNEL(pad)
{
    (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    const tacit_shape_t *from = &inputs[0].shape;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    bool given = tacit_given(inputs, input_count, 2);
    const void *filler = given ? inputs[2].data : &parameters->places.step[0];
    tacit_dense_strides(from, strides);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        bool inside = true;
        size_t place = 0;
        for (size_t i = 0; inside && i < shape->rank; i++) {
            int64_t of = s_padded((int64_t)at[i] - parameters->places.start[i], from->dims[i],
                                  parameters->places.mode);
            inside = of >= 0;
            place += (size_t)of * strides[i];
        }
        tacit_element_copy(size, outputs[0].data, n, inside ? inputs[0].data : filler,
                           inside ? place : 0);
    }
    return NULL;
}

/* --- OneHot ----------------------------------------------------------------------------------- */

TACIT_INFER(one_hot)
{
    const tacit_shape_t *indices = &inference->inputs[0].shape;
    const tacit_tensor_t *depth = &inference->inputs[1];
    if (depth->count != 1 || depth->data == NULL || inference->inputs[2].count != 2 ||
        indices->rank + 1 > TACIT_ENGINE_RANK_MAX) {
        return tacit_infer_refuse(inference, "its depth or values do not fit");
    }
    int64_t length = tacit_element_integer(depth, 0);
    size_t axis = 0;
    tacit_status_t status = tacit_infer_axis(inference, "axis", -1, indices->rank + 1, &axis);
    if (status != TACIT_OK || length < 0 || length > TACIT_TENSOR_SIZE_MAX) {
        return status != TACIT_OK ? status : tacit_infer_refuse(inference, "its depth is wrong");
    }
    tacit_shape_t shape = {.rank = indices->rank + 1};
    for (size_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = i == axis ? length : indices->dims[i < axis ? i : i - 1];
    }
    inference->parameters->axis.axis = axis;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(one_hot)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t axis = parameters->axis.axis;
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    int64_t depth = shape->dims[axis];
    size_t size = tacit_dtype_size(outputs[0].dtype);
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t outer = n / inner / (size_t)depth;
        int64_t index = tacit_element_integer(&inputs[0], outer * inner + n % inner);
        index += index < 0 ? depth : 0;
        bool hot = index == (int64_t)(n / inner % (size_t)depth);
        tacit_element_copy(size, outputs[0].data, n, inputs[2].data, hot ? 1 : 0);
    }
    return NULL;
}

/* --- Trilu, ReverseSequence ------------------------------------------------------------------- */

TACIT_INFER(trilu)
{
    inference->parameters->node.mode = tacit_graph_node_integer(inference->node, "upper", 1) != 0;
    bool given = tacit_given(inference->inputs, inference->node->input_count, 1);
    if (inference->inputs[0].shape.rank < 2 || (given && inference->inputs[1].count != 1)) {
        return tacit_infer_refuse(inference, "its input is no matrix, or k is not one number");
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(trilu)
{
    (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    int64_t columns = shape->dims[shape->rank - 1];
    int64_t rows = shape->dims[shape->rank - 2];
    size_t size = tacit_dtype_size(outputs[0].dtype);
    int64_t k = tacit_given(inputs, input_count, 1) ? tacit_element_integer(&inputs[1], 0) : 0;
    k = s_clamp(k, -TACIT_TENSOR_SIZE_MAX, TACIT_TENSOR_SIZE_MAX);
    const uint64_t zero = 0;
    for (size_t n = 0; n < outputs[0].count; n++) {
        int64_t column = (int64_t)n % columns;
        int64_t row = (int64_t)n / columns % rows;
        bool kept = parameters->node.mode != 0 ? column - row >= k : column - row <= k;
        tacit_element_copy(size, outputs[0].data, n, kept ? inputs[0].data : &zero, kept ? n : 0);
    }
    return NULL;
}

TACIT_INFER(reverse)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    int64_t time = tacit_graph_node_integer(inference->node, "time_axis", 0);
    int64_t batch = tacit_graph_node_integer(inference->node, "batch_axis", 1);
    if (shape->rank < 2 || time + batch != 1 || time < 0 || time > 1 ||
        inference->inputs[1].shape.rank != 1 ||
        inference->inputs[1].shape.dims[0] != shape->dims[batch]) {
        return tacit_infer_refuse(inference, "its axes or lengths do not fit its input");
    }
    inference->parameters->axis.axis = (size_t)time;
    return tacit_infer_same(inference);
}

TACIT_KERNEL(reverse)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t size = tacit_dtype_size(inputs[0].dtype);
    size_t row = tacit_shape_span(shape, 2, shape->rank) * size;
    size_t second = (size_t)shape->dims[1];
    size_t time = parameters->axis.axis;
    for (size_t n = 0; n < (size_t)shape->dims[0] * second; n++) {
        size_t at[2] = {n / second, n % second};
        int64_t length = ((const int64_t *)inputs[1].data)[at[1 - time]];
        if (length < 0 || length > shape->dims[time]) {
            return "a length is outside its input";
        }
        if (at[time] < (size_t)length) {
            at[time] = (size_t)length - 1 - at[time];
        }
        if (row > 0) {
            memcpy((uint8_t *)outputs[0].data + n * row,
                   (const uint8_t *)inputs[0].data + (at[0] * second + at[1]) * row, row);
        }
    }
    return NULL;
}

/* --- DepthToSpace and back -------------------------------------------------------------------- */

/*  As a transposition of six dimensions: [N, C, H, W] in blocks.  */
static tacit_status_t s_blocks(const tacit_inference_t *inference, bool to_space)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    int64_t block = tacit_graph_node_integer(inference->node, "blocksize", 0);
    const char *mode = tacit_graph_node_text(inference->node, "mode", "DCR");
    bool fits = x->rank == 4 && block >= 1 && block <= TACIT_WINDOW_MAX;
    if (fits) {
        fits = to_space ? x->dims[1] % (block * block) == 0
                        : x->dims[2] % block == 0 && x->dims[3] % block == 0;
    }
    if (!fits || (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)) {
        return tacit_infer_refuse(inference, "its blocks do not fit its input");
    }
    inference->parameters->node.mode = strcmp(mode, "CRD") == 0;
    inference->parameters->node.axis = (size_t)block;
    inference->outputs[0].shape =
        to_space ? (tacit_shape_t){.rank = 4,
                                   .dims = {x->dims[0], x->dims[1] / block / block,
                                            x->dims[2] * block, x->dims[3] * block}}
                 : (tacit_shape_t){.rank = 4,
                                   .dims = {x->dims[0], x->dims[1] * block * block,
                                            x->dims[2] / block, x->dims[3] / block}};
    return TACIT_OK;
}

TACIT_INFER(depth_to_space)
{
    return s_blocks(inference, true);
}

TACIT_INFER(space_to_depth)
{
    return s_blocks(inference, false);
}

/*  Where the element of the spacious side lies on the deep one.  */
static size_t s_deep(const tacit_parameters_t *parameters, const tacit_shape_t *space, size_t n)
{
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    size_t block = parameters->node.axis;
    size_t channels = (size_t)space->dims[1];
    size_t height = (size_t)space->dims[2] / block;
    size_t width = (size_t)space->dims[3] / block;
    tacit_coordinates(space, n, at);
    size_t place = at[2] % block * block + at[3] % block;
    size_t channel =
        parameters->node.mode != 0 ? at[1] * block * block + place : place * channels + at[1];
    return ((at[0] * channels * block * block + channel) * height + at[2] / block) * width +
           at[3] / block;
}

TACIT_KERNEL(depth_to_space)
{
    (void)input_count, (void)output_count;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_element_copy(size, outputs[0].data, n, inputs[0].data,
                           s_deep(parameters, &outputs[0].shape, n));
    }
    return NULL;
}

TACIT_KERNEL(space_to_depth)
{
    (void)input_count, (void)output_count;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    for (size_t n = 0; n < inputs[0].count; n++) {
        tacit_element_copy(size, outputs[0].data, s_deep(parameters, &inputs[0].shape, n),
                           inputs[0].data, n);
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
    {"Slice", 1, 9, ANY, "T|T", 1, "starts:I ends:I axes:I", 0, 0, I(slice), K(slice), NULL},
    {"Slice", 10, 17, ANY, "Tjjjj|T", 3, "", 0x1e, 0, I(slice), K(slice), NULL},
    {"Split", 2, 12, ANY, "T|T*", 1, "axis:i split:I", 0, 0, I(split), K(split), NULL},
    {"Split", 13, 17, ANY, "Ti|T*", 1, "axis:i", 1 << 1, 0, I(split), K(split), NULL},
    {"Expand", 8, 17, ANY, "Ti|T", 2, "", 1 << 1, 0, I(expand), K(expand), NULL},
    {"Tile", 6, 17, ANY, "Ti|T", 2, "", 1 << 1, 0, I(tile), K(tile), NULL},
    {"Pad", 2, 10, FLOAT32, "T|T", 1, "mode:s pads:I value:f", 0, 0, I(pad), K(pad), NULL},
    {"Pad", 11, 17, ANY, "TiT|T", 2, "mode:s", 1 << 1, 0, I(pad), K(pad), NULL},
    {"OneHot", 9, 17, ANY, "nnT|T", 3, "axis:i", 1 << 1, 0, I(one_hot), K(one_hot), NULL},
    {"Trilu", 14, 17, ANY, "Ti|T", 1, "upper:i", 0, 0, I(trilu), K(trilu), NULL},
    {"ReverseSequence", 10, 17, ANY, "Ti|T", 2, "batch_axis:i time_axis:i", 0, 0, I(reverse), K(reverse), NULL},
    {"DepthToSpace", 1, 17, ANY, "T|T", 1, "blocksize:i mode:s", 0, 0, I(depth_to_space), K(depth_to_space), NULL},
    {"SpaceToDepth", 1, 17, ANY, "T|T", 1, "blocksize:i", 0, 0, I(space_to_depth), K(space_to_depth), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
