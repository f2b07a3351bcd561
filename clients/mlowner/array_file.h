/*  array_file.h - arrays of numbers where they lie: a .npy file, or those of an .npz archive; or
   one made of what a request could be made of: a .csv table, a picture, a folder of such files,
   joined in the order of their names.

    A file of arrays is mapped, not read: it may be far larger than what a request may carry; tables
    and pictures may not. Archives are those of numpy.savez, which does not compress; compressed
   ones are refused.  */

#ifndef TACIT_CLIENTS_MLOWNER_ARRAY_FILE_H
#define TACIT_CLIENTS_MLOWNER_ARRAY_FILE_H

#include "clients/lib/input_npy.h"

typedef struct tacit_array_file tacit_array_file_t;

/*  BAD_INPUT where it cannot be mapped. The error names the file.  */
TACIT_MUST_CHECK tacit_status_t tacit_array_file_open(const char *path,
                                                      tacit_array_file_t **ret_file,
                                                      tacit_error_t *ret_error);

/*  The array; of an archive the one of that name, or the only one. Its elements are valid as long
   as the file is open. MALFORMED, UNSUPPORTED, BAD_INPUT; the error names the file.  */
TACIT_MUST_CHECK tacit_status_t tacit_array_file_read(const tacit_array_file_t *file,
                                                      const char *name, tacit_npy_view_t *ret_view,
                                                      tacit_error_t *ret_error);

/*  Whether it may hold several.  */
bool tacit_array_file_is_archive(const tacit_array_file_t *file);

/*  NULL-safe; *file becomes NULL.  */
void tacit_array_file_close(tacit_array_file_t **file);

#endif
