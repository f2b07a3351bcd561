/*  skim.c - two walks over the same fields: one measures, one writes.

    Only what lies at model.graph.initializer[..].raw_data is left out; where a tensor has several
    of that field, none is.  */

#include "services/inference/engine/skim.h"

#include <string.h>

/*  Numbers of onnx.proto.  */
enum { MODEL_GRAPH = 7, GRAPH_INITIALIZER = 5, TENSOR_RAW_DATA = 9 };

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5, VARINT_BYTES_MAX = 10 };

typedef struct s_field {
    uint64_t number;
    tacit_span_t whole; /* with its tag */
    bool bytes;         /* or a message, else a number */
    tacit_span_t body;  /* of bytes */
} s_field_t;

/*  Where the rest is written to; NULL: nothing is, it is measured.  */
typedef struct s_sink {
    uint8_t *to;
    size_t size;
} s_sink_t;

static uint64_t s_varint(tacit_cursor_t *cursor)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = tacit_cursor_u8(cursor);
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    return value;
}

/*  The next field; false at the end.  */
static bool s_next(tacit_cursor_t *cursor, s_field_t *ret_field)
{
    const uint8_t *start = cursor->rest.data;
    if (cursor->rest.size == 0 || cursor->failed) {
        return false;
    }
    uint64_t tag = s_varint(cursor);
    *ret_field = (s_field_t){.number = tag >> 3};
    switch (tag & 7) {
    case WIRE_VARINT:
        (void)s_varint(cursor);
        break;
    case WIRE_64BIT:
        (void)tacit_cursor_take(cursor, 8);
        break;
    case WIRE_32BIT:
        (void)tacit_cursor_take(cursor, 4);
        break;
    default:
        ret_field->bytes = true;
        ret_field->body = tacit_cursor_take(cursor, s_varint(cursor));
        break;
    }
    ret_field->whole = tacit_span(start, (size_t)(cursor->rest.data - start));
    return !cursor->failed;
}

static void s_put(s_sink_t *sink, tacit_span_t bytes)
{
    if (sink->to != NULL && bytes.size > 0) {
        memcpy(sink->to + sink->size, bytes.data, bytes.size);
    }
    sink->size += bytes.size;
}

static void s_put_varint(s_sink_t *sink, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t size = 0;
    do {
        bytes[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    s_put(sink, tacit_span(bytes, size));
}

static void s_put_head(s_sink_t *sink, uint64_t number, size_t size)
{
    s_put_varint(sink, number << 3 | WIRE_BYTES);
    s_put_varint(sink, size);
}

/*  The one field of raw elements that is large enough; false where there is none.  */
static bool s_find_raw(tacit_span_t tensor, s_field_t *ret_raw)
{
    tacit_cursor_t cursor = tacit_cursor(tensor);
    s_field_t field;
    size_t found = 0;
    while (s_next(&cursor, &field)) {
        if (field.number == TENSOR_RAW_DATA && field.bytes) {
            *ret_raw = field;
            found++;
        }
    }
    return found == 1 && ret_raw->body.size >= TACIT_SKIM_SIZE_MIN;
}

/*  A tensor without its raw elements: what stands before them, and behind.  */
static void s_put_tensor(s_sink_t *sink, const s_field_t *field, const s_field_t *raw)
{
    size_t before = (size_t)(raw->whole.data - field->body.data);
    size_t behind = field->body.size - before - raw->whole.size;
    s_put_head(sink, field->number, before + behind);
    s_put(sink, tacit_span(field->body.data, before));
    s_put(sink, tacit_span(raw->whole.data + raw->whole.size, behind));
}

/*  elements: NULL while it is measured.  */
static void s_put_graph(s_sink_t *sink, tacit_span_t graph, tacit_span_t *elements,
                        size_t *ret_count)
{
    tacit_cursor_t cursor = tacit_cursor(graph);
    s_field_t field;
    s_field_t raw = {0};
    size_t count = 0;
    while (s_next(&cursor, &field)) {
        bool initializer = field.number == GRAPH_INITIALIZER && field.bytes;
        bool apart = initializer && s_find_raw(field.body, &raw);
        if (apart) {
            s_put_tensor(sink, &field, &raw);
        } else {
            s_put(sink, field.whole);
        }
        if (elements != NULL && initializer) {
            elements[count] = apart ? raw.body : tacit_span(NULL, 0);
        }
        count += initializer ? 1 : 0;
    }
    *ret_count = count;
}

static void s_put_model(s_sink_t *sink, tacit_span_t onnx, tacit_span_t *elements,
                        size_t *ret_count)
{
    tacit_cursor_t cursor = tacit_cursor(onnx);
    s_field_t field;
    while (s_next(&cursor, &field)) {
        if (field.number != MODEL_GRAPH || !field.bytes) {
            s_put(sink, field.whole);
            continue;
        }
        s_sink_t measured = {0};
        s_put_graph(&measured, field.body, NULL, ret_count);
        s_put_head(sink, field.number, measured.size);
        s_put_graph(sink, field.body, elements, ret_count);
    }
}

tacit_status_t tacit_skim(tacit_span_t onnx, tacit_budget_t *budget, tacit_skimmed_t *ret_skimmed,
                          tacit_error_t *error)
{
    tacit_skimmed_t skimmed = {0};
    s_sink_t sink = {0};
    s_put_model(&sink, onnx, NULL, &skimmed.count);
    skimmed.elements = tacit_memory_new(budget, skimmed.count * sizeof(*skimmed.elements), error);
    skimmed.rest = skimmed.elements != NULL ? tacit_memory_new(budget, sink.size, error) : NULL;
    if (skimmed.rest == NULL) {
        tacit_skimmed_clear(&skimmed);
        return error->code;
    }
    sink = (s_sink_t){.to = skimmed.rest};
    s_put_model(&sink, onnx, skimmed.elements, &skimmed.count);
    skimmed.rest_size = sink.size;
    *ret_skimmed = skimmed;
    return TACIT_OK;
}

void tacit_skimmed_clear(tacit_skimmed_t *skimmed)
{
    tacit_memory_free(skimmed->rest);
    tacit_memory_free(skimmed->elements);
    *skimmed = (tacit_skimmed_t){0};
}
