/*  constant.c - reading tensors of the file.  */

#include "services/inference/engine/constant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*  Where a tensor's elements stand in the proto when they are not raw.  */
typedef struct s_source {
    const void *items;
    size_t count;
} s_source_t;

static tacit_status_t s_refuse(tacit_error_t *error, tacit_status_t status, const char *what,
                               const char *reason)
{
    (void)tacit_error_set(error, status, "tensor '%s': %s", what, reason);
    (void)snprintf(error->claim, sizeof(error->claim), "tensor %s", what);
    return status;
}

static s_source_t s_typed_source(const Onnx__TensorProto *proto)
{
    switch (proto->data_type) {
    case TACIT_DTYPE_FLOAT32:
        return (s_source_t){proto->float_data, proto->n_float_data};
    case TACIT_DTYPE_FLOAT64:
        return (s_source_t){proto->double_data, proto->n_double_data};
    case TACIT_DTYPE_INT64:
        return (s_source_t){proto->int64_data, proto->n_int64_data};
    default:
        return (s_source_t){proto->int32_data, proto->n_int32_data};
    }
}

/*  The header without the elements, which become that type.  */
static tacit_status_t s_read_header(const Onnx__TensorProto *proto, int32_t dtype, const char *what,
                                    tacit_tensor_t *tensor, tacit_error_t *error)
{
    if (proto->n_external_data > 0 ||
        proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT) {
        return s_refuse(error, TACIT_UNSUPPORTED, what, "external data is not read");
    }
    if (proto->segment != NULL) {
        return s_refuse(error, TACIT_UNSUPPORTED, what, "segments are not read");
    }
    if (!tacit_dtype_known(dtype)) {
        char reason[96];
        (void)snprintf(reason, sizeof(reason), "element type %d (%s) is not computed",
                       (int)proto->data_type, tacit_dtype_name((tacit_dtype_t)proto->data_type));
        return s_refuse(error, TACIT_UNSUPPORTED, what, reason);
    }
    if (proto->n_dims > TACIT_ENGINE_RANK_MAX) {
        return s_refuse(error, TACIT_TOO_LARGE, what, "too many dimensions");
    }
    *tensor = (tacit_tensor_t){.dtype = (tacit_dtype_t)dtype, .shape.rank = proto->n_dims};
    for (size_t i = 0; i < proto->n_dims; i++) {
        if (proto->dims[i] < 0) {
            return s_refuse(error, TACIT_MALFORMED, what, "a dimension is negative");
        }
        tensor->shape.dims[i] = proto->dims[i];
    }
    if (!tacit_shape_count(&tensor->shape, tensor->dtype, &tensor->count)) {
        return s_refuse(error, TACIT_TOO_LARGE, what, "the dimensions are too large");
    }
    return TACIT_OK;
}

/*  int32_data holds the narrow types; a number outside the type is refused.  */
static bool s_narrow(const int32_t *items, tacit_tensor_t *tensor)
{
    int32_t low = tensor->dtype == TACIT_DTYPE_INT8 ? INT8_MIN : 0;
    int32_t high = tensor->dtype == TACIT_DTYPE_INT8 ? INT8_MAX : UINT8_MAX;
    uint8_t *to = tensor->data;
    for (size_t i = 0; i < tensor->count; i++) {
        if (items[i] < low || items[i] > high) {
            return false;
        }
        to[i] = (uint8_t)items[i];
    }
    return true;
}

static bool s_extreme(const tacit_tensor_t *tensor)
{
    bool extreme = false;
    if (tensor->dtype == TACIT_DTYPE_FLOAT32 && tensor->count > 1) {
        const float *items = tensor->data;
        for (size_t i = 0; i < tensor->count; i++) {
            extreme |= !isfinite(items[i]);
        }
    }
    return extreme;
}

tacit_status_t tacit_constant_read(tacit_graph_t *graph, const Onnx__TensorProto *proto,
                                   tacit_span_t apart, const char *what, tacit_tensor_t *ret_tensor,
                                   tacit_error_t *error)
{
    tacit_tensor_t tensor;
    tacit_status_t status = s_read_header(proto, proto->data_type, what, &tensor, error);
    if (status != TACIT_OK) {
        return status;
    }
    s_source_t typed = s_typed_source(proto);
    size_t size = tacit_tensor_size(&tensor);
    tacit_span_t raw =
        apart.size > 0 ? apart : tacit_span(proto->raw_data.data, proto->raw_data.len);
    if ((raw.size > 0 && typed.count > 0) ||
        (raw.size > 0 ? raw.size != size : typed.count != tensor.count)) {
        return s_refuse(error, TACIT_MALFORMED, what,
                        "the number of elements differs from the dimensions");
    }
    tensor.data = apart.size > 0 ? tacit_graph_keep(graph, apart) : NULL;
    bool copied = tensor.data == NULL;
    tensor.data = copied ? tacit_graph_elements(graph, size, error) : tensor.data;
    if (tensor.data == NULL) {
        return error->code;
    }
    if (copied && size > 0 && raw.size > 0) {
        memcpy(tensor.data, raw.data, size);
    } else if (copied && size > 0 && tacit_dtype_size(tensor.dtype) > 1) {
        memcpy(tensor.data, typed.items, size);
    } else if (copied && size > 0 && !s_narrow(typed.items, &tensor)) {
        return s_refuse(error, TACIT_MALFORMED, what, "an element is outside its type");
    }
    graph->extreme_constants |= s_extreme(&tensor);
    *ret_tensor = tensor;
    return TACIT_OK;
}

static const char *s_text(tacit_graph_t *graph, const ProtobufCBinaryData *source, const char *what,
                          tacit_error_t *error)
{
    if (source->len > TACIT_GRAPH_NAME_MAX) {
        (void)s_refuse(error, TACIT_TOO_LARGE, what, "a text is too long");
        return NULL;
    }
    char *text = tacit_pool_take(graph->pool, source->len + 1, 1, error);
    if (text != NULL && source->len > 0) {
        memcpy(text, source->data, source->len);
    }
    return text;
}

tacit_status_t tacit_constant_read_texts(tacit_graph_t *graph, const Onnx__TensorProto *proto,
                                         const char *what, tacit_tensor_t *ret_tensor,
                                         const char *const **ret_texts, tacit_error_t *error)
{
    tacit_tensor_t tensor;
    tacit_status_t status = s_read_header(proto, TACIT_DTYPE_INT64, what, &tensor, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (proto->n_string_data != tensor.count) {
        return s_refuse(error, TACIT_MALFORMED, what,
                        "the number of elements differs from the dimensions");
    }
    const char **texts = tacit_pool_take(graph->pool, tensor.count + 1, sizeof(char *), error);
    tensor.data =
        texts != NULL ? tacit_graph_elements(graph, tacit_tensor_size(&tensor), error) : NULL;
    if (tensor.data == NULL) {
        return error->code;
    }
    for (size_t i = 0; i < tensor.count; i++) {
        ((int64_t *)tensor.data)[i] = (int64_t)i;
        texts[i] = s_text(graph, &proto->string_data[i], what, error);
        if (texts[i] == NULL) {
            return error->code;
        }
    }
    *ret_tensor = tensor;
    *ret_texts = texts;
    return TACIT_OK;
}
