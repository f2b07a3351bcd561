/*  label_file.h - the classes of rows: an array of integers (.npy, .npz), or a table as text (.csv)
    whose last column has them, as numbers or as the model's own names of classes.  */

#ifndef TACIT_CLIENTS_MLOWNER_LABEL_FILE_H
#define TACIT_CLIENTS_MLOWNER_LABEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/error.h"

enum { TACIT_LABEL_FILE_MAX = 64 * 1048576 /* bytes of a .csv */ };

/*  names: of the model's classes, apart by commas; may be "". One class for each row; free() them.
    BAD_INPUT where there are more or fewer, or what stands there is none: the error names file and
    line.  */
TACIT_MUST_CHECK tacit_status_t tacit_label_file_read(const char *path, const char *names,
                                                      size_t rows, int64_t **ret_labels,
                                                      tacit_error_t *ret_error);

#endif
