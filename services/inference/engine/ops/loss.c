/*  loss.c - NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, as models ask for them.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

typedef enum s_reduction { NONE, SUM, MEAN } s_reduction_t;

static tacit_status_t s_infer_loss(const tacit_inference_t *inference, bool softmax)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *scores = &inference->inputs[0].shape;
    const tacit_shape_t *labels = &inference->inputs[1].shape;
    const char *reduction = tacit_graph_node_text(node, "reduction", "mean");
    bool fits = scores->rank >= 2 && labels->rank + 1 == scores->rank;
    for (size_t i = 0; fits && i < labels->rank; i++) {
        fits = labels->dims[i] == scores->dims[i > 0 ? i + 1 : 0];
    }
    if (fits && tacit_given(inference->inputs, node->input_count, 2)) {
        fits = inference->inputs[2].count == (size_t)scores->dims[1];
    }
    bool none = strcmp(reduction, "none") == 0;
    if (!fits || (!none && strcmp(reduction, "sum") != 0 && strcmp(reduction, "mean") != 0)) {
        return tacit_infer_refuse(inference, "its labels, weights or reduction do not fit");
    }
    inference->parameters->node.node = node;
    inference->parameters->node.mode = none ? NONE : (reduction[0] == 's' ? SUM : MEAN);
    inference->outputs[0].shape = none ? *labels : (tacit_shape_t){.rank = 0};
    if (softmax && node->output_count > 1) {
        inference->outputs[1].shape = *scores;
    }
    return TACIT_OK;
}

TACIT_INFER(likelihood)
{
    return s_infer_loss(inference, false);
}

TACIT_INFER(cross_entropy)
{
    return s_infer_loss(inference, true);
}

/*  log(sum(exp)) of the scores of one place.  */
static double s_log_sum(const float *scores, size_t classes, size_t step)
{
    double largest = -HUGE_VAL;
    double sum = 0;
    for (size_t c = 0; c < classes; c++) {
        largest = fmax(largest, (double)scores[c * step]);
    }
    for (size_t c = 0; c < classes; c++) {
        sum += exp((double)scores[c * step] - largest);
    }
    return log(sum) + largest;
}

static const char *s_loss(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                          size_t input_count, tacit_tensor_t *output, bool softmax)
{
    const tacit_attribute_t *ignored =
        tacit_graph_node_attribute(parameters->node.node, "ignore_index");
    const float *weights = tacit_given(inputs, input_count, 2) ? inputs[2].data : NULL;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t classes = (size_t)shape->dims[1];
    size_t inner = tacit_shape_span(shape, 2, shape->rank);
    double total = 0;
    double weight_sum = 0;
    for (size_t n = 0; n < inputs[1].count; n++) {
        int64_t label = tacit_element_integer(&inputs[1], n);
        double loss = 0;
        if (ignored == NULL || label != ignored->integer) {
            if (label < 0 || label >= (int64_t)classes) {
                return "a label is no class";
            }
            const float *scores =
                (const float *)inputs[0].data + n / inner * classes * inner + n % inner;
            double weight = weights != NULL ? (double)weights[label] : 1;
            double score = (double)scores[(size_t)label * inner];
            loss = weight * (softmax ? s_log_sum(scores, classes, inner) - score : -score);
            weight_sum += weight;
        }
        total += loss;
        if (parameters->node.mode == NONE) {
            ((float *)output->data)[n] = (float)loss;
        }
    }
    if (parameters->node.mode != NONE) {
        *(float *)output->data =
            (float)(parameters->node.mode == MEAN ? total / weight_sum : total);
    }
    return NULL;
}

TACIT_KERNEL(likelihood)
{
    (void)output_count;
    return s_loss(parameters, inputs, input_count, &outputs[0], false);
}

TACIT_KERNEL(cross_entropy)
{
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t classes = (size_t)shape->dims[1];
    size_t inner = tacit_shape_span(shape, 2, shape->rank);
    float *log_probabilities = output_count > 1 ? outputs[1].data : NULL;
    for (size_t n = 0; log_probabilities != NULL && n < inputs[1].count; n++) {
        size_t base = n / inner * classes * inner + n % inner;
        const float *scores = (const float *)inputs[0].data + base;
        double sum = s_log_sum(scores, classes, inner);
        for (size_t c = 0; c < classes; c++) {
            log_probabilities[base + c * inner] = (float)((double)scores[c * inner] - sum);
        }
    }
    return s_loss(parameters, inputs, input_count, &outputs[0], true);
}

/* clang-format off */
TACIT_OPERATORS(loss) = {
    {"NegativeLogLikelihoodLoss", 12, 17, FLOAT32, "TjT|T", 2, "ignore_index:i reduction:s", 0, 0, I(likelihood), K(likelihood), NULL},
    {"SoftmaxCrossEntropyLoss", 12, 17, FLOAT32, "TjT|TT", 2, "ignore_index:i reduction:s", 0, 0, I(cross_entropy), K(cross_entropy), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
