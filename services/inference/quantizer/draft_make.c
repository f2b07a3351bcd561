/*  draft_make.c - see draft.h: what is new in a model, and its bytes.  */

#include <string.h>

#include "services/inference/quantizer/draft.h"

/*  The least version of the format in which constants need not be listed as inputs too, and the one
    that came with the opset that per-axis scales need.  */
enum { IR_VERSION_MIN = 7 };

/* --- constants -------------------------------------------------------------------------------- */

/*  The list with room for one more.  */
static tacit_status_t s_grow(tacit_draft_t *draft, tacit_error_t *error)
{
    if (draft->constant_count < draft->constant_room) {
        return TACIT_OK;
    }
    size_t room = 2 * draft->constant_room + 1;
    tacit_draft_constant_t *grown = tacit_pool_take(draft->pool, room, sizeof *grown, error);
    if (grown == NULL) {
        return error->code;
    }
    memcpy(grown, draft->constants, draft->constant_count * sizeof *grown);
    draft->constants = grown;
    draft->constant_room = room;
    return TACIT_OK;
}

void *tacit_draft_constant(tacit_draft_t *draft, const char *name, tacit_dtype_t dtype,
                           const tacit_shape_t *shape, tacit_error_t *error)
{
    size_t count = 0;
    if (!tacit_shape_count(shape, dtype, &count)) {
        (void)tacit_error_set(error, TACIT_TOO_LARGE, "constant '%.80s' is too large", name);
        return NULL;
    }
    if (s_grow(draft, error) != TACIT_OK) {
        return NULL;
    }
    size_t size = count * tacit_dtype_size(dtype);
    Onnx__TensorProto *proto = tacit_pool_take(draft->pool, 1, sizeof *proto, error);
    int64_t *dims = tacit_pool_take(draft->pool, shape->rank + 1, sizeof *dims, error);
    void *elements = tacit_pool_take(draft->pool, size + 1, 1, error);
    if (proto == NULL || dims == NULL || elements == NULL) {
        return NULL;
    }
    memcpy(dims, shape->dims, shape->rank * sizeof *dims);
    onnx__tensor_proto__init(proto);
    proto->name = (char *)(uintptr_t)name;
    proto->dims = dims;
    proto->n_dims = shape->rank;
    proto->has_data_type = 1;
    proto->data_type = (int32_t)dtype;
    proto->has_raw_data = 1;
    proto->raw_data = (ProtobufCBinaryData){.len = size, .data = elements};
    int value = tacit_draft_find(draft, name);
    if (value >= 0) {
        draft->values[value].constant = (int)draft->constant_count;
    }
    draft->constants[draft->constant_count++] = (tacit_draft_constant_t){.proto = proto};
    return elements;
}

/* --- nodes ------------------------------------------------------------------------------------ */

Onnx__NodeProto *tacit_draft_node(tacit_draft_t *draft, const char *op, const char *name,
                                  const char *const *inputs, size_t input_count, const char *output,
                                  tacit_error_t *error)
{
    Onnx__NodeProto *node = tacit_pool_take(draft->pool, 1, sizeof *node, error);
    char **names = tacit_pool_take(draft->pool, input_count + 1, sizeof *names, error);
    if (node == NULL || names == NULL) {
        return NULL;
    }
    onnx__node_proto__init(node);
    for (size_t i = 0; i < input_count; i++) {
        names[i] = (char *)(uintptr_t)inputs[i];
    }
    names[input_count] = (char *)(uintptr_t)output;
    node->op_type = (char *)(uintptr_t)op;
    node->name = (char *)(uintptr_t)name;
    node->input = names;
    node->n_input = input_count;
    node->output = names + input_count;
    node->n_output = 1;
    return node;
}

tacit_status_t tacit_draft_set_input(tacit_draft_t *draft, Onnx__NodeProto *node, size_t i,
                                     const char *name, tacit_error_t *error)
{
    static char none[] = "";
    if (i >= node->n_input) {
        char **inputs = tacit_pool_take(draft->pool, i + 1, sizeof *inputs, error);
        if (inputs == NULL) {
            return error->code;
        }
        for (size_t k = 0; k <= i; k++) {
            inputs[k] = k < node->n_input ? node->input[k] : none;
        }
        node->input = inputs;
        node->n_input = i + 1;
    }
    node->input[i] = (char *)(uintptr_t)name;
    return TACIT_OK;
}

void tacit_draft_drop_attribute(Onnx__NodeProto *node, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(node->attribute[i]->name, name) != 0) {
            node->attribute[kept++] = node->attribute[i];
        }
    }
    node->n_attribute = kept;
}

/*  A new attribute in the place of one of that name; NULL where memory is at its end.  */
static Onnx__AttributeProto *s_attribute(tacit_draft_t *draft, Onnx__NodeProto *node,
                                         const char *name, tacit_error_t *error)
{
    tacit_draft_drop_attribute(node, name);
    size_t count = node->n_attribute;
    Onnx__AttributeProto *attribute = tacit_pool_take(draft->pool, 1, sizeof *attribute, error);
    Onnx__AttributeProto **list =
        tacit_pool_take(draft->pool, count + 1, sizeof(Onnx__AttributeProto *), error);
    if (attribute == NULL || list == NULL) {
        return NULL;
    }
    onnx__attribute_proto__init(attribute);
    attribute->name = (char *)(uintptr_t)name;
    attribute->has_type = 1;
    for (size_t i = 0; i < count; i++) {
        list[i] = node->attribute[i];
    }
    list[count] = attribute;
    node->attribute = list;
    node->n_attribute = count + 1;
    return attribute;
}

tacit_status_t tacit_draft_set_integer(tacit_draft_t *draft, Onnx__NodeProto *node,
                                       const char *name, int64_t number, tacit_error_t *error)
{
    Onnx__AttributeProto *attribute = s_attribute(draft, node, name, error);
    if (attribute == NULL) {
        return error->code;
    }
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    attribute->has_i = 1;
    attribute->i = number;
    return TACIT_OK;
}

tacit_status_t tacit_draft_set_text(tacit_draft_t *draft, Onnx__NodeProto *node, const char *name,
                                    const char *text, tacit_error_t *error)
{
    Onnx__AttributeProto *attribute = s_attribute(draft, node, name, error);
    if (attribute == NULL) {
        return error->code;
    }
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    attribute->has_s = 1;
    attribute->s = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
    return TACIT_OK;
}

/* --- bytes ------------------------------------------------------------------------------------ */

/*  Which constants nodes of a part use.  */
typedef struct s_marks {
    const tacit_draft_t *draft;
    bool *values;
} s_marks_t;

static void s_mark(void *self, const char *name, bool captured)
{
    (void)captured;
    s_marks_t *marks = self;
    int value = tacit_draft_find(marks->draft, name);
    if (value >= 0) {
        marks->values[value] = true;
    }
}

/*  The used constants; those whose elements stand apart get them for the time of packing.  */
static tacit_status_t s_list_constants(tacit_draft_t *draft, const bool *used,
                                       Onnx__GraphProto *graph, tacit_error_t *error)
{
    Onnx__TensorProto **list =
        tacit_pool_take(draft->pool, draft->constant_count + 1, sizeof(Onnx__TensorProto *), error);
    if (list == NULL) {
        return error->code;
    }
    graph->n_initializer = 0;
    graph->initializer = list;
    for (size_t i = 0; i < draft->constant_count; i++) {
        tacit_draft_constant_t *constant = &draft->constants[i];
        int value = tacit_draft_find(draft, constant->proto->name);
        if (value < 0 || (!used[value] && !draft->values[value].output)) {
            continue;
        }
        if (constant->raw.size > 0) {
            constant->proto->has_raw_data = 1;
            constant->proto->raw_data = (ProtobufCBinaryData){
                .len = constant->raw.size, .data = (uint8_t *)(uintptr_t)constant->raw.data};
        }
        list[graph->n_initializer++] = constant->proto;
    }
    return TACIT_OK;
}

/*  The inputs that are none but names of constants.  */
static tacit_status_t s_list_inputs(tacit_draft_t *draft, Onnx__GraphProto *graph,
                                    tacit_error_t *error)
{
    Onnx__ValueInfoProto **list = tacit_pool_take(draft->pool, draft->graph.n_input + 1,
                                                  sizeof(Onnx__ValueInfoProto *), error);
    if (list == NULL) {
        return error->code;
    }
    graph->input = list;
    graph->n_input = 0;
    for (size_t i = 0; i < draft->graph.n_input; i++) {
        int value = tacit_draft_find(draft, draft->graph.input[i]->name);
        if (value >= 0 && draft->values[value].input) {
            list[graph->n_input++] = draft->graph.input[i];
        }
    }
    return TACIT_OK;
}

/*  The bytes of this graph's nodes and outputs, in the model around.  */
static tacit_status_t s_pack(tacit_draft_t *draft, Onnx__GraphProto *graph, uint8_t **ret_bytes,
                             size_t *ret_size, tacit_error_t *error)
{
    Onnx__ModelProto model = draft->model;
    bool *used = tacit_pool_take(draft->pool, draft->value_count + 1, sizeof *used, error);
    if (used == NULL) {
        return error->code;
    }
    s_marks_t marks = {draft, used};
    for (size_t i = 0; i < graph->n_node; i++) {
        tacit_draft_uses(graph->node[i], s_mark, &marks);
    }
    tacit_status_t status = s_list_constants(draft, used, graph, error);
    if (status == TACIT_OK) {
        status = s_list_inputs(draft, graph, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    graph->n_value_info = 0; /* of names that are others now */
    model.graph = graph;
    model.ir_version = model.ir_version > IR_VERSION_MIN ? model.ir_version : IR_VERSION_MIN;
    model.has_ir_version = 1;
    size_t size = onnx__model_proto__get_packed_size(&model);
    if (size > TACIT_ENGINE_MODEL_SIZE_MAX) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "the model would have %zu bytes, above %d",
                               size, TACIT_ENGINE_MODEL_SIZE_MAX);
    }
    uint8_t *bytes = tacit_memory_new(draft->budget, size, error);
    if (bytes == NULL) {
        return error->code;
    }
    *ret_size = onnx__model_proto__pack(&model, bytes);
    *ret_bytes = bytes;
    return TACIT_OK;
}

tacit_status_t tacit_draft_pack(tacit_draft_t *draft, uint8_t **ret_bytes, size_t *ret_size,
                                tacit_error_t *error)
{
    Onnx__GraphProto graph = draft->graph;
    graph.node = draft->nodes;
    graph.n_node = draft->node_count;
    return s_pack(draft, &graph, ret_bytes, ret_size, error);
}

/* --- a part ----------------------------------------------------------------------------------- */

/*  The nodes that those values need.  */
static tacit_status_t s_needed(tacit_draft_t *draft, const int *values, size_t count,
                               Onnx__GraphProto *graph, tacit_error_t *error)
{
    bool *wanted = tacit_pool_take(draft->pool, draft->value_count + 1, sizeof *wanted, error);
    Onnx__NodeProto **nodes =
        tacit_pool_take(draft->pool, draft->node_count + 1, sizeof(Onnx__NodeProto *), error);
    if (wanted == NULL || nodes == NULL) {
        return error->code;
    }
    s_marks_t marks = {draft, wanted};
    for (size_t i = 0; i < count; i++) {
        wanted[values[i]] = true;
    }
    size_t first = draft->node_count;
    for (size_t n = draft->node_count; n > 0; n--) {
        Onnx__NodeProto *node = draft->nodes[n - 1];
        bool needed = false;
        for (size_t i = 0; i < node->n_output; i++) {
            int value = tacit_draft_output(draft, node, i);
            needed |= value >= 0 && wanted[value];
        }
        if (needed) {
            tacit_draft_uses(node, s_mark, &marks);
            nodes[--first] = node;
        }
    }
    graph->node = nodes + first;
    graph->n_node = draft->node_count - first;
    return TACIT_OK;
}

/*  A float32 of any shape.  */
static Onnx__ValueInfoProto *s_declare(tacit_draft_t *draft, const char *name, tacit_error_t *error)
{
    Onnx__ValueInfoProto *info = tacit_pool_take(draft->pool, 1, sizeof *info, error);
    Onnx__TypeProto *type = tacit_pool_take(draft->pool, 1, sizeof *type, error);
    Onnx__TypeProto__Tensor *tensor = tacit_pool_take(draft->pool, 1, sizeof *tensor, error);
    if (info == NULL || type == NULL || tensor == NULL) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    info->name = (char *)(uintptr_t)name;
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = TACIT_DTYPE_FLOAT32;
    return info;
}

tacit_status_t tacit_draft_pack_part(tacit_draft_t *draft, const int *values, size_t count,
                                     uint8_t **ret_bytes, size_t *ret_size, tacit_error_t *error)
{
    Onnx__ValueInfoProto *outputs[TACIT_ENGINE_INPUTS_MAX];
    Onnx__GraphProto graph = draft->graph;
    tacit_status_t status = s_needed(draft, values, count, &graph, error);
    for (size_t i = 0; status == TACIT_OK && i < count; i++) {
        outputs[i] = s_declare(draft, draft->values[values[i]].name, error);
        status = outputs[i] != NULL ? TACIT_OK : error->code;
    }
    graph.output = outputs;
    graph.n_output = count;
    return status == TACIT_OK ? s_pack(draft, &graph, ret_bytes, ret_size, error) : status;
}
