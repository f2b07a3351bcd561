/*  raise.c - see prepare.h: a lower opset's operators as opset 13 writes them.

    The engine's own table says what stays: where both opsets have one row for an operator, a node
    means the same in both. What became an input later becomes one.  */

#include <stdio.h>
#include <string.h>

#include "services/inference/engine/operator.h"
#include "services/inference/quantizer/prepare.h"

typedef struct s_change {
    const char *op;
    tacit_status_t (*make)(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                           tacit_error_t *error);
} s_change_t;

/*  A list of numbers becomes input i; nothing where there is none.  */
static tacit_status_t s_add_input(tacit_draft_t *draft, Onnx__NodeProto *node, size_t i,
                                  tacit_dtype_t dtype, const void *numbers, size_t count,
                                  bool scalar, tacit_error_t *error)
{
    tacit_shape_t shape = {.rank = scalar ? 0 : 1, .dims = {(int64_t)count}};
    char suffix[16];
    (void)snprintf(suffix, sizeof suffix, "input_%zu", i);
    const char *name = tacit_draft_name(draft, node->output[0], suffix, error);
    void *elements = name != NULL ? tacit_draft_constant(draft, name, dtype, &shape, error) : NULL;
    if (elements == NULL) {
        return error->code;
    }
    memcpy(elements, numbers, count * tacit_dtype_size(dtype));
    return tacit_draft_set_input(draft, node, i, name, error);
}

static tacit_status_t s_integers(tacit_draft_t *draft, Onnx__NodeProto *node, const char *attribute,
                                 size_t i, tacit_error_t *error)
{
    const Onnx__AttributeProto *list = tacit_draft_attribute(node, attribute);
    tacit_status_t status =
        list != NULL && list->n_ints > 0
            ? s_add_input(draft, node, i, TACIT_DTYPE_INT64, list->ints, list->n_ints, false, error)
            : TACIT_OK;
    tacit_draft_drop_attribute(node, attribute);
    return status;
}

static tacit_status_t s_axes(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                             tacit_error_t *error)
{
    *ret_done = true;
    return s_integers(draft, node, "axes", 1, error);
}

static tacit_status_t s_split(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                              tacit_error_t *error)
{
    *ret_done = true;
    return s_integers(draft, node, "split", 1, error);
}

static tacit_status_t s_slice(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                              tacit_error_t *error)
{
    *ret_done = true;
    tacit_status_t status = s_integers(draft, node, "starts", 1, error);
    if (status == TACIT_OK) {
        status = s_integers(draft, node, "ends", 2, error);
    }
    return status == TACIT_OK ? s_integers(draft, node, "axes", 3, error) : status;
}

static tacit_status_t s_real(tacit_draft_t *draft, Onnx__NodeProto *node, const char *attribute,
                             size_t i, tacit_error_t *error)
{
    const Onnx__AttributeProto *number = tacit_draft_attribute(node, attribute);
    tacit_status_t status =
        number != NULL && number->has_f
            ? s_add_input(draft, node, i, TACIT_DTYPE_FLOAT32, &number->f, 1, true, error)
            : TACIT_OK;
    tacit_draft_drop_attribute(node, attribute);
    return status;
}

static tacit_status_t s_clip(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                             tacit_error_t *error)
{
    *ret_done = true;
    tacit_status_t status = s_real(draft, node, "min", 1, error);
    return status == TACIT_OK ? s_real(draft, node, "max", 2, error) : status;
}

static tacit_status_t s_pad(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                            tacit_error_t *error)
{
    *ret_done = true;
    tacit_status_t status = s_integers(draft, node, "pads", 1, error);
    return status == TACIT_OK ? s_real(draft, node, "value", 2, error) : status;
}

/*  It does nothing at inference.  */
static tacit_status_t s_dropout(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                                tacit_error_t *error)
{
    (void)draft;
    (void)error;
    *ret_done = node->n_output == 1 || node->output[1][0] == '\0';
    tacit_draft_drop_attribute(node, "ratio");
    return TACIT_OK;
}

/*  An attribute went that could be 1 alone.  */
static tacit_status_t s_normalization(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                                      tacit_error_t *error)
{
    (void)draft;
    (void)error;
    *ret_done = tacit_draft_integer(node, "spatial", 1) == 1;
    tacit_draft_drop_attribute(node, "spatial");
    return TACIT_OK;
}

/*  Upsample, and Resize as it was first.  */
static tacit_status_t s_resize(tacit_draft_t *draft, Onnx__NodeProto *node, bool *ret_done,
                               tacit_error_t *error)
{
    static char resize[] = "Resize";
    const Onnx__AttributeProto *scales = tacit_draft_attribute(node, "scales");
    tacit_status_t status = TACIT_OK;
    *ret_done = node->n_input > 1 || scales != NULL;
    if (node->n_input > 1) {
        const char *name = node->input[1];
        status = tacit_draft_set_input(draft, node, 1, "", error);
        status = status == TACIT_OK ? tacit_draft_set_input(draft, node, 2, name, error) : status;
    } else if (scales != NULL) {
        status = s_add_input(draft, node, 2, TACIT_DTYPE_FLOAT32, scales->floats, scales->n_floats,
                             false, error);
        tacit_draft_drop_attribute(node, "scales");
    }
    node->op_type = resize;
    if (status == TACIT_OK) {
        status = tacit_draft_set_text(draft, node, "coordinate_transformation_mode", "asymmetric",
                                      error);
    }
    return status == TACIT_OK ? tacit_draft_set_text(draft, node, "nearest_mode", "floor", error)
                              : status;
}

static const s_change_t s_changes[] = {
    {"Squeeze", s_axes},
    {"Unsqueeze", s_axes},
    {"ReduceSum", s_axes},
    {"Split", s_split},
    {"Slice", s_slice},
    {"Clip", s_clip},
    {"Pad", s_pad},
    {"Dropout", s_dropout},
    {"Upsample", s_resize},
    {"Resize", s_resize},
    {"BatchNormalization", s_normalization},
};

static tacit_status_t s_refuse(const Onnx__NodeProto *node, int64_t opset, tacit_error_t *error)
{
    (void)tacit_error_set(error, TACIT_UNSUPPORTED,
                          "node '%.60s': %.40s of opset %d is not raised to opset %d, which "
                          "quantized models need",
                          node->name != NULL ? node->name : "", node->op_type, (int)opset,
                          TACIT_PREPARE_OPSET);
    (void)snprintf(error->claim, sizeof error->claim, "node %.60s",
                   node->name != NULL ? node->name : "");
    tacit_error_remedy(error, "export the model with opset %d to %d", TACIT_PREPARE_OPSET,
                       TACIT_OPSET_MAX);
    return TACIT_UNSUPPORTED;
}

static bool s_holds_graphs(const Onnx__NodeProto *node)
{
    bool holds = false;
    for (size_t i = 0; i < node->n_attribute; i++) {
        holds |= node->attribute[i]->g != NULL;
    }
    return holds;
}

/*  Over the last dimension alone both forms mean the same. rank: of the node's output.  */
static bool s_softmax(tacit_draft_t *draft, Onnx__NodeProto *node, size_t rank,
                      tacit_status_t *ret_status, tacit_error_t *error)
{
    int64_t axis = tacit_draft_integer(node, "axis", 1);
    bool last = axis == -1 || (rank > 0 && axis == (int64_t)rank - 1);
    *ret_status = last ? tacit_draft_set_integer(draft, node, "axis", -1, error) : TACIT_OK;
    return last;
}

static bool s_is_softmax(const Onnx__NodeProto *node)
{
    return tacit_draft_is(node, "Softmax") || tacit_draft_is(node, "LogSoftmax") ||
           tacit_draft_is(node, "Hardmax");
}

static tacit_status_t s_raise(tacit_draft_t *draft, Onnx__NodeProto *node, int64_t opset,
                              size_t rank, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    const char *op = node->op_type != NULL ? node->op_type : "";
    const tacit_operator_t *then = tacit_operator_find(op, 0, TACIT_PREPARE_OPSET);
    bool done =
        !tacit_draft_is(node, op) || (then != NULL && tacit_operator_find(op, 0, opset) == then);
    if (!done && s_is_softmax(node)) {
        done = s_softmax(draft, node, rank, &status, error);
    }
    for (size_t i = 0; !done && i < sizeof s_changes / sizeof *s_changes; i++) {
        if (strcmp(op, s_changes[i].op) == 0) {
            status = s_changes[i].make(draft, node, &done, error);
            break;
        }
    }
    done = done && !s_holds_graphs(node);
    return status == TACIT_OK && !done ? s_refuse(node, opset, error) : status;
}

/*  The ranks of what each Softmax makes decide.  */
tacit_status_t tacit_prepare_opset(tacit_draft_t *draft, const tacit_quantizer_options_t *options,
                                   const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    int64_t opset = tacit_draft_opset(draft);
    int *values = tacit_pool_take(draft->pool, draft->node_count + 1, sizeof(int), error);
    size_t *ranks = tacit_pool_take(draft->pool, draft->node_count + 1, sizeof(size_t), error);
    size_t count = 0;
    if (opset >= TACIT_PREPARE_OPSET) {
        return TACIT_OK;
    }
    if (values == NULL || ranks == NULL) {
        return error->code;
    }
    for (size_t n = 0; n < draft->node_count; n++) {
        values[count] = tacit_draft_output(draft, draft->nodes[n], 0);
        count += s_is_softmax(draft->nodes[n]) && values[count] >= 0;
    }
    tacit_status_t status =
        tacit_calibrate_ranks(draft, options, rows, values, count, ranks, error);
    count = 0;
    for (size_t n = 0; status == TACIT_OK && n < draft->node_count; n++) {
        bool ranked =
            s_is_softmax(draft->nodes[n]) && tacit_draft_output(draft, draft->nodes[n], 0) >= 0;
        status = s_raise(draft, draft->nodes[n], opset, ranked ? ranks[count] : 0, error);
        count += ranked;
    }
    tacit_draft_set_opset(draft, TACIT_PREPARE_OPSET);
    return status == TACIT_OK ? tacit_draft_link(draft, error) : status;
}
