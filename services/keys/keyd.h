/*  keyd.h - the key service as an actor: idl/keys.idl on one CURVE endpoint, state in
    args->state/keys.db.  */

#ifndef TACIT_SERVICES_KEYS_KEYD_H
#define TACIT_SERVICES_KEYS_KEYD_H

#include "rpc/service.h"

/*  zactor function; args is a tacit_service_args_t.  */
void tacit_keyd_actor(zsock_t *pipe, void *args);

#endif
