/*  gatewayd.c - the gateway as an actor: users' requests, the operator's look, the ticks.  */

#include "services/inference/gatewayd.h"

#include <stdlib.h>

#include "enclave/clock.h"
#include "rpc/limits.h"
#include "rpc/service.h"
#include "services/inference/gateway.h"

enum { S_TICK_MS = 100 };

_Static_assert(TACIT_SCHEDULER_WORKERS_MAX <= TACIT_INFERENCE_STATUS_RESULT_WORKERS_MAX,
               "status can list every worker");
_Static_assert(TACIT_SCHEDULER_RESIDENTS_MAX <= TACIT_INFERENCE_WORKER_INFO_RESIDENTS_MAX &&
                   TACIT_INFERENCE_HEARTBEAT_ARGS_RESIDENTS_MAX <= TACIT_SCHEDULER_RESIDENTS_MAX,
               "what a heartbeat names fits, and status can list it");

uint64_t tacit_gateway_now_ms(void)
{
    return (uint64_t)zclock_mono();
}

uint64_t tacit_gateway_now_us(void)
{
    return (uint64_t)zclock_usecs();
}

tacit_status_t tacit_gateway_refuse(tacit_error_t *ret_error, tacit_status_t code)
{
    for (size_t i = 0; i < tacit_inference_service.error_count; i++) {
        const tacit_error_row_t *row = &tacit_inference_service.errors[i];
        if (row->code == (int)code) {
            return tacit_error_set_named(ret_error, code, row->name, "%s", row->text);
        }
    }
    return tacit_error_set(ret_error, code, NULL);
}

/*  --- users ----------------------------------------------------------------------------------- */

tacit_status_t tacit_gateway_take_model(tacit_span_t owner, tacit_span_t name, uint32_t version,
                                        tacit_model_id_t *ret_model)
{
    if (!tacit_model_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    memset(ret_model, 0, sizeof *ret_model);
    memcpy(ret_model->owner, owner.data, 32);
    memcpy(ret_model->name, name.data, name.size);
    ret_model->version = version;
    return TACIT_OK;
}

static tacit_status_t s_explain_submit(tacit_status_t status, tacit_error_t *ret_error)
{
    switch (status) {
    case TACIT_NOT_FOUND:
        tacit_gateway_refuse(ret_error, TACIT_INFERENCE_NO_WORKER);
        tacit_error_remedy(ret_error, "the operator starts one: tacit-operator scale --workers 1");
        return TACIT_INFERENCE_NO_WORKER;
    case TACIT_BUSY:
        return tacit_gateway_refuse(ret_error, TACIT_INFERENCE_QUEUE_FULL);
    default:
        return tacit_error_set(ret_error, status, NULL);
    }
}

static tacit_status_t s_infer(void *argument, tacit_call_t *call,
                              const tacit_inference_infer_args_t *args,
                              tacit_inference_infer_result_t *ret_result)
{
    (void)ret_result;
    tacit_gateway_t *self = argument;
    tacit_error_t *error = tacit_call_error(call);
    tacit_model_id_t model;
    if (tacit_gateway_take_model(args->owner, args->name, args->version, &model)) {
        return tacit_error_claim(error, TACIT_BAD_INPUT, "name", "a model name", NULL);
    }
    tacit_gateway_request_t *request = calloc(1, sizeof *request);
    if (!request) {
        return TACIT_NO_MEMORY;
    }
    request->call = call;
    request->came_us = tacit_gateway_now_us();
    memcpy(request->request_id, args->request_id.data, sizeof request->request_id);
    tacit_gateway_sweep_fetches(self);
    tacit_job_t *job = NULL;
    tacit_status_t status =
        tacit_scheduler_submit(self->scheduler, &model, tacit_call_session(call)->peer_curve,
                               tacit_gateway_now_ms(), request, &job);
    if (status) {
        free(request);
        return s_explain_submit(status, error);
    }
    return TACIT_PENDING;
}

/*  --- the operator ---------------------------------------------------------------------------- */

static tacit_status_t s_state_worker(const tacit_worker_t *worker, tacit_arena_t *arena,
                                     tacit_inference_worker_info_t *ret_info)
{
    size_t count = worker->resident_count;
    tacit_inference_resident_t *residents =
        tacit_arena_alloc(arena, (count ? count : 1) * sizeof *residents);
    if (!residents) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        residents[i].owner = tacit_span(worker->residents[i].owner, 32);
        residents[i].name = tacit_span_string(worker->residents[i].name);
        residents[i].version = worker->residents[i].version;
    }
    *ret_info = (tacit_inference_worker_info_t){
        .curve_key = tacit_span(worker->key, 32),
        .measurement = tacit_span(worker->measurement, 32),
        .state = worker->draining ? TACIT_INFERENCE_WORKER_STATE_DRAINING
                 : worker->job    ? TACIT_INFERENCE_WORKER_STATE_BUSY
                                  : TACIT_INFERENCE_WORKER_STATE_READY,
        .answered = worker->answered,
        .failed = worker->failed,
        .last_seen_ms = tacit_now_ms() - (tacit_gateway_now_ms() - worker->seen_ms),
    };
    ret_info->residents.items = residents;
    ret_info->residents.count = count;
    return TACIT_OK;
}

static tacit_status_t s_status(void *argument, tacit_call_t *call,
                               const tacit_inference_status_args_t *args,
                               tacit_inference_status_result_t *ret_result)
{
    (void)args;
    const tacit_gateway_t *self = argument;
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_inference_worker_info_t *items =
        tacit_arena_alloc(arena, TACIT_SCHEDULER_WORKERS_MAX * sizeof *items);
    if (!items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = 0;
    tacit_status_t status = TACIT_OK;
    for (const tacit_worker_t *worker = tacit_scheduler_workers(self->scheduler); worker && !status;
         worker = worker->next) {
        status = s_state_worker(worker, arena, &items[count++]);
    }
    ret_result->workers.items = items;
    ret_result->workers.count = count;
    ret_result->queued = (uint32_t)tacit_scheduler_queued(self->scheduler);
    ret_result->answered = self->answered;
    ret_result->failed = self->failed;
    return status;
}

static const tacit_inference_handlers_t s_handlers = {
    .infer = s_infer,
    .register_ = tacit_gateway_register,
    .heartbeat = tacit_gateway_heartbeat,
    .fetch = tacit_gateway_fetch,
    .complete = tacit_gateway_complete,
    .leave = tacit_gateway_leave,
    .status = s_status,
};

/*  --- the actor ------------------------------------------------------------------------------- */

static int s_on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_gateway_t *self = argument;
    tacit_gateway_sweep_fetches(self);
    tacit_gateway_sweep_requests(self);
    tacit_scheduler_tick(self->scheduler, tacit_gateway_now_ms());
    if (tacit_server_is_draining(self->server)) {
        tacit_gateway_drain(self);
    }
    return 0;
}

static tacit_status_t s_open(tacit_node_t *node, const tacit_service_args_t *args, void **ret_self,
                             tacit_error_t *ret_error)
{
    (void)node;
    (void)args;
    tacit_gateway_t *self = calloc(1, sizeof *self);
    *ret_self = self;
    if (self) {
        self->scheduler = tacit_scheduler_new(&tacit_gateway_events, self);
    }
    return self && self->scheduler ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
}

static tacit_status_t s_attach(void *argument, tacit_server_t *server, zloop_t *loop,
                               tacit_error_t *ret_error)
{
    tacit_gateway_t *self = argument;
    self->server = server;
    if (zloop_timer(loop, S_TICK_MS, 0, s_on_tick, argument) < 0) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    return TACIT_OK;
}

static void s_end_request(tacit_job_t *job)
{
    tacit_gateway_request_t *request = job ? job->context : NULL;
    if (request) {
        tacit_call_finish(&request->call, TACIT_INTERRUPTED, NULL);
        free(request);
    }
}

/*  The server is gone by now: finishing a call that still waits only frees it.  */
static void s_close(void **argument)
{
    tacit_gateway_t *self = *argument;
    if (!self) {
        return;
    }
    for (const tacit_worker_t *at = tacit_scheduler_workers(self->scheduler); at; at = at->next) {
        tacit_call_t *fetch = at->context;
        if (fetch) {
            tacit_call_finish(&fetch, TACIT_INTERRUPTED, NULL);
        }
        s_end_request(at->job);
    }
    for (tacit_job_t *job = tacit_scheduler_queue(self->scheduler); job; job = job->next) {
        s_end_request(job);
    }
    tacit_scheduler_destroy(&self->scheduler);
    free(self);
    *argument = NULL;
}

void tacit_gatewayd_actor(zsock_t *pipe, void *args)
{
    static const tacit_attested_service_t service = {
        .role = TACIT_ROLE_GATEWAY,
        .service = &tacit_inference_service,
        .handlers = &s_handlers,
        .open = s_open,
        .close = s_close,
        .attach = s_attach,
        .drain_ms = TACIT_DRAIN_LONGEST_MS,
    };
    tacit_attested_service_run(pipe, args, &service);
}
