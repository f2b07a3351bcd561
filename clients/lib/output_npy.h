/*  output_npy.h - a tensor as NumPy's .npy file, format version 1, as numpy.save writes it.  */

#ifndef TACIT_CLIENTS_OUTPUT_NPY_H
#define TACIT_CLIENTS_OUTPUT_NPY_H

#include "clients/lib/tensor.h"

/*  The whole file, header and elements. Read back by tacit_npy_parse it gives the same tensor,
    but for the name, which the format does not carry.  */
TACIT_MUST_CHECK tacit_status_t tacit_npy_format(const tacit_tensor_t *tensor,
                                                 tacit_secret_t **ret_file,
                                                 tacit_error_t *ret_error);

#endif
