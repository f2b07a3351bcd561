/*  tensor.h - element types, shapes, and views of tensors, with checked arithmetic.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_TENSOR_H
#define TACIT_SERVICES_INFERENCE_ENGINE_TENSOR_H

#include "services/inference/engine/engine.h"
#include "services/inference/engine/limits.h"

typedef struct tacit_shape {
    size_t rank;
    int64_t dims[TACIT_ENGINE_RANK_MAX]; /* each >= 0 */
} tacit_shape_t;

/*  A dense row-major tensor. Aligned for its element type.  */
typedef struct tacit_tensor {
    tacit_dtype_t dtype; /* TACIT_DTYPE_NONE: an input or output that is left out */
    tacit_shape_t shape;
    size_t count; /* elements; follows from shape */
    void *data;   /* NULL while the elements are not known */
} tacit_tensor_t;

enum { TACIT_SHAPE_TEXT_MAX = 128 };

/*  A type that the engine computes with.  */
bool tacit_dtype_known(int64_t number);

/*  The number of elements; false where a dimension is negative, or the tensor would exceed
    TACIT_TENSOR_SIZE_MAX bytes.  */
TACIT_MUST_CHECK bool tacit_shape_count(const tacit_shape_t *shape, tacit_dtype_t dtype,
                                        size_t *ret_count);

/*  Elements in dims[begin..end). The shape was counted.  */
size_t tacit_shape_span(const tacit_shape_t *shape, size_t begin, size_t end);

bool tacit_shape_equal(const tacit_shape_t *a, const tacit_shape_t *b);

/*  A negative axis counts from the end; false unless it lies in [-rank, rank).  */
TACIT_MUST_CHECK bool tacit_shape_axis(int64_t axis, size_t rank, size_t *ret_axis);

/*  The common shape by numpy's rules; false where there is none.  */
TACIT_MUST_CHECK bool tacit_shape_broadcast(const tacit_shape_t *a, const tacit_shape_t *b,
                                            tacit_shape_t *ret_shape);

/*  Row-major strides in elements, as if broadcast to the shape `to` (0 where repeated).  */
void tacit_shape_strides(const tacit_shape_t *shape, const tacit_shape_t *to,
                         size_t ret_strides[TACIT_ENGINE_RANK_MAX]);

/*  "[1, 3, 224, 224]" for errors; -1 shows as "?".  */
void tacit_shape_text(size_t rank, const int64_t *dims, char ret_text[TACIT_SHAPE_TEXT_MAX]);

static inline size_t tacit_tensor_size(const tacit_tensor_t *tensor)
{
    return tensor->count * tacit_dtype_size(tensor->dtype);
}

#endif
