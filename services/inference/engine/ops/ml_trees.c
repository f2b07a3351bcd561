/*  ml_trees.c - TreeEnsembleClassifier and TreeEnsembleRegressor over trees that ml_forest.c made.
 */

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

#include <math.h>

/*  Comparisons of one node: what a hostile forest may cost, as a kernel is not cancelled.  */
static const uint64_t s_steps_max = (uint64_t)1 << 34;

typedef enum s_aggregate { SUM, AVERAGE, MIN, MAX, AGGREGATES } s_aggregate_t;

static s_aggregate_t s_aggregate(const tacit_graph_node_t *node)
{
    static const char *const names[] = {
        [SUM] = "SUM", [AVERAGE] = "AVERAGE", [MIN] = "MIN", [MAX] = "MAX"};
    const char *name = tacit_graph_node_text(node, "aggregate_function", "SUM");
    size_t i = 0;
    while (i < AGGREGATES && strcmp(name, names[i]) != 0) {
        i++;
    }
    return (s_aggregate_t)i;
}

/* --- inference -------------------------------------------------------------------------------- */

static tacit_status_t s_infer_trees(const tacit_inference_t *inference, bool classifier)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_forest_t *forest = node->prepared;
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inference->inputs[0], &table) || table.columns < forest->features) {
        return tacit_infer_refuse(inference, "its input has too few columns for its trees");
    }
    if (tacit_ml_transform_of(node) == TACIT_ML_TRANSFORMS || s_aggregate(node) == AGGREGATES) {
        return tacit_infer_refuse(inference, "its transform or aggregate function is unknown");
    }
    if (table.rows > 0 && forest->steps > s_steps_max / table.rows) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "its trees are too deep for so many rows");
    }
    *inference->scratch = forest->outputs * (2 * sizeof(double) + sizeof(bool));
    inference->parameters->node.node = node;
    tacit_shape_t scores = {.rank = 2, .dims = {(int64_t)table.rows, (int64_t)forest->outputs}};
    tacit_shape_t labels = {.rank = 1, .dims = {(int64_t)table.rows}};
    inference->outputs[0].shape = classifier ? labels : scores;
    if (node->output_count > 1) {
        inference->outputs[1].shape = scores;
    }
    return TACIT_OK;
}

TACIT_INFER(tree_regressor)
{
    return s_infer_trees(inference, false);
}

TACIT_INFER(tree_classifier)
{
    return s_infer_trees(inference, true);
}

/* --- walking ---------------------------------------------------------------------------------- */

/*  The scores of a row, of `outputs` places each.  */
typedef struct s_scores {
    double *sums;
    double *held; /* the same, as floats where they are transformed */
    bool *given;  /* a leaf spoke of it */
} s_scores_t;

static s_scores_t s_scores(void *scratch, size_t outputs)
{
    double *sums = scratch;
    return (s_scores_t){sums, sums + outputs, (bool *)(sums + 2 * outputs)};
}

static bool s_goes_yes(const tacit_tree_node_t *node, double x)
{
    switch (node->mode) {
    case TACIT_TREE_LEQ:
        return x <= node->value || (node->missing && isnan(x));
    case TACIT_TREE_LT:
        return x < node->value || (node->missing && isnan(x));
    case TACIT_TREE_GTE:
        return x >= node->value || (node->missing && isnan(x));
    case TACIT_TREE_GT:
        return x > node->value || (node->missing && isnan(x));
    case TACIT_TREE_EQ:
        return x == node->value || (node->missing && isnan(x));
    default:
        return x != node->value;
    }
}

/*  The leaf that a row ends at.  */
static const tacit_tree_node_t *s_walk(const tacit_forest_t *forest, size_t tree,
                                       const tacit_ml_table_t *table, size_t row)
{
    const tacit_tree_node_t *node = &forest->nodes[forest->roots[tree]];
    const float *floats = table->tensor->dtype == TACIT_DTYPE_FLOAT32
                              ? (const float *)table->tensor->data + row * table->columns
                              : NULL;
    while (node->mode != TACIT_TREE_LEAF) {
        double x = floats != NULL
                       ? (double)floats[node->feature]
                       : tacit_element_real(table->tensor, row * table->columns + node->feature);
        node = &forest->nodes[s_goes_yes(node, x) ? node->yes : node->no];
    }
    return node;
}

static void s_add(s_aggregate_t how, double weight, double *sum, bool *given)
{
    bool replaces = !*given || (how == MIN ? weight < *sum : weight > *sum);
    if (how == SUM || how == AVERAGE) {
        *sum += weight;
    } else if (replaces) {
        *sum = weight;
    }
    *given = true;
}

/*  All trees' scores of a row.  */
static void s_score(const tacit_forest_t *forest, const tacit_ml_table_t *table, size_t row,
                    s_aggregate_t how, s_scores_t *scores)
{
    memset(scores->sums, 0, forest->outputs * sizeof(double));
    memset(scores->given, 0, forest->outputs * sizeof(bool));
    for (size_t tree = 0; tree < forest->tree_count; tree++) {
        const tacit_tree_node_t *leaf = s_walk(forest, tree, table, row);
        for (size_t i = leaf->feature; i < (size_t)leaf->feature + leaf->yes; i++) {
            uint32_t id = forest->ids[i];
            s_add(how, (double)forest->weights[i], &scores->sums[id], &scores->given[id]);
        }
    }
}

TACIT_KERNEL(tree_regressor)
{
    (void)input_count;
    const tacit_graph_node_t *node = parameters->node.node;
    const tacit_forest_t *forest = node->prepared;
    s_aggregate_t how = s_aggregate(node);
    tacit_ml_transform_t transform = tacit_ml_transform_of(node);
    s_scores_t scores = s_scores(outputs[output_count].data, forest->outputs);
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inputs[0], &table)) {
        return "its input is no table";
    }
    /* a transform of one target alone is PROBIT or nothing */
    bool none = forest->outputs == 1 && transform != TACIT_ML_PROBIT;
    for (size_t row = 0; row < table.rows; row++) {
        float *to = (float *)outputs[0].data + row * forest->outputs;
        s_score(forest, &table, row, how, &scores);
        for (size_t i = 0; i < forest->outputs; i++) {
            double score = scores.sums[i] / (how == AVERAGE ? (double)forest->tree_count : 1.0);
            bool based = forest->base_count == forest->outputs;
            to[i] = (float)(score + (based ? forest->base[i] : 0.0));
        }
        tacit_ml_transform(none ? TACIT_ML_NONE : transform, to, forest->outputs);
    }
    return NULL;
}

/* --- classes ---------------------------------------------------------------------------------- */

static size_t s_best(const s_scores_t *scores, size_t count)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        bool better = best == count || scores->sums[i] > scores->sums[best];
        best = scores->given[i] && better ? i : best;
    }
    return best < count ? best : 0;
}

static size_t s_decide_many(const tacit_forest_t *forest, tacit_ml_transform_t transform,
                            s_scores_t *scores, float *to)
{
    for (size_t i = 0; i < forest->outputs; i++) {
        if (i < forest->base_count) {
            scores->sums[i] += forest->base[i];
            scores->given[i] = true;
        }
        to[i] = (float)scores->sums[i];
    }
    tacit_ml_transform(transform, to, forest->outputs);
    return s_best(scores, forest->outputs);
}

/*  Two classes. Where leaves speak of one only, and no base value of the other, its score follows:
    it is what is missing to 1 where all weights are probabilities, else the opposite. Where they
    speak of both, the second one wins above 0, and base values count for it alone: so it is
    elsewhere, and exporters write what fits that.  */
static size_t s_decide_two(const tacit_forest_t *forest, tacit_ml_transform_t transform,
                           s_scores_t *scores, float *to)
{
    const double *base = forest->base;
    double *sums = scores->sums;
    bool alone = !scores->given[1] && forest->base_count < 2;
    bool likely = forest->one_class && forest->positive;
    if (forest->base_count == 2 && scores->given[1]) {
        sums[1] = base[1] + sums[0];
        sums[0] = -sums[1];
    } else if (forest->base_count == 1 || forest->base_count == 2) {
        sums[0] += base[0];
    }
    for (size_t i = 0; i < 2; i++) {
        to[i] = scores->given[i] ? (float)sums[i] : 0.0F;
    }
    if (alone) {
        tacit_ml_second(transform, likely ? TACIT_ML_COMPLEMENT : TACIT_ML_OPPOSITE, to);
    } else {
        tacit_ml_transform(transform, to, 2);
    }
    double positive = scores->given[1] ? sums[1] : sums[0];
    return positive > (likely ? 0.5 : 0.0) ? 1 : 0;
}

TACIT_KERNEL(tree_classifier)
{
    (void)input_count;
    const tacit_graph_node_t *node = parameters->node.node;
    const tacit_forest_t *forest = node->prepared;
    tacit_ml_transform_t transform = tacit_ml_transform_of(node);
    s_scores_t scores = s_scores(outputs[output_count].data, forest->outputs);
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inputs[0], &table)) {
        return "its input is no table";
    }
    bool wanted = output_count > 1 && outputs[1].dtype != TACIT_DTYPE_NONE;
    for (size_t row = 0; row < table.rows; row++) {
        float *to = wanted ? (float *)outputs[1].data + row * forest->outputs
                           : (float *)(void *)scores.held;
        s_score(forest, &table, row, SUM, &scores);
        size_t class = forest->outputs == 2 ? s_decide_two(forest, transform, &scores, to)
                                            : s_decide_many(forest, transform, &scores, to);
        if (outputs[0].dtype != TACIT_DTYPE_NONE) {
            ((int64_t *)outputs[0].data)[row] = tacit_ml_label(node, class);
        }
    }
    return NULL;
}

#define NODES                                                                                      \
    "base_values:F nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F "                      \
    "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "             \
    "nodes_truenodeids:I nodes_values:F post_transform:s base_values_as_tensor:t "                 \
    "nodes_hitrates_as_tensor:t nodes_values_as_tensor:t "
#define CLASSES                                                                                    \
    "class_ids:I class_nodeids:I class_treeids:I class_weights:F class_weights_as_tensor:t "       \
    "classlabels_int64s:I classlabels_strings:S"
#define TARGETS                                                                                    \
    "aggregate_function:s n_targets:i target_ids:I target_nodeids:I target_treeids:I "             \
    "target_weights:F target_weights_as_tensor:t"

/* clang-format off */
TACIT_OPERATORS(ml_trees) = {
    {"TreeEnsembleClassifier", 1, 4, NUMBER, "T|if", 1, NODES CLASSES, 0, ML | SPARSE, I(tree_classifier), K(tree_classifier), NULL},
    {"TreeEnsembleRegressor", 1, 4, NUMBER, "T|f", 1, NODES TARGETS, 0, ML, I(tree_regressor), K(tree_regressor), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
