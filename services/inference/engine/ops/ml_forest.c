/*  ml_forest.c - the trees of TreeEnsembleClassifier and TreeEnsembleRegressor, from the node's
   lists.

    The lists describe tree nodes and leaf weights by pairs of numbers (tree, node). Both are sorted
    by these pairs, so that children and weights are found by search; then each node has one parent
    at most, each tree one node without, and all are reached from there: no walk comes back.  */

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

#include <math.h>
#include <stdlib.h>

static const char *const s_modes[] = {
    [TACIT_TREE_LEAF] = "LEAF",      [TACIT_TREE_LEQ] = "BRANCH_LEQ", [TACIT_TREE_LT] = "BRANCH_LT",
    [TACIT_TREE_GTE] = "BRANCH_GTE", [TACIT_TREE_GT] = "BRANCH_GT",   [TACIT_TREE_EQ] = "BRANCH_EQ",
    [TACIT_TREE_NEQ] = "BRANCH_NEQ"};

/*  Real numbers as floats, or as the tensor of the same name with "_as_tensor".  */
typedef struct s_reals {
    const float *items;
    const tacit_tensor_t *tensor;
    size_t count;
} s_reals_t;

/*  Pairs that name tree nodes, and the order that sorts them.  */
typedef struct s_keys {
    const int64_t *tree, *node;
    size_t count;
    uint32_t *order;
} s_keys_t;

/*  The node's lists.  */
typedef struct s_lists {
    s_keys_t nodes, leaves;
    const int64_t *feature, *yes, *no;
    const int64_t *missing; /* may be NULL */
    const char *const *mode;
    s_reals_t value, weight, base;
    const int64_t *id;
} s_lists_t;

static double s_real(const s_reals_t *reals, size_t i)
{
    return reals->tensor != NULL ? tacit_element_real(reals->tensor, i) : (double)reals->items[i];
}

static s_reals_t s_read_reals(const tacit_graph_node_t *node, const char *name, const char *tensor)
{
    const tacit_attribute_t *exact = tacit_graph_node_attribute(node, tensor);
    if (exact != NULL && exact->tensor->count > 0 &&
        (TACIT_TYPES_FLOAT & TACIT_TYPE_BIT(exact->tensor->dtype)) != 0) {
        return (s_reals_t){.tensor = exact->tensor, .count = exact->tensor->count};
    }
    tacit_ml_reals_t list = tacit_ml_reals(node, name);
    return (s_reals_t){.items = list.items, .count = list.count};
}

/*  A list of exactly so many integers, or NULL.  */
static const int64_t *s_integers(const tacit_graph_node_t *node, const char *name, size_t count)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    return list != NULL && list->count == count ? list->integers : NULL;
}

static size_t s_length(const tacit_graph_node_t *node, const char *name)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    return list != NULL ? list->count : 0;
}

static bool s_read_nodes(const tacit_graph_node_t *node, s_lists_t *lists)
{
    size_t n = s_length(node, "nodes_treeids");
    const tacit_attribute_t *modes = tacit_graph_node_attribute(node, "nodes_modes");
    lists->nodes = (s_keys_t){.tree = s_integers(node, "nodes_treeids", n),
                              .node = s_integers(node, "nodes_nodeids", n),
                              .count = n};
    lists->feature = s_integers(node, "nodes_featureids", n);
    lists->yes = s_integers(node, "nodes_truenodeids", n);
    lists->no = s_integers(node, "nodes_falsenodeids", n);
    lists->missing = s_integers(node, "nodes_missing_value_tracks_true", n);
    lists->value = s_read_reals(node, "nodes_values", "nodes_values_as_tensor");
    lists->mode = modes != NULL && modes->count == n ? modes->texts : NULL;
    return n > 0 && lists->nodes.node != NULL && lists->feature != NULL && lists->yes != NULL &&
           lists->no != NULL && lists->mode != NULL && lists->value.count == n;
}

static bool s_read_leaves(const tacit_graph_node_t *node, bool classifier, s_lists_t *lists)
{
    const char *trees = classifier ? "class_treeids" : "target_treeids";
    size_t n = s_length(node, trees);
    lists->leaves =
        (s_keys_t){.tree = s_integers(node, trees, n),
                   .node = s_integers(node, classifier ? "class_nodeids" : "target_nodeids", n),
                   .count = n};
    lists->id = s_integers(node, classifier ? "class_ids" : "target_ids", n);
    lists->weight = classifier ? s_read_reals(node, "class_weights", "class_weights_as_tensor")
                               : s_read_reals(node, "target_weights", "target_weights_as_tensor");
    lists->base = s_read_reals(node, "base_values", "base_values_as_tensor");
    return n > 0 && lists->leaves.node != NULL && lists->id != NULL && lists->weight.count == n;
}

/* --- order ------------------------------------------------------------------------------------ */

static int s_compare_key(const s_keys_t *keys, size_t i, int64_t tree, int64_t node)
{
    int order = (keys->tree[i] > tree) - (keys->tree[i] < tree);
    return order != 0 ? order : (keys->node[i] > node) - (keys->node[i] < node);
}

static int s_compare(const void *a, const void *b, void *context)
{
    const s_keys_t *keys = context;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    int order = s_compare_key(keys, left, keys->tree[right], keys->node[right]);
    return order != 0 ? order : (left > right) - (left < right);
}

static void s_sort(s_keys_t *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        keys->order[i] = (uint32_t)i;
    }
    qsort_r(keys->order, keys->count, sizeof(uint32_t), s_compare, keys);
}

/*  The first place in the order whose key is not below.  */
static size_t s_find(const s_keys_t *keys, int64_t tree, int64_t node)
{
    size_t low = 0;
    size_t high = keys->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s_compare_key(keys, keys->order[middle], tree, node) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool s_holds(const s_keys_t *keys, size_t place, int64_t tree, int64_t node)
{
    return place < keys->count && s_compare_key(keys, keys->order[place], tree, node) == 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static bool s_child(const s_keys_t *keys, int64_t tree, int64_t node, uint32_t *ret_place)
{
    size_t place = s_find(keys, tree, node);
    *ret_place = (uint32_t)place;
    return s_holds(keys, place, tree, node);
}

static tacit_tree_mode_t s_mode(const char *name)
{
    size_t mode = 0;
    while (mode < TACIT_TREE_MODES && strcmp(name, s_modes[mode]) != 0) {
        mode++;
    }
    return (tacit_tree_mode_t)mode;
}

/*  The node at a place of the order; NULL, or what is wrong with it.  */
static const char *s_make_node(const s_lists_t *lists, size_t place, tacit_forest_t *forest)
{
    const s_keys_t *keys = &lists->nodes;
    uint32_t i = keys->order[place];
    tacit_tree_node_t *node = &forest->nodes[place];
    *node = (tacit_tree_node_t){.mode = (uint8_t)s_mode(lists->mode[i]),
                                .value = s_real(&lists->value, i),
                                .missing = lists->missing != NULL && lists->missing[i] != 0};
    if (place > 0 && s_holds(keys, place - 1, keys->tree[i], keys->node[i])) {
        return "a tree's node is there twice";
    }
    if (node->mode == TACIT_TREE_MODES) {
        return "a tree's node has an unknown mode";
    }
    if (node->mode == TACIT_TREE_LEAF) {
        size_t first = s_find(&lists->leaves, keys->tree[i], keys->node[i]);
        node->feature = (uint32_t)first;
        while (s_holds(&lists->leaves, first + node->yes, keys->tree[i], keys->node[i])) {
            node->yes++;
        }
        return NULL;
    }
    if (lists->feature[i] < 0 || lists->feature[i] > TACIT_TENSOR_SIZE_MAX) {
        return "a tree's node asks for a feature that cannot be";
    }
    node->feature = (uint32_t)lists->feature[i];
    forest->features =
        forest->features > node->feature ? forest->features : (size_t)node->feature + 1;
    return s_child(keys, keys->tree[i], lists->yes[i], &node->yes) &&
                   s_child(keys, keys->tree[i], lists->no[i], &node->no)
               ? NULL
               : "a tree's node has a child that is not there";
}

static const char *s_make_weights(const s_lists_t *lists, tacit_forest_t *forest)
{
    bool several = false;
    forest->positive = true;
    for (size_t k = 0; k < forest->weight_count; k++) {
        uint32_t i = lists->leaves.order[k];
        if (lists->id[i] < 0 || (uint64_t)lists->id[i] >= forest->outputs) {
            return "a leaf speaks of an output that is not there";
        }
        forest->ids[k] = (uint32_t)lists->id[i];
        forest->weights[k] = (float)s_real(&lists->weight, i);
        forest->positive &= forest->weights[k] >= 0.0F;
        several |= forest->ids[k] != forest->ids[0];
    }
    forest->one_class = !several && forest->outputs == 2;
    for (size_t i = 0; i < forest->base_count; i++) {
        forest->base[i] = s_real(&lists->base, i);
    }
    return NULL;
}

/*  Roots, one per tree, and that every node has one parent at most. depths holds 0 for nodes
   without parent, then the number of nodes before.  */
static const char *s_find_roots(const s_keys_t *keys, tacit_forest_t *forest, uint32_t *depths)
{
    for (size_t i = 0; i < forest->node_count; i++) {
        const tacit_tree_node_t *node = &forest->nodes[i];
        if (node->mode != TACIT_TREE_LEAF) {
            if (node->yes == node->no || depths[node->yes]++ > 0 || depths[node->no]++ > 0) {
                return "a tree's node has two parents";
            }
        }
    }
    for (size_t i = 0; i < forest->node_count; i++) {
        bool first = i == 0 || keys->tree[keys->order[i]] != keys->tree[keys->order[i - 1]];
        if (first) {
            forest->roots[forest->tree_count++] = UINT32_MAX;
        }
        if (depths[i] == 0) {
            forest->roots[forest->tree_count - 1] = (uint32_t)i;
        }
    }
    return NULL;
}

/*  How long the longest walk of each tree is, by breadth: `queue` has room for all nodes.  */
static const char *s_measure(tacit_forest_t *forest, uint32_t *depths, uint32_t *queue)
{
    size_t roots = 0;
    size_t reached = 0;
    for (size_t i = 0; i < forest->node_count; i++) {
        roots += depths[i] == 0;
    }
    for (size_t t = 0; roots == forest->tree_count && t < forest->tree_count; t++) {
        size_t begin = 0;
        size_t end = 1;
        queue[0] = forest->roots[t];
        if (queue[0] == UINT32_MAX) {
            return "a tree has no root";
        }
        for (; begin < end; begin++) {
            const tacit_tree_node_t *node = &forest->nodes[queue[begin]];
            if (node->mode != TACIT_TREE_LEAF) {
                depths[node->yes] = depths[node->no] = depths[queue[begin]] + 1;
                queue[end++] = node->yes;
                queue[end++] = node->no;
            }
        }
        forest->steps += (uint64_t)depths[queue[end - 1]] + 1;
        reached += end;
    }
    if (roots != forest->tree_count) {
        return "a tree has no root, or more than one";
    }
    return reached == forest->node_count ? NULL : "a tree's node is reached from no root";
}

/* --- the forest ------------------------------------------------------------------------------- */

static bool s_take(tacit_graph_t *graph, tacit_forest_t *forest, tacit_error_t *error)
{
    tacit_pool_t *pool = graph->pool;
    size_t n = forest->node_count;
    forest->nodes = tacit_pool_take(pool, n, sizeof(tacit_tree_node_t), error);
    forest->roots = tacit_pool_take(pool, n, sizeof(uint32_t), error);
    forest->ids = tacit_pool_take(pool, forest->weight_count, sizeof(uint32_t), error);
    forest->weights = tacit_pool_take(pool, forest->weight_count, sizeof(float), error);
    forest->base = tacit_pool_take(pool, forest->base_count, sizeof(double), error);
    return forest->nodes != NULL && forest->roots != NULL && forest->ids != NULL &&
           forest->weights != NULL && forest->base != NULL;
}

static const char *s_build(s_lists_t *lists, tacit_forest_t *forest, uint32_t *memory)
{
    uint32_t *depths = memory;
    lists->nodes.order = depths + forest->node_count;
    lists->leaves.order = lists->nodes.order + forest->node_count;
    s_sort(&lists->nodes);
    s_sort(&lists->leaves);
    const char *complaint = s_make_weights(lists, forest);
    for (size_t i = 0; complaint == NULL && i < forest->node_count; i++) {
        complaint = s_make_node(lists, i, forest);
    }
    if (complaint == NULL) {
        complaint = s_find_roots(&lists->nodes, forest, depths);
    }
    return complaint == NULL ? s_measure(forest, depths, lists->nodes.order) : complaint;
}

tacit_status_t tacit_forest_new(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                const tacit_forest_t **ret_forest, tacit_error_t *error)
{
    bool classifier = strcmp(node->op->name, "TreeEnsembleClassifier") == 0;
    s_lists_t lists = {.id = NULL};
    int64_t outputs = classifier ? (int64_t)tacit_ml_class_count(node)
                                 : tacit_graph_node_integer(node, "n_targets", 1);
    if (!s_read_nodes(node, &lists) || !s_read_leaves(node, classifier, &lists)) {
        return tacit_graph_node_refuse(node, error, TACIT_MALFORMED,
                                       "its lists are missing, or of different lengths");
    }
    if (outputs < 1 || outputs > TACIT_ML_CLASSES_MAX) {
        return tacit_graph_node_refuse(node, error, TACIT_MALFORMED,
                                       "it has no classes or targets, or too many");
    }
    tacit_forest_t *forest = tacit_pool_take(graph->pool, 1, sizeof(*forest), error);
    if (forest == NULL) {
        return error->code;
    }
    forest->node_count = lists.nodes.count;
    forest->weight_count = lists.leaves.count;
    forest->base_count = lists.base.count;
    forest->outputs = (size_t)outputs;
    size_t words = 2 * lists.nodes.count + lists.leaves.count;
    uint32_t *memory = tacit_memory_new(graph->budget, words * sizeof(uint32_t), error);
    if (memory == NULL || !s_take(graph, forest, error)) {
        tacit_memory_free(memory);
        return error->code;
    }
    const char *complaint = s_build(&lists, forest, memory);
    tacit_memory_free(memory);
    if (complaint != NULL) {
        return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "%s", complaint);
    }
    *ret_forest = forest;
    return TACIT_OK;
}
