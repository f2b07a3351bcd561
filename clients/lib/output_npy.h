/*  output_npy.h - a tensor as NumPy's .npy file, format version 1, as numpy.save writes it.  */

#ifndef TACIT_CLIENTS_OUTPUT_NPY_H
#define TACIT_CLIENTS_OUTPUT_NPY_H

#include "clients/lib/tensor.h"

enum { TACIT_NPY_HEAD_MAX = 384 /* bytes before the elements */ };

/*  What stands before the elements; ret_size: its bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_head(tacit_inference_dtype_t dtype, size_t rank,
                                               const int64_t *dims,
                                               char ret_head[TACIT_NPY_HEAD_MAX], size_t *ret_size,
                                               tacit_error_t *ret_error);

/*  The whole file, header and elements. Read back by tacit_npy_parse it gives the same tensor,
    but for the name, which the format does not carry.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_format(const tacit_tensor_t *tensor,
                                                 tacit_secret_t **ret_file,
                                                 tacit_error_t *ret_error);

#endif
