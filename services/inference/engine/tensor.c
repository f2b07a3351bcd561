/*  tensor.c - element types and shapes.  */

#include "services/inference/engine/tensor.h"

#include <stdio.h>

typedef struct s_type {
    const char *name;
    size_t size; /* bytes of an element; 0: not computed by this engine */
} s_type_t;

/*  By ONNX's numbers.  */
static const s_type_t s_types[] = {
    {"undefined", 0},  {"float32", 4},  {"uint8", 1},  {"int8", 1},   {"uint16", 0},
    {"int16", 0},      {"int32", 4},    {"int64", 8},  {"string", 0}, {"bool", 1},
    {"float16", 0},    {"float64", 8},  {"uint32", 0}, {"uint64", 0}, {"complex64", 0},
    {"complex128", 0}, {"bfloat16", 0},
};

static const s_type_t *s_type(int64_t number)
{
    size_t count = sizeof(s_types) / sizeof(s_types[0]);
    return number >= 0 && (uint64_t)number < count ? &s_types[number] : &s_types[0];
}

size_t tacit_dtype_size(tacit_dtype_t dtype)
{
    return s_type((int64_t)dtype)->size;
}

const char *tacit_dtype_name(tacit_dtype_t dtype)
{
    return s_type((int64_t)dtype)->name;
}

bool tacit_dtype_known(int64_t number)
{
    return s_type(number)->size > 0;
}

bool tacit_shape_count(const tacit_shape_t *shape, tacit_dtype_t dtype, size_t *ret_count)
{
    /* A dimension of 0 must not hide another one that no arithmetic could hold.  */
    size_t padded = tacit_dtype_size(dtype);
    size_t count = 1;
    for (size_t i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i];
        if (dim < 0 || __builtin_mul_overflow(padded, (size_t)(dim > 0 ? dim : 1), &padded) ||
            padded > TACIT_TENSOR_SIZE_MAX) {
            return false;
        }
        count *= (size_t)dim;
    }
    *ret_count = count;
    return true;
}

size_t tacit_shape_span(const tacit_shape_t *shape, size_t begin, size_t end)
{
    size_t count = 1;
    for (size_t i = begin; i < end; i++) {
        count *= (size_t)shape->dims[i];
    }
    return count;
}

bool tacit_shape_equal(const tacit_shape_t *a, const tacit_shape_t *b)
{
    bool equal = a->rank == b->rank;
    for (size_t i = 0; equal && i < a->rank; i++) {
        equal = a->dims[i] == b->dims[i];
    }
    return equal;
}

bool tacit_shape_axis(int64_t axis, size_t rank, size_t *ret_axis)
{
    int64_t signed_rank = (int64_t)rank;
    if (axis < -signed_rank || axis >= signed_rank) {
        return false;
    }
    *ret_axis = (size_t)(axis < 0 ? axis + signed_rank : axis);
    return true;
}

/*  The dimension i of a shape seen with the rank of a longer one.  */
static int64_t s_padded_dim(const tacit_shape_t *shape, size_t rank, size_t i)
{
    size_t missing = rank - shape->rank;
    return i < missing ? 1 : shape->dims[i - missing];
}

bool tacit_shape_broadcast(const tacit_shape_t *a, const tacit_shape_t *b, tacit_shape_t *ret_shape)
{
    tacit_shape_t shape = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (size_t i = 0; i < shape.rank; i++) {
        int64_t left = s_padded_dim(a, shape.rank, i);
        int64_t right = s_padded_dim(b, shape.rank, i);
        if (left != right && left != 1 && right != 1) {
            return false;
        }
        shape.dims[i] = left == 1 ? right : left;
    }
    *ret_shape = shape;
    return true;
}

void tacit_shape_strides(const tacit_shape_t *shape, const tacit_shape_t *to,
                         size_t ret_strides[TACIT_ENGINE_RANK_MAX])
{
    size_t stride = 1;
    for (size_t i = to->rank; i-- > 0;) {
        size_t dim = (size_t)s_padded_dim(shape, to->rank, i);
        ret_strides[i] = dim == 1 ? 0 : stride;
        stride *= dim;
    }
}

void tacit_shape_text(size_t rank, const int64_t *dims, char ret_text[TACIT_SHAPE_TEXT_MAX])
{
    size_t used = (size_t)snprintf(ret_text, TACIT_SHAPE_TEXT_MAX, "[");
    for (size_t i = 0; i < rank && used < TACIT_SHAPE_TEXT_MAX; i++) {
        const char *comma = i > 0 ? ", " : "";
        char *at = ret_text + used;
        int added = dims[i] < 0 ? snprintf(at, TACIT_SHAPE_TEXT_MAX - used, "%s?", comma)
                                : snprintf(at, TACIT_SHAPE_TEXT_MAX - used, "%s%lld", comma,
                                           (long long)dims[i]);
        used += (size_t)added;
    }
    if (used < TACIT_SHAPE_TEXT_MAX) {
        (void)snprintf(ret_text + used, TACIT_SHAPE_TEXT_MAX - used, "]");
    }
}
