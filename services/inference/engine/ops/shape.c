/*  shape.c - operators that move elements or only rename their places.  */

#include "services/inference/engine/ops/joined.h"
#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"

#include <string.h>

static tacit_status_t s_refuse(const tacit_inference_t *inference, const char *reason)
{
    return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED, "%s",
                                   reason);
}

/* --- views ------------------------------------------------------------------------------------ */

/*  -1 stands for whatever is left; 0 keeps the input's dimension, unless allowzero.  */
TACIT_INFER(reshape)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    const tacit_tensor_t *wanted = &inference->inputs[1];
    bool zeros = tacit_graph_node_integer(inference->node, "allowzero", 0) != 0;
    if (wanted->shape.rank != 1 || wanted->count > TACIT_ENGINE_RANK_MAX || wanted->data == NULL) {
        return s_refuse(inference, "its new shape is no list of at most 8 dimensions");
    }
    tacit_shape_t shape = {.rank = wanted->count};
    size_t rest = SIZE_MAX;
    size_t known = 1;
    for (size_t i = 0; i < shape.rank; i++) {
        int64_t dim = ((const int64_t *)wanted->data)[i];
        if (dim < -1 || dim > TACIT_TENSOR_SIZE_MAX || (dim == -1 && rest != SIZE_MAX) ||
            (dim == 0 && !zeros && i >= from->rank)) {
            return s_refuse(inference, "its new shape has a wrong dimension");
        }
        shape.dims[i] = dim == 0 && !zeros ? from->dims[i] : dim;
        rest = dim == -1 ? i : rest;
        if (dim != -1 && (__builtin_mul_overflow(known, (size_t)shape.dims[i], &known) ||
                          known > TACIT_TENSOR_SIZE_MAX)) {
            return s_refuse(inference, "its new shape is too large");
        }
    }
    size_t count = inference->inputs[0].count;
    if (rest != SIZE_MAX && known > 0) {
        shape.dims[rest] = (int64_t)(count / known);
        known *= count / known;
    }
    if (known != count || (rest != SIZE_MAX && shape.dims[rest] < 0)) {
        char a[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(from->rank, from->dims, a);
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "its input %s does not fit the new shape", a);
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_INFER(flatten)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    int64_t axis = tacit_graph_node_integer(inference->node, "axis", 1);
    size_t at = from->rank;
    /* The axis may also stand behind the last dimension.  */
    if (axis != (int64_t)from->rank && !tacit_shape_axis(axis, from->rank, &at)) {
        return s_refuse(inference, "its axis is outside its input");
    }
    inference->outputs[0].shape =
        (tacit_shape_t){.rank = 2,
                        .dims = {(int64_t)tacit_shape_span(from, 0, at),
                                 (int64_t)tacit_shape_span(from, at, from->rank)}};
    return TACIT_OK;
}

/*  The axes of Squeeze and Unsqueeze, an attribute before opset 13, an input since, as flags.
    ret_given is false where there are none.  */
static tacit_status_t s_axes(const tacit_inference_t *inference, size_t rank, bool *ret_flags,
                             bool *ret_given, size_t *ret_count)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(inference->node, "axes");
    const int64_t *axes = attribute != NULL ? attribute->integers : NULL;
    size_t count = attribute != NULL ? attribute->count : 0;
    if (tacit_graph_node_input(inference->node, 1) != TACIT_NO_VALUE) {
        axes = inference->inputs[1].data;
        count = inference->inputs[1].count;
    }
    if (count > TACIT_ENGINE_RANK_MAX || (count > 0 && axes == NULL)) {
        return s_refuse(inference, "it has too many axes");
    }
    rank += ret_count != NULL ? count : 0;
    for (size_t i = 0; i < count; i++) {
        size_t axis = 0;
        if (rank > TACIT_ENGINE_RANK_MAX || !tacit_shape_axis(axes[i], rank, &axis) ||
            ret_flags[axis]) {
            return s_refuse(inference, "an axis is outside its tensor, or named twice");
        }
        ret_flags[axis] = true;
    }
    *ret_given = count > 0;
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return TACIT_OK;
}

TACIT_INFER(squeeze)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    bool flags[TACIT_ENGINE_RANK_MAX] = {false};
    bool given = false;
    tacit_status_t status = s_axes(inference, from->rank, flags, &given, NULL);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_shape_t shape = {.rank = 0};
    for (size_t i = 0; i < from->rank; i++) {
        bool leaves = given ? flags[i] : from->dims[i] == 1;
        if (leaves && from->dims[i] != 1) {
            return s_refuse(inference, "a dimension to drop is not 1");
        }
        if (!leaves) {
            shape.dims[shape.rank++] = from->dims[i];
        }
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_INFER(unsqueeze)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    bool flags[TACIT_ENGINE_RANK_MAX] = {false};
    bool given = false;
    size_t count = 0;
    tacit_status_t status = s_axes(inference, from->rank, flags, &given, &count);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_shape_t shape = {.rank = from->rank + count};
    size_t next = 0;
    for (size_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = flags[i] ? 1 : from->dims[next++];
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/*  Whether the input is a number that is known, and 0.  */
static bool s_known_zero(const tacit_tensor_t *input)
{
    double number = 1.0;
    if (input->data != NULL && input->count == 1) {
        bool wide = input->dtype == TACIT_DTYPE_FLOAT64;
        number = wide ? *(const double *)input->data : (double)*(const float *)input->data;
    }
    return number == 0.0;
}

/*  Dropout does nothing at inference, nor in training where it drops none (as PyTorch writes
    functional.dropout); the mask says that everything stayed.  */
TACIT_INFER(dropout)
{
    bool given = inference->node->input_count > 2;
    const tacit_tensor_t *training = &inference->inputs[given ? 2 : 0];
    if (given && training->data != NULL && training->count > 0 &&
        *(const uint8_t *)training->data != 0 && !s_known_zero(&inference->inputs[1])) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_UNSUPPORTED,
                                       "training mode is not computed");
    }
    for (size_t i = 0; i < inference->node->output_count; i++) {
        inference->outputs[i].shape = inference->inputs[0].shape;
    }
    return TACIT_OK;
}

TACIT_KERNEL(copy)
{
    (void)parameters, (void)input_count;
    if (outputs[0].count > 0) {
        memcpy(outputs[0].data, inputs[0].data, tacit_tensor_size(&outputs[0]));
    }
    if (output_count > 1 && outputs[1].data != NULL) {
        memset(outputs[1].data, 1, outputs[1].count);
    }
    return NULL;
}

/* --- Transpose -------------------------------------------------------------------------------- */

TACIT_INFER(transpose)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    const tacit_attribute_t *order = tacit_graph_node_attribute(inference->node, "perm");
    bool seen[TACIT_ENGINE_RANK_MAX] = {false};
    tacit_shape_t shape = {.rank = from->rank};
    if (order != NULL && order->count != from->rank) {
        return s_refuse(inference, "perm has not the rank of its input");
    }
    for (size_t i = 0; i < from->rank; i++) {
        int64_t axis = order != NULL ? order->integers[i] : (int64_t)(from->rank - 1 - i);
        size_t at = 0;
        if (!tacit_shape_axis(axis, from->rank, &at) || seen[at]) {
            return s_refuse(inference, "perm is no permutation");
        }
        seen[at] = true;
        shape.dims[i] = from->dims[at];
        inference->parameters->permutation.order[i] = at;
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define MOVE(type)                                                                                 \
    do {                                                                                           \
        const type *from = inputs[0].data;                                                         \
        type *to = outputs[0].data;                                                                \
        for (size_t i = 0; i < run; i++) {                                                         \
            to[done + i] = from[at + i * step];                                                    \
        }                                                                                          \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

TACIT_KERNEL(transpose)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t places[TACIT_ENGINE_RANK_MAX] = {0};
    size_t index[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_shape_strides(&inputs[0].shape, &inputs[0].shape, strides);
    for (size_t i = 0; i < shape->rank; i++) {
        places[i] = strides[parameters->permutation.order[i]];
    }
    size_t inner = shape->rank > 0 ? shape->rank - 1 : 0;
    size_t run = shape->rank > 0 ? (size_t)shape->dims[inner] : 1;
    size_t step = shape->rank > 0 ? places[inner] : 0;
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t at = 0;
    for (size_t done = 0; done < outputs[0].count; done += run) {
        if (size == 1) {
            MOVE(uint8_t);
        } else if (size == 4) {
            MOVE(uint32_t);
        } else {
            MOVE(uint64_t);
        }
        for (size_t i = inner; i-- > 0;) {
            at += places[i];
            if (++index[i] < (size_t)shape->dims[i]) {
                break;
            }
            at -= places[i] * (size_t)shape->dims[i];
            index[i] = 0;
        }
    }
    return NULL;
}

/* --- Concat ----------------------------------------------------------------------------------- */

TACIT_INFER(concat)
{
    tacit_shape_t shape = inference->inputs[0].shape;
    size_t axis = 0;
    if (tacit_graph_node_attribute(inference->node, "axis") == NULL ||
        !tacit_shape_axis(tacit_graph_node_integer(inference->node, "axis", 0), shape.rank,
                          &axis)) {
        return s_refuse(inference, "its axis is missing, or outside its inputs");
    }
    for (size_t i = 1; i < inference->node->input_count; i++) {
        tacit_shape_t other = inference->inputs[i].shape;
        int64_t added = axis < other.rank ? other.dims[axis] : 0;
        other.dims[axis] = shape.dims[axis];
        if (!tacit_shape_equal(&other, &shape)) {
            return s_refuse(inference, "its inputs differ outside the axis");
        }
        shape.dims[axis] += added;
        if (shape.dims[axis] > TACIT_TENSOR_SIZE_MAX) {
            return s_refuse(inference, "its output is too large");
        }
    }
    inference->parameters->axis.axis = axis;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(concat)
{
    (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t axis = parameters->axis.axis;
    size_t outer = tacit_shape_span(shape, 0, axis);
    size_t size = tacit_dtype_size(outputs[0].dtype);
    size_t row = tacit_shape_span(shape, axis, shape->rank) * size;
    size_t at = 0;
    for (size_t i = 0; i < input_count; i++) {
        size_t part = tacit_shape_span(&inputs[i].shape, axis, shape->rank) * size;
        for (size_t n = 0; part > 0 && n < outer; n++) {
            memcpy((uint8_t *)outputs[0].data + n * row + at,
                   (const uint8_t *)inputs[i].data + n * part, part);
        }
        at += part;
    }
    return NULL;
}

/*  Values in oneDNN's layout are joined in it, where every part fills whole blocks of channels.  */
enum { CHANNEL_BLOCK = 16 };

static bool s_joins_in_blocks(const tacit_planner_t *planner, const tacit_inference_t *inference)
{
    bool blocked = inference->parameters->axis.axis == 1 && inference->outputs[0].shape.rank >= 3;
    for (size_t i = 0; blocked && i < inference->node->input_count; i++) {
        int slot = tacit_planner_slot(planner, inference->node->inputs[i]);
        blocked = !tacit_planner_is_plain(planner, slot) &&
                  inference->inputs[i].shape.dims[1] % CHANNEL_BLOCK == 0;
    }
    return blocked;
}

static tacit_status_t s_concat_steps(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     const_dnnl_primitive_desc_t desc)
{
    const tacit_graph_node_t *node = inference->node;
    dnnl_memory_desc_t target = *dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    tacit_argument_t arguments[TACIT_NODE_INPUTS_MAX + 1];
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        arguments[i] = (tacit_argument_t){DNNL_ARG_MULTIPLE_SRC + (int)i, slot,
                                          *tacit_planner_layout(planner, slot)};
    }
    int y =
        tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &inference->outputs[0].shape, &target);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    arguments[node->input_count] = (tacit_argument_t){DNNL_ARG_DST, y, target};
    tacit_planner_bind(planner, node->outputs[0], y);
    return tacit_planner_primitive(planner, desc, arguments, node->input_count + 1);
}

/*  A part that is joined itself has to lie in one piece.  */
static tacit_status_t s_concat_wholes(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const int *parts = NULL;
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        if (tacit_planner_parts(planner, slot, &parts) > 0) {
            dnnl_memory_desc_t layout = *tacit_planner_layout(planner, slot);
            slot = tacit_planner_arrange(planner, slot, NULL, &layout);
            if (slot == TACIT_NO_SLOT) {
                return tacit_planner_error(planner)->code;
            }
            tacit_planner_bind(planner, node->inputs[i], slot);
        }
    }
    return TACIT_OK;
}

TACIT_ACCELERATE(concat)
{
    tacit_status_t prepared = tacit_joined_concat(planner, inference, ret_done);
    if (prepared == TACIT_OK && !*ret_done) {
        prepared = s_concat_wholes(planner, inference->node);
    }
    if (prepared != TACIT_OK || *ret_done) {
        return prepared;
    }
    if (!s_joins_in_blocks(planner, inference)) {
        return TACIT_OK;
    }
    const tacit_graph_node_t *node = inference->node;
    dnnl_memory_desc_t layouts[TACIT_NODE_INPUTS_MAX];
    for (size_t i = 0; i < node->input_count; i++) {
        layouts[i] = *tacit_planner_layout(planner, tacit_planner_slot(planner, node->inputs[i]));
    }
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_concat_primitive_desc_create(
            &desc, NULL, (int)node->input_count, 1, layouts, attributes,
            tacit_onednn_engine(tacit_planner_onednn(planner))) == dnnl_success) {
        status = s_concat_steps(planner, inference, desc);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* clang-format off */
TACIT_OPERATORS(shape) = {
    {"Reshape", 5, 13, ANY, "Ti|T", 2, "", 1 << 1, VIEW, I(reshape), K(copy), NULL},
    {"Reshape", 14, 17, ANY, "Ti|T", 2, "allowzero:i", 1 << 1, VIEW, I(reshape), K(copy), NULL},
    {"Flatten", 1, 17, ANY, "T|T", 1, "axis:i", 0, VIEW, I(flatten), K(copy), NULL},
    {"Squeeze", 1, 12, ANY, "T|T", 1, "axes:I", 0, VIEW, I(squeeze), K(copy), NULL},
    {"Squeeze", 13, 17, ANY, "Ti|T", 1, "", 1 << 1, VIEW, I(squeeze), K(copy), NULL},
    {"Unsqueeze", 1, 12, ANY, "T|T", 1, "axes:I", 0, VIEW, I(unsqueeze), K(copy), NULL},
    {"Unsqueeze", 13, 17, ANY, "Ti|T", 2, "", 1 << 1, VIEW, I(unsqueeze), K(copy), NULL},
    {"Identity", 1, 17, ANY, "T|T", 1, "", 0, VIEW, I(same), K(copy), NULL},
    {"Dropout", 7, 9, FLOAT32, "T|T", 1, "ratio:f", 0, VIEW, I(dropout), K(copy), NULL},
    {"Dropout", 10, 11, FLOAT32, "T|Tb", 1, "ratio:f", 0, VIEW, I(dropout), K(copy), NULL},
    {"Dropout", 12, 17, FLOAT32, "Trb|Tb", 1, "seed:i", 1 << 2, VIEW, I(dropout), K(copy), NULL},
    {"Transpose", 1, 17, ANY, "T|T", 1, "perm:I", 0, 0, I(transpose), K(transpose), NULL},
    {"Concat", 4, 17, ANY, "T*|T", 1, "axis:i", 0, 0, I(concat), K(concat), A(concat)},
    {"Constant", 1, 17, ANY, "|T", 0, "", 0, 0, NULL, NULL, NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
