/*  tensor.h - one tensor of plaintext at its owner: what a request is made of.

    Dense, row-major, little-endian, as idl/inference.idl's tensor, whose dtype numbers these are.
    The elements are the user's plaintext and live in secret memory only.  */

#ifndef TACIT_CLIENTS_TENSOR_H
#define TACIT_CLIENTS_TENSOR_H

#include "enclave/error.h"
#include "enclave/secret.h"
#include "idl/inference.h"

enum {
    TACIT_TENSOR_NAME_MAX = 255,       /* bytes, without the final NUL */
    TACIT_TENSOR_RANK_MAX = 8,         /* dimensions */
    TACIT_TENSOR_BYTES_MAX = 16777216, /* of all elements */
    TACIT_TENSOR_SHAPE_TEXT_MAX = 176  /* "[d,d,...]" with the final NUL, for the longest shape */
};

typedef struct tacit_tensor {
    char name[TACIT_TENSOR_NAME_MAX + 1]; /* the model's input; empty: its only one */
    tacit_inference_dtype_t dtype;
    size_t rank;                         /* 0 is a scalar */
    int64_t dims[TACIT_TENSOR_RANK_MAX]; /* each at least 1 */
    tacit_secret_t *data;                /* owned; exactly the elements */
} tacit_tensor_t;

/*  Bytes of one element, and its name ("float32"); 0 and "unknown" for what the IDL lacks.  */
size_t tacit_tensor_element_size(tacit_inference_dtype_t dtype);
const char *tacit_tensor_type_name(tacit_inference_dtype_t dtype);

/*  The element of that index among elements of an integer type (or bool8), wherever they lie.  */
int64_t tacit_tensor_integer(tacit_inference_dtype_t dtype, const uint8_t *elements, size_t index);

/*  A zeroed tensor without a name. TOO_LARGE beyond the limits above, BAD_INPUT where a dimension
    is below 1 (a tensor without elements says nothing). Release it with tacit_tensor_release.  */
TACIT_MUST_CHECK tacit_status_t tacit_tensor_allocate(tacit_inference_dtype_t dtype, size_t rank,
                                                      const int64_t *dims,
                                                      tacit_tensor_t *ret_tensor,
                                                      tacit_error_t *ret_error);

/*  Names the model's input that the tensor is for; TOO_LARGE beyond the limit.  */
TACIT_MUST_CHECK tacit_status_t tacit_tensor_set_name(tacit_tensor_t *tensor, const char *name,
                                                      tacit_error_t *ret_error);

/*  Wipes the elements and clears the tensor. NULL-safe, idempotent.  */
void tacit_tensor_release(tacit_tensor_t *tensor);

/*  The shape as text, "[143,30]".  */
void tacit_tensor_shape_text(const tacit_tensor_t *tensor,
                             char ret_text[TACIT_TENSOR_SHAPE_TEXT_MAX]);

#endif
