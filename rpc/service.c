/*  service.c - from arguments to a serving, attested endpoint, and back.  */

#include "rpc/service.h"

#include "rpc/drain.h"
#include "rpc/log.h"
#include "rpc/zap.h"

typedef struct {
    const tacit_attested_service_t *service;
    tacit_node_t *node;
    void *self; /* the service's state */
    tacit_server_t *server;
    zloop_t *loop;
} s_run_t;

static tacit_status_t s_open_server(s_run_t *run, const tacit_service_args_t *args,
                                    tacit_error_t *ret_error)
{
    tacit_server_config_t config = {
        .endpoint = args->listen,
        .public_key = tacit_node_public_key(run->node),
        .secret_key = tacit_node_secret_key(run->node),
        .party = tacit_node_party(run->node),
        .operator_key = args->trust.operator_curve_key,
        .standing = tacit_node_standing(run->node),
        .refusals = tacit_node_refusals(run->node),
        .zap_domain = tacit_role_name(run->service->role),
    };
    tacit_status_t status = tacit_server_new(&config, &run->server, ret_error);
    if (!status) {
        status =
            tacit_server_add(run->server, run->service->service, run->service->handlers, run->self);
    }
    if (!status) {
        status = tacit_server_attach(run->server, run->loop);
    }
    return status;
}

static tacit_status_t s_start(s_run_t *run, const tacit_service_args_t *args,
                              tacit_error_t *ret_error)
{
    tacit_node_config_t config = {
        .role = run->service->role,
        .trust = &args->trust,
        .platform_socket = args->platform,
    };
    run->loop = zloop_new();
    if (!run->loop) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_node_new(&config, &run->node, ret_error);
    if (!status) {
        status = run->service->open(run->node, args, &run->self, ret_error);
    }
    if (!status) {
        status = s_open_server(run, args, ret_error);
    }
    if (!status) {
        status = tacit_node_attest(run->node, tacit_server_endpoint(run->server), ret_error);
    }
    if (!status) {
        status = tacit_node_attach(run->node, run->loop);
    }
    if (!status && run->service->attach) {
        status = run->service->attach(run->self, run->server, run->loop, ret_error);
    }
    return status;
}

void tacit_attested_service_run(zsock_t *pipe, const tacit_service_args_t *args,
                                const tacit_attested_service_t *service)
{
    /*  At once: who made this actor waits for it, and would hang if we failed first.  */
    zsock_signal(pipe, 0);
    s_run_t run = {.service = service};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_zap_start();
    if (s_start(&run, args, &error)) {
        tacit_actor_failed(pipe, &error);
        tacit_actor_linger(pipe);
    } else {
        tacit_drain_t drain = {.server = run.server, .max_ms = service->drain_ms};
        tacit_drain_attach(&drain, pipe, run.loop);
        tacit_actor_ready(pipe, tacit_server_endpoint(run.server));
        zloop_start(run.loop);
    }
    zloop_destroy(&run.loop);
    bool stopped = tacit_server_stop(run.server);
    tacit_server_destroy(&run.server);
    if (stopped) { /* else a handler still has them, until the process ends */
        service->close(&run.self);
        tacit_node_destroy(&run.node);
    }
    tacit_zap_stop();
}
