/*  decode.c - bounded protobuf decoding.  */

#include "services/inference/engine/decode.h"

#include "services/inference/engine/engine.h"
#include "services/inference/engine/limits.h"
#include "services/inference/engine/skim.h"

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5, VARINT_BYTES_MAX = 10 };

struct tacit_decoded {
    ProtobufCAllocator allocator; /* of the model below */
    tacit_budget_t limit;         /* what the file may grow to */
    tacit_budget_t *budget;       /* of the engine; charged for the limit while we live */
    size_t charged;               /* bytes of it */
    Onnx__ModelProto *model;      /* allocated by the allocator */
    tacit_skimmed_t skimmed;      /* its elements alone, once the model is there */
};

/*  One level of the walk.  */
typedef struct s_level {
    const ProtobufCMessageDescriptor *descriptor; /* what the bytes are */
    tacit_cursor_t cursor;                        /* the bytes that are left */
    uint64_t seen;                                /* single messages met, by field index */
} s_level_t;

static uint64_t s_varint(tacit_cursor_t *cursor)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = tacit_cursor_u8(cursor);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    cursor->failed = true;
    return 0;
}

static const ProtobufCFieldDescriptor *s_field(const ProtobufCMessageDescriptor *descriptor,
                                               uint64_t number, unsigned *ret_index)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].id == number) {
            *ret_index = i;
            return &descriptor->fields[i];
        }
    }
    return NULL;
}

/*  Skip a value that holds no message; false for a wire type that does not exist.  */
static bool s_skip(tacit_cursor_t *cursor, unsigned wire)
{
    switch (wire) {
    case WIRE_VARINT:
        (void)s_varint(cursor);
        return true;
    case WIRE_64BIT:
        (void)tacit_cursor_take(cursor, 8);
        return true;
    case WIRE_32BIT:
        (void)tacit_cursor_take(cursor, 4);
        return true;
    case WIRE_BYTES:
        (void)tacit_cursor_take(cursor, s_varint(cursor));
        return true;
    default:
        return false;
    }
}

/*  Read one field; where it is a message, ret_child is that level. Returns NULL or a complaint.  */
static const char *s_walk_field(s_level_t *level, s_level_t *ret_child, bool *ret_descend)
{
    uint64_t tag = s_varint(&level->cursor);
    unsigned wire = (unsigned)(tag & 7);
    unsigned index = 0;
    const ProtobufCFieldDescriptor *field = s_field(level->descriptor, tag >> 3, &index);
    if (tag >> 3 == 0) {
        return "a field has the number 0";
    }
    if (field == NULL || field->type != PROTOBUF_C_TYPE_MESSAGE || wire != WIRE_BYTES) {
        return s_skip(&level->cursor, wire) ? NULL : "a field has an unknown wire type";
    }
    uint64_t bit = (uint64_t)1 << (index & 63);
    if (field->label != PROTOBUF_C_LABEL_REPEATED && (level->seen & bit) != 0) {
        return "a single message occurs twice";
    }
    level->seen |= bit;
    tacit_span_t body = tacit_cursor_take(&level->cursor, s_varint(&level->cursor));
    *ret_child = (s_level_t){.descriptor = field->descriptor, .cursor = tacit_cursor(body)};
    *ret_descend = true;
    return NULL;
}

/*  Walk the whole file without recursion; NULL or a complaint.  */
static const char *s_walk(tacit_span_t onnx)
{
    s_level_t levels[TACIT_PROTO_DEPTH_MAX] = {
        {.descriptor = &onnx__model_proto__descriptor, .cursor = tacit_cursor(onnx)}};
    size_t depth = 1;
    while (depth > 0) {
        s_level_t *level = &levels[depth - 1];
        if (tacit_cursor_done(&level->cursor)) {
            depth--;
            continue;
        }
        s_level_t child;
        bool descend = false;
        const char *complaint = s_walk_field(level, &child, &descend);
        if (complaint != NULL) {
            return complaint;
        }
        if (level->cursor.failed) {
            return "the file ends, or a part of it, inside a field";
        }
        if (descend && depth == TACIT_PROTO_DEPTH_MAX) {
            return "messages are nested too deeply";
        }
        if (descend) {
            levels[depth++] = child;
        }
    }
    return NULL;
}

static void *s_allocate(void *self, size_t size)
{
    return tacit_memory_new(self, size, NULL);
}

static void s_free(void *self, void *data)
{
    (void)self;
    tacit_memory_free(data);
}

static size_t s_limit(size_t file_size)
{
    return file_size * TACIT_PROTO_GROWTH_MAX + TACIT_PROTO_GROWTH_FLOOR;
}

static tacit_status_t s_refuse(tacit_error_t *error, const char *complaint)
{
    return tacit_error_set(error, TACIT_MALFORMED, "not an ONNX model: %s", complaint);
}

static tacit_status_t s_check(tacit_span_t onnx, tacit_error_t *error)
{
    if (onnx.size == 0) {
        return s_refuse(error, "the file is empty");
    }
    if (onnx.size > TACIT_ENGINE_MODEL_SIZE_MAX) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "a model has at most %d bytes, this has %zu",
                               TACIT_ENGINE_MODEL_SIZE_MAX, onnx.size);
    }
    const char *complaint = s_walk(onnx);
    return complaint != NULL ? s_refuse(error, complaint) : TACIT_OK;
}

/*  Why protobuf-c gave no graph: the walk found the bytes sound, so memory, or there is none.  */
static tacit_status_t s_refuse_decoded(const tacit_decoded_t *decoded, bool own_limit,
                                       tacit_error_t *error)
{
    if (decoded->model != NULL) {
        return s_refuse(error, "it holds no graph");
    }
    return own_limit ? s_refuse(error, "it does not decode within its bounds")
                     : tacit_error_set(error, TACIT_TOO_LARGE,
                                       "the memory limit does not allow to decode the model");
}

tacit_status_t tacit_decoded_new(tacit_span_t onnx, tacit_budget_t *budget,
                                 tacit_decoded_t **ret_decoded, tacit_error_t *error)
{
    tacit_status_t status = s_check(onnx, error);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_decoded_t *decoded = tacit_memory_new(budget, sizeof(*decoded), error);
    if (decoded == NULL) {
        return error->code;
    }
    size_t left = budget->limit - budget->used;
    size_t limit = s_limit(onnx.size);
    decoded->budget = budget;
    decoded->limit.limit = limit < left ? limit : left;
    decoded->allocator = (ProtobufCAllocator){s_allocate, s_free, &decoded->limit};
    status = tacit_skim(onnx, budget, &decoded->skimmed, error);
    if (status != TACIT_OK) {
        tacit_decoded_destroy(&decoded);
        return status;
    }
    decoded->model = onnx__model_proto__unpack(&decoded->allocator, decoded->skimmed.rest_size,
                                               decoded->skimmed.rest);
    tacit_memory_free(decoded->skimmed.rest);
    decoded->skimmed.rest = NULL;
    if (decoded->model == NULL || decoded->model->graph == NULL) {
        status = s_refuse_decoded(decoded, limit < left, error);
        tacit_decoded_destroy(&decoded);
        return status;
    }
    decoded->charged = decoded->limit.used;
    budget->used += decoded->charged;
    *ret_decoded = decoded;
    return TACIT_OK;
}

const Onnx__ModelProto *tacit_decoded_model(const tacit_decoded_t *decoded)
{
    return decoded->model;
}

tacit_span_t tacit_decoded_elements(const tacit_decoded_t *decoded, size_t i)
{
    return i < decoded->skimmed.count ? decoded->skimmed.elements[i] : tacit_span(NULL, 0);
}

void tacit_decoded_destroy(tacit_decoded_t **decoded)
{
    tacit_decoded_t *self = *decoded;
    if (self == NULL) {
        return;
    }
    if (self->model != NULL) {
        onnx__model_proto__free_unpacked(self->model, &self->allocator);
    }
    tacit_skimmed_clear(&self->skimmed);
    self->budget->used -= self->charged;
    tacit_memory_free(self);
    *decoded = NULL;
}
