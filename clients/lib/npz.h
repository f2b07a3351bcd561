/*  npz.h - NumPy's .npz archives: .npy files in a ZIP that does not compress, as numpy.savez writes
    them.  */

#ifndef TACIT_CLIENTS_NPZ_H
#define TACIT_CLIENTS_NPZ_H

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_NPZ_ENTRIES_MAX = 4096 /* arrays of an archive */ };

/*  The bytes of NAME.npy in the archive, or of its only array, whatever that is called. MALFORMED;
    UNSUPPORTED where it is compressed; TOO_LARGE; BAD_INPUT where there is no such array.  */
TACIT_MUST_CHECK tacit_status_t tacit_npz_find(tacit_span_t archive, const char *name,
                                               tacit_span_t *ret_file, tacit_error_t *ret_error);

#endif
