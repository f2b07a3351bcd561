/*  connect.h - from a command line to a bound connection to any service.

    Services of a mesh are found and verified as every client does it; the supervisor by the state
    folder; a service of no mesh by --endpoint and --server-key. Who calls is the operator where the
    identity is the operator's, else a user.  */

#ifndef TACIT_CLIENTS_RPC_CONNECT_H
#define TACIT_CLIENTS_RPC_CONNECT_H

#include "clients/lib/identity.h"
#include "clients/lib/options.h"
#include "rpc/mesh.h"

typedef struct tacit_link_to {
    tacit_identity_t *identity;
    tacit_mesh_t *mesh;              /* NULL where none was needed */
    tacit_client_t *own;             /* owned; NULL where client is the mesh's */
    tacit_client_t *client;          /* to call with */
    tacit_client_metrics_t *metrics; /* borrowed; may be NULL */
} tacit_link_to_t;

/*  Close it after a failure too.  */
TACIT_MUST_CHECK tacit_status_t tacit_link_open(const tacit_invocation_t *invocation,
                                                const char *service, tacit_link_to_t *link,
                                                tacit_error_t *ret_error);
void tacit_link_close(tacit_link_to_t *link);

#endif
