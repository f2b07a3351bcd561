/*  input.h - files of a user to one tensor: CSV, NPY, PNG, JPEG.

    What the bytes begin with decides on the format; a name that says otherwise is an error, as
    somebody is then mistaken about what is sent. CSV begins with nothing particular and is taken by
    its name only. Several files become one batch: they are joined along the first dimension, in the
    order given, and must agree in the others.  */

#ifndef TACIT_CLIENTS_INPUT_H
#define TACIT_CLIENTS_INPUT_H

#include "clients/lib/tensor.h"

enum { TACIT_INPUT_FILES_MAX = 4096 };

typedef struct tacit_input_options {
    bool narrow_float64; /* take float64 arrays as float32 */
    bool keep_float64;   /* or as they are; with neither they are refused */
} tacit_input_options_t;

/*  Loads count (1..TACIT_INPUT_FILES_MAX) files; options may be NULL. Errors name the file.  */
TACIT_MUST_CHECK tacit_status_t tacit_input_load(const char *const *paths, size_t count,
                                                 const tacit_input_options_t *options,
                                                 tacit_tensor_t *ret_tensor,
                                                 tacit_error_t *ret_error);

#endif
