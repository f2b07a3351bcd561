/*  modeld.h - the model store as an actor: idl/models.idl on one CURVE endpoint, state in
    args->state (models.db, blobs/).

    The environment's TACIT_MODELS_BYTES_MAX (decimal) bounds all stored bytes more tightly than
    TACIT_MODELS_TOTAL_BYTES_MAX; what is no number of bytes is refused at the start.  */

#ifndef TACIT_SERVICES_MODELS_MODELD_H
#define TACIT_SERVICES_MODELS_MODELD_H

#include "rpc/service.h"

/*  zactor function; args is a tacit_service_args_t.  */
void tacit_modeld_actor(zsock_t *pipe, void *args);

#endif
