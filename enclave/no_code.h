/*  no_code.h - from now on this process runs the code that it has: none can be made or brought in.

    An enclave's measurement says which code it started with. Where memory may be written and then
    run, that says little about the code that runs later.  */

#ifndef TACIT_ENCLAVE_NO_CODE_H
#define TACIT_ENCLAVE_NO_CODE_H

#include "enclave/error.h"

/*  The kernel refuses every thread of this process, for good, memory that becomes executable: by
    mmap, mprotect, pkey_mprotect, shmat, or a personality that makes readable memory so; with
   EPERM. System calls of another architecture end the process. Needs tacit_process_init before.
    UNSUPPORTED where the kernel has no such filter; nothing changed then.  */
TACIT_MUST_CHECK tacit_status_t tacit_process_forbid_code(tacit_error_t *ret_error);

#endif
