/*  manifest.h - what the operator wants to run: a small YAML text (docs/manifest.md).  */

#ifndef TACIT_SERVICES_MESH_MANIFEST_H
#define TACIT_SERVICES_MESH_MANIFEST_H

#include "enclave/error.h"
#include "enclave/isolation.h"
#include "rpc/trust.h"

enum { TACIT_MANIFEST_MAX = 64 * 1024, TACIT_MANIFEST_WORKERS_MAX = 64 };

typedef struct tacit_manifest {
    uint32_t workers;                      /* 0..TACIT_MANIFEST_WORKERS_MAX */
    char listen[TACIT_ENDPOINT_MAX];       /* where services bind: "tcp://127.0.0.1:*" */
    char introduction[TACIT_ENDPOINT_MAX]; /* the plaintext endpoint; port * picks one, for good */
    char log_level[16];                    /* debug, info, warning, error */
    char isolation[16];                    /* standard or strict; may be left out */
    char backend[16];                      /* onednn or portable; may be left out */
} tacit_manifest_t;

/*  The embedded default, as text.  */
const char *tacit_manifest_default(void);

/*  Read the file, or the default where path is NULL. BAD_INPUT with the line in the message where
    anything is unknown, missing or out of bounds.  */
TACIT_MUST_CHECK tacit_status_t tacit_manifest_load(const char *path,
                                                    tacit_manifest_t *ret_manifest,
                                                    tacit_error_t *ret_error);

/*  Settle isolation and backend, once loaded: what is asked for (NULL: nothing) goes before what
   the manifest has, and what neither has is standard, and the backend that the isolation lets work
    best. BAD_INPUT where they do not go together or nothing is called so.  */
TACIT_MUST_CHECK tacit_status_t tacit_manifest_isolate(tacit_manifest_t *manifest,
                                                       const char *isolation, const char *backend,
                                                       tacit_error_t *ret_error);

/*  The program of a settled manifest's workers: "tacit-workerd-strict".  */
const char *tacit_manifest_worker(const tacit_manifest_t *manifest);

#endif
