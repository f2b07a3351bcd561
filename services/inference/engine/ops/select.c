/*  select.c - operators that choose elements by value: TopK, NonZero, Compress, Unique.

    How many there are depends on the elements, so these must be known to plan (except for TopK). */

#include "services/inference/engine/ops/ops.h"

#include <math.h>
#include <stdlib.h>

/* --- TopK ------------------------------------------------------------------------------------- */

TACIT_INFER(top_k)
{
    const tacit_graph_node_t *node = inference->node;
    tacit_shape_t shape = inference->inputs[0].shape;
    size_t *axis = &inference->parameters->node.axis;
    tacit_status_t status = tacit_infer_axis(inference, "axis", -1, shape.rank, axis);
    int64_t k = tacit_graph_node_integer(node, "k", -1);
    if (node->input_count > 1) {
        k = inference->inputs[1].count == 1 ? tacit_element_integer(&inference->inputs[1], 0) : -1;
    }
    if (status != TACIT_OK || k < 0 || k > shape.dims[*axis]) {
        return status != TACIT_OK ? status : tacit_infer_refuse(inference, "its k is wrong");
    }
    inference->parameters->node.mode = tacit_graph_node_integer(node, "largest", 1) != 0;
    *inference->scratch = (size_t)shape.dims[*axis] * sizeof(size_t);
    shape.dims[*axis] = k;
    for (size_t i = 0; i < node->output_count; i++) {
        inference->outputs[i].shape = shape;
    }
    return TACIT_OK;
}

/*  A line of the input, to compare positions in it.  */
typedef struct s_line {
    const tacit_tensor_t *tensor;
    size_t base, step;
    bool largest;
} s_line_t;

static int s_compare_numbers(const tacit_tensor_t *tensor, size_t a, size_t b)
{
    if (tensor->dtype == TACIT_DTYPE_INT64) {
        int64_t left = tacit_element_integer(tensor, a);
        int64_t right = tacit_element_integer(tensor, b);
        return (left > right) - (left < right);
    }
    double left = tacit_element_real(tensor, a);
    double right = tacit_element_real(tensor, b);
    if (isnan(left) || isnan(right)) {
        return (isnan(left) != 0) - (isnan(right) != 0); /* NaN is the largest */
    }
    return (left > right) - (left < right);
}

static int s_compare(const void *a, const void *b, void *context)
{
    const s_line_t *line = context;
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    int order = s_compare_numbers(line->tensor, line->base + left * line->step,
                                  line->base + right * line->step);
    order = line->largest ? -order : order;
    return order != 0 ? order : (left > right) - (left < right);
}

TACIT_KERNEL(top_k)
{
    (void)input_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = parameters->node.axis;
    size_t length = (size_t)shape->dims[axis];
    size_t k = (size_t)outputs[0].shape.dims[axis];
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    size_t lines = k > 0 ? outputs[0].count / k : 0;
    size_t *order = outputs[output_count].data;
    int64_t *indices = output_count > 1 ? outputs[1].data : NULL;
    for (size_t n = 0; n < lines; n++) {
        size_t outer = n / inner;
        s_line_t line = {&inputs[0], outer * length * inner + n % inner, inner,
                         parameters->node.mode != 0};
        for (size_t i = 0; i < length; i++) {
            order[i] = i;
        }
        qsort_r(order, length, sizeof(size_t), s_compare, &line);
        for (size_t i = 0; i < k; i++) {
            size_t to = outer * k * inner + i * inner + n % inner;
            tacit_element_copy(tacit_dtype_size(inputs[0].dtype), outputs[0].data, to,
                               inputs[0].data, line.base + order[i] * inner);
            if (indices != NULL) {
                indices[to] = (int64_t)order[i];
            }
        }
    }
    return NULL;
}

/* --- NonZero, Compress ------------------------------------------------------------------------ */

static bool s_is_zero(const tacit_tensor_t *tensor, size_t i)
{
    return tacit_element_real(tensor, i) == 0;
}

TACIT_INFER(non_zero)
{
    int64_t count = 0;
    for (size_t i = 0; i < inference->inputs[0].count; i++) {
        count += s_is_zero(&inference->inputs[0], i) ? 0 : 1;
    }
    int64_t rank = (int64_t)inference->inputs[0].shape.rank;
    inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {rank > 0 ? rank : 1, count}};
    return TACIT_OK;
}

TACIT_KERNEL(non_zero)
{
    (void)parameters, (void)input_count, (void)output_count;
    size_t count = (size_t)outputs[0].shape.dims[1];
    int64_t *to = outputs[0].data;
    size_t found = 0;
    for (size_t n = 0; n < inputs[0].count && found < count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX] = {0};
        if (s_is_zero(&inputs[0], n)) {
            continue;
        }
        tacit_coordinates(&inputs[0].shape, n, at);
        for (size_t i = 0; i < (size_t)outputs[0].shape.dims[0]; i++) {
            to[i * count + found] = (int64_t)at[i];
        }
        found++;
    }
    return NULL;
}

TACIT_INFER(compress)
{
    const tacit_tensor_t *condition = &inference->inputs[1];
    tacit_shape_t shape = inference->inputs[0].shape;
    bool flat = tacit_graph_node_attribute(inference->node, "axis") == NULL;
    size_t *axis = &inference->parameters->axis.axis;
    if (flat) {
        shape = (tacit_shape_t){.rank = 1, .dims = {(int64_t)inference->inputs[0].count}};
    }
    tacit_status_t status = tacit_infer_axis(inference, "axis", 0, shape.rank, axis);
    if (status != TACIT_OK || condition->shape.rank != 1 ||
        condition->shape.dims[0] > shape.dims[*axis]) {
        return status != TACIT_OK
                   ? status
                   : tacit_infer_refuse(inference, "its condition does not fit its input");
    }
    int64_t count = 0;
    for (size_t i = 0; i < condition->count; i++) {
        count += ((const uint8_t *)condition->data)[i] != 0;
    }
    shape.dims[*axis] = count;
    inference->parameters->axis.last = flat;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(compress)
{
    (void)input_count, (void)output_count;
    const uint8_t *condition = inputs[1].data;
    const tacit_shape_t *shape = &inputs[0].shape;
    bool flat = parameters->axis.last;
    size_t axis = parameters->axis.axis;
    size_t length = flat ? inputs[0].count : (size_t)shape->dims[axis];
    size_t outer = flat ? 1 : tacit_shape_span(shape, 0, axis);
    size_t row = (flat ? 1 : tacit_shape_span(shape, axis + 1, shape->rank)) *
                 tacit_dtype_size(inputs[0].dtype);
    uint8_t *to = outputs[0].data;
    for (size_t o = 0; row > 0 && o < outer; o++) {
        for (size_t i = 0; i < inputs[1].count; i++) {
            if (condition[i] != 0) {
                memcpy(to, (const uint8_t *)inputs[0].data + (o * length + i) * row, row);
                to += row;
            }
        }
    }
    return NULL;
}

/* --- Unique ----------------------------------------------------------------------------------- */

/*  The input as items to compare: elements, or slices along an axis.  */
typedef struct s_items {
    const tacit_tensor_t *tensor;
    size_t count; /* of items */
    size_t outer; /* parts of an item */
    size_t inner; /* elements of a part */
} s_items_t;

static s_items_t s_items(const tacit_parameters_t *parameters, const tacit_tensor_t *tensor)
{
    const tacit_shape_t *shape = &tensor->shape;
    size_t axis = parameters->node.axis;
    if (axis == TACIT_ENGINE_RANK_MAX) {
        return (s_items_t){tensor, tensor->count, 1, 1};
    }
    return (s_items_t){tensor, (size_t)shape->dims[axis], tacit_shape_span(shape, 0, axis),
                       tacit_shape_span(shape, axis + 1, shape->rank)};
}

static int s_compare_items(const s_items_t *items, size_t a, size_t b)
{
    for (size_t o = 0; o < items->outer; o++) {
        for (size_t i = 0; i < items->inner; i++) {
            size_t line = o * items->count;
            int order = s_compare_numbers(items->tensor, (line + a) * items->inner + i,
                                          (line + b) * items->inner + i);
            if (order != 0) {
                return order;
            }
        }
    }
    return 0;
}

/*  The first item that equals item i.  */
static size_t s_first(const s_items_t *items, size_t i)
{
    size_t first = 0;
    while (first < i && s_compare_items(items, first, i) != 0) {
        first++;
    }
    return first;
}

TACIT_INFER(unique)
{
    const tacit_tensor_t *x = &inference->inputs[0];
    tacit_parameters_t *parameters = inference->parameters;
    tacit_shape_t shape = {.rank = 1, .dims = {(int64_t)x->count}};
    size_t axis = 0;
    parameters->node.axis = TACIT_ENGINE_RANK_MAX;
    parameters->node.mode = tacit_graph_node_integer(inference->node, "sorted", 1) != 0;
    if (tacit_graph_node_attribute(inference->node, "axis") != NULL) {
        shape = x->shape;
        tacit_status_t status = tacit_infer_axis(inference, "axis", 0, shape.rank, &axis);
        if (status != TACIT_OK) {
            return status;
        }
        parameters->node.axis = axis;
    }
    s_items_t items = s_items(parameters, x);
    if (items.count > TACIT_UNIQUE_ITEMS_MAX) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_TOO_LARGE,
                                       "it has too many items to compare");
    }
    int64_t count = 0;
    for (size_t i = 0; i < items.count; i++) {
        count += s_first(&items, i) == i;
    }
    shape.dims[axis] = count;
    inference->outputs[0].shape = shape;
    for (size_t i = 1; i < inference->node->output_count; i++) {
        inference->outputs[i].shape =
            (tacit_shape_t){.rank = 1, .dims = {i == 2 ? (int64_t)items.count : count}};
    }
    return TACIT_OK;
}

/*  The place of a first item among the distinct ones.  */
static size_t s_rank(const s_items_t *items, size_t item, bool sorted)
{
    size_t rank = 0;
    for (size_t i = 0; i < items->count; i++) {
        bool before = sorted ? s_compare_items(items, i, item) < 0 : i < item;
        rank += before && s_first(items, i) == i ? 1 : 0;
    }
    return rank;
}

static int64_t *s_wanted(tacit_tensor_t *outputs, size_t output_count, size_t i)
{
    return i < output_count ? outputs[i].data : NULL;
}

TACIT_KERNEL(unique)
{
    (void)input_count;
    s_items_t items = s_items(parameters, &inputs[0]);
    int64_t *indices = s_wanted(outputs, output_count, 1);
    int64_t *inverse = s_wanted(outputs, output_count, 2);
    int64_t *counts = s_wanted(outputs, output_count, 3);
    size_t distinct = outputs[0].shape.rank == 1 && items.inner == 1 && items.outer == 1
                          ? outputs[0].count
                          : (size_t)outputs[0].shape.dims[parameters->node.axis];
    size_t size = tacit_dtype_size(inputs[0].dtype);
    if (counts != NULL) {
        memset(counts, 0, tacit_tensor_size(&outputs[3]));
    }
    for (size_t i = 0; i < items.count; i++) {
        size_t first = s_first(&items, i);
        size_t rank = s_rank(&items, first, parameters->node.mode != 0);
        if (inverse != NULL) {
            inverse[i] = (int64_t)rank;
        }
        if (counts != NULL) {
            counts[rank]++;
        }
        if (first != i) {
            continue;
        }
        if (indices != NULL) {
            indices[rank] = (int64_t)i;
        }
        for (size_t o = 0; items.inner > 0 && o < items.outer; o++) {
            memcpy((uint8_t *)outputs[0].data + (o * distinct + rank) * items.inner * size,
                   (const uint8_t *)inputs[0].data + (o * items.count + i) * items.inner * size,
                   items.inner * size);
        }
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(select) = {
    {"TopK", 1, 9, FLOAT, "T|Ti", 1, "axis:i k:i", 0, 0, I(top_k), K(top_k), NULL},
    {"TopK", 10, 10, FLOAT, "Ti|Ti", 2, "axis:i", 1 << 1, 0, I(top_k), K(top_k), NULL},
    {"TopK", 11, 17, NUMBER, "Ti|Ti", 2, "axis:i largest:i sorted:i", 1 << 1, 0, I(top_k), K(top_k), NULL},
    {"NonZero", 9, 17, ANY, "T|i", 1, "", 1 << 0, 0, I(non_zero), K(non_zero), NULL},
    {"Compress", 9, 17, ANY, "Tb|T", 2, "axis:i", 1 << 1, 0, I(compress), K(compress), NULL},
    {"Unique", 11, 17, ANY, "T|Tiii", 1, "axis:i sorted:i", 1 << 0, 0, I(unique), K(unique), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
