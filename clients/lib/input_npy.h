/*  input_npy.h - NumPy's .npy file, format version 1 and 2, to a tensor.

    Taken: <f4, |u1, |i1, <i4, <i8, |b1, and <f8 where the caller says what becomes of it.
    Refused: other types, structured types, pickled objects, big-endian and Fortran order, arrays
    without elements, and any byte too few or too many.  */

#ifndef TACIT_CLIENTS_INPUT_NPY_H
#define TACIT_CLIENTS_INPUT_NPY_H

#include "clients/lib/tensor.h"

enum {
    TACIT_NPY_HEADER_MAX = 4096, /* bytes of the text that describes the array */
    /* of a file: the largest float64 array that narrows to a tensor within its limit */
    TACIT_NPY_BYTES_MAX = 2 * TACIT_TENSOR_BYTES_MAX + TACIT_NPY_HEADER_MAX + 12
};

/*  What float64 becomes. The numbers of the first two are false and true.  */
typedef enum tacit_npy_float64 {
    TACIT_NPY_FLOAT64_REFUSED,
    TACIT_NPY_FLOAT64_NARROWED, /* to float32 */
    TACIT_NPY_FLOAT64_KEPT
} tacit_npy_float64_t;

/*  MALFORMED, UNSUPPORTED (with what to do in the remedy), TOO_LARGE, NO_MEMORY; BAD_INPUT where
    narrowing would turn a finite number into infinity.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_parse(tacit_span_t file, tacit_npy_float64_t float64,
                                                tacit_tensor_t *ret_tensor,
                                                tacit_error_t *ret_error);

/*  An array where it lies, of any size, also without elements: those of float64 are kept, and bools
    are not looked at.  */
typedef struct tacit_npy_view {
    tacit_inference_dtype_t dtype;
    size_t rank;
    int64_t dims[TACIT_TENSOR_RANK_MAX];
    tacit_span_t elements; /* within the file */
} tacit_npy_view_t;

/*  MALFORMED, UNSUPPORTED, as above.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_view(tacit_span_t file, tacit_npy_view_t *ret_view,
                                               tacit_error_t *ret_error);

/*  float64 to float32; BAD_INPUT where that would turn a finite number into infinity.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_narrow(tacit_span_t elements, float *ret_numbers,
                                                 tacit_error_t *ret_error);

#endif
