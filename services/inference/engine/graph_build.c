/*  graph_build.c - from the decoded model to the checked graph.  */

#include "services/inference/engine/graph_build.h"

#include "services/inference/engine/constant.h"
#include "services/inference/engine/ops/ml.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MIN = 64 };

tacit_status_t tacit_build_refuse(tacit_build_t *build, tacit_status_t status, const char *claim,
                                  const char *reason)
{
    (void)tacit_error_set(build->error, status, "%s: %s", claim, reason);
    (void)snprintf(build->error->claim, sizeof(build->error->claim), "%s", claim);
    return status;
}

tacit_status_t tacit_build_refuse_named(tacit_build_t *build, tacit_status_t status,
                                        const char *what, const char *name, const char *reason)
{
    char claim[TACIT_ERROR_CLAIM_MAX];
    (void)snprintf(claim, sizeof(claim), "%s %.80s", what, name);
    return tacit_build_refuse(build, status, claim, reason);
}

const char *tacit_build_name(tacit_build_t *build, const char *name)
{
    size_t size = name != NULL ? strlen(name) : 0;
    bool fine = size <= TACIT_GRAPH_NAME_MAX;
    for (size_t i = 0; fine && i < size; i++) {
        fine = (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
    }
    if (!fine) {
        (void)tacit_build_refuse(build, TACIT_MALFORMED, "a name",
                                 "it is too long, or has control characters");
        return NULL;
    }
    return tacit_pool_text(build->graph->pool, size > 0 ? name : "", build->error);
}

static size_t s_slot(const tacit_build_t *build, int guard, const char *name)
{
    uint64_t hash = 0;
    uint8_t bytes[crypto_shorthash_BYTES];
    (void)crypto_shorthash(bytes, (const uint8_t *)name, strlen(name), build->key);
    memcpy(&hash, bytes, sizeof(hash));
    size_t slot = (size_t)hash & build->names_mask;
    while (build->names[slot] != 0) {
        const tacit_value_t *held = &build->graph->values[build->names[slot] - 1];
        if (held->guard == guard && strcmp(held->name, name) == 0) {
            break;
        }
        slot = (slot + 1) & build->names_mask;
    }
    return slot;
}

int tacit_build_find(const tacit_build_t *build, const char *name)
{
    int guard = build->guard;
    int value = build->names[s_slot(build, guard, name)] - 1;
    while (value < 0 && guard != TACIT_ALWAYS) {
        guard = build->graph->guards[guard].outer;
        value = build->names[s_slot(build, guard, name)] - 1;
    }
    return value;
}

tacit_status_t tacit_build_value(tacit_build_t *build, const char *name, tacit_value_t value,
                                 int *ret_value)
{
    tacit_graph_t *graph = build->graph;
    const char *copy = tacit_build_name(build, name);
    if (copy == NULL) {
        return build->error->code;
    }
    if (copy[0] == '\0') {
        return tacit_build_refuse(build, TACIT_MALFORMED, "a value", "it has no name");
    }
    size_t slot = s_slot(build, build->guard, copy);
    if (build->names[slot] != 0) {
        return tacit_build_refuse_named(build, TACIT_MALFORMED, "value", copy, "it is made twice");
    }
    value.name = copy;
    value.guard = build->guard;
    *ret_value = (int)graph->value_count;
    graph->values[graph->value_count++] = value;
    build->names[slot] = (int)graph->value_count;
    return TACIT_OK;
}

/*  What the graph and the branches in it hold; branches lie no deeper than messages may.  */
typedef struct s_room {
    size_t nodes, values, guards;
} s_room_t;

static void s_count(const Onnx__GraphProto *proto, s_room_t *room)
{
    room->nodes += proto->n_node;
    room->values += proto->n_initializer + proto->n_input;
    room->guards++;
    for (size_t i = 0; i < proto->n_node; i++) {
        const Onnx__NodeProto *node = proto->node[i];
        room->values += node->n_output;
        for (size_t k = 0; k < node->n_attribute; k++) {
            if (node->attribute[k]->g != NULL) {
                s_count(node->attribute[k]->g, room);
            }
        }
    }
}

/*  Room for all values: those of the file, and what passes may add (two per node).  */
static tacit_status_t s_make_room(tacit_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    s_room_t room = {0};
    s_count(build->proto, &room);
    if (room.nodes > TACIT_GRAPH_NODES_MAX) {
        return tacit_build_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many nodes");
    }
    size_t values = room.values + 3 * room.nodes; /* passes add some */
    if (values > TACIT_GRAPH_VALUES_MAX) {
        return tacit_build_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many values");
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
    graph->nodes = tacit_pool_take(pool, room.nodes + 1, sizeof(tacit_graph_node_t), error);
    graph->operators = tacit_pool_take(pool, room.nodes + 1, sizeof(char *), error);
    graph->guards = tacit_pool_take(pool, room.guards, sizeof(tacit_guard_t), error);
    graph->guard_count = 1; /* TACIT_ALWAYS */
    if (build->names == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    bool taken = graph->values != NULL && graph->nodes != NULL && graph->operators != NULL &&
                 graph->guards != NULL;
    return taken ? TACIT_OK : error->code;
}

/* --- initializers, inputs, outputs ------------------------------------------------------------ */

tacit_status_t tacit_build_constant(tacit_build_t *build, const char *name, tacit_tensor_t content)
{
    int value = 0;
    tacit_value_t constant = {
        .dtype = content.dtype, .producer = TACIT_NO_NODE, .content = content};
    return tacit_build_value(build, name, constant, &value);
}

/*  One of numbers, or of texts, whose names become the model's labels.  */
static tacit_status_t s_add_initializer(tacit_build_t *build, const Onnx__TensorProto *proto,
                                        tacit_span_t raw)
{
    const char *name = tacit_build_name(build, proto->name);
    if (name == NULL) {
        return build->error->code;
    }
    tacit_tensor_t content = {0};
    const char *const *texts = NULL;
    bool text = proto->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__STRING;
    tacit_status_t status =
        text ? tacit_constant_read_texts(build->graph, proto, name, &content, &texts, build->error)
             : tacit_constant_read(build->graph, proto, raw, name, &content, build->error);
    if (status == TACIT_OK) {
        status = tacit_build_constant(build, name, content);
    }
    if (status == TACIT_OK && text) {
        build->graph->values[build->graph->value_count - 1].labels = true;
        return tacit_ml_name_texts(build->graph, texts, content.count, build->error);
    }
    build->graph->parameters += status == TACIT_OK ? content.count : 0;
    return status;
}

tacit_status_t tacit_build_initializers(tacit_build_t *build)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < build->proto->n_initializer; i++) {
        bool main = build->guard == TACIT_ALWAYS;
        tacit_span_t raw = main ? tacit_decoded_elements(build->decoded, i) : tacit_span(NULL, 0);
        status = s_add_initializer(build, build->proto->initializer[i], raw);
    }
    return status;
}

static tacit_status_t s_declare_dims(tacit_build_t *build, const Onnx__TensorShapeProto *shape,
                                     tacit_engine_value_t *value)
{
    if (shape->n_dim > TACIT_ENGINE_RANK_MAX) {
        return tacit_build_refuse_named(build, TACIT_UNSUPPORTED, "value", value->name,
                                        "it has too many dimensions");
    }
    value->ranked = true;
    value->rank = shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        bool fixed = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (fixed && (dim->dim_value < -1 || dim->dim_value > TACIT_TENSOR_SIZE_MAX)) {
            return tacit_build_refuse_named(build, TACIT_MALFORMED, "value", value->name,
                                            "a dimension is negative or too large");
        }
        value->dims[i] = fixed ? dim->dim_value : -1; /* some exporters write -1 themselves */
    }
    return TACIT_OK;
}

/*  Whether a declaration leaves the type open, as tools that change graphs may do with outputs.  */
static bool s_untyped(const Onnx__TypeProto *type)
{
    return type == NULL || type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET ||
           (type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
            type->tensor_type->elem_type == ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED);
}

/*  The element type that a declaration means; NONE where it is not computed. What a node made may
    stand for more: numbers for text labels, the scores of ZipMap for a sequence of maps.  */
static tacit_dtype_t s_declared_type(const Onnx__TypeProto *type, const tacit_value_t *made)
{
    if (made != NULL && s_untyped(type)) {
        return made->dtype;
    }
    if (type != NULL && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        int32_t element = type->tensor_type->elem_type;
        bool labels =
            made != NULL && made->labels && element == ONNX__TENSOR_PROTO__DATA_TYPE__STRING;
        tacit_dtype_t known =
            tacit_dtype_known(element) ? (tacit_dtype_t)element : TACIT_DTYPE_NONE;
        return labels ? TACIT_DTYPE_INT64 : known;
    }
    bool map = made != NULL && made->map && type != NULL &&
               type->value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    return map ? TACIT_DTYPE_FLOAT32 : TACIT_DTYPE_NONE;
}

/*  What a ValueInfoProto says. Types other than dense tensors of known elements are refused. made:
    the value, for an output.  */
static tacit_status_t s_declare(tacit_build_t *build, const Onnx__ValueInfoProto *info,
                                const tacit_value_t *made, tacit_engine_value_t *ret_value)
{
    const char *name = tacit_build_name(build, info->name);
    if (name == NULL) {
        return build->error->code;
    }
    const Onnx__TypeProto *type = info->type;
    *ret_value = (tacit_engine_value_t){.name = name, .dtype = s_declared_type(type, made)};
    bool tensor = type != NULL && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    if (ret_value->dtype == TACIT_DTYPE_NONE) {
        char reason[96];
        tacit_dtype_t dtype =
            tensor ? (tacit_dtype_t)type->tensor_type->elem_type : TACIT_DTYPE_NONE;
        (void)snprintf(reason, sizeof(reason), "its type (%s) is not computed",
                       tensor ? tacit_dtype_name(dtype) : "no dense tensor");
        (void)tacit_build_refuse_named(build, TACIT_UNSUPPORTED, "value", name, reason);
        tacit_error_remedy(build->error, "export the model with tensors of float32, float64, "
                                         "int64, int32, int8, uint8 or bool");
        return TACIT_UNSUPPORTED;
    }
    const Onnx__TensorShapeProto *shape = tensor ? type->tensor_type->shape : NULL;
    return shape != NULL ? s_declare_dims(build, shape, ret_value) : TACIT_OK;
}

static tacit_status_t s_lists_new(tacit_build_t *build)
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
static tacit_status_t s_add_inputs(tacit_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    for (size_t i = 0; i < build->proto->n_input; i++) {
        tacit_engine_value_t declared = {0};
        tacit_status_t status = s_declare(build, build->proto->input[i], NULL, &declared);
        if (status != TACIT_OK) {
            return status;
        }
        int known = tacit_build_find(build, declared.name);
        if (known >= 0 && graph->values[known].content.data != NULL) {
            continue;
        }
        if (graph->input_count == TACIT_ENGINE_INPUTS_MAX) {
            return tacit_build_refuse(build, TACIT_TOO_LARGE, "graph", "it has too many inputs");
        }
        tacit_value_t value = {.dtype = declared.dtype, .producer = TACIT_NO_NODE, .input = true};
        status = tacit_build_value(build, declared.name, value, &known);
        if (status != TACIT_OK) {
            return status;
        }
        graph->inputs[graph->input_count] = declared;
        graph->input_values[graph->input_count++] = known;
    }
    return TACIT_OK;
}

static tacit_status_t s_add_outputs(tacit_build_t *build)
{
    tacit_graph_t *graph = build->graph;
    if (build->proto->n_output == 0 || build->proto->n_output > TACIT_ENGINE_INPUTS_MAX) {
        return tacit_build_refuse(build, TACIT_MALFORMED, "graph",
                                  "it has no outputs, or too many");
    }
    for (size_t i = 0; i < build->proto->n_output; i++) {
        tacit_engine_value_t *declared = &graph->outputs[i];
        const Onnx__ValueInfoProto *info = build->proto->output[i];
        int value = tacit_build_find(build, info->name != NULL ? info->name : "");
        tacit_status_t status =
            s_declare(build, info, value >= 0 ? &graph->values[value] : NULL, declared);
        if (status != TACIT_OK) {
            return status;
        }
        if (value < 0) {
            return tacit_build_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                            "no node makes it");
        }
        if (graph->values[value].output) {
            return tacit_build_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                            "it is listed twice");
        }
        if (graph->values[value].dtype != declared->dtype) {
            return tacit_build_refuse_named(build, TACIT_MALFORMED, "output", declared->name,
                                            "its declared type is not the one computed");
        }
        graph->values[value].output = true;
        graph->output_values[graph->output_count++] = value;
    }
    return TACIT_OK;
}

/* --- the model -------------------------------------------------------------------------------- */

static tacit_status_t s_read_opset(tacit_build_t *build, const Onnx__ModelProto *model)
{
    int64_t opset = 0;
    build->graph->opset_ml = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = model->opset_import[i];
        if (import->domain != NULL && strcmp(import->domain, "ai.onnx.ml") == 0) {
            build->graph->opset_ml = import->version;
            continue;
        }
        bool ours = import->domain == NULL || import->domain[0] == '\0' ||
                    strcmp(import->domain, "ai.onnx") == 0;
        if (ours && opset != 0 && opset != import->version) {
            return tacit_build_refuse(build, TACIT_MALFORMED, "opset",
                                      "it is imported twice, as different ones");
        }
        opset = ours ? import->version : opset;
    }
    if (opset < TACIT_OPSET_MIN || opset > TACIT_OPSET_MAX) {
        char reason[96];
        (void)snprintf(reason, sizeof(reason), "%lld is not between %d and %d", (long long)opset,
                       TACIT_OPSET_MIN, TACIT_OPSET_MAX);
        (void)tacit_build_refuse(build, TACIT_UNSUPPORTED, "opset", reason);
        tacit_error_remedy(build->error,
                           "export the model for opset %d, or convert it with "
                           "onnx.version_converter",
                           TACIT_OPSET_MAX);
        return TACIT_UNSUPPORTED;
    }
    build->graph->opset = opset;
    return TACIT_OK;
}

static tacit_status_t s_read_labels(tacit_build_t *build, const Onnx__ModelProto *model)
{
    build->graph->labels = "";
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (entry->key == NULL || entry->value == NULL || strcmp(entry->key, "labels") != 0) {
            continue;
        }
        if (strlen(entry->value) > TACIT_GRAPH_LABELS_MAX) {
            return tacit_build_refuse(build, TACIT_TOO_LARGE, "labels", "the text is too long");
        }
        build->graph->labels = tacit_pool_text(build->graph->pool, entry->value, build->error);
        return build->graph->labels != NULL ? TACIT_OK : build->error->code;
    }
    return TACIT_OK;
}

static tacit_status_t s_check_model(tacit_build_t *build, const Onnx__ModelProto *model)
{
    if (model->n_functions > 0) {
        (void)tacit_build_refuse(build, TACIT_UNSUPPORTED, "model",
                                 "it defines functions of its own");
        tacit_error_remedy(build->error,
                           "write them out with onnx.inliner.inline_local_functions, or export "
                           "the model without functions");
        return TACIT_UNSUPPORTED;
    }
    if (model->graph->n_sparse_initializer > 0) {
        return tacit_build_refuse(build, TACIT_UNSUPPORTED, "graph", "it has sparse initializers");
    }
    tacit_status_t status = s_read_opset(build, model);
    return status == TACIT_OK ? s_read_labels(build, model) : status;
}

static tacit_status_t s_build_all(tacit_build_t *build)
{
    tacit_status_t status = s_check_model(build, tacit_decoded_model(build->decoded));
    if (status == TACIT_OK) {
        status = s_make_room(build);
    }
    if (status == TACIT_OK) {
        status = s_lists_new(build);
    }
    if (status == TACIT_OK) {
        status = tacit_build_initializers(build);
    }
    if (status == TACIT_OK) {
        status = s_add_inputs(build);
    }
    for (size_t i = 0; status == TACIT_OK && i < build->proto->n_node; i++) {
        status = tacit_build_node(build, i);
    }
    return status == TACIT_OK ? s_add_outputs(build) : status;
}

tacit_status_t tacit_graph_new(tacit_decoded_t *decoded, tacit_engine_text_t *text,
                               tacit_budget_t *budget, tacit_graph_t **ret_graph,
                               tacit_error_t *error)
{
    tacit_graph_t *graph = tacit_memory_new(budget, sizeof(*graph), error);
    if (graph == NULL) {
        return error->code;
    }
    graph->budget = budget;
    graph->text = text;
    graph->pool = tacit_pool_new(budget, error);
    tacit_build_t build = {.graph = graph,
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
