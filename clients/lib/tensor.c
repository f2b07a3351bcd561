/*  tensor.c - sizes are checked with 64-bit arithmetic before anything is allocated.  */

#include "clients/lib/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are kept as they travel");

typedef struct s_dtype {
    tacit_inference_dtype_t dtype;
    uint8_t size; /* bytes of an element */
    const char *name;
} s_dtype_t;

static const s_dtype_t s_dtypes[] = {
    {TACIT_INFERENCE_DTYPE_FLOAT32, 4, "float32"}, {TACIT_INFERENCE_DTYPE_UINT8, 1, "uint8"},
    {TACIT_INFERENCE_DTYPE_INT8, 1, "int8"},       {TACIT_INFERENCE_DTYPE_INT32, 4, "int32"},
    {TACIT_INFERENCE_DTYPE_INT64, 8, "int64"},     {TACIT_INFERENCE_DTYPE_BOOL8, 1, "bool"},
    {TACIT_INFERENCE_DTYPE_FLOAT64, 8, "float64"},
};

static const s_dtype_t *s_find(tacit_inference_dtype_t dtype)
{
    for (size_t i = 0; i < sizeof s_dtypes / sizeof *s_dtypes; i++) {
        if (s_dtypes[i].dtype == dtype) {
            return &s_dtypes[i];
        }
    }
    return NULL;
}

size_t tacit_tensor_element_size(tacit_inference_dtype_t dtype)
{
    const s_dtype_t *found = s_find(dtype);
    return found ? found->size : 0;
}

const char *tacit_tensor_type_name(tacit_inference_dtype_t dtype)
{
    const s_dtype_t *found = s_find(dtype);
    return found ? found->name : "unknown";
}

int64_t tacit_tensor_integer(tacit_inference_dtype_t dtype, const uint8_t *elements, size_t index)
{
    int64_t wide = 0;
    int32_t narrow = 0;
    switch (dtype) {
    case TACIT_INFERENCE_DTYPE_INT64:
        memcpy(&wide, elements + index * sizeof wide, sizeof wide);
        return wide;
    case TACIT_INFERENCE_DTYPE_INT32:
        memcpy(&narrow, elements + index * sizeof narrow, sizeof narrow);
        return narrow;
    case TACIT_INFERENCE_DTYPE_INT8:
        return (int8_t)elements[index];
    default:
        return elements[index];
    }
}

static tacit_status_t s_byte_count(tacit_inference_dtype_t dtype, size_t rank, const int64_t *dims,
                                   size_t *ret_bytes, tacit_error_t *ret_error)
{
    uint64_t bytes = tacit_tensor_element_size(dtype);
    if (bytes == 0) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED, "no such type of elements");
    }
    if (rank > TACIT_TENSOR_RANK_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "more than %d dimensions",
                               TACIT_TENSOR_RANK_MAX);
    }
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 1) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT, "dimension %zu is %" PRId64, i,
                                   dims[i]);
        }
        if ((uint64_t)dims[i] > TACIT_TENSOR_BYTES_MAX / bytes) {
            return tacit_error_set(ret_error, TACIT_TOO_LARGE,
                                   "more than %d bytes of elements in one tensor",
                                   TACIT_TENSOR_BYTES_MAX);
        }
        bytes *= (uint64_t)dims[i];
    }
    *ret_bytes = (size_t)bytes;
    return TACIT_OK;
}

tacit_status_t tacit_tensor_allocate(tacit_inference_dtype_t dtype, size_t rank,
                                     const int64_t *dims, tacit_tensor_t *ret_tensor,
                                     tacit_error_t *ret_error)
{
    size_t bytes = 0;
    tacit_secret_t *data = NULL;
    tacit_status_t status = s_byte_count(dtype, rank, dims, &bytes, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit_secret_new(bytes, &data);
    if (status != TACIT_OK) {
        (void)tacit_error_set(ret_error, status, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l) or send less");
        return status;
    }
    memset(ret_tensor, 0, sizeof *ret_tensor);
    ret_tensor->dtype = dtype;
    ret_tensor->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        ret_tensor->dims[i] = dims[i];
    }
    ret_tensor->data = data;
    return TACIT_OK;
}

tacit_status_t tacit_tensor_set_name(tacit_tensor_t *tensor, const char *name,
                                     tacit_error_t *ret_error)
{
    size_t size = strlen(name);
    if (size > TACIT_TENSOR_NAME_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "an input's name is at most %d bytes",
                               TACIT_TENSOR_NAME_MAX);
    }
    memcpy(tensor->name, name, size + 1);
    return TACIT_OK;
}

void tacit_tensor_release(tacit_tensor_t *tensor)
{
    if (tensor) {
        tacit_secret_destroy(&tensor->data);
        memset(tensor, 0, sizeof *tensor);
    }
}

void tacit_tensor_shape_text(const tacit_tensor_t *tensor,
                             char ret_text[TACIT_TENSOR_SHAPE_TEXT_MAX])
{
    size_t used = 1;
    ret_text[0] = '[';
    for (size_t i = 0; i < tensor->rank; i++) {
        used += (size_t)snprintf(ret_text + used, TACIT_TENSOR_SHAPE_TEXT_MAX - used, "%s%" PRId64,
                                 i > 0 ? "," : "", tensor->dims[i]);
    }
    (void)snprintf(ret_text + used, TACIT_TENSOR_SHAPE_TEXT_MAX - used, "]");
}
