/*  rearrange.c - operators that set elements by their place: OneHot, Trilu, ReverseSequence,
    DepthToSpace, SpaceToDepth.  */

#include "services/inference/engine/ops/ops.h"

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
    k = k < -TACIT_TENSOR_SIZE_MAX ? -TACIT_TENSOR_SIZE_MAX : k;
    k = k > TACIT_TENSOR_SIZE_MAX ? TACIT_TENSOR_SIZE_MAX : k;
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
TACIT_OPERATORS(rearrange) = {
    {"OneHot", 9, 17, ANY, "nnT|T", 3, "axis:i", 1 << 1, 0, I(one_hot), K(one_hot), NULL},
    {"Trilu", 14, 17, ANY, "Ti|T", 1, "upper:i", 0, 0, I(trilu), K(trilu), NULL},
    {"ReverseSequence", 10, 17, ANY, "Ti|T", 2, "batch_axis:i time_axis:i", 0, 0, I(reverse), K(reverse), NULL},
    {"DepthToSpace", 1, 17, ANY, "T|T", 1, "blocksize:i mode:s", 0, 0, I(depth_to_space), K(depth_to_space), NULL},
    {"SpaceToDepth", 1, 17, ANY, "T|T", 1, "blocksize:i", 0, 0, I(space_to_depth), K(space_to_depth), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
