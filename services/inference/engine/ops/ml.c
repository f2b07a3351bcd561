/*  ml.c - what operators of ai.onnx.ml share.  */

#include "services/inference/engine/ops/ml.h"

#include "services/inference/engine/ops/ops.h"

#include <math.h>

bool tacit_ml_table(const tacit_tensor_t *tensor, tacit_ml_table_t *ret_table)
{
    const tacit_shape_t *shape = &tensor->shape;
    if (shape->rank != 1 && shape->rank != 2) {
        return false;
    }
    bool row = shape->rank == 1;
    *ret_table = (tacit_ml_table_t){.tensor = tensor,
                                    .rows = row ? 1 : (size_t)shape->dims[0],
                                    .columns = (size_t)shape->dims[row ? 0 : 1]};
    return true;
}

tacit_ml_reals_t tacit_ml_reals(const tacit_graph_node_t *node, const char *name)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    if (list == NULL || list->type != 'F') {
        return (tacit_ml_reals_t){NULL, 0};
    }
    return (tacit_ml_reals_t){list->reals, list->count};
}

/* --- classes ---------------------------------------------------------------------------------- */

static const tacit_attribute_t *s_labels(const tacit_graph_node_t *node)
{
    static const char *const names[] = {"classlabels_strings", "classlabels_int64s",
                                        "classlabels_ints"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const tacit_attribute_t *labels = tacit_graph_node_attribute(node, names[i]);
        if (labels != NULL && labels->count > 0) {
            return labels;
        }
    }
    return NULL;
}

size_t tacit_ml_class_count(const tacit_graph_node_t *node)
{
    const tacit_attribute_t *labels = s_labels(node);
    return labels != NULL ? labels->count : 0;
}

int64_t tacit_ml_label(const tacit_graph_node_t *node, size_t class)
{
    const tacit_attribute_t *labels = s_labels(node);
    bool numbers = labels != NULL && labels->type == 'I' && class < labels->count;
    return numbers ? labels->integers[class] : (int64_t) class;
}

/*  A name that can stand in the comma-separated list.  */
static bool s_plain(const char *label)
{
    bool plain = label[0] != '\0';
    for (size_t i = 0; plain && label[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)label[i];
        plain = byte >= ' ' && byte != 0x7f && byte != ',';
    }
    return plain;
}

/*  The names with commas between, at `to`, or how long that is where to is NULL; 0 where a name
    cannot stand there.  */
static size_t s_join(const tacit_attribute_t *labels, char *to)
{
    size_t size = 0;
    for (size_t i = 0; i < labels->count && size <= TACIT_GRAPH_LABELS_MAX; i++) {
        size_t length = strlen(labels->texts[i]);
        if (!s_plain(labels->texts[i])) {
            return 0;
        }
        if (to != NULL) {
            memcpy(to + size, labels->texts[i], length);
            to[size + length] = i + 1 < labels->count ? ',' : '\0';
        }
        size += length + 1;
    }
    return size <= TACIT_GRAPH_LABELS_MAX ? size : 0;
}

static tacit_status_t s_name_labels(tacit_graph_t *graph, const tacit_attribute_t *labels,
                                    tacit_error_t *error)
{
    size_t size = graph->labels[0] == '\0' ? s_join(labels, NULL) : 0;
    if (size == 0) {
        return TACIT_OK;
    }
    char *text = tacit_pool_take(graph->pool, size, 1, error);
    if (text == NULL) {
        return error->code;
    }
    (void)s_join(labels, text);
    graph->labels = text;
    return TACIT_OK;
}

tacit_status_t tacit_ml_name_texts(tacit_graph_t *graph, const char *const *texts, size_t count,
                                   tacit_error_t *error)
{
    tacit_attribute_t labels = {.type = 'S', .count = count, .texts = texts};
    return s_name_labels(graph, &labels, error);
}

/*  What LabelEncoder turns numbers into.  */
static const tacit_attribute_t *s_coded_texts(const tacit_graph_node_t *node)
{
    bool encoder = strcmp(node->op->name, "LabelEncoder") == 0;
    return encoder ? tacit_graph_node_attribute(node, "values_strings") : NULL;
}

tacit_status_t tacit_ml_prepare(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    const tacit_attribute_t *labels = s_coded_texts(node);
    labels = labels != NULL ? labels : s_labels(node);
    bool text = labels != NULL && labels->type == 'S';
    bool map = strcmp(node->op->name, "ZipMap") == 0;
    if (node->outputs[0] != TACIT_NO_VALUE) {
        graph->values[node->outputs[0]].map = map;
        graph->values[node->outputs[0]].labels = text && !map;
    }
    tacit_status_t status = text ? s_name_labels(graph, labels, error) : TACIT_OK;
    if (status == TACIT_OK && strncmp(node->op->name, "TreeEnsemble", 12) == 0) {
        const tacit_forest_t *forest = NULL;
        status = tacit_forest_new(graph, node, &forest, error);
        node->prepared = forest;
    }
    return status;
}

/* --- scores ----------------------------------------------------------------------------------- */

tacit_ml_transform_t tacit_ml_transform_of(const tacit_graph_node_t *node)
{
    static const char *const names[] = {[TACIT_ML_NONE] = "NONE",
                                        [TACIT_ML_LOGISTIC] = "LOGISTIC",
                                        [TACIT_ML_SOFTMAX] = "SOFTMAX",
                                        [TACIT_ML_SOFTMAX_ZERO] = "SOFTMAX_ZERO",
                                        [TACIT_ML_PROBIT] = "PROBIT"};
    const char *name = tacit_graph_node_text(node, "post_transform", "NONE");
    size_t i = 0;
    while (i < TACIT_ML_TRANSFORMS && strcmp(name, names[i]) != 0) {
        i++;
    }
    return (tacit_ml_transform_t)i;
}

float tacit_ml_logistic(float x)
{
    float y = 1.0F / (1.0F + expf(-fabsf(x)));
    return x < 0.0F ? 1.0F - y : y;
}

/*  By Winitzki's approximation of the inverse error function, as everybody does.  */
float tacit_ml_probit(float x)
{
    static const float a = 0.147F;
    float z = 2.0F * x - 1.0F;
    float logarithm = logf((1.0F - z) * (1.0F + z));
    float v = 2.0F / (3.14159F * a) + 0.5F * logarithm;
    float root = sqrtf(-v + sqrtf(v * v - logarithm / a));
    return 1.41421356F * (z < 0.0F ? -root : root);
}

/*  zeros: scores of 0 take no part, as they say that there is no score.  */
static void s_softmax(float *scores, size_t count, bool zeros)
{
    float largest = scores[0];
    float sum = 0.0F;
    for (size_t i = 1; i < count; i++) {
        largest = scores[i] > largest ? scores[i] : largest;
    }
    for (size_t i = 0; i < count; i++) {
        if (zeros && fabsf(scores[i]) <= 1e-7F) {
            scores[i] *= expf(-largest);
            continue;
        }
        scores[i] = expf(scores[i] - largest);
        sum += scores[i];
    }
    for (size_t i = 0; i < count; i++) {
        scores[i] /= sum != 0.0F ? sum : 1.0F;
    }
}

void tacit_ml_transform(tacit_ml_transform_t transform, float *scores, size_t count)
{
    switch (transform) {
    case TACIT_ML_SOFTMAX:
    case TACIT_ML_SOFTMAX_ZERO:
        s_softmax(scores, count, transform == TACIT_ML_SOFTMAX_ZERO);
        break;
    case TACIT_ML_LOGISTIC:
    case TACIT_ML_PROBIT:
        for (size_t i = 0; i < count; i++) {
            scores[i] = transform == TACIT_ML_PROBIT ? tacit_ml_probit(scores[i])
                                                     : tacit_ml_logistic(scores[i]);
        }
        break;
    default:
        break;
    }
}

void tacit_ml_second(tacit_ml_transform_t transform, tacit_ml_second_t how, float *scores)
{
    float score = scores[0];
    if (transform == TACIT_ML_LOGISTIC) {
        scores[0] = tacit_ml_logistic(-score);
        scores[1] = tacit_ml_logistic(score);
        return;
    }
    scores[0] = how == TACIT_ML_OPPOSITE ? -score : 1.0F - score;
    scores[1] = score;
}
