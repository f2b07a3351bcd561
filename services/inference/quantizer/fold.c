/*  fold.c - see prepare.h: two nodes become one.  */

#include <math.h>
#include <string.h>

#include "services/inference/quantizer/prepare.h"

/*  Where the four vectors of a BatchNormalization stand in its inputs.  */
enum { INPUT_SCALE = 1, INPUT_SHIFT = 2, INPUT_MEAN = 3, INPUT_VARIANCE = 4, VECTORS = 5 };

/*  The one node that uses a node's first output; or none.  */
static int s_next(const tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    int value = tacit_draft_output(draft, node, 0);
    const tacit_draft_value_t *known = value >= 0 ? &draft->values[value] : NULL;
    return known != NULL && known->uses == 1 && !known->output && !known->captured
               ? known->consumer
               : TACIT_DRAFT_NONE;
}

/*  --- what does nothing ---------------------------------------------------------------------- */

static bool s_is_idle(const tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    int value = tacit_draft_output(draft, node, 0);
    bool dropout = tacit_draft_is(node, "Dropout") && node->n_input < 3 &&
                   (node->n_output == 1 || node->output[1][0] == '\0');
    return (dropout || tacit_draft_is(node, "Identity")) && value >= 0 &&
           !draft->values[value].output && !draft->values[value].captured;
}

tacit_status_t tacit_prepare_idle(tacit_draft_t *draft, tacit_error_t *error)
{
    /* by value: what stands for it */
    char **names = tacit_pool_take(draft->pool, draft->value_count + 1, sizeof(char *), error);
    if (names == NULL) {
        return error->code;
    }
    for (size_t n = 0; n < draft->node_count; n++) {
        Onnx__NodeProto *node = draft->nodes[n];
        for (size_t i = 0; i < node->n_input; i++) {
            int value = tacit_draft_input(draft, node, i);
            node->input[i] = value >= 0 && names[value] != NULL ? names[value] : node->input[i];
        }
        if (s_is_idle(draft, node)) {
            names[tacit_draft_output(draft, node, 0)] = node->input[0];
            draft->nodes[n] = NULL;
        }
    }
    return tacit_draft_close_ranks(draft, error);
}

/*  --- normalizations -------------------------------------------------------------------------- */

static const float *s_vector(tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i,
                             int64_t length, tacit_error_t *error)
{
    tacit_shape_t shape;
    size_t count = 0;
    const float *numbers =
        tacit_draft_floats(draft, tacit_draft_input(draft, node, i), &shape, &count, error);
    return numbers != NULL && shape.rank == 1 && shape.dims[0] == length ? numbers : NULL;
}

/*  What follows a Conv and treats its features one by one.  */
typedef struct s_scaling {
    tacit_draft_t *draft;
    const Onnx__NodeProto *node;
    int value;   /* that the Conv makes */
    size_t rank; /* of it */
    int64_t features;
    float *factors; /* of each feature: found here */
    float *shifts;
} s_scaling_t;

/*  Mul and Add of a constant for each feature: [C, 1, 1], maybe with a 1 before.  */
static bool s_pair_factors(const s_scaling_t *scaling, tacit_error_t *error)
{
    tacit_shape_t shape = {.rank = 0};
    size_t count = 0;
    bool sum = tacit_draft_is(scaling->node, "Add");
    bool first = tacit_draft_input(scaling->draft, scaling->node, 0) == scaling->value;
    int other = tacit_draft_input(scaling->draft, scaling->node, first ? 1 : 0);
    const float *numbers = tacit_draft_floats(scaling->draft, other, &shape, &count, error);
    bool each = shape.rank + 1 >= scaling->rank && shape.rank <= scaling->rank &&
                (int64_t)count == scaling->features &&
                shape.dims[shape.rank + 1 - scaling->rank] == scaling->features;
    for (int64_t f = 0; numbers != NULL && each && f < scaling->features; f++) {
        scaling->factors[f] = sum ? 1 : numbers[f];
        scaling->shifts[f] = sum ? numbers[f] : 0;
    }
    return numbers != NULL && each;
}

static bool s_normalization_factors(const s_scaling_t *scaling, tacit_error_t *error)
{
    tacit_draft_t *draft = scaling->draft;
    const Onnx__NodeProto *node = scaling->node;
    const float *vectors[VECTORS] = {NULL};
    float epsilon = tacit_draft_real(node, "epsilon", 1e-5F);
    bool known = tacit_draft_integer(node, "training_mode", 0) == 0 &&
                 tacit_draft_integer(node, "spatial", 1) == 1 &&
                 tacit_draft_input(draft, node, 0) == scaling->value;
    for (size_t i = INPUT_SCALE; known && i < VECTORS; i++) {
        vectors[i] = s_vector(draft, node, i, scaling->features, error);
        known = vectors[i] != NULL;
    }
    for (int64_t f = 0; known && f < scaling->features; f++) {
        float factor = vectors[INPUT_SCALE][f] / sqrtf(vectors[INPUT_VARIANCE][f] + epsilon);
        known = vectors[INPUT_VARIANCE][f] + epsilon > 0;
        scaling->factors[f] = factor;
        scaling->shifts[f] = vectors[INPUT_SHIFT][f] - vectors[INPUT_MEAN][f] * factor;
    }
    return known;
}

/*  The factor of each feature, and its shift; false where they are not known.  */
static bool s_factors(const s_scaling_t *scaling, tacit_error_t *error)
{
    if (tacit_draft_is(scaling->node, "BatchNormalization")) {
        return s_normalization_factors(scaling, error);
    }
    bool pair = tacit_draft_is(scaling->node, "Mul") || tacit_draft_is(scaling->node, "Add");
    return pair && s_pair_factors(scaling, error);
}

/*  New weights and bias of the Conv, which makes what the normalization made.  */
static tacit_status_t s_rescale(tacit_draft_t *draft, Onnx__NodeProto *node,
                                Onnx__NodeProto *normalization, const float *factors,
                                const float *shifts, tacit_error_t *error)
{
    tacit_shape_t shape;
    size_t count = 0;
    const float *old =
        tacit_draft_floats(draft, tacit_draft_input(draft, node, 1), &shape, &count, error);
    tacit_shape_t vector = {.rank = 1, .dims = {shape.dims[0]}};
    const float *bias = s_vector(draft, node, 2, shape.dims[0], error);
    const char *base = normalization->output[0];
    const char *weights_name = tacit_draft_name(draft, base, "weights", error);
    const char *bias_name =
        weights_name != NULL ? tacit_draft_name(draft, base, "bias", error) : NULL;
    float *elements = bias_name != NULL ? tacit_draft_constant(draft, weights_name,
                                                               TACIT_DTYPE_FLOAT32, &shape, error)
                                        : NULL;
    float *biases = elements != NULL ? tacit_draft_constant(draft, bias_name, TACIT_DTYPE_FLOAT32,
                                                            &vector, error)
                                     : NULL;
    if (old == NULL || biases == NULL) {
        return error->code;
    }
    size_t each = count / (size_t)shape.dims[0];
    for (size_t i = 0; i < count; i++) {
        elements[i] = old[i] * factors[i / each];
    }
    for (size_t f = 0; f < (size_t)shape.dims[0]; f++) {
        biases[f] = (bias != NULL ? bias[f] * factors[f] : 0) + shifts[f];
    }
    node->output[0] = normalization->output[0];
    node->input[1] = (char *)(uintptr_t)weights_name;
    return tacit_draft_set_input(draft, node, 2, bias_name, error);
}

static tacit_status_t s_fold(tacit_draft_t *draft, size_t at, tacit_error_t *error)
{
    Onnx__NodeProto *node = draft->nodes[at];
    tacit_shape_t shape = {.rank = 0};
    size_t count = 0;
    int next = tacit_draft_is(node, "Conv") ? s_next(draft, node) : TACIT_DRAFT_NONE;
    if (next < 0 ||
        tacit_draft_floats(draft, tacit_draft_input(draft, node, 1), &shape, &count, error) ==
            NULL ||
        shape.rank < 3 || shape.dims[0] == 0) {
        return TACIT_OK;
    }
    bool bias = tacit_draft_input(draft, node, 2) < 0 ||
                s_vector(draft, node, 2, shape.dims[0], error) != NULL;
    size_t features = (size_t)shape.dims[0];
    float *factors = tacit_pool_take(draft->pool, 2 * features, sizeof(float), error);
    const s_scaling_t scaling = {.draft = draft,
                                 .node = draft->nodes[next],
                                 .value = tacit_draft_output(draft, node, 0),
                                 .rank = shape.rank,
                                 .features = shape.dims[0],
                                 .factors = factors,
                                 .shifts = factors + features};
    if (factors == NULL) {
        return error->code;
    }
    if (!bias || !s_factors(&scaling, error)) {
        return TACIT_OK;
    }
    tacit_status_t status =
        s_rescale(draft, node, draft->nodes[next], factors, factors + features, error);
    draft->nodes[next] = node; /* where what it uses is there, and what uses it comes after */
    draft->nodes[at] = NULL;
    return status;
}

tacit_status_t tacit_prepare_normalizations(tacit_draft_t *draft, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t n = 0; status == TACIT_OK && n < draft->node_count; n++) {
        status = draft->nodes[n] != NULL ? s_fold(draft, n, error) : TACIT_OK;
    }
    return status == TACIT_OK ? tacit_draft_close_ranks(draft, error) : status;
}

/*  --- products -------------------------------------------------------------------------------- */

/*  The Add of a vector of constants that alone follows a product by a constant matrix; ret_bias is
    the vector.  */
static int s_bias_after(tacit_draft_t *draft, size_t at, int *ret_bias, tacit_error_t *error)
{
    const Onnx__NodeProto *node = draft->nodes[at];
    tacit_shape_t weights = {.rank = 0};
    tacit_shape_t bias = {.rank = 0};
    size_t count = 0;
    int next = tacit_draft_is(node, "MatMul") ? s_next(draft, node) : TACIT_DRAFT_NONE;
    if (next < 0 || !tacit_draft_is(draft->nodes[next], "Add") ||
        tacit_draft_floats(draft, tacit_draft_input(draft, node, 1), &weights, &count, error) ==
            NULL ||
        weights.rank != 2) {
        return TACIT_DRAFT_NONE;
    }
    for (size_t i = 0; i < 2; i++) {
        int value = tacit_draft_input(draft, draft->nodes[next], i);
        if (tacit_draft_floats(draft, value, &bias, &count, error) != NULL && bias.rank <= 2 &&
            (int64_t)count == weights.dims[1] &&
            (bias.rank == 1 || (bias.rank == 2 && bias.dims[0] == 1))) {
            *ret_bias = value;
            return next;
        }
    }
    return TACIT_DRAFT_NONE;
}

static tacit_status_t s_merge(tacit_draft_t *draft, int at, int next, int bias,
                              tacit_error_t *error)
{
    Onnx__NodeProto *node = draft->nodes[at];
    static char gemm[] = "Gemm";
    node->op_type = gemm;
    node->output[0] = draft->nodes[next]->output[0];
    draft->nodes[next] = node;
    draft->nodes[at] = NULL;
    return tacit_draft_set_input(draft, node, 2, draft->values[bias].name, error);
}

tacit_status_t tacit_prepare_products(tacit_draft_t *draft,
                                      const tacit_quantizer_options_t *options,
                                      const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    size_t room = draft->node_count + 1;
    int *nodes = tacit_pool_take(draft->pool, room, sizeof(int), error);
    int *nexts = tacit_pool_take(draft->pool, room, sizeof(int), error);
    int *biases = tacit_pool_take(draft->pool, room, sizeof(int), error);
    int *values = tacit_pool_take(draft->pool, room, sizeof(int), error);
    size_t *ranks = tacit_pool_take(draft->pool, room, sizeof(size_t), error);
    size_t count = 0;
    if (nodes == NULL || nexts == NULL || biases == NULL || values == NULL || ranks == NULL) {
        return error->code;
    }
    for (size_t n = 0; n < draft->node_count; n++) {
        nexts[count] = s_bias_after(draft, n, &biases[count], error);
        values[count] = tacit_draft_output(draft, draft->nodes[n], 0);
        nodes[count] = (int)n;
        count += nexts[count] >= 0;
    }
    tacit_status_t status =
        tacit_calibrate_ranks(draft, options, rows, values, count, ranks, error);
    for (size_t i = 0; status == TACIT_OK && i < count; i++) {
        status = ranks[i] == 2 ? s_merge(draft, nodes[i], nexts[i], biases[i], error) : TACIT_OK;
    }
    return status == TACIT_OK ? tacit_draft_close_ranks(draft, error) : status;
}
