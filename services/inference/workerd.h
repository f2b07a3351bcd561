/*  workerd.h - the inference worker as an actor: dials out to the gateway, asks for jobs, answers.

    Two threads: this one keeps the gateway's connection and heartbeats; the executor's runs one job
    at a time, so that a long inference never looks like a dead worker.  */

#ifndef TACIT_SERVICES_INFERENCE_WORKERD_H
#define TACIT_SERVICES_INFERENCE_WORKERD_H

#include "rpc/service.h"

/*  zactor function; args is a tacit_service_args_t.  */
void tacit_workerd_actor(zsock_t *pipe, void *args);

#endif
