/*  attestd.h - the attestation service: the verifier of RFC 9334, as an actor.

    Serves idl/introduction.idl on a plaintext endpoint and idl/attestation.idl on a CURVE one.
    State in args->state: attestation.db (policy history) and result.key (sealed). Its CURVE key is
    new at every start; the key that signs results stays, sealed to this signer and this mesh, so
    that receipts outlive a restart.  */

#ifndef TACIT_SERVICES_ATTESTATION_ATTESTD_H
#define TACIT_SERVICES_ATTESTATION_ATTESTD_H

#include "rpc/service.h"

/*  zactor function; args is a tacit_service_args_t.  */
void tacit_attestd_actor(zsock_t *pipe, void *args);

#endif
