/*  engine_model.c - building ONNX messages.  */

#include "engine_model.h"

#include "services/inference/engine/portable/vector.h"

#include <stdarg.h>
#include <stdlib.h>

/*  A NULL-terminated growth of one: the lists of a message are short.  */
static void *s_append(void *list, size_t count, void *item)
{
    void **grown = realloc(list, (count + 1) * sizeof(void *));
    if (grown == NULL || item == NULL) {
        abort();
    }
    grown[count] = item;
    return grown;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define NEW(type, init)                                                                            \
    __extension__({                                                                                \
        type *message = malloc(sizeof(type));                                                      \
        if (message == NULL) {                                                                     \
            abort();                                                                               \
        }                                                                                          \
        init(message);                                                                             \
        message;                                                                                   \
    })
/* NOLINTEND(bugprone-macro-parentheses) */

#define APPEND(list, count, item) ((list) = s_append((void *)(list), (count), (item)), (count)++)

Onnx__ModelProto *model_new(int64_t opset)
{
    Onnx__ModelProto *model = NEW(Onnx__ModelProto, onnx__model_proto__init);
    Onnx__OperatorSetIdProto *import =
        NEW(Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    model->has_ir_version = 1;
    model->ir_version = 8;
    import->domain = strdup("");
    import->has_version = 1;
    import->version = opset;
    APPEND(model->opset_import, model->n_opset_import, import);
    model->graph = NEW(Onnx__GraphProto, onnx__graph_proto__init);
    model->graph->name = strdup("test");
    return model;
}

void model_free(Onnx__ModelProto *model)
{
    onnx__model_proto__free_unpacked(model, NULL);
}

static Onnx__TensorShapeProto *s_shape(va_list dims)
{
    Onnx__TensorShapeProto *shape = NEW(Onnx__TensorShapeProto, onnx__tensor_shape_proto__init);
    for (int dim = va_arg(dims, int); dim != MODEL_END; dim = va_arg(dims, int)) {
        Onnx__TensorShapeProto__Dimension *item =
            NEW(Onnx__TensorShapeProto__Dimension, onnx__tensor_shape_proto__dimension__init);
        if (dim == -1) {
            item->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            item->dim_param = strdup("N");
        } else {
            item->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            item->dim_value = dim;
        }
        APPEND(shape->dim, shape->n_dim, item);
    }
    return shape;
}

static Onnx__ValueInfoProto *s_value(const char *name, int dtype, va_list dims)
{
    Onnx__ValueInfoProto *value = NEW(Onnx__ValueInfoProto, onnx__value_info_proto__init);
    value->name = strdup(name);
    value->type = NEW(Onnx__TypeProto, onnx__type_proto__init);
    value->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    value->type->tensor_type = NEW(Onnx__TypeProto__Tensor, onnx__type_proto__tensor__init);
    value->type->tensor_type->has_elem_type = 1;
    value->type->tensor_type->elem_type = dtype;
    value->type->tensor_type->shape = s_shape(dims);
    return value;
}

void model_input(Onnx__ModelProto *model, const char *name, int dtype, ...)
{
    va_list dims;
    va_start(dims, dtype);
    Onnx__ValueInfoProto *value = s_value(name, dtype, dims);
    va_end(dims);
    APPEND(model->graph->input, model->graph->n_input, value);
}

void model_output(Onnx__ModelProto *model, const char *name, int dtype, ...)
{
    va_list dims;
    va_start(dims, dtype);
    Onnx__ValueInfoProto *value = s_value(name, dtype, dims);
    va_end(dims);
    APPEND(model->graph->output, model->graph->n_output, value);
}

static Onnx__TensorProto *s_tensor(Onnx__ModelProto *model, const char *name, int dtype)
{
    Onnx__TensorProto *tensor = NEW(Onnx__TensorProto, onnx__tensor_proto__init);
    tensor->name = strdup(name);
    tensor->has_data_type = 1;
    tensor->data_type = dtype;
    APPEND(model->graph->initializer, model->graph->n_initializer, tensor);
    return tensor;
}

static void s_add_dim(Onnx__TensorProto *tensor, int64_t dim)
{
    tensor->dims = realloc(tensor->dims, (tensor->n_dims + 1) * sizeof(int64_t));
    if (tensor->dims == NULL) {
        abort();
    }
    tensor->dims[tensor->n_dims++] = dim;
}

Onnx__TensorProto *model_weights(Onnx__ModelProto *model, const char *name, ...)
{
    Onnx__TensorProto *tensor = s_tensor(model, name, TACIT_DTYPE_FLOAT32);
    size_t count = 1;
    va_list dims;
    va_start(dims, name);
    for (int dim = va_arg(dims, int); dim != MODEL_END; dim = va_arg(dims, int)) {
        s_add_dim(tensor, dim);
        count *= (size_t)dim;
    }
    va_end(dims);
    float *items = calloc(count + 1, sizeof(float));
    uint32_t state = 12345 + (uint32_t)count;
    for (size_t i = 0; items != NULL && i < count; i++) {
        state = state * 1664525U + 1013904223U;
        items[i] = (float)(state >> 16) / 65536.0F - 0.5F;
    }
    tensor->has_raw_data = 1;
    tensor->raw_data.data = (uint8_t *)items;
    tensor->raw_data.len = count * sizeof(float);
    return tensor;
}

static void *s_copy(const void *items, size_t size)
{
    void *copy = malloc(size + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, items, size);
    return copy;
}

Onnx__TensorProto *model_floats(Onnx__ModelProto *model, const char *name, size_t count,
                                const float *items)
{
    Onnx__TensorProto *tensor = s_tensor(model, name, TACIT_DTYPE_FLOAT32);
    s_add_dim(tensor, (int64_t)count);
    tensor->n_float_data = count;
    tensor->float_data = s_copy(items, count * sizeof(float));
    return tensor;
}

Onnx__TensorProto *model_integers(Onnx__ModelProto *model, const char *name, size_t count,
                                  const int64_t *items)
{
    Onnx__TensorProto *tensor = s_tensor(model, name, TACIT_DTYPE_INT64);
    s_add_dim(tensor, (int64_t)count);
    tensor->n_int64_data = count;
    tensor->int64_data = s_copy(items, count * sizeof(int64_t));
    return tensor;
}

Onnx__TensorProto *model_raw(Onnx__ModelProto *model, const char *name, int dtype, size_t rank,
                             const int64_t *dims, const void *items, size_t size)
{
    Onnx__TensorProto *tensor = s_tensor(model, name, dtype);
    for (size_t i = 0; i < rank; i++) {
        s_add_dim(tensor, dims[i]);
    }
    tensor->has_raw_data = 1;
    tensor->raw_data.data = s_copy(items, size);
    tensor->raw_data.len = size;
    return tensor;
}

static char **s_names(const char *text, size_t *ret_count)
{
    char **names = NULL;
    char *copy = strdup(text);
    char *rest = NULL;
    *ret_count = 0;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        APPEND(names, *ret_count, strdup(strcmp(word, "-") == 0 ? "" : word));
    }
    free(copy);
    return names;
}

Onnx__NodeProto *model_node(Onnx__ModelProto *model, const char *op, const char *inputs,
                            const char *outputs)
{
    Onnx__NodeProto *node = NEW(Onnx__NodeProto, onnx__node_proto__init);
    node->op_type = strdup(op);
    node->input = s_names(inputs, &node->n_input);
    node->output = s_names(outputs, &node->n_output);
    APPEND(model->graph->node, model->graph->n_node, node);
    return node;
}

static Onnx__AttributeProto *s_attribute(Onnx__NodeProto *node, const char *name,
                                         Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = NEW(Onnx__AttributeProto, onnx__attribute_proto__init);
    attribute->name = strdup(name);
    attribute->has_type = 1;
    attribute->type = type;
    APPEND(node->attribute, node->n_attribute, attribute);
    return attribute;
}

void node_integer(Onnx__NodeProto *node, const char *name, int64_t number)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = number;
}

void node_graph(Onnx__NodeProto *node, const char *name, Onnx__ModelProto *model)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    attribute->g = model->graph;
    model->graph = NULL;
    model_free(model);
}

void node_real(Onnx__NodeProto *node, const char *name, float number)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->has_f = 1;
    attribute->f = number;
}

void node_text(Onnx__NodeProto *node, const char *name, const char *text)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attribute->has_s = 1;
    attribute->s.data = s_copy(text, strlen(text));
    attribute->s.len = strlen(text);
}

void node_integers(Onnx__NodeProto *node, const char *name, size_t count, const int64_t *items)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->n_ints = count;
    attribute->ints = s_copy(items, count * sizeof(int64_t));
}

void node_reals(Onnx__NodeProto *node, const char *name, size_t count, const float *items)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    attribute->n_floats = count;
    attribute->floats = s_copy(items, count * sizeof(float));
}

void node_texts(Onnx__NodeProto *node, const char *name, size_t count, const char *const *items)
{
    Onnx__AttributeProto *attribute =
        s_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    attribute->n_strings = count;
    attribute->strings = malloc((count + 1) * sizeof(ProtobufCBinaryData));
    if (attribute->strings == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        attribute->strings[i].len = strlen(items[i]);
        attribute->strings[i].data = (uint8_t *)strdup(items[i]);
    }
}

void model_import_ml(Onnx__ModelProto *model, int64_t opset)
{
    Onnx__OperatorSetIdProto *import =
        NEW(Onnx__OperatorSetIdProto, onnx__operator_set_id_proto__init);
    import->domain = strdup("ai.onnx.ml");
    import->has_version = 1;
    import->version = opset;
    APPEND(model->opset_import, model->n_opset_import, import);
}

Onnx__NodeProto *model_node_ml(Onnx__ModelProto *model, const char *op, const char *inputs,
                               const char *outputs)
{
    Onnx__NodeProto *node = model_node(model, op, inputs, outputs);
    node->domain = strdup("ai.onnx.ml");
    return node;
}

Onnx__NodeProto *model_node_microsoft(Onnx__ModelProto *model, const char *op, const char *inputs,
                                      const char *outputs)
{
    Onnx__NodeProto *node = model_node(model, op, inputs, outputs);
    node->domain = strdup("com.microsoft");
    return node;
}

void model_metadata(Onnx__ModelProto *model, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry =
        NEW(Onnx__StringStringEntryProto, onnx__string_string_entry_proto__init);
    entry->key = strdup(key);
    entry->value = strdup(value);
    APPEND(model->metadata_props, model->n_metadata_props, entry);
}

uint8_t *model_pack(const Onnx__ModelProto *model, size_t *ret_size)
{
    size_t size = onnx__model_proto__get_packed_size(model);
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL) {
        abort();
    }
    *ret_size = onnx__model_proto__pack(model, bytes);
    return bytes;
}

tacit_status_t model_load(Onnx__ModelProto *model, const tacit_engine_options_t *options,
                          tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    size_t size = 0;
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    tacit_status_t status =
        tacit_engine_load(tacit_span(bytes, size), options, ret_engine, ret_error);
    free(bytes);
    return status;
}

void model_each_isa(size_t cases, void (*check)(size_t i))
{
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        for (size_t i = 0; tacit_vector_choose((tacit_isa_t)isa) && i < cases; i++) {
            check(i);
        }
    }
}
