/*  graph_build.c - from the decoded model to the checked graph.  */

#include "services/inference/engine/constant.h"
#include "services/inference/engine/graph.h"
#include "services/inference/engine/operator.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MIN = 64 };

/*  The build in progress: names to values, by a keyed hash, so that a model cannot choose names
    that collide.  */
typedef struct s_build {
    tacit_graph_t *graph;
    tacit_decoded_t *decoded;
    const Onnx__GraphProto *proto;
    int *names;        /* value + 1, or 0: free */
    size_t names_mask; /* slots - 1 */
    uint8_t key[crypto_shorthash_KEYBYTES];
    tacit_error_t *error;
} s_build_t;

static tacit_status_t s_refuse(s_build_t *build, tacit_status_t status, const char *claim,
                               const char *reason)
{
    (void)tacit_error_set(build->error, status, "%s: %s", claim, reason);
    (void)snprintf(build->error->claim, sizeof(build->error->claim), "%s", claim);
    return status;
}

/*  A refusal about something with a name of the file's.  */
static tacit_status_t s_refuse_named(s_build_t *build, tacit_status_t status, const char *what,
                                     const char *name, const char *reason)
{
    char claim[TACIT_ERROR_CLAIM_MAX];
    (void)snprintf(claim, sizeof(claim), "%s %.80s", what, name);
    return s_refuse(build, status, claim, reason);
}

/*  Names end up in errors and logs: no control characters, no endless ones.  */
static const char *s_name(s_build_t *build, const char *name)
{
    size_t size = name != NULL ? strlen(name) : 0;
    bool fine = size <= TACIT_GRAPH_NAME_MAX;
    for (size_t i = 0; fine && i < size; i++) {
        fine = (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
    }
    if (!fine) {
        (void)s_refuse(build, TACIT_MALFORMED, "a name",
                       "it is too long, or has control characters");
        return NULL;
    }
    return tacit_pool_text(build->graph->pool, size > 0 ? name : "", build->error);
}

static size_t s_slot(const s_build_t *build, const char *name)
{
    uint64_t hash = 0;
    uint8_t bytes[crypto_shorthash_BYTES];
    (void)crypto_shorthash(bytes, (const uint8_t *)name, strlen(name), build->key);
    memcpy(&hash, bytes, sizeof(hash));
    size_t slot = (size_t)hash & build->names_mask;
    while (build->names[slot] != 0 &&
           strcmp(build->graph->values[build->names[slot] - 1].name, name) != 0) {
        slot = (slot + 1) & build->names_mask;
    }
    return slot;
}

static int s_find(const s_build_t *build, const char *name)
{
    return build->names[s_slot(build, name)] - 1;
}

static tacit_status_t s_value_new(s_build_t *build, const char *name, tacit_value_t value,
                                  int *ret_value)
{
    tacit_graph_t *graph = build->graph;
    const char *copy = s_name(build, name);
    if (copy == NULL) {
        return build->error->code;
    }
    if (copy[0] == '\0') {
        return s_refuse(build, TACIT_MALFORMED, "a value", "it has no name");
    }
    size_t slot = s_slot(build, copy);
    if (build->names[slot] != 0) {
        return s_refuse_named(build, TACIT_MALFORMED, "value", copy, "it is made twice");
    }
    value.name = copy;
    *ret_value = (int)graph->value_count;
    graph->values[graph->value_count++] = value;
    build->names[slot] = (int)graph->value_count;
    return TACIT_OK;
}

/*  Room for all values: those of the file, and what passes may add (two per node).  */
static tacit_status_t s_make_room(s_build_t *build)
{
    const Onnx__GraphProto *proto = build->proto;
    tacit_graph_t *graph = build->graph;
    if (proto->n_node > TACIT_GRAPH_NODES_MAX) {
        return s_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many nodes");
    }
    size_t values = proto->n_initializer + proto->n_input + 2 * proto->n_node;
    for (size_t i = 0; i < proto->n_node; i++) {
        values += proto->node[i]->n_output;
    }
    if (values > TACIT_GRAPH_VALUES_MAX) {
        return s_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many values");
    }
    size_t slots = NAMES_MIN;
    while (slots < 2 * values) {
        slots *= 2;
    }
    tacit_error_t *error = build->error;
    tacit_pool_t *pool = graph->pool;
    build->names_mask = slots - 1;
    build->names = calloc(slots, sizeof(int));
    graph->value_capacity = values;
    graph->values = tacit_pool_take(pool, values + 1, sizeof(tacit_value_t), error);
    graph->nodes = tacit_pool_take(pool, proto->n_node + 1, sizeof(tacit_graph_node_t), error);
    graph->operators = tacit_pool_take(pool, proto->n_node + 1, sizeof(char *), error);
    if (build->names == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    bool taken = graph->values != NULL && graph->nodes != NULL && graph->operators != NULL;
    return taken ? TACIT_OK : error->code;
}

/* --- initializers, inputs, outputs ------------------------------------------------------------ */

static tacit_status_t s_add_constant(s_build_t *build, const char *name, tacit_tensor_t content)
{
    int value = 0;
    tacit_value_t constant = {
        .dtype = content.dtype, .producer = TACIT_NO_NODE, .content = content};
    return s_value_new(build, name, constant, &value);
}

static tacit_status_t s_add_initializers(s_build_t *build)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < build->proto->n_initializer; i++) {
        Onnx__TensorProto *proto = build->proto->initializer[i];
        const char *name = s_name(build, proto->name);
        if (name == NULL) {
            return build->error->code;
        }
        tacit_tensor_t content = {0};
        status = tacit_constant_read(build->graph, proto, name, &content, build->error);
        if (status == TACIT_OK) {
            build->graph->parameters += content.count;
            status = s_add_constant(build, name, content);
        }
        tacit_decoded_release(build->decoded, proto);
    }
    return status;
}

static tacit_status_t s_declare_dims(s_build_t *build, const Onnx__TensorShapeProto *shape,
                                     tacit_engine_value_t *value)
{
    if (shape->n_dim > TACIT_ENGINE_RANK_MAX) {
        return s_refuse_named(build, TACIT_UNSUPPORTED, "value", value->name,
                              "it has too many dimensions");
    }
    value->ranked = true;
    value->rank = shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool fixed = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (fixed && (dim->dim_value < 0 || dim->dim_value > TACIT_TENSOR_SIZE_MAX)) {
            return s_refuse_named(build, TACIT_MALFORMED, "value", value->name,
                                  "a dimension is negative or too large");
        }
        value->dims[i] = fixed ? dim->dim_value : -1;
    }
    return TACIT_OK;
}

/*  What a ValueInfoProto says. Types other than dense tensors of known elements are refused.  */
static tacit_status_t s_declare(s_build_t *build, const Onnx__ValueInfoProto *info,
                                tacit_engine_value_t *ret_value)
{
    const char *name = s_name(build, info->name);
    if (name == NULL) {
        return build->error->code;
    }
    *ret_value = (tacit_engine_value_t){.name = name};
    const Onnx__TypeProto *type = info->type;
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        !tacit_dtype_known(type->tensor_type->elem_type)) {
        char reason[96];
        bool tensor = type != NULL && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        tacit_dtype_t dtype =
            tensor ? (tacit_dtype_t)type->tensor_type->elem_type : TACIT_DTYPE_NONE;
        (void)snprintf(reason, sizeof(reason), "its type (%s) is not computed",
                       tensor ? tacit_dtype_name(dtype) : "no dense tensor");
        return s_refuse_named(build, TACIT_UNSUPPORTED, "value", name, reason);
    }
    ret_value->dtype = (tacit_dtype_t)type->tensor_type->elem_type;
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    return shape != NULL ? s_declare_dims(build, shape, ret_value) : TACIT_OK;
}

static tacit_status_t s_lists_new(s_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    tacit_pool_t *pool = graph->pool;
    tacit_error_t *error = build->error;
    size_t size = sizeof(tacit_engine_value_t);
    graph->inputs = tacit_pool_take(pool, TACIT_ENGINE_INPUTS_MAX, size, error);
    graph->outputs = tacit_pool_take(pool, TACIT_ENGINE_INPUTS_MAX, size, error);
    graph->input_values = tacit_pool_take(pool, TACIT_ENGINE_INPUTS_MAX, sizeof(int), error);
    graph->output_values = tacit_pool_take(pool, TACIT_ENGINE_INPUTS_MAX, sizeof(int), error);
    bool taken = graph->inputs != NULL && graph->outputs != NULL && graph->input_values != NULL &&
                 graph->output_values != NULL;
    return taken ? TACIT_OK : error->code;
}

/*  An older file also lists its initializers as inputs; they stay constants.  */
static tacit_status_t s_add_inputs(s_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    for (size_t i = 0; i < build->proto->n_input; i++) {
        tacit_engine_value_t declared;
        tacit_status_t status = s_declare(build, build->proto->input[i], &declared);
        if (status != TACIT_OK) {
            return status;
        }
        int known = s_find(build, declared.name);
        if (known >= 0 && graph->values[known].content.data != NULL) {
            continue;
        }
        if (graph->input_count == TACIT_ENGINE_INPUTS_MAX) {
            return s_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many inputs");
        }
        tacit_value_t value = {.dtype = declared.dtype, .producer = TACIT_NO_NODE, .input = true};
        status = s_value_new(build, declared.name, value, &known);
        if (status != TACIT_OK) {
            return status;
        }
        graph->inputs[graph->input_count] = declared;
        graph->input_values[graph->input_count++] = known;
    }
    return TACIT_OK;
}

static tacit_status_t s_add_outputs(s_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    if (build->proto->n_output == 0 || build->proto->n_output > TACIT_ENGINE_INPUTS_MAX) {
        return s_refuse(build, TACIT_MALFORMED, "graph", "it has no outputs, or too many");
    }
    for (size_t i = 0; i < build->proto->n_output; i++) {
        tacit_engine_value_t *declared = &graph->outputs[i];
        tacit_status_t status = s_declare(build, build->proto->output[i], declared);
        if (status != TACIT_OK) {
            return status;
        }
        int value = s_find(build, declared->name);
        if (value < 0) {
            return s_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                  "no node makes it");
        }
        if (graph->values[value].output) {
            return s_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                  "it is listed twice");
        }
        if (graph->values[value].dtype != declared->dtype) {
            return s_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                  "its declared type is not the one computed");
        }
        graph->values[value].output = true;
        graph->output_values[graph->output_count++] = value;
    }
    return TACIT_OK;
}

/* --- nodes ------------------------------------------------------------------------------------ */

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
    default:
        return '?';
    }
}

static void *s_copy_items(s_build_t *build, const void *items, size_t count, size_t size)
{
    void *copy = tacit_pool_take(build->graph->pool, count, size, build->error);
    if (copy != NULL && count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static const char *s_copy_text(s_build_t *build, const Onnx__AttributeProto *proto)
{
    size_t size = proto->s.len;
    if (size > TACIT_GRAPH_NAME_MAX) {
        (void)s_refuse(build, TACIT_TOO_LARGE, "an attribute", "its text is too long");
        return NULL;
    }
    char *text = tacit_pool_take(build->graph->pool, size + 1, 1, build->error);
    if (text != NULL && size > 0) {
        memcpy(text, proto->s.data, size);
    }
    return text;
}

static tacit_status_t s_copy_tensor(s_build_t *build, const Onnx__AttributeProto *proto,
                                    tacit_attribute_t *attribute)
{
    tacit_tensor_t *tensor = tacit_pool_take(build->graph->pool, 1, sizeof(*tensor), build->error);
    if (tensor == NULL) {
        return build->error->code;
    }
    attribute->tensor = tensor;
    return tacit_constant_read(build->graph, proto->t, attribute->name, tensor, build->error);
}

static tacit_status_t s_read_attribute(s_build_t *build, const Onnx__AttributeProto *proto,
                                       tacit_attribute_t *attribute)
{
    const char *name = s_name(build, proto->name);
    if (name == NULL) {
        return build->error->code;
    }
    *attribute = (tacit_attribute_t){.name = name,
                                     .type = s_attribute_type(proto),
                                     .integer = proto->i,
                                     .real = proto->f,
                                     .count = proto->n_ints + proto->n_floats};
    if (attribute->count > TACIT_ATTRIBUTE_ITEMS_MAX ||
        (proto->n_ints > 0 && proto->n_floats > 0)) {
        return s_refuse_named(build, TACIT_TOO_LARGE, "attribute", name, "it has too many items");
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
        attribute->text = s_copy_text(build, proto);
        copied = attribute->text != NULL;
        break;
    case 't':
        return s_copy_tensor(build, proto, attribute);
    default:
        break;
    }
    return copied ? TACIT_OK : build->error->code;
}

static tacit_status_t s_read_attributes(s_build_t *build, const Onnx__NodeProto *proto,
                                        tacit_graph_node_t *node)
{
    size_t count = proto->n_attribute;
    if (count > TACIT_NODE_ATTRIBUTES_MAX) {
        return s_refuse_named(build, TACIT_TOO_LARGE, "node", node->name,
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
            return s_refuse_named(build, TACIT_MALFORMED, "node", node->name,
                                  "it has an attribute twice");
        }
        node->attribute_count++;
    }
    return TACIT_OK;
}

/*  Whether a node makes the value, this one or a later: to tell a cycle from a dangling name.  */
static bool s_made_later(const s_build_t *build, size_t from, const char *name)
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

static tacit_status_t s_read_inputs(s_build_t *build, size_t index, tacit_graph_node_t *node)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    if (proto->n_input > TACIT_NODE_INPUTS_MAX) {
        return s_refuse_named(build, TACIT_TOO_LARGE, "node", node->name, "it has too many inputs");
    }
    int *inputs = tacit_pool_take(build->graph->pool, proto->n_input, sizeof(int), build->error);
    if (inputs == NULL) {
        return build->error->code;
    }
    node->inputs = inputs;
    for (size_t i = 0; i < proto->n_input; i++) {
        bool absent = proto->input[i][0] == '\0';
        inputs[i] = absent ? TACIT_NO_VALUE : s_find(build, proto->input[i]);
        if (!absent && inputs[i] < 0) {
            bool later = s_made_later(build, index, proto->input[i]);
            return s_refuse_named(build, TACIT_MALFORMED, "node", node->name,
                                  later ? "it needs its own or a later node's output (a cycle)"
                                        : "it needs a value that nothing makes");
        }
        node->input_count = absent ? node->input_count : i + 1;
    }
    return TACIT_OK;
}

static tacit_status_t s_read_outputs(s_build_t *build, const Onnx__NodeProto *proto,
                                     tacit_graph_node_t *node)
{
    if (proto->n_output == 0 || proto->n_output > TACIT_NODE_OUTPUTS_MAX ||
        proto->output[0][0] == '\0') {
        return s_refuse_named(build, TACIT_MALFORMED, "node", node->name,
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
            tacit_status_t status = s_value_new(build, proto->output[i], value, &outputs[i]);
            if (status != TACIT_OK) {
                return status;
            }
            node->output_count = i + 1;
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_name_node(s_build_t *build, size_t index, tacit_graph_node_t *node)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    const char *op = s_name(build, proto->op_type);
    const char *name = s_name(build, proto->name);
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

/*  The row of the table, or a refusal that says all that is needed to know why.  */
static tacit_status_t s_find_operator(s_build_t *build, const Onnx__NodeProto *proto,
                                      tacit_graph_node_t *node)
{
    const char *domain = s_name(build, proto->domain);
    const char *name = s_name(build, proto->op_type);
    if (domain == NULL || name == NULL) {
        return build->error->code;
    }
    bool ours = domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
    node->op = ours ? tacit_operator_find(name, build->graph->opset) : NULL;
    if (node->op != NULL) {
        return TACIT_OK;
    }
    tacit_error_t *error = build->error;
    (void)tacit_error_set(error, TACIT_UNSUPPORTED,
                          "operator %s of domain %s at opset %lld is not computed by this build "
                          "(node '%s')",
                          name, domain[0] != '\0' ? domain : "ai.onnx",
                          (long long)build->graph->opset, node->name);
    (void)snprintf(error->claim, sizeof(error->claim), "node %s", node->name);
    (void)snprintf(error->got, sizeof(error->got), "%s", name);
    tacit_error_remedy(error, ours && tacit_operator_known(name)
                                  ? "export the model for another opset"
                                  : "replace the operator before exporting the model");
    return TACIT_UNSUPPORTED;
}

/*  A Constant node is a constant, not work.  */
static tacit_status_t s_add_constant_node(s_build_t *build, const Onnx__NodeProto *proto,
                                          const tacit_graph_node_t *node)
{
    const tacit_attribute_t *attribute = node->attribute_count == 1 ? &node->attributes[0] : NULL;
    tacit_tensor_t content = {0};
    bool list = attribute != NULL && (attribute->type == 'I' || attribute->type == 'F');
    if (attribute == NULL || proto->n_output != 1 || proto->n_input != 0 ||
        strchr("tifIF", attribute->type) == NULL) {
        return s_refuse_named(build, TACIT_UNSUPPORTED, "node", node->name,
                              "a Constant has one output and one numeric value");
    }
    if (attribute->type == 't') {
        return s_add_constant(build, proto->output[0], *attribute->tensor);
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
    return s_add_constant(build, proto->output[0], content);
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

static tacit_status_t s_add_node(s_build_t *build, size_t index)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    tacit_graph_node_t node = {0};
    tacit_status_t status = s_name_node(build, index, &node);
    if (status == TACIT_OK) {
        status = s_find_operator(build, proto, &node);
    }
    if (status == TACIT_OK) {
        status = s_read_attributes(build, proto, &node);
    }
    if (status != TACIT_OK) {
        return status;
    }
    s_note_operator(build->graph, node.op->name);
    if (strcmp(node.op->name, "Constant") == 0) {
        return s_add_constant_node(build, proto, &node);
    }
    status = s_read_inputs(build, index, &node);
    if (status == TACIT_OK) {
        status = s_read_outputs(build, proto, &node);
    }
    if (status == TACIT_OK) {
        status = tacit_operator_check(build->graph, &node, build->error);
    }
    if (status == TACIT_OK) {
        build->graph->nodes[build->graph->node_count++] = node;
    }
    return status;
}

/* --- the model -------------------------------------------------------------------------------- */

static tacit_status_t s_read_opset(s_build_t *build, const Onnx__ModelProto *model)
{
    int64_t opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = model->opset_import[i];
        bool ours = import->domain == NULL || import->domain[0] == '\0' ||
                    strcmp(import->domain, "ai.onnx") == 0;
        if (ours && opset != 0) {
            return s_refuse(build, TACIT_MALFORMED, "opset", "it is imported twice");
        }
        opset = ours ? import->version : opset;
    }
    if (opset < TACIT_OPSET_MIN || opset > TACIT_OPSET_MAX) {
        char reason[96];
        (void)snprintf(reason, sizeof(reason), "%lld is not between %d and %d", (long long)opset,
                       TACIT_OPSET_MIN, TACIT_OPSET_MAX);
        return s_refuse(build, TACIT_UNSUPPORTED, "opset", reason);
    }
    build->graph->opset = opset;
    return TACIT_OK;
}

static tacit_status_t s_read_labels(s_build_t *build, const Onnx__ModelProto *model)
{
    build->graph->labels = "";
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key == NULL || entry->value == NULL || strcmp(entry->key, "labels") != 0) {
            continue;
        }
        if (strlen(entry->value) > TACIT_GRAPH_LABELS_MAX) {
            return s_refuse(build, TACIT_TOO_LARGE, "labels", "the text is too long");
        }
        build->graph->labels = tacit_pool_text(build->graph->pool, entry->value, build->error);
        return build->graph->labels != NULL ? TACIT_OK : build->error->code;
    }
    return TACIT_OK;
}

static tacit_status_t s_check_model(s_build_t *build, const Onnx__ModelProto *model)
{
    if (model->n_functions > 0) {
        return s_refuse(build, TACIT_UNSUPPORTED, "model", "it defines functions of its own");
    }
    if (model->graph->n_sparse_initializer > 0) {
        return s_refuse(build, TACIT_UNSUPPORTED, "graph", "it has sparse initializers");
    }
    tacit_status_t status = s_read_opset(build, model);
    return status == TACIT_OK ? s_read_labels(build, model) : status;
}

static tacit_status_t s_build_all(s_build_t *build)
{
    tacit_status_t status = s_check_model(build, tacit_decoded_model(build->decoded));
    if (status == TACIT_OK) {
        status = s_make_room(build);
    }
    if (status == TACIT_OK) {
        status = s_lists_new(build);
    }
    if (status == TACIT_OK) {
        status = s_add_initializers(build);
    }
    if (status == TACIT_OK) {
        status = s_add_inputs(build);
    }
    for (size_t i = 0; status == TACIT_OK && i < build->proto->n_node; i++) {
        status = s_add_node(build, i);
    }
    return status == TACIT_OK ? s_add_outputs(build) : status;
}

tacit_status_t tacit_graph_new(tacit_decoded_t *decoded, tacit_budget_t *budget,
                               tacit_graph_t **ret_graph, tacit_error_t *error)
{
    tacit_graph_t *graph = tacit_memory_new(budget, sizeof(*graph), error);
    if (graph == NULL) {
        return error->code;
    }
    graph->budget = budget;
    graph->pool = tacit_pool_new(budget, error);
    s_build_t build = {.graph = graph,
                       .decoded = decoded,
                       .proto = tacit_decoded_model(decoded)->graph,
                       .error = error};
    crypto_shorthash_keygen(build.key);
    tacit_status_t status = graph->pool != NULL ? s_build_all(&build) : error->code;
    free(build.names);
    if (status != TACIT_OK) {
        tacit_graph_destroy(&graph);
        return status;
    }
    tacit_graph_link(graph);
    *ret_graph = graph;
    return TACIT_OK;
}
