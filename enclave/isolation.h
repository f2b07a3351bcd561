/*  isolation.h - what a worker computes with, and what it forbids itself before it does.

    onednn makes code when it runs; portable makes none, and a worker that computes with it forbids
    itself for good all memory that could become code (enclave/no_code.h).
    standard: either. strict: no code but what was measured, so that portable alone can work.
    Both stand in the worker's enclave configuration: they are part of who it is.  */

#ifndef TACIT_ENCLAVE_ISOLATION_H
#define TACIT_ENCLAVE_ISOLATION_H

#include <stdbool.h>

typedef enum tacit_isolation {
    TACIT_ISOLATION_NONE = 0,
    TACIT_ISOLATION_STANDARD = 1,
    TACIT_ISOLATION_STRICT = 2
} tacit_isolation_t;

typedef enum tacit_backend {
    TACIT_BACKEND_NONE = 0,
    TACIT_BACKEND_ONEDNN = 1,
    TACIT_BACKEND_PORTABLE = 2
} tacit_backend_t;

/*  "standard", "strict"; "onednn", "portable"; "none" otherwise.  */
const char *tacit_isolation_name(tacit_isolation_t isolation);
const char *tacit_backend_name(tacit_backend_t backend);

/*  NONE where nothing is called so.  */
tacit_isolation_t tacit_isolation_from_name(const char *name);
tacit_backend_t tacit_backend_from_name(const char *name);

/*  What a worker of that isolation computes with where nothing else is asked for.  */
tacit_backend_t tacit_isolation_backend(tacit_isolation_t isolation);

/*  Can that backend work under that isolation? False for NONE.  */
bool tacit_isolation_allows(tacit_isolation_t isolation, tacit_backend_t backend);

#endif
