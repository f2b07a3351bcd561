/*  gatewayd.h - the inference gateway as an actor: idl/inference.idl on one CURVE endpoint.

    Holds ciphertext only: sealed requests and answers pass through, and what it knows of a model is
    its owner, name and version. Keeps nothing on disk.  */

#ifndef TACIT_SERVICES_INFERENCE_GATEWAYD_H
#define TACIT_SERVICES_INFERENCE_GATEWAYD_H

#include "rpc/service.h"

/*  zactor function; args is a tacit_service_args_t.  */
void tacit_gatewayd_actor(zsock_t *pipe, void *args);

#endif
