/*  output_npy.c - one header, padded so that the elements begin at a multiple of 64 bytes, and the
    elements as they stand.  */

#include "clients/lib/output_npy.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    S_ALIGNMENT = 64,
    S_PREFIX = 10,                     /* magic, version, size of the text */
    S_HEADER_MAX = TACIT_NPY_HEAD_MAX, /* the longest text lies well within this */
    S_SHAPE_MAX = 192
};

static const char s_magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0}; /* and version 1.0 */

static const char *s_descr(tacit_inference_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_INFERENCE_DTYPE_FLOAT32:
        return "<f4";
    case TACIT_INFERENCE_DTYPE_UINT8:
        return "|u1";
    case TACIT_INFERENCE_DTYPE_INT8:
        return "|i1";
    case TACIT_INFERENCE_DTYPE_INT32:
        return "<i4";
    case TACIT_INFERENCE_DTYPE_INT64:
        return "<i8";
    case TACIT_INFERENCE_DTYPE_BOOL8:
        return "|b1";
    case TACIT_INFERENCE_DTYPE_FLOAT64:
        return "<f8";
    default:
        return NULL;
    }
}

/*  "3, 4", and "3," for one dimension, which Python would else not take as a tuple.  */
static void s_shape(size_t rank, const int64_t *dims, char ret_text[S_SHAPE_MAX])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < rank && used < S_SHAPE_MAX; i++) {
        const char *before = i > 0 ? ", " : "";
        const char *after = rank == 1 ? "," : "";
        used += (size_t)snprintf(ret_text + used, S_SHAPE_MAX - used, "%s%" PRId64 "%s", before,
                                 dims[i], after);
    }
}

/*  Magic, version, size and text; its size is a multiple of the alignment.  */
static size_t s_header(size_t rank, const int64_t *dims, const char *descr,
                       char ret_header[S_HEADER_MAX])
{
    char shape[S_SHAPE_MAX];
    s_shape(rank, dims, shape);
    memcpy(ret_header, s_magic, sizeof s_magic);
    size_t used = S_PREFIX + (size_t)snprintf(ret_header + S_PREFIX, S_HEADER_MAX - S_PREFIX,
                                              "{'descr': '%s', 'fortran_order': False, "
                                              "'shape': (%s), }",
                                              descr, shape);
    size_t size = (used + 1 + S_ALIGNMENT - 1) / S_ALIGNMENT * S_ALIGNMENT;
    memset(ret_header + used, ' ', size - used - 1);
    ret_header[size - 1] = '\n';
    ret_header[8] = (char)((size - S_PREFIX) & 0xff);
    ret_header[9] = (char)((size - S_PREFIX) >> 8);
    return size;
}

tacit_status_t tacit_npy_head(tacit_inference_dtype_t dtype, size_t rank, const int64_t *dims,
                              char ret_head[TACIT_NPY_HEAD_MAX], size_t *ret_size,
                              tacit_error_t *ret_error)
{
    const char *descr = s_descr(dtype);
    if (!descr || rank > TACIT_TENSOR_RANK_MAX) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED, "no .npy file holds such a tensor");
    }
    *ret_size = s_header(rank, dims, descr, ret_head);
    return TACIT_OK;
}

tacit_status_t tacit_npy_format(const tacit_tensor_t *tensor, tacit_secret_t **ret_file,
                                tacit_error_t *ret_error)
{
    char header[S_HEADER_MAX];
    tacit_secret_t *file = NULL;
    size_t size = 0;
    tacit_status_t status =
        tacit_npy_head(tensor->dtype, tensor->rank, tensor->dims, header, &size, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit_secret_new(size + tensor->data->size, &file);
    if (status != TACIT_OK) {
        return tacit_error_set(ret_error, status, NULL);
    }
    memcpy(file->data, header, size);
    memcpy(file->data + size, tensor->data->data, tensor->data->size);
    *ret_file = file;
    return TACIT_OK;
}
