/*  operators.c - the table of operators, and the check of a node against its row.  */

#include "services/inference/engine/operator.h"

#include "services/inference/engine/ops/ops.h"

#include <stdio.h>
#include <string.h>

#define WINDOW "kernel_shape:I strides:I pads:I auto_pad:s"

#define ANY     TACIT_TYPES_ANY
#define NUMBER  TACIT_TYPES_NUMBER
#define FLOAT32 TACIT_TYPES_FLOAT32
#define POOLED                                                                                     \
    (TACIT_TYPES_FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT8) | TACIT_TYPE_BIT(TACIT_DTYPE_UINT8))

#define VIEW TACIT_OPERATOR_VIEW
#define NAN_ TACIT_OPERATOR_DROPS_NAN

#define I(name) tacit_infer_##name
#define K(name) tacit_kernel_##name
#define A(name) tacit_accelerate_##name

/*  Columns: name, opsets, types of T, signature, required inputs, attributes, inputs that decide
    shapes, flags, infer, kernel, accelerate. "a:i=0" allows only that number.  */
/* clang-format off */
static const tacit_operator_t s_table[] = {
    {"Add", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(add), A(add)},
    {"Sub", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(sub), A(sub)},
    {"Mul", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(mul), A(mul)},
    {"Div", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(div), A(div)},

    {"Relu", 6, 17, NUMBER, "T|T", 1, "", 0, NAN_, I(same), K(relu), A(activation)},
    {"LeakyRelu", 6, 17, FLOAT32, "T|T", 1, "alpha:f", 0, NAN_, I(leaky_relu), K(leaky_relu), A(activation)},
    {"Sigmoid", 6, 17, FLOAT32, "T|T", 1, "", 0, NAN_, I(same), K(sigmoid), A(activation)},
    {"Tanh", 6, 17, FLOAT32, "T|T", 1, "", 0, NAN_, I(same), K(tanh), A(activation)},
    {"Clip", 6, 10, FLOAT32, "T|T", 1, "min:f max:f", 0, NAN_, I(clip), K(clip), A(activation)},
    {"Clip", 11, 17, NUMBER, "TTT|T", 1, "", 0, NAN_, I(clip), K(clip), A(activation)},
    {"Cast", 6, 17, ANY, "T|k", 1, "to:i", 0, 0, I(same), K(cast), NULL},

    {"Gemm", 6, 6, FLOAT32, "TTT|T", 3, "alpha:f beta:f transA:i transB:i broadcast:i", 0, 0, I(gemm), K(gemm), A(gemm)},
    {"Gemm", 7, 17, FLOAT32, "TTT|T", 2, "alpha:f beta:f transA:i transB:i", 0, 0, I(gemm), K(gemm), A(gemm)},
    {"MatMul", 1, 17, FLOAT32, "TT|T", 2, "", 0, 0, I(matmul), K(matmul), A(matmul)},

    {"Conv", 1, 17, FLOAT32, "TTT|T", 2, WINDOW " dilations:I group:i", 0, 0, I(convolution), K(convolution), A(convolution)},
    {"MaxPool", 1, 17, POOLED, "T|Ti", 1, WINDOW " dilations:I ceil_mode:i storage_order:i", 0, NAN_, I(pool), K(max_pool), A(max_pool)},
    {"AveragePool", 1, 17, FLOAT32, "T|T", 1, WINDOW " ceil_mode:i count_include_pad:i", 0, 0, I(pool), K(average_pool), A(average_pool)},
    {"GlobalMaxPool", 1, 17, FLOAT32, "T|T", 1, "", 0, NAN_, I(global_pool), K(max_pool), A(max_pool)},
    {"GlobalAveragePool", 1, 17, FLOAT32, "T|T", 1, "", 0, 0, I(global_pool), K(average_pool), A(average_pool)},

    {"BatchNormalization", 7, 8, FLOAT32, "TTTTT|T", 5, "epsilon:f momentum:f spatial:i=1", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"BatchNormalization", 9, 13, FLOAT32, "TTTTT|T", 5, "epsilon:f momentum:f", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"BatchNormalization", 14, 17, FLOAT32, "TTTTT|T", 5, "epsilon:f momentum:f training_mode:i=0", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"Softmax", 1, 12, FLOAT32, "T|T", 1, "axis:i", 0, NAN_, I(softmax_flat), K(softmax_flat), A(softmax_flat)},
    {"Softmax", 13, 17, FLOAT32, "T|T", 1, "axis:i", 0, NAN_, I(softmax), K(softmax), A(softmax)},

    {"Reshape", 5, 13, ANY, "Ti|T", 2, "", 1 << 1, VIEW, I(reshape), K(copy), NULL},
    {"Reshape", 14, 17, ANY, "Ti|T", 2, "allowzero:i", 1 << 1, VIEW, I(reshape), K(copy), NULL},
    {"Flatten", 1, 17, ANY, "T|T", 1, "axis:i", 0, VIEW, I(flatten), K(copy), NULL},
    {"Squeeze", 1, 12, ANY, "T|T", 1, "axes:I", 0, VIEW, I(squeeze), K(copy), NULL},
    {"Squeeze", 13, 17, ANY, "Ti|T", 1, "", 1 << 1, VIEW, I(squeeze), K(copy), NULL},
    {"Unsqueeze", 1, 12, ANY, "T|T", 1, "axes:I", 0, VIEW, I(unsqueeze), K(copy), NULL},
    {"Unsqueeze", 13, 17, ANY, "Ti|T", 2, "", 1 << 1, VIEW, I(unsqueeze), K(copy), NULL},
    {"Identity", 1, 17, ANY, "T|T", 1, "", 0, VIEW, I(same), K(copy), NULL},
    {"Dropout", 7, 9, FLOAT32, "T|T", 1, "ratio:f", 0, VIEW, I(dropout), K(copy), NULL},
    {"Dropout", 10, 11, FLOAT32, "T|Tb", 1, "ratio:f", 0, VIEW, I(dropout), K(copy), NULL},
    {"Dropout", 12, 17, FLOAT32, "Trb|Tb", 1, "seed:i", 1 << 2, VIEW, I(dropout), K(copy), NULL},
    {"Transpose", 1, 17, ANY, "T|T", 1, "perm:I", 0, 0, I(transpose), K(transpose), NULL},
    {"Concat", 4, 17, ANY, "T*|T", 1, "axis:i", 0, 0, I(concat), K(concat), A(concat)},
    {"ArgMax", 1, 17, NUMBER, "T|i", 1, "axis:i keepdims:i select_last_index:i", 0, 0, I(arg_max), K(arg_max), NULL},

    /* Becomes a constant when the graph is built.  */
    {"Constant", 1, 17, ANY, "|T", 0, "", 0, 0, NULL, NULL, NULL},
};
/* clang-format on */

const tacit_operator_t *tacit_operator_find(const char *name, int64_t opset)
{
    for (size_t i = 0; i < sizeof(s_table) / sizeof(s_table[0]); i++) {
        const tacit_operator_t *row = &s_table[i];
        if (opset >= row->since && opset <= row->until && strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

bool tacit_operator_known(const char *name)
{
    for (size_t i = 0; i < sizeof(s_table) / sizeof(s_table[0]); i++) {
        if (strcmp(s_table[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* --- attributes ------------------------------------------------------------------------------- */

/*  The type of an attribute in a row's list, and the only integer allowed; '\0' where unknown.  */
static char s_attribute_type(const char *list, const char *name, const char **ret_only)
{
    size_t size = strlen(name);
    for (const char *word = list; *word != '\0';) {
        size_t length = strcspn(word, " ");
        if (length > size + 1 && strncmp(word, name, size) == 0 && word[size] == ':') {
            *ret_only = length > size + 3 ? word + size + 3 : NULL;
            return word[size + 1];
        }
        word += length;
        word += strspn(word, " ");
    }
    return '\0';
}

static tacit_status_t s_check_attributes(const tacit_graph_node_t *node, tacit_error_t *error)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        const tacit_attribute_t *attribute = &node->attributes[i];
        const char *only = NULL;
        char type = s_attribute_type(node->op->attributes, attribute->name, &only);
        if (type == '\0') {
            return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED,
                                           "attribute '%s' is not known for it", attribute->name);
        }
        if (type != attribute->type) {
            return tacit_graph_node_refuse(node, error, TACIT_MALFORMED,
                                           "attribute '%s' has the wrong type", attribute->name);
        }
        if (only != NULL && attribute->integer != *only - '0') {
            return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED,
                                           "attribute '%s' must be %c", attribute->name, *only);
        }
    }
    return TACIT_OK;
}

/* --- types ------------------------------------------------------------------------------------ */

/*  The letter for a position in one side of a signature; '\0' where there is none.  */
static char s_letter(const char *side, size_t position)
{
    for (size_t i = 0; side[i] != '\0' && side[i] != '|'; i++) {
        if (side[i + 1] == '*' || i == position) {
            return side[i];
        }
    }
    return '\0';
}

static bool s_type_fits(const tacit_graph_node_t *node, char letter, tacit_dtype_t dtype,
                        tacit_dtype_t *bound)
{
    switch (letter) {
    case 'T':
        *bound = *bound == TACIT_DTYPE_NONE ? dtype : *bound;
        return dtype == *bound && (node->op->types & TACIT_TYPE_BIT(dtype)) != 0;
    case 'i':
        return dtype == TACIT_DTYPE_INT64;
    case 'b':
        return dtype == TACIT_DTYPE_BOOL;
    case 'r':
        return dtype == TACIT_DTYPE_FLOAT32 || dtype == TACIT_DTYPE_FLOAT64;
    default:
        return false;
    }
}

static tacit_status_t s_check_inputs(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                                     tacit_dtype_t *bound, tacit_error_t *error)
{
    if (node->input_count < node->op->inputs_min) {
        return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "it has too few inputs");
    }
    for (size_t i = 0; i < node->input_count; i++) {
        char letter = s_letter(node->op->signature, i);
        if (letter == '\0') {
            return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "it has too many inputs");
        }
        bool repeats = node->op->signature[1] == '*';
        if (node->inputs[i] == TACIT_NO_VALUE && i >= node->op->inputs_min && !repeats) {
            continue;
        }
        if (node->inputs[i] == TACIT_NO_VALUE) {
            return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "input %zu is missing", i);
        }
        tacit_dtype_t dtype = graph->values[node->inputs[i]].dtype;
        if (!s_type_fits(node, letter, dtype, bound)) {
            bool allowed = letter == 'T' && *bound == dtype;
            return tacit_graph_node_refuse(node, error,
                                           allowed ? TACIT_UNSUPPORTED : TACIT_MALFORMED,
                                           "input %zu of type %s is %s", i, tacit_dtype_name(dtype),
                                           allowed ? "not computed" : "of the wrong type");
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_output_type(const tacit_graph_node_t *node, char letter,
                                    tacit_dtype_t bound, tacit_dtype_t *ret_dtype,
                                    tacit_error_t *error)
{
    int64_t to = tacit_graph_node_integer(node, "to", 0);
    switch (letter) {
    case 'T':
        *ret_dtype = bound;
        return TACIT_OK;
    case 'i':
        *ret_dtype = TACIT_DTYPE_INT64;
        return TACIT_OK;
    case 'b':
        *ret_dtype = TACIT_DTYPE_BOOL;
        return TACIT_OK;
    case 'k':
        if (!tacit_dtype_known(to)) {
            return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED,
                                           "the type %lld to cast to is not computed",
                                           (long long)to);
        }
        *ret_dtype = (tacit_dtype_t)to;
        return TACIT_OK;
    default:
        return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED, "it has too many outputs");
    }
}

tacit_status_t tacit_operator_check(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                    tacit_error_t *error)
{
    tacit_dtype_t bound = TACIT_DTYPE_NONE;
    tacit_status_t status = s_check_attributes(node, error);
    if (status == TACIT_OK) {
        status = s_check_inputs(graph, node, &bound, error);
    }
    const char *results = strchr(node->op->signature, '|') + 1;
    for (size_t i = 0; status == TACIT_OK && i < node->output_count; i++) {
        tacit_dtype_t dtype = TACIT_DTYPE_NONE;
        status = s_output_type(node, s_letter(results, i), bound, &dtype, error);
        if (status == TACIT_OK && node->outputs[i] != TACIT_NO_VALUE) {
            graph->values[node->outputs[i]].dtype = dtype;
        }
    }
    return status;
}
