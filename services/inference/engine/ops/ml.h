/*  ml.h - what operators of ai.onnx.ml share: tables of features, classes and their labels, what is
    done to scores at last, and trees made ready when the model is loaded.

    The specification leaves open what classifiers of two classes give where weights speak of one
    only; here as elsewhere they follow ONNX Runtime, whose answers exporters are tested with.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_ML_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_ML_H

#include "services/inference/engine/operator.h"

enum { TACIT_ML_CLASSES_MAX = 1 << 16 }; /* classes, or targets */

/*  What a node makes ready when the model is loaded: its trees; text labels become the model's,
   where it has none of its own, and the node's own labels then are positions among them.  */
TACIT_MUST_CHECK tacit_status_t tacit_ml_prepare(tacit_graph_t *graph, tacit_graph_node_t *node,
                                                 tacit_error_t *error);

/*  A constant of texts became positions: these are their names, if the model has none yet.  */
TACIT_MUST_CHECK tacit_status_t tacit_ml_name_texts(tacit_graph_t *graph, const char *const *texts,
                                                    size_t count, tacit_error_t *error);

/*  An input of shape [rows, columns]; one of rank 1 is one row.  */
typedef struct tacit_ml_table {
    const tacit_tensor_t *tensor;
    size_t rows, columns;
} tacit_ml_table_t;

TACIT_MUST_CHECK bool tacit_ml_table(const tacit_tensor_t *tensor, tacit_ml_table_t *ret_table);

/*  A list attribute; NULL and 0 where it is absent.  */
typedef struct tacit_ml_reals {
    const float *items;
    size_t count;
} tacit_ml_reals_t;

tacit_ml_reals_t tacit_ml_reals(const tacit_graph_node_t *node, const char *name);

/*  The classes of a classifier. Labels that are text stand for themselves by their position.  */
size_t tacit_ml_class_count(const tacit_graph_node_t *node);
int64_t tacit_ml_label(const tacit_graph_node_t *node, size_t class);

/*  The attribute post_transform.  */
typedef enum tacit_ml_transform {
    TACIT_ML_NONE,
    TACIT_ML_LOGISTIC,
    TACIT_ML_SOFTMAX,
    TACIT_ML_SOFTMAX_ZERO,
    TACIT_ML_PROBIT,
    TACIT_ML_TRANSFORMS
} tacit_ml_transform_t;

/*  TACIT_ML_TRANSFORMS for a name that is not known.  */
tacit_ml_transform_t tacit_ml_transform_of(const tacit_graph_node_t *node);

float tacit_ml_logistic(float x);
float tacit_ml_probit(float x);
void tacit_ml_transform(tacit_ml_transform_t transform, float *scores, size_t count);

/*  How the other class's score follows from the one that there is.  */
typedef enum tacit_ml_second { TACIT_ML_COMPLEMENT, TACIT_ML_OPPOSITE } tacit_ml_second_t;

/*  Two scores, transformed, from scores[0], the one of the second class.  */
void tacit_ml_second(tacit_ml_transform_t transform, tacit_ml_second_t how, float *scores);

/*  Trees, checked: every walk from a root ends at a leaf.  */
typedef enum tacit_tree_mode {
    TACIT_TREE_LEAF,
    TACIT_TREE_LEQ,
    TACIT_TREE_LT,
    TACIT_TREE_GTE,
    TACIT_TREE_GT,
    TACIT_TREE_EQ,
    TACIT_TREE_NEQ,
    TACIT_TREE_MODES
} tacit_tree_mode_t;

typedef struct tacit_tree_node {
    double value;
    uint32_t feature; /* of a leaf: its first weight */
    uint32_t yes, no; /* places of nodes; of a leaf: yes is how many weights */
    uint8_t mode;     /* tacit_tree_mode_t */
    bool missing;     /* NaN goes to yes */
} tacit_tree_node_t;

typedef struct tacit_forest {
    tacit_tree_node_t *nodes;
    uint32_t *roots;
    size_t node_count, tree_count;
    uint32_t *ids; /* of the weights: classes or targets */
    float *weights;
    size_t weight_count;
    size_t features; /* columns that the input needs */
    size_t outputs;  /* classes or targets */
    double *base;    /* base values */
    size_t base_count;
    uint64_t steps; /* the longest way of a row through all trees */
    bool positive;  /* no weight is below 0 */
    bool one_class; /* all weights speak of one class of two */
} tacit_forest_t;

/*  Read and check the trees of a node; memory of the graph's.  */
TACIT_MUST_CHECK tacit_status_t tacit_forest_new(tacit_graph_t *graph,
                                                 const tacit_graph_node_t *node,
                                                 const tacit_forest_t **ret_forest,
                                                 tacit_error_t *error);

#endif
