/*  slice.c - operators that cut and repeat: Slice, Split, Expand, Tile, Pad.  */

#include "services/inference/engine/ops/ops.h"

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

/*  Elements [first, last) of a row of the output, one by one; from: its row of the input, NULL
   where there is none.  */
static void s_pad_ends(const tacit_parameters_t *parameters, size_t axis, int64_t dim, size_t size,
                       const uint8_t *from, const void *filler, int64_t first, int64_t last,
                       uint8_t *y)
{
    for (int64_t k = first; k < last; k++) {
        int64_t of = from != NULL ? s_padded(k - parameters->places.start[axis], dim,
                                             parameters->places.mode)
                                  : -1;
        tacit_element_copy(size, y, (size_t)k, of >= 0 ? from : filler, of >= 0 ? (size_t)of : 0);
    }
}

/*  A row: what is inside is copied as a whole.  */
static void s_pad_row(const tacit_parameters_t *parameters, const tacit_tensor_t *x, size_t width,
                      const uint8_t *from, const void *filler, uint8_t *y)
{
    size_t axis = x->shape.rank - 1;
    size_t size = tacit_dtype_size(x->dtype);
    int64_t dim = x->shape.dims[axis];
    int64_t start = parameters->places.start[axis];
    int64_t first = start > 0 ? start : 0;
    int64_t last = dim + start < (int64_t)width ? dim + start : (int64_t)width;
    if (from == NULL || last <= first) {
        s_pad_ends(parameters, axis, dim, size, from, filler, 0, (int64_t)width, y);
        return;
    }
    s_pad_ends(parameters, axis, dim, size, from, filler, 0, first, y);
    memcpy(y + (size_t)first * size, from + (size_t)(first - start) * size,
           (size_t)(last - first) * size);
    s_pad_ends(parameters, axis, dim, size, from, filler, last, (int64_t)width, y);
}

TACIT_KERNEL(pad)
{
    (void)output_count;
    const tacit_tensor_t *x = &inputs[0];
    tacit_shape_t outer = outputs[0].shape;
    size_t size = tacit_dtype_size(x->dtype);
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    bool given = tacit_given(inputs, input_count, 2);
    const void *filler = given ? inputs[2].data : &parameters->places.step[0];
    size_t width = outer.rank > 0 ? (size_t)outer.dims[outer.rank - 1] : 1;
    uint8_t *y = outputs[0].data;
    if (outer.rank == 0) {
        memcpy(y, x->data, size);
        return NULL;
    }
    outer.rank--;
    tacit_dense_strides(&x->shape, strides);
    for (size_t n = 0; width > 0 && n < outputs[0].count / width; n++) {
        tacit_coordinates(&outer, n, at);
        bool inside = true;
        size_t place = 0;
        for (size_t i = 0; inside && i < outer.rank; i++) {
            int64_t of = s_padded((int64_t)at[i] - parameters->places.start[i], x->shape.dims[i],
                                  parameters->places.mode);
            inside = of >= 0;
            place += (size_t)of * strides[i];
        }
        s_pad_row(parameters, x, width, inside ? (const uint8_t *)x->data + place * size : NULL,
                  filler, y + n * width * size);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(slice) = {
    {"Slice", 1, 9, ANY, "T|T", 1, "starts:I ends:I axes:I", 0, 0, I(slice), K(slice), NULL},
    {"Slice", 10, 17, ANY, "Tjjjj|T", 3, "", 0x1e, 0, I(slice), K(slice), NULL},
    {"Split", 2, 12, ANY, "T|T*", 1, "axis:i split:I", 0, 0, I(split), K(split), NULL},
    {"Split", 13, 17, ANY, "Ti|T*", 1, "axis:i", 1 << 1, 0, I(split), K(split), NULL},
    {"Expand", 8, 17, ANY, "Ti|T", 2, "", 1 << 1, 0, I(expand), K(expand), NULL},
    {"Tile", 6, 17, ANY, "Ti|T", 2, "", 1 << 1, 0, I(tile), K(tile), NULL},
    {"Pad", 2, 10, FLOAT32, "T|T", 1, "mode:s pads:I value:f", 0, 0, I(pad), K(pad), NULL},
    {"Pad", 11, 17, ANY, "TiT|T", 2, "mode:s", 1 << 1, 0, I(pad), K(pad), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
