/*  draft.c - see draft.h: reading a model, and who makes and uses what.  */

#include "services/inference/quantizer/draft.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS_MIN = 256 };

/* --- values ----------------------------------------------------------------------------------- */

static size_t s_slot(const tacit_draft_t *draft, const char *name)
{
    uint64_t hash = 0;
    uint8_t bytes[crypto_shorthash_BYTES];
    (void)crypto_shorthash(bytes, (const uint8_t *)name, strlen(name), draft->key);
    memcpy(&hash, bytes, sizeof hash);
    size_t slot = (size_t)hash & draft->slot_mask;
    while (draft->slots[slot] != 0 &&
           strcmp(draft->values[draft->slots[slot] - 1].name, name) != 0) {
        slot = (slot + 1) & draft->slot_mask;
    }
    return slot;
}

int tacit_draft_find(const tacit_draft_t *draft, const char *name)
{
    return name != NULL && name[0] != '\0' ? draft->slots[s_slot(draft, name)] - 1
                                           : TACIT_DRAFT_NONE;
}

/*  Room for so many values, and twice as many slots.  */
static tacit_status_t s_make_room(tacit_draft_t *draft, size_t values, tacit_error_t *error)
{
    size_t slots = SLOTS_MIN;
    while (slots < 2 * values) {
        slots *= 2;
    }
    tacit_draft_value_t *kept = tacit_pool_take(draft->pool, slots / 2, sizeof *kept, error);
    int *table = kept != NULL ? tacit_pool_take(draft->pool, slots, sizeof *table, error) : NULL;
    if (table == NULL) {
        return error->code;
    }
    if (draft->value_count > 0) {
        memcpy(kept, draft->values, draft->value_count * sizeof *kept);
    }
    draft->values = kept;
    draft->value_room = slots / 2;
    draft->slots = table;
    draft->slot_mask = slots - 1;
    for (size_t i = 0; i < draft->value_count; i++) {
        table[s_slot(draft, kept[i].name)] = (int)i + 1;
    }
    return TACIT_OK;
}

/*  The value of that name, new where there is none; below 0 with the error set.  */
static int s_value(tacit_draft_t *draft, const char *name, tacit_error_t *error)
{
    int found = tacit_draft_find(draft, name);
    if (found >= 0) {
        return found;
    }
    if (draft->value_count == draft->value_room &&
        s_make_room(draft, 2 * draft->value_count + 1, error) != TACIT_OK) {
        return TACIT_DRAFT_NONE;
    }
    int value = (int)draft->value_count++;
    draft->values[value] = (tacit_draft_value_t){.name = name,
                                                 .producer = TACIT_DRAFT_NONE,
                                                 .constant = TACIT_DRAFT_NONE,
                                                 .consumer = TACIT_DRAFT_NONE};
    draft->slots[s_slot(draft, name)] = value + 1;
    return value;
}

const char *tacit_draft_name(tacit_draft_t *draft, const char *base, const char *suffix,
                             tacit_error_t *error)
{
    char text[TACIT_GRAPH_NAME_MAX + 1];
    int length = TACIT_GRAPH_NAME_MAX / 2;
    (void)snprintf(text, sizeof text, "%.*s/%s", length, base, suffix);
    for (unsigned i = 1; tacit_draft_find(draft, text) >= 0; i++) {
        (void)snprintf(text, sizeof text, "%.*s/%s_%u", length, base, suffix, i);
    }
    const char *name = tacit_pool_text(draft->pool, text, error);
    return name != NULL && s_value(draft, name, error) >= 0 ? name : NULL;
}

/* --- nodes ------------------------------------------------------------------------------------ */

void tacit_draft_uses(const Onnx__NodeProto *node, tacit_draft_use_t use, void *self)
{
    /* graphs lie in graphs no deeper than the file's messages may */
    const Onnx__GraphProto *graphs[TACIT_PROTO_DEPTH_MAX];
    size_t at[TACIT_PROTO_DEPTH_MAX];
    size_t depth = 0;
    const Onnx__NodeProto *one = node;
    for (;;) {
        for (size_t i = 0; i < one->n_input; i++) {
            use(self, one->input[i], one != node);
        }
        for (size_t i = 0; i < one->n_attribute; i++) {
            const Onnx__GraphProto *inner = one->attribute[i]->g;
            if (inner != NULL && depth < TACIT_PROTO_DEPTH_MAX) {
                graphs[depth] = inner;
                at[depth++] = 0;
            }
        }
        while (depth > 0 && at[depth - 1] == graphs[depth - 1]->n_node) {
            const Onnx__GraphProto *ended = graphs[--depth];
            for (size_t i = 0; i < ended->n_output; i++) {
                use(self, ended->output[i]->name, true);
            }
        }
        if (depth == 0) {
            return;
        }
        one = graphs[depth - 1]->node[at[depth - 1]++];
    }
}

bool tacit_draft_is(const Onnx__NodeProto *node, const char *op)
{
    bool ours =
        node->domain == NULL || node->domain[0] == '\0' || strcmp(node->domain, "ai.onnx") == 0;
    return ours && node->op_type != NULL && strcmp(node->op_type, op) == 0;
}

int tacit_draft_input(const tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i)
{
    return i < node->n_input ? tacit_draft_find(draft, node->input[i]) : TACIT_DRAFT_NONE;
}

int tacit_draft_output(const tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i)
{
    return i < node->n_output ? tacit_draft_find(draft, node->output[i]) : TACIT_DRAFT_NONE;
}

const Onnx__AttributeProto *tacit_draft_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(node->attribute[i]->name, name) == 0) {
            return node->attribute[i];
        }
    }
    return NULL;
}

int64_t tacit_draft_integer(const Onnx__NodeProto *node, const char *name, int64_t fallback)
{
    const Onnx__AttributeProto *attribute = tacit_draft_attribute(node, name);
    return attribute != NULL && attribute->has_i ? attribute->i : fallback;
}

float tacit_draft_real(const Onnx__NodeProto *node, const char *name, float fallback)
{
    const Onnx__AttributeProto *attribute = tacit_draft_attribute(node, name);
    return attribute != NULL && attribute->has_f ? attribute->f : fallback;
}

/* --- linking ---------------------------------------------------------------------------------- */

typedef struct s_linking {
    tacit_draft_t *draft;
    int node;
} s_linking_t;

static void s_use(void *self, const char *name, bool captured)
{
    s_linking_t *linking = self;
    int value = tacit_draft_find(linking->draft, name);
    if (value >= 0) {
        tacit_draft_value_t *known = &linking->draft->values[value];
        known->uses++;
        known->consumer = linking->node;
        known->captured |= captured;
    }
}

static tacit_status_t s_link_made(tacit_draft_t *draft, tacit_error_t *error)
{
    for (size_t n = 0; n < draft->node_count; n++) {
        for (size_t i = 0; i < draft->nodes[n]->n_output; i++) {
            const char *name = draft->nodes[n]->output[i];
            int value = name[0] != '\0' ? s_value(draft, name, error) : TACIT_DRAFT_NONE;
            if (name[0] != '\0' && value < 0) {
                return error->code;
            }
            if (value >= 0) {
                draft->values[value].producer = (int)n;
            }
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_draft_link(tacit_draft_t *draft, tacit_error_t *error)
{
    draft->value_count = 0;
    memset(draft->slots, 0, (draft->slot_mask + 1) * sizeof *draft->slots);
    for (size_t i = 0; i < draft->constant_count; i++) {
        int value = s_value(draft, draft->constants[i].proto->name, error);
        if (value < 0) {
            return error->code;
        }
        draft->values[value].constant = (int)i;
    }
    for (size_t i = 0; i < draft->graph.n_input; i++) {
        int value = s_value(draft, draft->graph.input[i]->name, error);
        if (value < 0) {
            return error->code;
        }
        draft->values[value].input = draft->values[value].constant < 0;
    }
    if (s_link_made(draft, error) != TACIT_OK) {
        return error->code;
    }
    for (size_t n = 0; n < draft->node_count; n++) {
        s_linking_t linking = {draft, (int)n};
        tacit_draft_uses(draft->nodes[n], s_use, &linking);
    }
    for (size_t i = 0; i < draft->graph.n_output; i++) {
        int value = tacit_draft_find(draft, draft->graph.output[i]->name);
        if (value >= 0) {
            draft->values[value].output = true;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_draft_close_ranks(tacit_draft_t *draft, tacit_error_t *error)
{
    size_t kept = 0;
    for (size_t n = 0; n < draft->node_count; n++) {
        if (draft->nodes[n] != NULL) {
            draft->nodes[kept++] = draft->nodes[n];
        }
    }
    draft->node_count = kept;
    return tacit_draft_link(draft, error);
}

/* --- constants -------------------------------------------------------------------------------- */

const float *tacit_draft_floats(tacit_draft_t *draft, int value, tacit_shape_t *ret_shape,
                                size_t *ret_count, tacit_error_t *error)
{
    if (value < 0 || draft->values[value].constant < 0) {
        return NULL;
    }
    tacit_draft_constant_t *constant = &draft->constants[draft->values[value].constant];
    const Onnx__TensorProto *proto = constant->proto;
    tacit_shape_t shape = {.rank = proto->n_dims};
    if (proto->data_type != TACIT_DTYPE_FLOAT32 || proto->n_dims > TACIT_ENGINE_RANK_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < proto->n_dims; i++) {
        shape.dims[i] = proto->dims[i];
    }
    tacit_span_t raw = constant->raw.size > 0 ? constant->raw
                       : proto->has_raw_data
                           ? tacit_span(proto->raw_data.data, proto->raw_data.len)
                           : tacit_span(proto->float_data, proto->n_float_data * sizeof(float));
    if (!tacit_shape_count(&shape, TACIT_DTYPE_FLOAT32, ret_count) || *ret_count == 0 ||
        raw.size != *ret_count * sizeof(float)) {
        return NULL;
    }
    if (constant->floats == NULL && (uintptr_t)raw.data % alignof(float) == 0) {
        constant->floats = (const float *)(const void *)raw.data;
    } else if (constant->floats == NULL) {
        float *copy = tacit_pool_take(draft->pool, *ret_count, sizeof(float), error);
        if (copy != NULL) {
            memcpy(copy, raw.data, raw.size);
        }
        constant->floats = copy;
    }
    *ret_shape = shape;
    return constant->floats;
}

/* --- the whole -------------------------------------------------------------------------------- */

static const Onnx__OperatorSetIdProto *s_opset(const tacit_draft_t *draft)
{
    for (size_t i = 0; i < draft->model.n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = draft->model.opset_import[i];
        if (import->domain == NULL || import->domain[0] == '\0' ||
            strcmp(import->domain, "ai.onnx") == 0) {
            return import;
        }
    }
    return NULL;
}

int64_t tacit_draft_opset(const tacit_draft_t *draft)
{
    const Onnx__OperatorSetIdProto *import = s_opset(draft);
    return import != NULL ? import->version : 0;
}

void tacit_draft_set_opset(tacit_draft_t *draft, int64_t opset)
{
    for (size_t i = 0; i < draft->model.n_opset_import; i++) {
        if (draft->model.opset_import[i] == s_opset(draft)) {
            draft->model.opset_import[i]->version = opset;
        }
    }
}

/*  The tensor of a Constant, under the name of what it makes; of an Identity of a constant, that
    one. NULL where the node is neither.  */
static const Onnx__TensorProto *s_held(const tacit_draft_t *draft, const Onnx__NodeProto *node,
                                       tacit_span_t *ret_raw)
{
    *ret_raw = tacit_span(NULL, 0);
    const Onnx__AttributeProto *value = tacit_draft_attribute(node, "value");
    if (tacit_draft_is(node, "Constant") && value != NULL) {
        return value->t;
    }
    int from = tacit_draft_is(node, "Identity") ? tacit_draft_input(draft, node, 0) : -1;
    if (from < 0 || draft->values[from].constant < 0) {
        return NULL;
    }
    const tacit_draft_constant_t *constant = &draft->constants[draft->values[from].constant];
    *ret_raw = constant->raw;
    return constant->proto;
}

static Onnx__TensorProto *s_copy_tensor(tacit_draft_t *draft, const Onnx__TensorProto *proto,
                                        char *name, tacit_error_t *error)
{
    Onnx__TensorProto *copy = tacit_pool_take(draft->pool, 1, sizeof *copy, error);
    if (copy != NULL) {
        *copy = *proto;
        copy->name = name;
    }
    return copy;
}

static tacit_status_t s_take_constants(tacit_draft_t *draft, tacit_error_t *error)
{
    const Onnx__GraphProto *graph = tacit_decoded_model(draft->decoded)->graph;
    size_t room = graph->n_initializer + graph->n_node + 1;
    draft->constants = tacit_pool_take(draft->pool, room, sizeof *draft->constants, error);
    if (draft->constants == NULL) {
        return error->code;
    }
    draft->constant_room = room;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        Onnx__TensorProto *proto =
            s_copy_tensor(draft, graph->initializer[i], graph->initializer[i]->name, error);
        if (proto == NULL) {
            return error->code;
        }
        draft->constants[draft->constant_count++] = (tacit_draft_constant_t){
            .proto = proto, .raw = tacit_decoded_elements(draft->decoded, i)};
    }
    return tacit_draft_link(draft, error);
}

/*  A node whose own lists and attributes may change.  */
static Onnx__NodeProto *s_copy_node(tacit_draft_t *draft, const Onnx__NodeProto *node,
                                    tacit_error_t *error)
{
    Onnx__NodeProto *copy = tacit_pool_take(draft->pool, 1, sizeof *copy, error);
    char **inputs = tacit_pool_take(draft->pool, node->n_input + 1, sizeof *inputs, error);
    char **outputs = tacit_pool_take(draft->pool, node->n_output + 1, sizeof *outputs, error);
    Onnx__AttributeProto **attributes =
        tacit_pool_take(draft->pool, node->n_attribute + 1, sizeof(Onnx__AttributeProto *), error);
    if (copy == NULL || inputs == NULL || outputs == NULL || attributes == NULL) {
        return NULL;
    }
    *copy = *node;
    for (size_t i = 0; i < node->n_input; i++) {
        inputs[i] = node->input[i];
    }
    for (size_t i = 0; i < node->n_output; i++) {
        outputs[i] = node->output[i];
    }
    for (size_t i = 0; i < node->n_attribute; i++) {
        attributes[i] = node->attribute[i];
    }
    copy->input = inputs;
    copy->output = outputs;
    copy->attribute = attributes;
    return copy;
}

static tacit_status_t s_take_nodes(tacit_draft_t *draft, tacit_error_t *error)
{
    const Onnx__GraphProto *graph = tacit_decoded_model(draft->decoded)->graph;
    Onnx__NodeProto **nodes =
        tacit_pool_take(draft->pool, graph->n_node + 1, sizeof(Onnx__NodeProto *), error);
    size_t count = 0;
    for (size_t i = 0; nodes != NULL && i < graph->n_node; i++) {
        tacit_span_t raw;
        const Onnx__TensorProto *held = s_held(draft, graph->node[i], &raw);
        if (held == NULL) {
            nodes[count] = s_copy_node(draft, graph->node[i], error);
            nodes = nodes[count] != NULL ? nodes : NULL;
            count++;
            continue;
        }
        Onnx__TensorProto *proto = s_copy_tensor(draft, held, graph->node[i]->output[0], error);
        int value = proto != NULL ? s_value(draft, proto->name, error) : TACIT_DRAFT_NONE;
        if (value < 0) {
            return error->code;
        }
        draft->values[value].constant = (int)draft->constant_count;
        draft->constants[draft->constant_count++] =
            (tacit_draft_constant_t){.proto = proto, .raw = raw};
    }
    if (nodes == NULL) {
        return error->code;
    }
    draft->nodes = nodes;
    draft->node_count = count;
    return tacit_draft_link(draft, error);
}

static tacit_status_t s_take(tacit_draft_t *draft, tacit_span_t onnx, tacit_error_t *error)
{
    tacit_status_t status = tacit_decoded_new(onnx, draft->budget, &draft->decoded, error);
    if (status != TACIT_OK) {
        return status;
    }
    draft->model = *tacit_decoded_model(draft->decoded);
    draft->graph = *draft->model.graph;
    status = s_make_room(draft, SLOTS_MIN, error);
    if (status == TACIT_OK) {
        status = s_take_constants(draft, error);
    }
    return status == TACIT_OK ? s_take_nodes(draft, error) : status;
}

tacit_status_t tacit_draft_new(tacit_span_t onnx, tacit_budget_t *budget, tacit_draft_t **ret_draft,
                               tacit_error_t *error)
{
    tacit_draft_t *draft = tacit_memory_new(budget, sizeof *draft, error);
    if (draft == NULL) {
        return error->code;
    }
    draft->budget = budget;
    draft->pool = tacit_pool_new(budget, error);
    crypto_shorthash_keygen(draft->key);
    tacit_status_t status = draft->pool != NULL ? s_take(draft, onnx, error) : error->code;
    if (status != TACIT_OK) {
        tacit_draft_destroy(&draft);
        return status;
    }
    *ret_draft = draft;
    return TACIT_OK;
}

void tacit_draft_destroy(tacit_draft_t **draft)
{
    tacit_draft_t *self = *draft;
    if (self == NULL) {
        return;
    }
    tacit_decoded_destroy(&self->decoded);
    tacit_pool_destroy(&self->pool);
    tacit_memory_free(self);
    *draft = NULL;
}
