/*  control.h - the operator's connections: to the supervisor of this host, and into the mesh.  */

#ifndef TACIT_CLIENTS_CONTROL_H
#define TACIT_CLIENTS_CONTROL_H

#include "clients/lib/identity.h"
#include "clients/lib/options.h"
#include "rpc/mesh.h"

/*  The supervisor that run/mesh.json names. UNREACHABLE (with a remedy) where none runs.  */
TACIT_MUST_CHECK tacit_status_t tacit_control_connect(const tacit_invocation_t *invocation,
                                                      const tacit_identity_t *identity,
                                                      tacit_client_t **ret_client,
                                                      tacit_error_t *ret_error);

enum { TACIT_CONTROL_PROGRAM_MAX = 64 };

/*  The program that this mesh's workers are, as its supervisor's run/mesh.json says: the plain one
    where no mesh was launched yet.  */
TACIT_MUST_CHECK tacit_status_t tacit_control_worker(const char *state,
                                                     char ret_program[TACIT_CONTROL_PROGRAM_MAX],
                                                     tacit_error_t *ret_error);

enum { TACIT_CONTROL_PATIENCE_MS = 5000 }; /* a service is started again in less */

/*  The mesh of the state folder, as its operator. An attestation service that is away is waited for
    so long.  */
TACIT_MUST_CHECK tacit_status_t tacit_control_mesh(const tacit_invocation_t *invocation,
                                                   const tacit_identity_t *identity,
                                                   uint32_t patience_ms, tacit_mesh_t **ret_mesh,
                                                   tacit_error_t *ret_error);

/*  STATE/NAME; BAD_INPUT where that is too long.  */
TACIT_MUST_CHECK tacit_status_t tacit_control_path(const char *state, const char *name,
                                                   char ret_path[PATH_MAX],
                                                   tacit_error_t *ret_error);

/*  The folder of Tacit's programs: where this one lies.  */
TACIT_MUST_CHECK tacit_status_t tacit_control_bin(char ret_path[PATH_MAX],
                                                  tacit_error_t *ret_error);

#endif
