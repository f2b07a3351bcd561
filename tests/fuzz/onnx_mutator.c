/*  onnx_mutator.c - changes an ONNX model as a graph: what comes out is still protobuf, so that the
    checks behind the decoder meet it. Edges, numbers, lists, names and types are changed; whatever
    is no model is left to the fuzzer's own mutations of bytes.  */

#include "onnx/onnx.pb-c.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EDITS_MAX = 4, NAMES_MAX = 256 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static uint64_t s_state;

static size_t s_below(size_t limit)
{
    s_state = s_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return limit > 0 ? (size_t)(s_state >> 33) % limit : 0;
}

#define PICK(list) ((list)[s_below(sizeof(list) / sizeof((list)[0]))])

static int64_t s_number(void)
{
    static const int64_t edges[] = {0,  1,  2,    3,       4,         5,         7,
                                    -1, -2, -3,   16,      255,       4096,      65536,
                                    -7, 33, 1000, 1 << 24, 1LL << 31, INT64_MAX, INT64_MIN};
    return PICK(edges);
}

static float s_real(void)
{
    static const float edges[] = {0.0F, 1.0F, -1.0F, 0.5F, 1e-30F, 1e30F, NAN, INFINITY, -INFINITY};
    return PICK(edges);
}

static void *s_grown(void *list, size_t count, size_t item)
{
    void *grown = realloc(list, (count + 1) * item);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

/* --- names ------------------------------------------------------------------------------------ */

static void s_set_text(char **text, const char *to)
{
    char *copy = strdup(to);
    if (*text != protobuf_c_empty_string) {
        free(*text);
    }
    *text = copy;
}

/*  The name of any value of the graph, or one that nothing has.  */
static const char *s_any_value(const Onnx__GraphProto *graph)
{
    const char *names[NAMES_MAX] = {"", "nothing"};
    size_t count = 2;
    for (size_t i = 0; i < graph->n_input && count < NAMES_MAX; i++) {
        names[count++] = graph->input[i]->name;
    }
    for (size_t i = 0; i < graph->n_initializer && count < NAMES_MAX; i++) {
        names[count++] = graph->initializer[i]->name;
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        for (size_t k = 0; k < graph->node[i]->n_output && count < NAMES_MAX; k++) {
            names[count++] = graph->node[i]->output[k];
        }
    }
    const char *name = names[s_below(count)];
    return name != NULL ? name : "";
}

static Onnx__NodeProto *s_any_node(const Onnx__GraphProto *graph)
{
    return graph->n_node > 0 ? graph->node[s_below(graph->n_node)] : NULL;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void s_rewire(Onnx__GraphProto *graph)
{
    Onnx__NodeProto *node = s_any_node(graph);
    if (node != NULL && node->n_input > 0) {
        s_set_text(&node->input[s_below(node->n_input)], s_any_value(graph));
    }
}

static void s_add_input(Onnx__GraphProto *graph)
{
    Onnx__NodeProto *node = s_any_node(graph);
    if (node != NULL) {
        node->input = s_grown((void *)node->input, node->n_input, sizeof(char *));
        node->input[node->n_input++] = strdup(s_any_value(graph));
    }
}

static void s_drop_input(Onnx__GraphProto *graph)
{
    Onnx__NodeProto *node = s_any_node(graph);
    if (node != NULL && node->n_input > 0) {
        free(node->input[--node->n_input]);
    }
}

static void s_add_output(Onnx__GraphProto *graph)
{
    static const char *const fresh[] = {"more", "again", ""};
    Onnx__NodeProto *node = s_any_node(graph);
    if (node != NULL) {
        node->output = s_grown((void *)node->output, node->n_output, sizeof(char *));
        node->output[node->n_output++] = strdup(PICK(fresh));
    }
}

static void s_swap_nodes(Onnx__GraphProto *graph)
{
    if (graph->n_node > 0) {
        size_t a = s_below(graph->n_node);
        size_t b = s_below(graph->n_node);
        Onnx__NodeProto *held = graph->node[a];
        graph->node[a] = graph->node[b];
        graph->node[b] = held;
    }
}

/*  Short circuit: who used a node's output uses its input.  */
static void s_remove_node(Onnx__GraphProto *graph)
{
    if (graph->n_node > 1) {
        size_t at = s_below(graph->n_node);
        onnx__node_proto__free_unpacked(graph->node[at], NULL);
        graph->n_node--;
        memmove(&graph->node[at], &graph->node[at + 1],
                (graph->n_node - at) * sizeof(graph->node[0]));
    }
}

static void s_change_operator(Onnx__GraphProto *graph)
{
    static const char *const names[] = {"Add",
                                        "Mul",
                                        "MatMul",
                                        "Gemm",
                                        "Conv",
                                        "Relu",
                                        "Softmax",
                                        "Concat",
                                        "Reshape",
                                        "Transpose",
                                        "Gather",
                                        "Slice",
                                        "Squeeze",
                                        "Unsqueeze",
                                        "Expand",
                                        "Tile",
                                        "Pad",
                                        "ReduceMean",
                                        "ReduceSum",
                                        "Shape",
                                        "Size",
                                        "ArgMax",
                                        "TopK",
                                        "Where",
                                        "Identity",
                                        "Flatten",
                                        "MaxPool",
                                        "AveragePool",
                                        "Split",
                                        "Resize",
                                        "Einsum",
                                        "Cast",
                                        "LRN",
                                        "GatherElements",
                                        "ScatterND",
                                        "CumSum",
                                        "DepthToSpace",
                                        "LayerNormalization",
                                        "BatchNormalization",
                                        "Dropout",
                                        "OneHot",
                                        "NonZero"};
    Onnx__NodeProto *node = s_any_node(graph);
    const Onnx__NodeProto *other = s_any_node(graph);
    if (node != NULL) {
        s_set_text(&node->op_type, s_below(2) == 0 ? PICK(names) : other->op_type);
    }
}

/* --- attributes ------------------------------------------------------------------------------- */

static void s_change_tensor(Onnx__TensorProto *tensor)
{
    static const int types[] = {1, 2, 3, 6, 7, 8, 9, 10, 11, 16, 0, 99};
    switch (s_below(5)) {
    case 0:
        tensor->dims = s_grown(tensor->dims, tensor->n_dims, sizeof(int64_t));
        tensor->dims[tensor->n_dims++] = s_number();
        break;
    case 1:
        if (tensor->n_dims > 0) {
            tensor->dims[s_below(tensor->n_dims)] = s_number();
        }
        break;
    case 2:
        tensor->data_type = PICK(types);
        tensor->has_data_type = 1;
        break;
    case 3: /* one element */
        if (tensor->raw_data.len >= sizeof(int64_t)) {
            size_t words = tensor->raw_data.len / sizeof(int64_t);
            int64_t number = s_number();
            memcpy(tensor->raw_data.data + s_below(words) * sizeof(number), &number,
                   sizeof(number));
        }
        break;
    default:
        tensor->raw_data.len -= tensor->raw_data.len > 0 ? s_below(tensor->raw_data.len) : 0;
        break;
    }
}

static void s_change_integers(Onnx__AttributeProto *attribute)
{
    size_t choice = s_below(4);
    if (choice == 0) {
        attribute->ints = s_grown(attribute->ints, attribute->n_ints, sizeof(int64_t));
        attribute->ints[attribute->n_ints++] = s_number();
    } else if (attribute->n_ints > 0 && choice == 1) {
        attribute->n_ints--;
    } else if (attribute->n_ints > 0) {
        size_t at = s_below(attribute->n_ints);
        attribute->ints[at] =
            choice == 2 ? s_number() : attribute->ints[s_below(attribute->n_ints)];
    }
}

static void s_change_reals(Onnx__AttributeProto *attribute)
{
    size_t choice = s_below(3);
    if (choice == 0) {
        attribute->floats = s_grown(attribute->floats, attribute->n_floats, sizeof(float));
        attribute->floats[attribute->n_floats++] = s_real();
    } else if (attribute->n_floats > 0 && choice == 1) {
        attribute->n_floats--;
    } else if (attribute->n_floats > 0) {
        attribute->floats[s_below(attribute->n_floats)] = s_real();
    }
}

/*  A word that some operator knows, or the old one with another letter.  */
static void s_change_text(ProtobufCBinaryData *text)
{
    static const char *const words[] = {"SAME_UPPER", "SAME_LOWER", "VALID",   "NOTSET", "linear",
                                        "nearest",    "cubic",      "reflect", "edge",   "LEAF",
                                        "BRANCH_LEQ", "SOFTMAX",    "PROBIT",  "L1",     "ij->ji",
                                        "",           "...i,ij",    "RBF",     "POLY",   "reverse"};
    if (s_below(2) == 0 && text->len > 0) {
        static const char letters[] = "ijk.,->b A";
        text->data[s_below(text->len)] = (uint8_t)letters[s_below(sizeof(letters) - 1)];
        return;
    }
    const char *word = PICK(words);
    free(text->data);
    text->data = (uint8_t *)strdup(word);
    text->len = strlen(word);
}

static void s_change_content(Onnx__AttributeProto *attribute)
{
    attribute->i = s_number();
    attribute->has_i = 1;
    attribute->f = s_real();
    if (attribute->n_ints > 0 || attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS) {
        s_change_integers(attribute);
    } else if (attribute->n_floats > 0) {
        s_change_reals(attribute);
    } else if (attribute->n_strings > 0) {
        s_change_text(&attribute->strings[s_below(attribute->n_strings)]);
    } else if (attribute->t != NULL) {
        s_change_tensor(attribute->t);
    } else if (attribute->has_s) {
        s_change_text(&attribute->s);
    }
}

static void s_change_attribute(Onnx__GraphProto *graph)
{
    static const Onnx__AttributeProto__AttributeType types[] = {
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS,
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS,
        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR};
    Onnx__NodeProto *node = s_any_node(graph);
    if (node == NULL || node->n_attribute == 0) {
        return;
    }
    Onnx__AttributeProto *attribute = node->attribute[s_below(node->n_attribute)];
    switch (s_below(12)) {
    case 0:
        onnx__attribute_proto__free_unpacked(node->attribute[--node->n_attribute], NULL);
        break;
    case 1:
        attribute->type = PICK(types);
        break;
    default:
        s_change_content(attribute);
        break;
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static void s_change_initializer(Onnx__GraphProto *graph)
{
    if (graph->n_initializer > 0) {
        s_change_tensor(graph->initializer[s_below(graph->n_initializer)]);
    }
}

static void s_change_value(Onnx__ValueInfoProto *value)
{
    static const int types[] = {1, 1, 2, 3, 6, 7, 8, 9, 11};
    if (value->type == NULL || value->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        return;
    }
    Onnx__TypeProto__Tensor *tensor = value->type->tensor_type;
    if (s_below(3) == 0) {
        tensor->elem_type = PICK(types);
    } else if (tensor->shape != NULL && tensor->shape->n_dim > 0) {
        Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[s_below(tensor->shape->n_dim)];
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM) {
            free(dim->dim_param);
        }
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = s_number();
    }
}

static void s_change_input(Onnx__GraphProto *graph)
{
    if (graph->n_input > 0) {
        s_change_value(graph->input[s_below(graph->n_input)]);
    }
}

/*  Other values as outputs show what an optimiser must keep.  */
static void s_change_output(Onnx__GraphProto *graph)
{
    if (graph->n_output > 0) {
        Onnx__ValueInfoProto *output = graph->output[s_below(graph->n_output)];
        s_change_value(output);
        if (s_below(2) == 0) {
            s_set_text(&output->name, s_any_value(graph));
        }
    }
}

static void s_change_opset(Onnx__ModelProto *model)
{
    if (model->n_opset_import > 0) {
        Onnx__OperatorSetIdProto *import = model->opset_import[s_below(model->n_opset_import)];
        import->version = 1 + (int64_t)s_below(18);
    }
}

/* --- the mutator ------------------------------------------------------------------------------ */

static void s_edit(Onnx__ModelProto *model)
{
    static void (*const edits[])(Onnx__GraphProto *) = {s_rewire,
                                                        s_rewire,
                                                        s_add_input,
                                                        s_drop_input,
                                                        s_add_output,
                                                        s_swap_nodes,
                                                        s_remove_node,
                                                        s_change_operator,
                                                        s_change_operator,
                                                        s_change_attribute,
                                                        s_change_attribute,
                                                        s_change_attribute,
                                                        s_change_attribute,
                                                        s_change_initializer,
                                                        s_change_initializer,
                                                        s_change_input,
                                                        s_change_output};
    for (size_t i = 1 + s_below(EDITS_MAX); i > 0; i--) {
        if (s_below(24) == 0) {
            s_change_opset(model);
        } else {
            PICK(edits)(model->graph);
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, data);
    if (model == NULL || model->graph == NULL) {
        onnx__model_proto__free_unpacked(model, NULL);
        return size;
    }
    s_state = seed;
    s_edit(model);
    size_t packed = onnx__model_proto__get_packed_size(model);
    size = packed <= max_size ? onnx__model_proto__pack(model, data) : size;
    onnx__model_proto__free_unpacked(model, NULL);
    return size;
}
