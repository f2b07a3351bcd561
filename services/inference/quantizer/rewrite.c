/*  rewrite.c - see rewrite.h.  */

#include "services/inference/quantizer/rewrite.h"

#include <string.h>

/*  The new nodes, and what was made for grids already.  */
typedef struct s_work {
    tacit_scheme_t *scheme;
    tacit_draft_t *draft;
    tacit_error_t *error;
    Onnx__NodeProto **nodes; /* in order */
    size_t count, room;
    const char **scales, **zeros; /* names, by value; NULL: not made yet */
    const char **reals;           /* of inputs of the graph: what stands for them */
} s_work_t;

static const char *s_name(s_work_t *work, const char *base, const char *suffix)
{
    return tacit_draft_name(work->draft, base, suffix, work->error);
}

/*  A constant of that name below the base: its elements; NULL with the error set.  */
static void *s_constant(s_work_t *work, const char *base, const char *suffix, tacit_dtype_t dtype,
                        const tacit_shape_t *shape, const char **ret_name)
{
    const char *name = s_name(work, base, suffix);
    *ret_name = name;
    return name != NULL ? tacit_draft_constant(work->draft, name, dtype, shape, work->error) : NULL;
}

static tacit_status_t s_put(s_work_t *work, Onnx__NodeProto *node)
{
    if (node == NULL) {
        return work->error->code;
    }
    if (work->count == work->room) {
        size_t room = 2 * work->room + 64;
        Onnx__NodeProto **grown =
            tacit_pool_take(work->draft->pool, room, sizeof(Onnx__NodeProto *), work->error);
        if (grown == NULL) {
            return work->error->code;
        }
        if (work->count > 0) {
            memcpy(grown, work->nodes, work->count * sizeof(Onnx__NodeProto *));
        }
        work->nodes = grown;
        work->room = room;
    }
    work->nodes[work->count++] = node;
    return TACIT_OK;
}

/*  A (De)QuantizeLinear; axis below 0: one scale for all.  */
static tacit_status_t s_put_linear(s_work_t *work, const char *op, const char *from,
                                   const char *scale, const char *zero, int64_t axis,
                                   const char *to)
{
    const char *inputs[] = {from, scale, zero};
    const char *name = s_name(work, to, op[0] == 'Q' ? "quantize" : "dequantize");
    Onnx__NodeProto *node =
        name != NULL ? tacit_draft_node(work->draft, op, name, inputs, 3, to, work->error) : NULL;
    tacit_status_t status = node != NULL ? TACIT_OK : work->error->code;
    if (status == TACIT_OK && axis >= 0) {
        status = tacit_draft_set_integer(work->draft, node, "axis", axis, work->error);
    }
    return status == TACIT_OK ? s_put(work, node) : status;
}

/* --- activations ------------------------------------------------------------------------------ */

/*  Scale and zero point as constants, once for all values of a grid.  */
static tacit_status_t s_make_grid(s_work_t *work, int root)
{
    static const tacit_shape_t scalar = {.rank = 0};
    const char *base = work->draft->values[root].name;
    const char *scale_name = NULL;
    const char *zero_name = NULL;
    if (work->scales[root] != NULL) {
        return TACIT_OK;
    }
    float *scale = s_constant(work, base, "scale", TACIT_DTYPE_FLOAT32, &scalar, &scale_name);
    uint8_t *zero = scale != NULL
                        ? s_constant(work, base, "zero", TACIT_DTYPE_UINT8, &scalar, &zero_name)
                        : NULL;
    if (scale == NULL || zero == NULL) {
        return work->error->code;
    }
    *scale = work->scheme->grids[root].scale;
    *zero = work->scheme->grids[root].zero;
    work->scales[root] = scale_name;
    work->zeros[root] = zero_name;
    return TACIT_OK;
}

/*  Reals of one name become those of another, by way of bytes.  */
static tacit_status_t s_put_pair(s_work_t *work, int value, const char *from, const char *to)
{
    int root = tacit_scheme_root(work->scheme, value);
    const char *bytes = s_name(work, work->draft->values[value].name, "bytes");
    tacit_status_t status = bytes != NULL ? s_make_grid(work, root) : work->error->code;
    if (status == TACIT_OK) {
        status = s_put_linear(work, "QuantizeLinear", from, work->scales[root], work->zeros[root],
                              -1, bytes);
    }
    return status == TACIT_OK ? s_put_linear(work, "DequantizeLinear", bytes, work->scales[root],
                                             work->zeros[root], -1, to)
                              : status;
}

static tacit_status_t s_put_given(s_work_t *work)
{
    const tacit_draft_t *draft = work->draft;
    tacit_status_t status = TACIT_OK;
    size_t count = draft->value_count; /* names come, too */
    for (size_t v = 0; status == TACIT_OK && v < count; v++) {
        if (draft->values[v].input && tacit_scheme_root(work->scheme, (int)v) >= 0) {
            const char *name = draft->values[v].name;
            work->reals[v] = s_name(work, name, "reals");
            status = work->reals[v] != NULL ? s_put_pair(work, (int)v, name, work->reals[v])
                                            : work->error->code;
        }
    }
    return status;
}

/*  A constant operand: its own grid, or that of the value it is joined to.  */
static tacit_status_t s_put_operand(s_work_t *work, Onnx__NodeProto *node, size_t i, int of)
{
    tacit_shape_t shape;
    size_t count = 0;
    const char *bytes = NULL;
    int value = tacit_draft_input(work->draft, node, i);
    const float *numbers = tacit_draft_floats(work->draft, value, &shape, &count, work->error);
    if (numbers == NULL) {
        return tacit_error_set(work->error, TACIT_INTERNAL, "a constant is none any more");
    }
    const char *base = work->draft->values[value].name;
    float low = 0;
    float high = 0;
    for (size_t k = 0; k < count; k++) {
        low = numbers[k] < low ? numbers[k] : low;
        high = numbers[k] > high ? numbers[k] : high;
    }
    int root = of >= 0 ? tacit_scheme_root(work->scheme, of) : value;
    work->scheme->grids[root] = of >= 0 ? work->scheme->grids[root] : tacit_grid(low, high);
    tacit_status_t status = s_make_grid(work, root);
    uint8_t *elements = status == TACIT_OK
                            ? s_constant(work, base, "uint8", TACIT_DTYPE_UINT8, &shape, &bytes)
                            : NULL;
    const char *reals = elements != NULL ? s_name(work, base, "reals") : NULL;
    if (elements == NULL || reals == NULL) {
        return work->error->code;
    }
    for (size_t k = 0; k < count; k++) {
        elements[k] = tacit_grid_step(&work->scheme->grids[root], numbers[k]);
    }
    node->input[i] = (char *)(uintptr_t)reals;
    return s_put_linear(work, "DequantizeLinear", bytes, work->scales[root], work->zeros[root], -1,
                        reals);
}

/* --- weights ---------------------------------------------------------------------------------- */

/*  What is multiplied by constants.  */
typedef struct s_product {
    Onnx__NodeProto *node;
    const float *weights;
    tacit_shape_t shape;
    size_t count;
    int64_t axis; /* of features */
    size_t features;
    float alpha, beta;
    const float *bias; /* or NULL */
    size_t bias_count;
    float input_scale;
    float *scales; /* of features: constants of the draft */
} s_product_t;

static tacit_weights_t s_feature(const s_product_t *product, size_t feature)
{
    size_t each = product->count / product->features;
    if (product->axis == 0) {
        return (tacit_weights_t){product->weights + feature * each, 1, each, 0, product->alpha};
    }
    return (tacit_weights_t){product->weights + feature, each, 1, product->features,
                             product->alpha};
}

static float s_bias(const s_product_t *product, size_t feature)
{
    return product->bias == NULL
               ? 0
               : product->bias[product->bias_count > 1 ? feature : 0] * product->beta;
}

/*  Constants in steps, with a scale and a zero point for each feature, and what their reals are
    called.  */
typedef struct s_steps {
    void *steps; /* zeroed, to be filled in, as the scales */
    float *scales;
    const char *steps_name, *scales_name, *zeros_name, *reals;
} s_steps_t;

static tacit_status_t s_make_steps(s_work_t *work, const char *base, const char *suffix,
                                   tacit_dtype_t dtype, const tacit_shape_t *shape, size_t features,
                                   s_steps_t *ret_steps)
{
    tacit_shape_t vector = {.rank = 1, .dims = {(int64_t)features}};
    s_steps_t made = {.steps = NULL};
    const void *zeros = NULL;
    made.steps = s_constant(work, base, suffix, dtype, shape, &made.steps_name);
    if (made.steps != NULL) {
        made.scales =
            s_constant(work, base, "scales", TACIT_DTYPE_FLOAT32, &vector, &made.scales_name);
    }
    if (made.scales != NULL) {
        zeros = s_constant(work, base, "zeros", dtype, &vector, &made.zeros_name);
    }
    made.reals = zeros != NULL ? s_name(work, base, "reals") : NULL;
    if (made.reals == NULL) {
        return work->error->code;
    }
    *ret_steps = made;
    return TACIT_OK;
}

/*  Input i of the node becomes the reals of these steps.  */
static tacit_status_t s_put_steps(s_work_t *work, Onnx__NodeProto *node, size_t i,
                                  const s_steps_t *made, int64_t axis)
{
    node->input[i] = (char *)(uintptr_t)made->reals;
    return s_put_linear(work, "DequantizeLinear", made->steps_name, made->scales_name,
                        made->zeros_name, axis, made->reals);
}

static tacit_status_t s_put_weights(s_work_t *work, s_product_t *product)
{
    s_steps_t made;
    tacit_status_t status = s_make_steps(work, product->node->input[1], "int8", TACIT_DTYPE_INT8,
                                         &product->shape, product->features, &made);
    if (status != TACIT_OK) {
        return status;
    }
    int8_t *steps = made.steps;
    product->scales = made.scales;
    for (size_t f = 0; f < product->features; f++) {
        tacit_weights_t weights = s_feature(product, f);
        product->scales[f] =
            tacit_weights_scale(&weights, s_bias(product, f), product->input_scale);
        tacit_weights_steps(&weights, product->scales[f],
                            steps + (weights.numbers - product->weights));
    }
    return s_put_steps(work, product->node, 1, &made, product->axis);
}

static tacit_status_t s_put_bias(s_work_t *work, s_product_t *product)
{
    tacit_shape_t vector = {.rank = 1, .dims = {(int64_t)product->features}};
    s_steps_t made;
    if (product->bias == NULL) {
        return TACIT_OK;
    }
    tacit_status_t status = s_make_steps(work, product->node->input[2], "int32", TACIT_DTYPE_INT32,
                                         &vector, product->features, &made);
    if (status != TACIT_OK) {
        return status;
    }
    int32_t *steps = made.steps;
    for (size_t f = 0; f < product->features; f++) {
        float step = product->input_scale * product->scales[f];
        made.scales[f] = step;
        steps[f] = tacit_bias_step(s_bias(product, f), step);
    }
    return s_put_steps(work, product->node, 2, &made, 0);
}

static tacit_status_t s_put_constants(s_work_t *work, tacit_role_t role, Onnx__NodeProto *node)
{
    tacit_draft_t *draft = work->draft;
    tacit_shape_t shape;
    bool rows = role == TACIT_ROLE_CONV || tacit_draft_integer(node, "transB", 0) != 0;
    int root = tacit_scheme_root(work->scheme, tacit_draft_input(draft, node, 0));
    s_product_t product = {.node = node,
                           .axis = rows ? 0 : 1,
                           .alpha = tacit_draft_real(node, "alpha", 1),
                           .beta = tacit_draft_real(node, "beta", 1),
                           .input_scale = work->scheme->grids[root].scale};
    product.weights = tacit_draft_floats(draft, tacit_draft_input(draft, node, 1), &product.shape,
                                         &product.count, work->error);
    product.bias = tacit_draft_floats(draft, tacit_draft_input(draft, node, 2), &shape,
                                      &product.bias_count, work->error);
    if (product.weights == NULL) {
        return tacit_error_set(work->error, TACIT_INTERNAL, "weights are none any more");
    }
    product.features = (size_t)product.shape.dims[product.axis];
    tacit_draft_drop_attribute(node, "alpha");
    tacit_draft_drop_attribute(node, "beta");
    tacit_status_t status = s_put_weights(work, &product);
    return status == TACIT_OK ? s_put_bias(work, &product) : status;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/*  Bytes for the operands of a node over bytes.  */
static tacit_status_t s_put_operands(s_work_t *work, size_t n)
{
    tacit_scheme_t *scheme = work->scheme;
    Onnx__NodeProto *node = work->draft->nodes[n];
    tacit_role_t role = scheme->roles[n];
    tacit_status_t status = TACIT_OK;
    if (role == TACIT_ROLE_CONV || role == TACIT_ROLE_GEMM || role == TACIT_ROLE_MATMUL) {
        status = s_put_constants(work, role, node);
    }
    for (size_t i = 0; status == TACIT_OK && i < tacit_scheme_data(scheme, n); i++) {
        int value = tacit_draft_input(work->draft, node, i);
        if (work->draft->values[value].constant >= 0) {
            int of = role == TACIT_ROLE_JOIN ? tacit_draft_output(work->draft, node, 0)
                                             : TACIT_DRAFT_NONE;
            status = s_put_operand(work, node, i, of);
        } else if (work->reals[value] != NULL) {
            node->input[i] = (char *)(uintptr_t)work->reals[value];
        }
    }
    return status;
}

/*  Whether the Relu or Clip after the node does nothing that its grid does not do.  */
static bool s_is_idle(const s_work_t *work, int clip)
{
    float low = 0;
    float high = 0;
    const Onnx__NodeProto *node = work->draft->nodes[clip];
    int root = tacit_scheme_root(work->scheme, tacit_draft_output(work->draft, node, 0));
    return root >= 0 && tacit_scheme_bounds(work->scheme, node, &low, &high) &&
           tacit_grid_within(&work->scheme->grids[root], low, high);
}

/*  The node; and pairs after it for what it makes, under names of before.  */
static tacit_status_t s_put_node(s_work_t *work, size_t n)
{
    Onnx__NodeProto *node = work->draft->nodes[n];
    tacit_status_t status = s_put_operands(work, n);
    int clip = tacit_scheme_clip(work->scheme, n);
    if (status == TACIT_OK && clip >= 0 && s_is_idle(work, clip)) {
        node->output[0] = work->draft->nodes[clip]->output[0];
        work->draft->nodes[clip] = NULL;
    }
    int values[TACIT_NODE_OUTPUTS_MAX] = {0};
    for (size_t i = 0; i < node->n_output && i < TACIT_NODE_OUTPUTS_MAX; i++) {
        int value = tacit_draft_output(work->draft, node, i);
        values[i] = tacit_scheme_root(work->scheme, value) >= 0 ? value : TACIT_DRAFT_NONE;
        if (status == TACIT_OK && values[i] >= 0) {
            const char *made = s_name(work, work->draft->values[value].name, "made");
            status = made != NULL ? TACIT_OK : work->error->code;
            node->output[i] = (char *)(uintptr_t)made;
        }
    }
    status = status == TACIT_OK ? s_put(work, node) : status;
    for (size_t i = 0; status == TACIT_OK && i < node->n_output && i < TACIT_NODE_OUTPUTS_MAX;
         i++) {
        if (values[i] >= 0) {
            status =
                s_put_pair(work, values[i], node->output[i], work->draft->values[values[i]].name);
        }
    }
    return status;
}

tacit_status_t tacit_rewrite(tacit_scheme_t *scheme, tacit_error_t *error)
{
    tacit_draft_t *draft = scheme->draft;
    size_t room = draft->value_count + 1;
    s_work_t work = {.scheme = scheme,
                     .draft = draft,
                     .error = error,
                     .scales = tacit_pool_take(draft->pool, room, sizeof(char *), error),
                     .zeros = tacit_pool_take(draft->pool, room, sizeof(char *), error),
                     .reals = tacit_pool_take(draft->pool, room, sizeof(char *), error)};
    if (work.scales == NULL || work.zeros == NULL || work.reals == NULL) {
        return error->code;
    }
    tacit_status_t status = s_put_given(&work);
    for (size_t n = 0; status == TACIT_OK && n < draft->node_count; n++) {
        status = draft->nodes[n] != NULL ? s_put_node(&work, n) : TACIT_OK;
    }
    draft->nodes = work.nodes;
    draft->node_count = work.count;
    return status == TACIT_OK ? tacit_draft_link(draft, error) : status;
}
