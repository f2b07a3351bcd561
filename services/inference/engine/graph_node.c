/*  graph_node.c - from a NodeProto to a checked node: names, operator, attributes, values.  */

#include "services/inference/engine/graph_build.h"

#include "services/inference/engine/constant.h"
#include "services/inference/engine/operator.h"

#include <stdio.h>
#include <string.h>

static char s_attribute_type(const Onnx__AttributeProto *proto)
{
    switch (proto->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return 'i';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return 'f';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return 's';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return 'I';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return 'F';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return proto->t != NULL ? 't' : '?';
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        return 'S';
    default:
        return '?';
    }
}

static void *s_copy_items(tacit_build_t *build, const void *items, size_t count, size_t size)
{
    void *copy = tacit_pool_take(build->graph->pool, count, size, build->error);
    if (copy != NULL && count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static const char *s_copy_text(tacit_build_t *build, const ProtobufCBinaryData *source)
{
    size_t size = source->len;
    if (size > TACIT_GRAPH_NAME_MAX) {
        (void)tacit_build_refuse(build, TACIT_TOO_LARGE, "an attribute", "its text is too long");
        return NULL;
    }
    char *text = tacit_pool_take(build->graph->pool, size + 1, 1, build->error);
    if (text != NULL && size > 0) {
        memcpy(text, source->data, size);
    }
    return text;
}

static const char *const *s_copy_texts(tacit_build_t *build, const Onnx__AttributeProto *proto)
{
    const char **texts =
        tacit_pool_take(build->graph->pool, proto->n_strings, sizeof(char *), build->error);
    for (size_t i = 0; texts != NULL && i < proto->n_strings; i++) {
        texts[i] = s_copy_text(build, &proto->strings[i]);
        if (texts[i] == NULL) {
            return NULL;
        }
    }
    return texts;
}

static tacit_status_t s_copy_tensor(tacit_build_t *build, const Onnx__AttributeProto *proto,
                                    tacit_attribute_t *attribute)
{
    tacit_tensor_t *tensor = tacit_pool_take(build->graph->pool, 1, sizeof(*tensor), build->error);
    if (tensor == NULL) {
        return build->error->code;
    }
    attribute->tensor = tensor;
    return tacit_constant_read(build->graph, proto->t, tacit_span(NULL, 0), attribute->name, tensor,
                               build->error);
}

static tacit_status_t s_read_attribute(tacit_build_t *build, const Onnx__AttributeProto *proto,
                                       tacit_attribute_t *attribute)
{
    const char *name = tacit_build_name(build, proto->name);
    if (name == NULL) {
        return build->error->code;
    }
    *attribute = (tacit_attribute_t){.name = name,
                                     .type = s_attribute_type(proto),
                                     .integer = proto->i,
                                     .real = proto->f,
                                     .count = proto->n_ints + proto->n_floats + proto->n_strings};
    if (attribute->count > TACIT_ATTRIBUTE_ITEMS_MAX ||
        (proto->n_ints > 0 && proto->n_floats > 0)) {
        return tacit_build_refuse_named(build, TACIT_TOO_LARGE, "attribute", name,
                                        "it has too many items");
    }
    bool copied = true;
    switch (attribute->type) {
    case 'I':
        attribute->count = proto->n_ints;
        attribute->integers = s_copy_items(build, proto->ints, proto->n_ints, sizeof(int64_t));
        copied = attribute->integers != NULL;
        break;
    case 'F':
        attribute->count = proto->n_floats;
        attribute->reals = s_copy_items(build, proto->floats, proto->n_floats, sizeof(float));
        copied = attribute->reals != NULL;
        break;
    case 's':
        attribute->text = s_copy_text(build, &proto->s);
        copied = attribute->text != NULL;
        break;
    case 'S':
        attribute->count = proto->n_strings;
        attribute->texts = s_copy_texts(build, proto);
        copied = attribute->texts != NULL;
        break;
    case 't':
        return s_copy_tensor(build, proto, attribute);
    default:
        break;
    }
    return copied ? TACIT_OK : build->error->code;
}

static tacit_status_t s_read_attributes(tacit_build_t *build, const Onnx__NodeProto *proto,
                                        tacit_graph_node_t *node)
{
    size_t count = proto->n_attribute;
    if (count > TACIT_NODE_ATTRIBUTES_MAX) {
        return tacit_build_refuse_named(build, TACIT_TOO_LARGE, "node", node->name,
                                        "it has too many attributes");
    }
    tacit_attribute_t *attributes =
        tacit_pool_take(build->graph->pool, count, sizeof(tacit_attribute_t), build->error);
    if (attributes == NULL) {
        return build->error->code;
    }
    node->attributes = attributes;
    for (size_t i = 0; i < count; i++) {
        tacit_status_t status = s_read_attribute(build, proto->attribute[i], &attributes[i]);
        if (status != TACIT_OK) {
            return status;
        }
        if (tacit_graph_node_attribute(node, attributes[i].name) != NULL) {
            return tacit_build_refuse_named(build, TACIT_MALFORMED, "node", node->name,
                                            "it has an attribute twice");
        }
        node->attribute_count++;
    }
    return TACIT_OK;
}

/*  Whether a node makes the value, this one or a later: to tell a cycle from a dangling name.  */
static bool s_made_later(const tacit_build_t *build, size_t from, const char *name)
{
    for (size_t i = from; i < build->proto->n_node; i++) {
        const Onnx__NodeProto *proto = build->proto->node[i];
        for (size_t k = 0; k < proto->n_output; k++) {
            if (strcmp(proto->output[k], name) == 0) {
                return true;
            }
        }
    }
    return false;
}

tacit_status_t tacit_build_inputs(tacit_build_t *build, size_t index, tacit_graph_node_t *node)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    if (proto->n_input > TACIT_NODE_INPUTS_MAX) {
        return tacit_build_refuse_named(build, TACIT_TOO_LARGE, "node", node->name,
                                        "it has too many inputs");
    }
    int *inputs = tacit_pool_take(build->graph->pool, proto->n_input, sizeof(int), build->error);
    if (inputs == NULL) {
        return build->error->code;
    }
    node->inputs = inputs;
    for (size_t i = 0; i < proto->n_input; i++) {
        bool absent = proto->input[i][0] == '\0';
        inputs[i] = absent ? TACIT_NO_VALUE : tacit_build_find(build, proto->input[i]);
        if (!absent && inputs[i] < 0) {
            bool later = s_made_later(build, index, proto->input[i]);
            return tacit_build_refuse_named(
                build, TACIT_MALFORMED, "node", node->name,
                later ? "it needs its own or a later node's output (a cycle)"
                      : "it needs a value that nothing makes");
        }
        node->input_count = absent ? node->input_count : i + 1;
    }
    return TACIT_OK;
}

tacit_status_t tacit_build_outputs(tacit_build_t *build, const Onnx__NodeProto *proto,
                                   tacit_graph_node_t *node)
{
    bool sparse = (node->op->flags & TACIT_OPERATOR_SPARSE) != 0;
    if (proto->n_output == 0 || proto->n_output > TACIT_NODE_OUTPUTS_MAX ||
        (proto->output[0][0] == '\0' && !sparse)) {
        return tacit_build_refuse_named(build, TACIT_MALFORMED, "node", node->name,
                                        "it has no output, or too many");
    }
    int *outputs = tacit_pool_take(build->graph->pool, proto->n_output, sizeof(int), build->error);
    if (outputs == NULL) {
        return build->error->code;
    }
    node->outputs = outputs;
    for (size_t i = 0; i < proto->n_output; i++) {
        tacit_value_t value = {.producer = (int)build->graph->node_count};
        outputs[i] = TACIT_NO_VALUE;
        if (proto->output[i][0] != '\0') {
            tacit_status_t status = tacit_build_value(build, proto->output[i], value, &outputs[i]);
            if (status != TACIT_OK) {
                return status;
            }
            node->output_count = i + 1;
        }
    }
    if (node->output_count == 0) {
        return tacit_build_refuse_named(build, TACIT_MALFORMED, "node", node->name,
                                        "it has no output, or too many");
    }
    return TACIT_OK;
}

static tacit_status_t s_name_node(tacit_build_t *build, size_t index, tacit_graph_node_t *node)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    const char *op = tacit_build_name(build, proto->op_type);
    const char *name = tacit_build_name(build, proto->name);
    if (op == NULL || name == NULL) {
        return build->error->code;
    }
    if (name[0] == '\0') {
        char text[TACIT_GRAPH_NAME_MAX];
        (void)snprintf(text, sizeof(text), "%s #%zu", op, index);
        name = tacit_pool_text(build->graph->pool, text, build->error);
    }
    node->name = name;
    return name != NULL ? TACIT_OK : build->error->code;
}

/*  The domains that operators come from, as their rows' flags.  */
typedef struct s_domain {
    const char *name;
    unsigned flag;
} s_domain_t;

static const s_domain_t *s_find_domain(const char *name)
{
    static const s_domain_t domains[] = {{"", 0},
                                         {"ai.onnx", 0},
                                         {"ai.onnx.ml", TACIT_OPERATOR_ML},
                                         {"com.microsoft", TACIT_OPERATOR_MICROSOFT}};
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        if (strcmp(domains[i].name, name) == 0) {
            return &domains[i];
        }
    }
    return NULL;
}

/*  The row of the table, or a refusal that says all that is needed to know why.  */
static tacit_status_t s_find_operator(tacit_build_t *build, const Onnx__NodeProto *proto,
                                      tacit_graph_node_t *node)
{
    const char *domain = tacit_build_name(build, proto->domain);
    const char *name = tacit_build_name(build, proto->op_type);
    if (domain == NULL || name == NULL) {
        return build->error->code;
    }
    const s_domain_t *known = s_find_domain(domain);
    int64_t opset = known == NULL || known->flag == 0 ? build->graph->opset : 1;
    opset = known != NULL && known->flag == TACIT_OPERATOR_ML ? build->graph->opset_ml : opset;
    node->op = known != NULL ? tacit_operator_find(name, known->flag, opset) : NULL;
    if (node->op != NULL) {
        return TACIT_OK;
    }
    tacit_error_t *error = build->error;
    (void)tacit_error_set(error, TACIT_UNSUPPORTED,
                          "operator %s of domain %s at opset %lld is not computed by this build "
                          "(node '%s')",
                          name, domain[0] != '\0' ? domain : "ai.onnx", (long long)opset,
                          node->name);
    (void)snprintf(error->claim, sizeof(error->claim), "node %s", node->name);
    (void)snprintf(error->got, sizeof(error->got), "%s", name);
    tacit_error_remedy(error, known != NULL && tacit_operator_known(name)
                                  ? "export the model for another opset"
                                  : "replace the operator before exporting the model");
    return TACIT_UNSUPPORTED;
}

/*  A Constant node is a constant, not work.  */
static tacit_status_t s_add_constant_node(tacit_build_t *build, const Onnx__NodeProto *proto,
                                          const tacit_graph_node_t *node)
{
    const tacit_attribute_t *attribute = node->attribute_count == 1 ? &node->attributes[0] : NULL;
    tacit_tensor_t content = {0};
    bool list = attribute != NULL && (attribute->type == 'I' || attribute->type == 'F');
    if (attribute == NULL || proto->n_output != 1 || proto->n_input != 0 ||
        strchr("tifIF", attribute->type) == NULL) {
        return tacit_build_refuse_named(build, TACIT_UNSUPPORTED, "node", node->name,
                                        "a Constant has one output and one numeric value");
    }
    if (attribute->type == 't') {
        return tacit_build_constant(build, proto->output[0], *attribute->tensor);
    }
    bool integer = attribute->type == 'i' || attribute->type == 'I';
    content.dtype = integer ? TACIT_DTYPE_INT64 : TACIT_DTYPE_FLOAT32;
    content.count = list ? attribute->count : 1;
    content.shape.rank = list ? 1 : 0;
    content.shape.dims[0] = (int64_t)content.count;
    content.data = tacit_graph_elements(build->graph, tacit_tensor_size(&content), build->error);
    if (content.data == NULL) {
        return build->error->code;
    }
    const void *items =
        integer ? (const void *)&attribute->integer : (const void *)&attribute->real;
    if (list) {
        items = integer ? (const void *)attribute->integers : (const void *)attribute->reals;
    }
    if (content.count > 0) {
        memcpy(content.data, items, tacit_tensor_size(&content));
    }
    return tacit_build_constant(build, proto->output[0], content);
}

static void s_note_operator(tacit_graph_t *graph, const char *name)
{
    for (size_t i = 0; i < graph->operator_count; i++) {
        if (strcmp(graph->operators[i], name) == 0) {
            return;
        }
    }
    graph->operators[graph->operator_count++] = name;
}

tacit_status_t tacit_build_node(tacit_build_t *build, size_t index)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    tacit_graph_node_t node = {.guard = build->guard};
    tacit_status_t status = s_name_node(build, index, &node);
    if (status == TACIT_OK) {
        status = s_find_operator(build, proto, &node);
    }
    if (status != TACIT_OK || node.op == NULL) {
        return status;
    }
    s_note_operator(build->graph, node.op->name);
    if ((node.op->flags & TACIT_OPERATOR_CHOICE) != 0) {
        return tacit_build_choice(build, index, &node);
    }
    status = s_read_attributes(build, proto, &node);
    if (status != TACIT_OK) {
        return status;
    }
    if (strcmp(node.op->name, "Constant") == 0) {
        return s_add_constant_node(build, proto, &node);
    }
    status = tacit_build_inputs(build, index, &node);
    if (status == TACIT_OK) {
        status = tacit_build_outputs(build, proto, &node);
    }
    if (status == TACIT_OK) {
        status = tacit_operator_check(build->graph, &node, build->error);
    }
    if (status == TACIT_OK) {
        status = tacit_operator_prepare(build->graph, &node, build->error);
    }
    if (status == TACIT_OK) {
        build->graph->nodes[build->graph->node_count++] = node;
    }
    return status;
}
