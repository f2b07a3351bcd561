/*  operators.c - finds the row of an operator among the families (ops/), and checks a node against
    it.  */

#include "services/inference/engine/operator.h"

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

#include <stdio.h>
#include <string.h>

extern const tacit_operator_t tacit_operators_elementwise[];
extern const tacit_operator_t tacit_operators_comparison[];
extern const tacit_operator_t tacit_operators_power[];
extern const tacit_operator_t tacit_operators_arg_max[];
extern const tacit_operator_t tacit_operators_cumulate[];
extern const tacit_operator_t tacit_operators_grid_sample[];
extern const tacit_operator_t tacit_operators_unary[];
extern const tacit_operator_t tacit_operators_activation[];
extern const tacit_operator_t tacit_operators_cast[];
extern const tacit_operator_t tacit_operators_matrix[];
extern const tacit_operator_t tacit_operators_determinant[];
extern const tacit_operator_t tacit_operators_choice[];
extern const tacit_operator_t tacit_operators_convolution[];
extern const tacit_operator_t tacit_operators_pooling[];
extern const tacit_operator_t tacit_operators_transposed[];
extern const tacit_operator_t tacit_operators_normalization[];
extern const tacit_operator_t tacit_operators_softmax[];
extern const tacit_operator_t tacit_operators_reduction[];
extern const tacit_operator_t tacit_operators_shape[];
extern const tacit_operator_t tacit_operators_index[];
extern const tacit_operator_t tacit_operators_rearrange[];
extern const tacit_operator_t tacit_operators_slice[];
extern const tacit_operator_t tacit_operators_select[];
extern const tacit_operator_t tacit_operators_resize[];
extern const tacit_operator_t tacit_operators_recurrent[];
extern const tacit_operator_t tacit_operators_quantize[];
extern const tacit_operator_t tacit_operators_quantized_convolution[];
extern const tacit_operator_t tacit_operators_quantized_maps[];
extern const tacit_operator_t tacit_operators_quantized_product[];
extern const tacit_operator_t tacit_operators_quantized_curves[];
extern const tacit_operator_t tacit_operators_quantized_parts[];
extern const tacit_operator_t tacit_operators_loss[];
extern const tacit_operator_t tacit_operators_detection[];
extern const tacit_operator_t tacit_operators_generate[];
extern const tacit_operator_t tacit_operators_einsum[];
extern const tacit_operator_t tacit_operators_lp_pool[];
extern const tacit_operator_t tacit_operators_ml_features[];
extern const tacit_operator_t tacit_operators_ml_linear[];
extern const tacit_operator_t tacit_operators_ml_svm[];
extern const tacit_operator_t tacit_operators_ml_trees[];

/*  Every file of operators.  */
static const tacit_operator_t *const s_families[] = {
    tacit_operators_elementwise,
    tacit_operators_unary,
    tacit_operators_activation,
    tacit_operators_cast,
    tacit_operators_matrix,
    tacit_operators_convolution,
    tacit_operators_pooling,
    tacit_operators_transposed,
    tacit_operators_normalization,
    tacit_operators_reduction,
    tacit_operators_shape,
    tacit_operators_index,
    tacit_operators_rearrange,
    tacit_operators_slice,
    tacit_operators_select,
    tacit_operators_resize,
    tacit_operators_recurrent,
    tacit_operators_quantize,
    tacit_operators_loss,
    tacit_operators_detection,
    tacit_operators_generate,
    tacit_operators_ml_features,
    tacit_operators_ml_linear,
    tacit_operators_einsum,
    tacit_operators_lp_pool,
    tacit_operators_ml_svm,
    tacit_operators_ml_trees,
    tacit_operators_quantized_convolution,
    tacit_operators_quantized_maps,
    tacit_operators_quantized_product,
    tacit_operators_softmax,
    tacit_operators_determinant,
    tacit_operators_choice,
    tacit_operators_comparison,
    tacit_operators_power,
    tacit_operators_arg_max,
    tacit_operators_cumulate,
    tacit_operators_grid_sample,
    tacit_operators_quantized_curves,
    tacit_operators_quantized_parts,
};

static const tacit_operator_t *s_find(const char *name, unsigned domain, int64_t opset,
                                      bool any_opset)
{
    for (size_t i = 0; i < sizeof(s_families) / sizeof(s_families[0]); i++) {
        for (const tacit_operator_t *row = s_families[i]; row->name != NULL; row++) {
            bool fits = any_opset || (opset >= row->since && opset <= row->until);
            if (fits && domain == (row->flags & TACIT_OPERATOR_DOMAIN) &&
                strcmp(row->name, name) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

const tacit_operator_t *tacit_operator_find(const char *name, unsigned domain, int64_t opset)
{
    return s_find(name, domain, opset, false);
}

bool tacit_operator_known(const char *name)
{
    return s_find(name, 0, 0, true) != NULL || s_find(name, TACIT_OPERATOR_ML, 0, true) != NULL ||
           s_find(name, TACIT_OPERATOR_MICROSOFT, 0, true) != NULL;
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

/*  What the capital letters of a row stand for in this node.  */
typedef struct s_bound {
    tacit_dtype_t letters['Z' - 'A' + 1];
} s_bound_t;

enum {
    EIGHT_BITS = TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8),
    INDEX = TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64)
};

/*  The types that a letter allows.  */
static unsigned s_allowed(const tacit_operator_t *op, char letter)
{
    switch (letter) {
    case 'T':
        return op->types;
    case 'U':
    case 'V':
    case 'n':
        return TACIT_TYPES_ANY;
    case 'Q':
    case 'W':
    case 'Y':
        return EIGHT_BITS;
    case 'i':
        return TACIT_TYPE_BIT(TACIT_DTYPE_INT64);
    case 'd':
        return TACIT_TYPE_BIT(TACIT_DTYPE_INT32);
    case 'u':
        return TACIT_TYPE_BIT(TACIT_DTYPE_UINT8);
    case 'f':
        return TACIT_TYPES_FLOAT32;
    case 'b':
        return TACIT_TYPE_BIT(TACIT_DTYPE_BOOL);
    case 'j':
        return INDEX;
    case 'r':
        return TACIT_TYPES_FLOAT;
    default:
        return 0;
    }
}

static bool s_type_fits(const tacit_graph_node_t *node, char letter, tacit_dtype_t dtype,
                        s_bound_t *bound)
{
    if (letter >= 'A' && letter <= 'Z') {
        tacit_dtype_t *held = &bound->letters[letter - 'A'];
        *held = *held == TACIT_DTYPE_NONE ? dtype : *held;
        if (*held != dtype) {
            return false;
        }
    }
    return (s_allowed(node->op, letter) & TACIT_TYPE_BIT(dtype)) != 0;
}

static tacit_status_t s_check_inputs(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                                     s_bound_t *bound, tacit_error_t *error)
{
    if (node->input_count < node->op->inputs_min) {
        return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "it has too few inputs");
    }
    for (size_t i = 0; i < node->input_count; i++) {
        char letter = s_letter(node->op->signature, i);
        if (letter == '\0') {
            return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "it has too many inputs");
        }
        bool repeats = node->op->signature[0] != '\0' && node->op->signature[1] == '*';
        if (node->inputs[i] == TACIT_NO_VALUE && i >= node->op->inputs_min && !repeats) {
            continue;
        }
        if (node->inputs[i] == TACIT_NO_VALUE) {
            return tacit_graph_node_refuse(node, error, TACIT_MALFORMED, "input %zu is missing", i);
        }
        tacit_dtype_t dtype = graph->values[node->inputs[i]].dtype;
        if (!s_type_fits(node, letter, dtype, bound)) {
            bool allowed = letter >= 'A' && letter <= 'Z' && bound->letters[letter - 'A'] == dtype;
            return tacit_graph_node_refuse(node, error,
                                           allowed ? TACIT_UNSUPPORTED : TACIT_MALFORMED,
                                           "input %zu of type %s is %s", i, tacit_dtype_name(dtype),
                                           allowed ? "not computed" : "of the wrong type");
        }
    }
    return TACIT_OK;
}

/*  The type that an attribute names.  */
static tacit_status_t s_named_type(const tacit_graph_node_t *node, const char *attribute,
                                   tacit_dtype_t fallback, tacit_dtype_t *ret_dtype,
                                   tacit_error_t *error)
{
    int64_t to = tacit_graph_node_integer(node, attribute, (int64_t)fallback);
    if (!tacit_dtype_known(to)) {
        bool named = to > 0 && to <= INT32_MAX;
        return tacit_graph_node_refuse(
            node, error, TACIT_UNSUPPORTED, "the type %lld (%s) to cast to is not computed",
            (long long)to, tacit_dtype_name(named ? (tacit_dtype_t)to : 0));
    }
    *ret_dtype = (tacit_dtype_t)to;
    return TACIT_OK;
}

static tacit_status_t s_output_type(const tacit_graph_node_t *node, char letter,
                                    const s_bound_t *bound, tacit_dtype_t *ret_dtype,
                                    tacit_error_t *error)
{
    const tacit_attribute_t *value = tacit_graph_node_attribute(node, "value");
    switch (letter) {
    case 'k':
        return s_named_type(node, "to", TACIT_DTYPE_NONE, ret_dtype, error);
    case 'e':
        return s_named_type(node, "dtype", bound->letters['T' - 'A'], ret_dtype, error);
    case 'o':
        return s_named_type(node, "output_datatype", TACIT_DTYPE_FLOAT32, ret_dtype, error);
    case 'v':
        *ret_dtype = value != NULL ? value->tensor->dtype : TACIT_DTYPE_FLOAT32;
        return TACIT_OK;
    case 'l':
        *ret_dtype = tacit_graph_node_attribute(node, "values_int64s") != NULL ||
                             tacit_graph_node_attribute(node, "values_strings") != NULL
                         ? TACIT_DTYPE_INT64
                         : TACIT_DTYPE_FLOAT32;
        return TACIT_OK;
    case 'p':
        *ret_dtype = bound->letters['Y' - 'A'];
        *ret_dtype = *ret_dtype != TACIT_DTYPE_NONE ? *ret_dtype : TACIT_DTYPE_FLOAT32;
        return TACIT_OK;
    case 'z':
        *ret_dtype = bound->letters['Q' - 'A'];
        *ret_dtype = *ret_dtype != TACIT_DTYPE_NONE ? *ret_dtype : TACIT_DTYPE_UINT8;
        return TACIT_OK;
    default:
        break;
    }
    bool capital = letter >= 'A' && letter <= 'Z';
    unsigned allowed = s_allowed(node->op, letter);
    if (allowed == 0) {
        return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED, "it has too many outputs");
    }
    *ret_dtype = capital ? bound->letters[letter - 'A'] : (tacit_dtype_t)__builtin_ctz(allowed);
    return TACIT_OK;
}

tacit_status_t tacit_operator_check(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                    tacit_error_t *error)
{
    s_bound_t bound = {{TACIT_DTYPE_NONE}};
    tacit_status_t status = s_check_attributes(node, error);
    if (status == TACIT_OK) {
        status = s_check_inputs(graph, node, &bound, error);
    }
    const char *results = strchr(node->op->signature, '|') + 1;
    for (size_t i = 0; status == TACIT_OK && i < node->output_count; i++) {
        tacit_dtype_t dtype = TACIT_DTYPE_NONE;
        status = s_output_type(node, s_letter(results, i), &bound, &dtype, error);
        if (status == TACIT_OK && node->outputs[i] != TACIT_NO_VALUE) {
            graph->values[node->outputs[i]].dtype = dtype;
        }
    }
    return status;
}

/*  What moves elements of its first input, whatever they are: positions of labels, too.  */
static bool s_carries_labels(const tacit_graph_node_t *node)
{
    static const char *const names[] = {"ArrayFeatureExtractor",
                                        "Expand",
                                        "Flatten",
                                        "Gather",
                                        "Identity",
                                        "Reshape",
                                        "Slice",
                                        "Squeeze",
                                        "Transpose",
                                        "Unsqueeze"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(node->op->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

tacit_status_t tacit_operator_prepare(tacit_graph_t *graph, tacit_graph_node_t *node,
                                      tacit_error_t *error)
{
    const tacit_value_t *from = node->input_count > 0 && node->inputs[0] != TACIT_NO_VALUE
                                    ? &graph->values[node->inputs[0]]
                                    : NULL;
    bool carries = s_carries_labels(node);
    for (size_t i = 0; i < node->input_count; i++) {
        bool labels = node->inputs[i] != TACIT_NO_VALUE && graph->values[node->inputs[i]].labels;
        if (labels && !(carries && i == 0)) {
            return tacit_graph_node_refuse(node, error, TACIT_UNSUPPORTED,
                                           "text is not computed, and input %zu is text", i);
        }
    }
    tacit_status_t status = TACIT_OK;
    if ((node->op->flags & TACIT_OPERATOR_ML) != 0) {
        status = tacit_ml_prepare(graph, node, error);
    }
    if (from != NULL && carries) {
        graph->values[node->outputs[0]].labels = from->labels;
        graph->values[node->outputs[0]].map |= from->map && strcmp(node->op->name, "Identity") == 0;
    }
    return status;
}
