/*  ml_linear.c - LinearClassifier and LinearRegressor: a matrix as attributes.  */

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

/*  Products of one node: what a hostile matrix may cost, as a kernel is not cancelled.  */
static const uint64_t s_products_max = (uint64_t)1 << 36;

static tacit_status_t s_infer_linear(const tacit_inference_t *inference, size_t targets,
                                     tacit_ml_table_t *ret_table)
{
    const tacit_graph_node_t *node = inference->node;
    size_t coefficients = tacit_ml_reals(node, "coefficients").count;
    size_t intercepts = tacit_ml_reals(node, "intercepts").count;
    if (!tacit_ml_table(&inference->inputs[0], ret_table) || targets < 1 ||
        targets > TACIT_ML_CLASSES_MAX || coefficients == 0 ||
        coefficients != targets * ret_table->columns ||
        (intercepts != 0 && intercepts != targets) ||
        tacit_ml_transform_of(node) == TACIT_ML_TRANSFORMS) {
        return tacit_infer_refuse(inference, "its coefficients, intercepts, transform or input do "
                                             "not fit each other");
    }
    if (ret_table->rows > s_products_max / coefficients) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "its matrix is too large for so many rows");
    }
    inference->parameters->node.node = node;
    inference->parameters->node.mode = (int64_t)targets;
    return TACIT_OK;
}

TACIT_INFER(linear_regressor)
{
    int64_t targets = tacit_graph_node_integer(inference->node, "targets", 1);
    tacit_ml_table_t table;
    tacit_status_t status = s_infer_linear(inference, targets > 0 ? (size_t)targets : 0, &table);
    if (status == TACIT_OK) {
        inference->outputs[0].shape =
            (tacit_shape_t){.rank = 2, .dims = {(int64_t)table.rows, targets}};
    }
    return status;
}

/*  Rows of the matrix: one where the second of two classes alone is scored.  */
TACIT_INFER(linear_classifier)
{
    const tacit_graph_node_t *node = inference->node;
    size_t classes = tacit_ml_class_count(node);
    size_t targets = tacit_ml_reals(node, "intercepts").count;
    tacit_ml_table_t table;
    if (classes == 0 || (targets != classes && !(classes == 2 && targets == 1))) {
        return tacit_infer_refuse(inference, "its classes and intercepts do not fit each other");
    }
    tacit_status_t status = s_infer_linear(inference, targets, &table);
    if (status == TACIT_OK) {
        int64_t rows = (int64_t)table.rows;
        inference->outputs[0].shape = (tacit_shape_t){.rank = 1, .dims = {rows}};
        if (node->output_count > 1) {
            inference->outputs[1].shape =
                (tacit_shape_t){.rank = 2, .dims = {rows, (int64_t)classes}};
        }
        *inference->scratch = classes * sizeof(float);
    }
    return status;
}

static void s_row(const tacit_graph_node_t *node, const tacit_ml_table_t *table, size_t row,
                  size_t targets, float *ret_scores)
{
    const float *coefficients = tacit_ml_reals(node, "coefficients").items;
    tacit_ml_reals_t intercepts = tacit_ml_reals(node, "intercepts");
    for (size_t i = 0; i < targets; i++) {
        double sum = i < intercepts.count ? (double)intercepts.items[i] : 0.0;
        for (size_t k = 0; k < table->columns; k++) {
            /* numbers of any type become floats first: a float is what others compute with */
            float x = (float)tacit_element_real(table->tensor, row * table->columns + k);
            sum += (double)coefficients[i * table->columns + k] * (double)x;
        }
        ret_scores[i] = (float)sum;
    }
}

TACIT_KERNEL(linear_regressor)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    size_t targets = (size_t)parameters->node.mode;
    tacit_ml_transform_t transform = tacit_ml_transform_of(node);
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inputs[0], &table)) {
        return "its input is no table";
    }
    bool none = targets == 1 && transform != TACIT_ML_PROBIT;
    for (size_t row = 0; row < table.rows; row++) {
        float *to = (float *)outputs[0].data + row * targets;
        s_row(node, &table, row, targets, to);
        tacit_ml_transform(none ? TACIT_ML_NONE : transform, to, targets);
    }
    return NULL;
}

static size_t s_best(const float *scores, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return best;
}

TACIT_KERNEL(linear_classifier)
{
    (void)input_count;
    const tacit_graph_node_t *node = parameters->node.node;
    size_t classes = tacit_ml_class_count(node);
    size_t targets = (size_t)parameters->node.mode;
    tacit_ml_transform_t transform = tacit_ml_transform_of(node);
    bool wanted = output_count > 1 && outputs[1].dtype != TACIT_DTYPE_NONE;
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inputs[0], &table)) {
        return "its input is no table";
    }
    for (size_t row = 0; row < table.rows; row++) {
        float *to = wanted ? (float *)outputs[1].data + row * classes : outputs[output_count].data;
        s_row(node, &table, row, targets, to);
        bool alone = targets == 1 && classes == 2;
        size_t class = alone ? (to[0] > 0.0F ? 1 : 0) : s_best(to, targets);
        if (alone) {
            tacit_ml_second(transform, TACIT_ML_COMPLEMENT, to);
        } else {
            tacit_ml_transform(transform, to, targets);
        }
        if (outputs[0].dtype != TACIT_DTYPE_NONE) {
            ((int64_t *)outputs[0].data)[row] = tacit_ml_label(node, class);
        }
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(ml_linear) = {
    {"LinearClassifier", 1, 4, NUMBER, "T|if", 1, "classlabels_ints:I classlabels_strings:S coefficients:F intercepts:F multi_class:i post_transform:s", 0, ML | SPARSE, I(linear_classifier), K(linear_classifier), NULL},
    {"LinearRegressor", 1, 4, NUMBER, "T|f", 1, "coefficients:F intercepts:F post_transform:s targets:i", 0, ML, I(linear_regressor), K(linear_regressor), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
