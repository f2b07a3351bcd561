/*  gatewayd.c - calls of users and workers, matched by the scheduler.

    A user's infer and a worker's fetch are both calls that are answered later. A job's context is
    the user's call, a worker's context its waiting fetch. Either may end by its deadline or because
    its peer went away; such calls are swept before anything is matched.  */

#include "services/inference/gatewayd.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/envelope.h"
#include "idl/inference.h"
#include "rpc/limits.h"
#include "rpc/log.h"
#include "rpc/service.h"
#include "services/inference/scheduler.h"

enum { S_TICK_MS = 100 };

_Static_assert(TACIT_SCHEDULER_WORKERS_MAX <= TACIT_INFERENCE_STATUS_RESULT_WORKERS_MAX,
               "status can list every worker");
_Static_assert(TACIT_SCHEDULER_RESIDENTS_MAX <= TACIT_INFERENCE_WORKER_INFO_RESIDENTS_MAX &&
                   TACIT_INFERENCE_HEARTBEAT_ARGS_RESIDENTS_MAX <= TACIT_SCHEDULER_RESIDENTS_MAX,
               "what a heartbeat names fits, and status can list it");

typedef struct {
    tacit_scheduler_t *scheduler;
    const tacit_server_t *server;
    uint64_t answered;
    uint64_t failed;
} s_gateway_t;

/*  What a job carries beside what the scheduler needs.  */
typedef struct {
    tacit_call_t *call; /* the user's infer */
    uint8_t request_id[TACIT_REQUEST_ID_SIZE];
    uint64_t came_us;  /* for the user's timing; the scheduler counts in milliseconds */
    uint64_t given_us; /* to the worker that has it */
} s_request_t;

/*  Of the clock that nobody sets: a corrected wall clock must not lose workers.  */
static uint64_t s_now_ms(void)
{
    return (uint64_t)zclock_mono();
}

static uint64_t s_now_us(void)
{
    return (uint64_t)zclock_usecs();
}

static tacit_status_t s_refuse(tacit_error_t *ret_error, tacit_status_t code)
{
    for (size_t i = 0; i < tacit_inference_service.error_count; i++) {
        const tacit_error_row_t *row = &tacit_inference_service.errors[i];
        if (row->code == (int)code) {
            return tacit_error_set_named(ret_error, code, row->name, "%s", row->text);
        }
    }
    return tacit_error_set(ret_error, code, NULL);
}

/*  --- ends of a job --------------------------------------------------------------------------- */

static void s_answer(s_gateway_t *self, s_request_t *request, tacit_status_t status,
                     const tacit_inference_infer_result_t *result)
{
    tacit_call_finish(&request->call, status, result);
    free(request);
    if (status) {
        self->failed++;
    } else {
        self->answered++;
    }
}

static void s_end(s_gateway_t *self, tacit_job_t *job, tacit_status_t status,
                  const tacit_inference_infer_result_t *result)
{
    s_answer(self, job->context, status, result);
    tacit_scheduler_end(self->scheduler, job, status == TACIT_OK);
}

/*  --- what the scheduler decides -------------------------------------------------------------- */

static void s_on_give(void *context, tacit_worker_t *worker, tacit_job_t *job)
{
    s_gateway_t *self = context;
    s_request_t *request = job->context;
    tacit_call_t *fetch = worker->context;
    worker->context = NULL;
    request->given_us = s_now_us();
    char traceparent[TACIT_TRACE_TEXT_SIZE + 1];
    tacit_trace_format(tacit_call_trace(request->call), traceparent);
    tacit_inference_fetch_result_t result = {
        .job = job->id,
        .user = tacit_span(job->user, 32),
        .owner = tacit_span(job->model.owner, 32),
        .name = tacit_span_string(job->model.name),
        .version = job->model.version,
        .request_id = tacit_span(request->request_id, sizeof request->request_id),
        .remaining_ms = (uint32_t)tacit_call_remaining_ms(request->call),
        .has_traceparent = true,
        .traceparent = tacit_span(traceparent, TACIT_TRACE_TEXT_SIZE),
    };
    tacit_status_t status = tacit_call_copy_bulk(fetch, tacit_call_bulk(request->call));
    tacit_call_finish(&fetch, status, &result);
    if (status) {
        s_end(self, job, status, NULL); /* the worker never heard of it */
    }
}

static void s_on_lost(void *context, tacit_job_t *job)
{
    s_gateway_t *self = context;
    s_request_t *request = job->context;
    s_refuse(tacit_call_error(request->call), TACIT_INFERENCE_WORKER_LOST);
    s_answer(self, request, TACIT_INFERENCE_WORKER_LOST, NULL);
}

static void s_on_gone(void *context, tacit_worker_t *worker)
{
    (void)context;
    char key[17];
    sodium_bin2hex(key, sizeof key, worker->key, 8);
    tacit_log(TACIT_LOG_INFO, "worker_gone", "worker %s %s", key,
              worker->draining ? "left" : "was lost");
    tacit_call_t *fetch = worker->context;
    worker->context = NULL;
    if (fetch) {
        tacit_call_finish(&fetch, TACIT_DEADLINE_EXCEEDED, NULL);
    }
}

/*  --- calls that ended by themselves ---------------------------------------------------------- */

static void s_sweep_fetches(s_gateway_t *self)
{
    for (const tacit_worker_t *at = tacit_scheduler_workers(self->scheduler); at; at = at->next) {
        tacit_worker_t *worker = tacit_scheduler_seen(self->scheduler, at->key, at->seen_ms);
        tacit_call_t *fetch = worker->context;
        if (fetch && !tacit_call_alive(fetch)) {
            tacit_scheduler_unask(self->scheduler, worker);
            worker->context = NULL;
            tacit_call_finish(&fetch, TACIT_DEADLINE_EXCEEDED, NULL);
        }
    }
}

static void s_sweep_requests(s_gateway_t *self)
{
    tacit_job_t *job = tacit_scheduler_queue(self->scheduler);
    while (job) {
        tacit_job_t *next = job->next;
        s_request_t *request = job->context;
        if (!tacit_call_alive(request->call)) {
            s_end(self, job, TACIT_DEADLINE_EXCEEDED, NULL);
        }
        job = next;
    }
}

/*  --- the end --------------------------------------------------------------------------------- */

/*  Requests that no worker can take any more. One that no worker had did not run.  */
static void s_refuse_queue(s_gateway_t *self)
{
    tacit_job_t *job = NULL;
    while ((job = tacit_scheduler_queue(self->scheduler))) {
        s_end(self, job, job->tries == 0 ? TACIT_DRAINING : TACIT_INFERENCE_WORKER_LOST, NULL);
    }
}

/*  Nothing is left that a worker could be given.  */
static void s_end_fetches(s_gateway_t *self)
{
    for (const tacit_worker_t *at = tacit_scheduler_workers(self->scheduler); at; at = at->next) {
        tacit_worker_t *worker = tacit_scheduler_seen(self->scheduler, at->key, at->seen_ms);
        tacit_call_t *fetch = worker->context;
        if (fetch) {
            tacit_scheduler_unask(self->scheduler, worker);
            worker->context = NULL;
            tacit_call_finish(&fetch, TACIT_DRAINING, NULL);
        }
    }
}

/*  While the server drains, workers go on until every request is answered.  */
static void s_drain(s_gateway_t *self)
{
    bool staffed = false;
    bool working = false;
    for (const tacit_worker_t *at = tacit_scheduler_workers(self->scheduler); at; at = at->next) {
        staffed = staffed || !at->draining;
        working = working || at->job;
    }
    if (!staffed) {
        s_refuse_queue(self);
    }
    if (!working && tacit_scheduler_queued(self->scheduler) == 0) {
        s_end_fetches(self);
    }
}

static int s_on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_gateway_t *self = argument;
    s_sweep_fetches(self);
    s_sweep_requests(self);
    tacit_scheduler_tick(self->scheduler, s_now_ms());
    if (tacit_server_is_draining(self->server)) {
        s_drain(self);
    }
    return 0;
}

/*  --- users ----------------------------------------------------------------------------------- */

static tacit_status_t s_take_model(tacit_span_t owner, tacit_span_t name, uint32_t version,
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
        s_refuse(ret_error, TACIT_INFERENCE_NO_WORKER);
        tacit_error_remedy(ret_error, "the operator starts one: tacit-operator scale --workers 1");
        return TACIT_INFERENCE_NO_WORKER;
    case TACIT_BUSY:
        return s_refuse(ret_error, TACIT_INFERENCE_QUEUE_FULL);
    default:
        return tacit_error_set(ret_error, status, NULL);
    }
}

static tacit_status_t s_infer(void *argument, tacit_call_t *call,
                              const tacit_inference_infer_args_t *args,
                              tacit_inference_infer_result_t *ret_result)
{
    (void)ret_result;
    s_gateway_t *self = argument;
    tacit_error_t *error = tacit_call_error(call);
    tacit_model_id_t model;
    if (s_take_model(args->owner, args->name, args->version, &model)) {
        return tacit_error_claim(error, TACIT_BAD_INPUT, "name", "a model name", NULL);
    }
    s_request_t *request = calloc(1, sizeof *request);
    if (!request) {
        return TACIT_NO_MEMORY;
    }
    request->call = call;
    request->came_us = s_now_us();
    memcpy(request->request_id, args->request_id.data, sizeof request->request_id);
    s_sweep_fetches(self);
    tacit_job_t *job = NULL;
    tacit_status_t status = tacit_scheduler_submit(
        self->scheduler, &model, tacit_call_session(call)->peer_curve, s_now_ms(), request, &job);
    if (status) {
        free(request);
        return s_explain_submit(status, error);
    }
    return TACIT_PENDING;
}

/*  --- workers --------------------------------------------------------------------------------- */

/*  The caller as a registered worker, marked as seen; NULL where it never registered or was lost.
 */
static tacit_worker_t *s_worker(s_gateway_t *self, tacit_call_t *call)
{
    tacit_worker_t *worker =
        tacit_scheduler_seen(self->scheduler, tacit_call_session(call)->peer_curve, s_now_ms());
    if (!worker) {
        tacit_error_set(tacit_call_error(call), TACIT_NOT_FOUND, "not registered as a worker");
    }
    return worker;
}

static tacit_status_t s_register(void *argument, tacit_call_t *call,
                                 const tacit_inference_register_args_t *args,
                                 tacit_inference_register_result_t *ret_result)
{
    (void)args;
    s_gateway_t *self = argument;
    const tacit_session_t *session = tacit_call_session(call);
    tacit_status_t status = tacit_scheduler_register(self->scheduler, session->peer_curve,
                                                     session->peer_result.mrenclave, s_now_ms());
    ret_result->liveness_ms = TACIT_SCHEDULER_LIVENESS_MS;
    return status;
}

static tacit_status_t s_heartbeat(void *argument, tacit_call_t *call,
                                  const tacit_inference_heartbeat_args_t *args,
                                  tacit_inference_heartbeat_result_t *ret_result)
{
    (void)ret_result;
    tacit_worker_t *worker = s_worker(argument, call);
    if (!worker) {
        return TACIT_NOT_FOUND;
    }
    size_t count = 0;
    for (size_t i = 0; i < args->residents.count; i++) {
        const tacit_inference_resident_t *resident = &args->residents.items[i];
        if (!s_take_model(resident->owner, resident->name, resident->version,
                          &worker->residents[count])) {
            count++;
        }
    }
    worker->resident_count = count;
    return TACIT_OK;
}

static tacit_status_t s_fetch(void *argument, tacit_call_t *call,
                              const tacit_inference_fetch_args_t *args,
                              tacit_inference_fetch_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    s_gateway_t *self = argument;
    tacit_worker_t *worker = s_worker(self, call);
    if (!worker) {
        return TACIT_NOT_FOUND;
    }
    /*  The worker asks again as soon as its last fetch is answered by the deadline, which may be
        before the next tick.  */
    s_sweep_fetches(self);
    if (worker->context || worker->draining) {
        return tacit_error_set(tacit_call_error(call), TACIT_BUSY, "one job at a time");
    }
    tacit_scheduler_reclaim(self->scheduler, worker); /* who asks works on nothing */
    s_sweep_requests(self);
    worker->context = call;
    tacit_scheduler_ask(self->scheduler, worker, s_now_ms());
    return TACIT_PENDING;
}

static void s_take_text(char *to, size_t size, tacit_span_t text)
{
    snprintf(to, size, "%.*s", (int)text.size, text.data ? (const char *)text.data : "");
}

static void s_pass_error(const tacit_inference_complete_args_t *args, tacit_error_t *ret_error)
{
    tacit_error_set(ret_error, (tacit_status_t)args->status, NULL);
    s_take_text(ret_error->name, sizeof ret_error->name, args->name);
    s_take_text(ret_error->message, sizeof ret_error->message, args->message);
    s_take_text(ret_error->claim, sizeof ret_error->claim, args->claim);
    s_take_text(ret_error->expected, sizeof ret_error->expected, args->expected);
    s_take_text(ret_error->got, sizeof ret_error->got, args->got);
    s_take_text(ret_error->remedy, sizeof ret_error->remedy, args->remedy);
}

static tacit_status_t s_pass_answer(const tacit_inference_complete_args_t *args,
                                    tacit_call_t *complete, const tacit_job_t *job,
                                    tacit_inference_infer_result_t *ret_result)
{
    s_request_t *request = job->context;
    *ret_result = (tacit_inference_infer_result_t){
        .receipt = args->receipt,
        .result = args->result,
        .queued_us = request->given_us - request->came_us,
        .worker_us = s_now_us() - request->given_us,
        .answer_us = args->answer_us,
        .receipt_us = args->receipt_us,
    };
    if (!args->receipt.data || !args->result.data) {
        return tacit_error_set(tacit_call_error(request->call), TACIT_PROTOCOL_ERROR,
                               "the worker sent no receipt");
    }
    return tacit_call_copy_bulk(request->call, tacit_call_bulk(complete));
}

static tacit_status_t s_complete(void *argument, tacit_call_t *call,
                                 const tacit_inference_complete_args_t *args,
                                 tacit_inference_complete_result_t *ret_result)
{
    (void)ret_result;
    s_gateway_t *self = argument;
    const tacit_worker_t *worker = s_worker(self, call);
    tacit_job_t *job = worker ? tacit_scheduler_job(self->scheduler, worker, args->job) : NULL;
    if (!job) {
        return s_refuse(tacit_call_error(call), TACIT_INFERENCE_JOB_UNKNOWN);
    }
    s_request_t *request = job->context;
    tacit_inference_infer_result_t result = {0};
    tacit_status_t status = (tacit_status_t)args->status;
    if (status) {
        s_pass_error(args, tacit_call_error(request->call));
    } else {
        status = s_pass_answer(args, call, job, &result);
    }
    s_end(self, job, status, &result);
    return TACIT_OK;
}

static tacit_status_t s_leave(void *argument, tacit_call_t *call,
                              const tacit_inference_leave_args_t *args,
                              tacit_inference_leave_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    s_gateway_t *self = argument;
    tacit_worker_t *worker = s_worker(self, call);
    if (!worker) {
        return TACIT_NOT_FOUND;
    }
    tacit_call_t *fetch = worker->context;
    worker->context = NULL;
    if (fetch) {
        tacit_call_finish(&fetch, TACIT_DEADLINE_EXCEEDED, NULL);
    }
    tacit_scheduler_leave(self->scheduler, worker);
    return TACIT_OK;
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
        .last_seen_ms = tacit_now_ms() - (s_now_ms() - worker->seen_ms),
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
    const s_gateway_t *self = argument;
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
    .register_ = s_register,
    .heartbeat = s_heartbeat,
    .fetch = s_fetch,
    .complete = s_complete,
    .leave = s_leave,
    .status = s_status,
};

/*  --- the actor ------------------------------------------------------------------------------- */

static tacit_status_t s_open(tacit_node_t *node, const tacit_service_args_t *args, void **ret_self,
                             tacit_error_t *ret_error)
{
    static const tacit_scheduler_events_t events = {
        .give = s_on_give,
        .lost = s_on_lost,
        .gone = s_on_gone,
    };
    (void)node;
    (void)args;
    s_gateway_t *self = calloc(1, sizeof *self);
    *ret_self = self;
    if (self) {
        self->scheduler = tacit_scheduler_new(&events, self);
    }
    return self && self->scheduler ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
}

static tacit_status_t s_attach(void *argument, tacit_server_t *server, zloop_t *loop,
                               tacit_error_t *ret_error)
{
    s_gateway_t *self = argument;
    self->server = server;
    if (zloop_timer(loop, S_TICK_MS, 0, s_on_tick, argument) < 0) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    return TACIT_OK;
}

static void s_end_request(tacit_job_t *job)
{
    s_request_t *request = job ? job->context : NULL;
    if (request) {
        tacit_call_finish(&request->call, TACIT_INTERRUPTED, NULL);
        free(request);
    }
}

/*  The server is gone by now: finishing a call that still waits only frees it.  */
static void s_close(void **argument)
{
    s_gateway_t *self = *argument;
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
