/*  engine_ml_test.c - ai.onnx.ml: what small models answer, and which trees and lists are refused.
    Whole pipelines are compared with ONNX Runtime elsewhere (tests/agreement).  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, I64 = TACIT_DTYPE_INT64, TEXT = 8, END = MODEL_END, NODES = 5 };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/*  Two trees: x0 <= 0.5 ? 1 : 2 (over nodes 0, 1, 2 of tree 0), and a lone leaf 10 (tree 7).  */
typedef struct s_trees {
    int64_t tree[NODES], node[NODES], feature[NODES], yes[NODES], no[NODES];
    float value[NODES];
    const char *mode[NODES];
    size_t count;
    int64_t leaf_tree[3], leaf_node[3], leaf_id[3];
    float weight[3];
    int64_t outputs;
} s_trees_t;

static s_trees_t s_trees(void)
{
    return (s_trees_t){.tree = {0, 0, 0, 7},
                       .node = {0, 1, 2, 0},
                       .yes = {1, 0, 0, 0},
                       .no = {2, 0, 0, 0},
                       .value = {0.5F},
                       .mode = {"BRANCH_LEQ", "LEAF", "LEAF", "LEAF"},
                       .count = 4,
                       .leaf_tree = {0, 0, 7},
                       .leaf_node = {1, 2, 0},
                       .weight = {1, 2, 10},
                       .outputs = 1};
}

static Onnx__ModelProto *s_model(int rows, int columns)
{
    Onnx__ModelProto *model = model_new(13);
    model_import_ml(model, 3);
    model_input(model, "x", F32, rows, columns, END);
    return model;
}

static Onnx__ModelProto *s_forest(const s_trees_t *t)
{
    Onnx__ModelProto *model = s_model(-1, 2);
    Onnx__NodeProto *node = model_node_ml(model, "TreeEnsembleRegressor", "x", "y");
    node->name = strdup("forest");
    node_integers(node, "nodes_treeids", t->count, t->tree);
    node_integers(node, "nodes_nodeids", t->count, t->node);
    node_integers(node, "nodes_featureids", t->count, t->feature);
    node_integers(node, "nodes_truenodeids", t->count, t->yes);
    node_integers(node, "nodes_falsenodeids", t->count, t->no);
    node_reals(node, "nodes_values", t->count, t->value);
    node_texts(node, "nodes_modes", t->count, t->mode);
    node_integers(node, "target_treeids", 3, t->leaf_tree);
    node_integers(node, "target_nodeids", 3, t->leaf_node);
    node_integers(node, "target_ids", 3, t->leaf_id);
    node_reals(node, "target_weights", 3, t->weight);
    node_integer(node, "n_targets", t->outputs);
    model_output(model, "y", F32, -1, -1, END);
    return model;
}

static void s_refused(Onnx__ModelProto *model, tacit_status_t expected, const char *text)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    tacit_status_t status = model_load(model, NULL, &engine, &error);
    assert_null(engine);
    if (status != expected || strstr(error.message, text) == NULL) {
        fail_msg("expected %d with '%s', got %d: %s", (int)expected, text, (int)status,
                 error.message);
    }
}

/*  Load and run on [rows, columns] floats.  */
static tacit_engine_t *s_run(Onnx__ModelProto *model, int64_t rows, int64_t columns,
                             const float *items, tacit_engine_result_t **ret_result)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, NULL, &engine, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                   .rank = 2,
                                   .dims = {rows, columns},
                                   .data =
                                       tacit_span(items, (size_t)(rows * columns) * sizeof(float))};
    if (tacit_engine_run(engine, &input, 1, ret_result, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    return engine;
}

static void s_expect(Onnx__ModelProto *model, int64_t rows, int64_t columns, const float *items,
                     const float *expected, size_t count)
{
    tacit_engine_result_t *result = NULL;
    tacit_engine_t *engine = s_run(model, rows, columns, items, &result);
    size_t outputs = 0;
    const tacit_engine_tensor_t *y = tacit_engine_result_tensors(result, &outputs);
    assert_int_equal(y[0].data.size, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        float got;
        memcpy(&got, y[0].data.data + i * sizeof(float), sizeof(float));
        assert_true(fabsf(got - expected[i]) < 1e-6F);
    }
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

/* --- trees ------------------------------------------------------------------------------------ */

static void test_trees_are_walked(void **state)
{
    (void)state;
    s_trees_t trees = s_trees();
    static const float rows[] = {0.5F, 9, 0.6F, 9, NAN, 9};
    static const float expected[] = {11, 12, 12};
    s_expect(s_forest(&trees), 3, 2, rows, expected, COUNT(expected));
}

static void test_trees_that_are_none(void **state)
{
    (void)state;
    s_trees_t t = s_trees();
    t.yes[0] = 0; /* its own child */
    s_refused(s_forest(&t), TACIT_MALFORMED, "node 'forest'");
    t = s_trees();
    t.mode[1] = "BRANCH_LT"; /* 0 -> 1 -> 0 */
    t.yes[1] = 0;
    t.no[1] = 2;
    s_refused(s_forest(&t), TACIT_MALFORMED, "two parents");
    t = s_trees();
    t.no[0] = 1; /* one child twice */
    s_refused(s_forest(&t), TACIT_MALFORMED, "two parents");
    t = s_trees();
    t.mode[0] = "LEAF"; /* three roots */
    s_refused(s_forest(&t), TACIT_MALFORMED, "more than one");
    t = s_trees();
    t.tree[1] = t.tree[2] = 1; /* children of another tree */
    s_refused(s_forest(&t), TACIT_MALFORMED, "not there");
    t = s_trees();
    t.tree[3] = 0; /* the lone leaf is a second node 1 */
    t.node[3] = 1;
    s_refused(s_forest(&t), TACIT_MALFORMED, "twice");
    t = s_trees();
    t.yes[0] = 3;
    s_refused(s_forest(&t), TACIT_MALFORMED, "not there");
    t = s_trees();
    t.yes[0] = INT64_MIN;
    s_refused(s_forest(&t), TACIT_MALFORMED, "not there");
    t = s_trees();
    t.mode[0] = "BRANCH";
    s_refused(s_forest(&t), TACIT_MALFORMED, "unknown mode");
}

/*  A circle apart from the root: 1 -> 2 -> 1, each with one parent.  */
static void test_circle_apart(void **state)
{
    (void)state;
    s_trees_t t = {.tree = {0, 0, 0, 0, 0},
                   .node = {0, 1, 2, 3, 4},
                   .yes = {0, 2, 1, 0, 0},
                   .no = {0, 3, 4, 0, 0},
                   .mode = {"LEAF", "BRANCH_LT", "BRANCH_LT", "LEAF", "LEAF"},
                   .count = 5,
                   .outputs = 1};
    s_refused(s_forest(&t), TACIT_MALFORMED, "reached from no root");
    t.tree[0] = 1; /* the circle is the whole tree */
    s_refused(s_forest(&t), TACIT_MALFORMED, "no root");
}

static void test_tree_numbers(void **state)
{
    (void)state;
    s_trees_t t = s_trees();
    t.feature[0] = 1;
    static const float rows[] = {9, 0.5F};
    static const float expected[] = {11};
    s_expect(s_forest(&t), 1, 2, rows, expected, 1);
    t.feature[0] = 2; /* of two columns */
    s_refused(s_forest(&t), TACIT_MALFORMED, "too few columns");
    t.feature[0] = -1;
    s_refused(s_forest(&t), TACIT_MALFORMED, "feature");
    t.feature[0] = INT64_MAX;
    s_refused(s_forest(&t), TACIT_MALFORMED, "feature");
    t = s_trees();
    t.leaf_id[1] = 1;
    s_refused(s_forest(&t), TACIT_MALFORMED, "output that is not there");
    t.leaf_id[1] = -1;
    s_refused(s_forest(&t), TACIT_MALFORMED, "output that is not there");
    t = s_trees();
    t.outputs = 0;
    s_refused(s_forest(&t), TACIT_MALFORMED, "targets");
    t.outputs = (1 << 16) + 1;
    s_refused(s_forest(&t), TACIT_MALFORMED, "targets");
    t.outputs = 1 << 16;
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    assert_int_equal(model_load(s_forest(&t), NULL, &engine, &error), TACIT_OK);
    tacit_engine_destroy(&engine);
}

static void test_lists_of_other_lengths(void **state)
{
    (void)state;
    s_trees_t t = s_trees();
    static const char *const names[] = {"nodes_values", "nodes_modes", "nodes_falsenodeids",
                                        "target_ids", "target_weights"};
    for (size_t i = 0; i < COUNT(names); i++) {
        Onnx__ModelProto *model = s_forest(&t);
        Onnx__NodeProto *node = model->graph->node[0];
        for (size_t k = 0; k < node->n_attribute; k++) {
            if (strcmp(node->attribute[k]->name, names[i]) == 0) {
                free(node->attribute[k]->name);
                node->attribute[k]->name = strdup("base_values");
                node->attribute[k]->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
            }
        }
        s_refused(model, TACIT_MALFORMED, "lists");
    }
}

/* --- classes ---------------------------------------------------------------------------------- */

static Onnx__ModelProto *s_classifier(int type, const char *const *names)
{
    static const float coefficients[] = {1, 0, 0, 1, -1, -1};
    static const float intercepts[] = {0, 0, 0.5F};
    static const int64_t numbers[] = {-4, 5, 600};
    Onnx__ModelProto *model = s_model(-1, 2);
    Onnx__NodeProto *node = model_node_ml(model, "LinearClassifier", "x", "label scores");
    node_reals(node, "coefficients", 6, coefficients);
    node_reals(node, "intercepts", 3, intercepts);
    if (names != NULL) {
        node_texts(node, "classlabels_strings", 3, names);
    } else {
        node_integers(node, "classlabels_ints", 3, numbers);
    }
    model_output(model, "label", type, -1, END);
    model_output(model, "scores", F32, -1, 3, END);
    return model;
}

static void s_expect_labels(Onnx__ModelProto *model, const int64_t *expected, const char *labels)
{
    static const float rows[] = {3, 1, 1, 3, -2, -2};
    tacit_engine_result_t *result = NULL;
    tacit_engine_t *engine = s_run(model, 3, 2, rows, &result);
    size_t count = 0;
    const tacit_engine_tensor_t *got = tacit_engine_result_tensors(result, &count);
    assert_int_equal(count, 2);
    assert_int_equal(got[0].dtype, I64);
    assert_memory_equal(got[0].data.data, expected, 3 * sizeof(int64_t));
    assert_string_equal(tacit_engine_labels(engine), labels);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

static void test_labels(void **state)
{
    (void)state;
    static const int64_t numbers[] = {-4, 5, 600};
    static const int64_t places[] = {0, 1, 2};
    static const char *const names[] = {"cat", "dog", "a cow"};
    static const char *const listed[] = {"cat", "dog, big", "cow"};
    s_expect_labels(s_classifier(I64, NULL), numbers, "");
    s_expect_labels(s_classifier(TEXT, names), places, "cat,dog,a cow");
    s_expect_labels(s_classifier(TEXT, listed), places, ""); /* no list could tell */
    Onnx__ModelProto *named = s_classifier(TEXT, names);
    model_metadata(named, "labels", "x,y,z");
    s_expect_labels(named, places, "x,y,z");
    s_refused(s_classifier(TEXT, NULL), TACIT_UNSUPPORTED, "type");
}

static void test_text_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    Onnx__ModelProto *model = s_model(2, 2);
    Onnx__NodeProto *node = model_node_ml(model, "OneHotEncoder", "x", "y");
    node_texts(node, "cats_strings", 2, names);
    model_output(model, "y", F32, 2, 2, 2, END);
    s_refused(model, TACIT_UNSUPPORTED, "text");
    model = s_model(2, 2);
    node = model_node_ml(model, "LabelEncoder", "x", "y");
    node_texts(node, "keys_strings", 2, names);
    model_output(model, "y", F32, 2, 2, END);
    s_refused(model, TACIT_UNSUPPORTED, "text");
}

/*  Labels looked up among texts, as pipelines without a classifier end; or coded.  */
static Onnx__ModelProto *s_looked_up(bool coded)
{
    static const char *const names[] = {"cat", "dog", "cow"};
    static const int64_t keys[] = {0, 1, 2};
    Onnx__ModelProto *model = s_model(-1, 3);
    node_integer(model_node(model, "ArgMax", "x", "best"), "axis", 1);
    if (coded) {
        Onnx__NodeProto *node = model_node_ml(model, "LabelEncoder", "best", "label");
        node_integers(node, "keys_int64s", 3, keys);
        node_texts(node, "values_strings", 3, names);
    } else {
        Onnx__TensorProto *classes = model_raw(model, "classes", TEXT, 1, (int64_t[]){3}, "", 0);
        classes->string_data = calloc(3, sizeof(*classes->string_data));
        classes->n_string_data = 3;
        for (size_t i = 0; i < 3; i++) {
            classes->string_data[i].len = strlen(names[i]);
            classes->string_data[i].data = (uint8_t *)strdup(names[i]);
        }
        (void)model_node_ml(model, "ArrayFeatureExtractor", "classes best", "found");
        static const int64_t flat[] = {-1};
        (void)model_integers(model, "flat", 1, flat);
        (void)model_node(model, "Reshape", "found flat", "label");
    }
    return model;
}

static void test_texts_are_looked_up(void **state)
{
    (void)state;
    static const float rows[] = {1, 2, 3, 3, 2, 1};
    static const int64_t expected[] = {2, 0};
    for (int coded = 0; coded < 2; coded++) {
        Onnx__ModelProto *model = s_looked_up(coded != 0);
        tacit_engine_result_t *result = NULL;
        size_t count = 0;
        if (coded != 0) {
            model_output(model, "label", TEXT, -1, 1, END);
        } else {
            model_output(model, "label", TEXT, -1, END);
        }
        tacit_engine_t *engine = s_run(model, 2, 3, rows, &result);
        const tacit_engine_tensor_t *got = tacit_engine_result_tensors(result, &count);
        assert_int_equal(got[0].dtype, I64);
        assert_memory_equal(got[0].data.data, expected, sizeof(expected));
        assert_string_equal(tacit_engine_labels(engine), "cat,dog,cow");
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
    }
    Onnx__ModelProto *model = s_looked_up(false);
    (void)model_node(model, "Add", "label label", "y");
    model_output(model, "y", I64, -1, END);
    s_refused(model, TACIT_UNSUPPORTED, "text is not computed, and input 0 is text");
    model = s_looked_up(false);
    model->graph->initializer[0]->dims[0] = 4;
    model_output(model, "label", TEXT, -1, END);
    s_refused(model, TACIT_MALFORMED, "tensor 'classes': the number of elements differs");
}

/* --- lists that do not fit -------------------------------------------------------------------- */

static void test_machine_lists(void **state)
{
    (void)state;
    static const float numbers[64] = {0};
    static const int64_t labels[] = {0, 1};
    /* vectors of two columns: per class, coefficients, support vectors; the first row fits */
    static const int64_t cases[][4] = {{1, 1, 2, 4},        {1, 2, 2, 4},  {1, 1, 1, 4},
                                       {1, 1, 2, 5},        {-1, 3, 2, 4}, {INT64_MAX, 1, 2, 4},
                                       {1LL << 40, 1, 2, 4}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        Onnx__ModelProto *model = s_model(1, 2);
        Onnx__NodeProto *node = model_node_ml(model, "SVMClassifier", "x", "label scores");
        node_integers(node, "vectors_per_class", 2, cases[i]);
        node_reals(node, "coefficients", (size_t)cases[i][2], numbers);
        node_reals(node, "support_vectors", (size_t)cases[i][3], numbers);
        node_reals(node, "rho", 1, numbers);
        node_integers(node, "classlabels_ints", 2, labels);
        model_output(model, "label", I64, 1, END);
        model_output(model, "scores", F32, 1, 2, END);
        if (i > 0) {
            s_refused(model, TACIT_MALFORMED, "fit");
            continue;
        }
        tacit_engine_t *engine = NULL;
        assert_int_equal(model_load(model, NULL, &engine, NULL), TACIT_OK);
        tacit_engine_destroy(&engine);
    }
}

static void test_extractor_bounds(void **state)
{
    (void)state;
    static const float row[] = {1, 2};
    static const float expected[] = {2, 1, 2};
    static const int64_t good[] = {1, 0, 1};
    static const int64_t bad[] = {1, 2, 0};
    static const int64_t worse[] = {1, -1, 0};
    const int64_t *lists[] = {good, bad, worse};
    for (size_t i = 0; i < COUNT(lists); i++) {
        Onnx__ModelProto *model = s_model(1, 2);
        (void)model_integers(model, "places", 3, lists[i]);
        (void)model_node_ml(model, "ArrayFeatureExtractor", "x places", "y");
        model_output(model, "y", F32, 1, 3, END);
        if (i == 0) {
            s_expect(model, 1, 2, row, expected, 3);
            continue;
        }
        tacit_engine_t *engine = NULL;
        tacit_engine_result_t *result = NULL;
        tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                       .rank = 2,
                                       .dims = {1, 2},
                                       .data = tacit_span(row, sizeof(row))};
        assert_int_equal(model_load(model, NULL, &engine, NULL), TACIT_OK);
        assert_int_not_equal(tacit_engine_run(engine, &input, 1, &result, NULL), TACIT_OK);
        tacit_engine_destroy(&engine);
    }
}

/*  Without the import there is no such operator; nor at an opset that has it not.  */
static void test_opsets(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1, 2, END);
    (void)model_node_ml(model, "Scaler", "x", "y");
    model_output(model, "y", F32, 1, 2, END);
    s_refused(model, TACIT_UNSUPPORTED, "Scaler");
    model = model_new(13);
    model_import_ml(model, 1);
    model_input(model, "x", F32, 1, 2, END);
    (void)model_node_ml(model, "LabelEncoder", "x", "y");
    model_output(model, "y", F32, 1, 2, END);
    s_refused(model, TACIT_UNSUPPORTED, "LabelEncoder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trees_are_walked),
                                       cmocka_unit_test(test_trees_that_are_none),
                                       cmocka_unit_test(test_circle_apart),
                                       cmocka_unit_test(test_tree_numbers),
                                       cmocka_unit_test(test_lists_of_other_lengths),
                                       cmocka_unit_test(test_labels),
                                       cmocka_unit_test(test_text_is_refused),
                                       cmocka_unit_test(test_machine_lists),
                                       cmocka_unit_test(test_texts_are_looked_up),
                                       cmocka_unit_test(test_extractor_bounds),
                                       cmocka_unit_test(test_opsets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
