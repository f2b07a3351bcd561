/*  client_bind.h - a client's side of session.open and session.confirm, over its own connection. */

#ifndef TACIT_RPC_CLIENT_BIND_H
#define TACIT_RPC_CLIENT_BIND_H

#include "rpc/client.h"

/*  Both calls, within timeout_ms. The session is the caller's to destroy.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_bind(tacit_client_t *client,
                                                  const tacit_client_config_t *config,
                                                  uint32_t timeout_ms,
                                                  tacit_session_t **ret_session,
                                                  tacit_error_t *ret_error);

#endif
