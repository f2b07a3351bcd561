/*  workerd.c - the worker's link to the gateway.

        fetch -> job -> executor thread -> outcome -> complete, fetch again
    heartbeats all the while; a lost gateway is dialled again. $TERM finishes the job in hand. A
    worker is ready once the gateway can give it work.  */

#include "services/inference/workerd.h"

#include <stdlib.h>
#include <unistd.h>

#include "idl/inference.h"
#include "rpc/log.h"
#include "rpc/service.h"
#include "rpc/shared_bytes.h"
#include "rpc/zap.h"
#include "services/inference/executor_thread.h"
#include "services/inference/worker_isolation.h"

enum {
    S_HEARTBEAT_MS = 300,
    S_REDIAL_MS = 250,       /* between two tries to reach the gateway */
    S_FINISH_MS = 30 * 1000, /* at most, for the job in hand when asked to stop */
    S_RUN_MS = 50 * 1000,    /* of a model; below the deadline of who asked */
    S_LEAVE_MS = 1000,
    S_EXIT_EVICTED = 1
};

typedef struct {
    tacit_node_t *node;
    zsock_t *pipe;           /* to who started this actor */
    bool announced;          /* said READY there: registered for the first time */
    zactor_t *executor;      /* thread that runs jobs; takes and gives back tacit_task_t * */
    tacit_client_t *gateway; /* NULL while not connected */
    void *lane;              /* the socket of its bulk lane that the loop watches, or NULL */
    zloop_t *loop;
    tacit_task_t *done; /* outcome not yet delivered */
    bool fetching;      /* a fetch is outstanding */
    bool delivering;    /* a complete is: its bulk may come later than a fetch would */
    bool working;       /* the executor has a task */
    bool stopping;
    tacit_model_id_t residents[TACIT_SCHEDULER_RESIDENTS_MAX];
    size_t resident_count;
} s_worker_t;

/*  --- the gateway ----------------------------------------------------------------------------- */

static int s_on_gateway(zloop_t *loop, zmq_pollitem_t *item, void *argument);

/*  A lane comes with its connection and may end before it: called before the loop waits again.  */
static void s_watch_lane(s_worker_t *self)
{
    void *lane = self->gateway ? tacit_client_lane_socket(self->gateway) : NULL;
    zmq_pollitem_t item = {.socket = self->lane, .events = ZMQ_POLLIN};
    if (lane == self->lane) {
        return;
    }
    if (self->lane) {
        zloop_poller_end(self->loop, &item);
    }
    self->lane = lane;
    if (lane) {
        item.socket = lane;
        zloop_poller(self->loop, &item, s_on_gateway, self);
        zloop_poller_set_tolerant(self->loop, &item);
    }
}

static void s_lose_gateway(s_worker_t *self, const char *why)
{
    if (self->gateway) {
        tacit_log(TACIT_LOG_WARNING, "gateway_lost", "%s", why);
        zmq_pollitem_t item = {.socket = tacit_client_socket(self->gateway)};
        zloop_poller_end(self->loop, &item);
        tacit_client_destroy(&self->gateway);
        s_watch_lane(self);
    }
    self->fetching = false;
    self->delivering = false;
    /*  A job of the former session is nobody's: the gateway gives it to another worker.  */
    tacit_task_destroy(&self->done);
}

static void s_fetch(s_worker_t *self)
{
    if (!self->gateway || self->fetching || self->delivering || self->working || self->done ||
        self->stopping) {
        return;
    }
    tacit_inference_fetch_args_t args = {0};
    uint64_t call = 0;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_client_start(self->gateway, &tacit_inference_fetch, &args, tacit_span(NULL, 0), 0,
                           &call, &error)) {
        s_lose_gateway(self, error.message);
        return;
    }
    self->fetching = true;
}

static void s_state_outcome(const tacit_task_t *task, tacit_inference_complete_args_t *ret_args)
{
    *ret_args = (tacit_inference_complete_args_t){
        .job = task->job,
        .status = (uint32_t)task->status,
    };
    if (task->status) {
        const tacit_error_t *error = &task->error;
        ret_args->name = tacit_span_string(error->name);
        ret_args->message = tacit_span_string(error->message);
        ret_args->claim = tacit_span_string(error->claim);
        ret_args->expected = tacit_span_string(error->expected);
        ret_args->got = tacit_span_string(error->got);
        ret_args->remedy = tacit_span_string(error->remedy);
        ret_args->has_name = ret_args->has_message = ret_args->has_claim = true;
        ret_args->has_expected = ret_args->has_got = ret_args->has_remedy = true;
    } else {
        ret_args->receipt = tacit_span(task->receipt, sizeof task->receipt);
        ret_args->result = tacit_span(task->result, sizeof task->result);
        ret_args->answer_us = task->answer_us;
        ret_args->receipt_us = task->receipt_us;
        ret_args->has_receipt = ret_args->has_result = true;
        ret_args->has_answer_us = ret_args->has_receipt_us = true;
    }
}

static void s_deliver(s_worker_t *self)
{
    if (!self->gateway || !self->done) {
        return;
    }
    tacit_inference_complete_args_t args;
    s_state_outcome(self->done, &args);
    tacit_request_t request = {.method = &tacit_inference_complete, .args = &args};
    if (!self->done->status) {
        request.bulk = tacit_span(self->done->answer, self->done->answer_size);
        request.free_bulk = tacit_shared_bytes_release;
        tacit_shared_bytes_hold(self->done->answer); /* it is kept until it was sent */
    }
    uint64_t call = 0;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_trace_t trace = self->done->trace;
    trace.deadline_ms = 0; /* too late for the user, still news for the gateway */
    tacit_trace_t before = tacit_trace_enter(&trace);
    tacit_status_t status = tacit_client_start_request(self->gateway, &request, &call, &error);
    tacit_trace_enter(&before);
    if (status) {
        s_lose_gateway(self, error.message);
        return;
    }
    self->delivering = true;
    tacit_task_destroy(&self->done);
}

/*  Also tells what is held in memory.  */
static void s_send_heartbeat(s_worker_t *self)
{
    tacit_inference_resident_t items[TACIT_SCHEDULER_RESIDENTS_MAX];
    tacit_inference_heartbeat_args_t args = {0};
    args.residents.items = items;
    args.residents.count = self->resident_count;
    for (size_t i = 0; i < self->resident_count; i++) {
        items[i].owner = tacit_span(self->residents[i].owner, 32);
        items[i].name = tacit_span_string(self->residents[i].name);
        items[i].version = self->residents[i].version;
    }
    uint64_t call = 0;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_client_start(self->gateway, &tacit_inference_heartbeat, &args, tacit_span(NULL, 0), 0,
                           &call, &error)) {
        s_lose_gateway(self, error.message);
    }
}

/*  --- jobs ------------------------------------------------------------------------------------ */

static tacit_task_t *s_take_job(const tacit_inference_fetch_result_t *job, tacit_span_t sealed)
{
    tacit_task_t *task = calloc(1, sizeof *task);
    uint8_t *copy = malloc(sealed.size ? sealed.size : 1);
    if (!task || !copy || job->name.size > TACIT_MODEL_NAME_MAX) {
        free(task);
        free(copy);
        return NULL;
    }
    task->job = job->job;
    task->sealed = copy;
    task->sealed_size = sealed.size;
    memcpy(copy, sealed.data, sealed.size);
    memcpy(task->envelope.request_id, job->request_id.data, TACIT_REQUEST_ID_SIZE);
    memcpy(task->envelope.user, job->user.data, 32);
    memcpy(task->envelope.owner, job->owner.data, 32);
    memcpy(task->envelope.name, job->name.data, job->name.size);
    task->envelope.version = job->version;
    /*  A trace is a name for logs: what is none is left out, and the job goes on.  */
    if (!job->has_traceparent || tacit_trace_parse(job->traceparent, &task->trace)) {
        task->trace.set = false;
    }
    task->trace.deadline_ms = (uint64_t)zclock_mono() + job->remaining_ms;
    return task;
}

static void s_on_fetched(s_worker_t *self, const tacit_reply_t *reply)
{
    self->fetching = false;
    if (reply->status == TACIT_DEADLINE_EXCEEDED) {
        return; /* no job came; ask again */
    }
    if (reply->status) {
        s_lose_gateway(self, reply->error.message);
        return;
    }
    tacit_task_t *task = s_take_job(reply->result, reply->bulk);
    if (!task) {
        s_lose_gateway(self, "no memory for a job");
        return;
    }
    self->working = true;
    tacit_executor_thread_give(self->executor, task);
}

static void s_on_reply(s_worker_t *self, const tacit_reply_t *reply)
{
    self->delivering = self->delivering && reply->method != &tacit_inference_complete;
    if (reply->method == &tacit_inference_fetch) {
        s_on_fetched(self, reply);
    } else if (reply->status && reply->status != TACIT_INFERENCE_JOB_UNKNOWN) {
        s_lose_gateway(self, reply->error.message);
    }
}

static void s_drain_replies(s_worker_t *self)
{
    tacit_reply_t reply;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = TACIT_OK;
    while (self->gateway && !(status = tacit_client_next(self->gateway, 0, &reply, &error))) {
        s_on_reply(self, &reply);
    }
    if (status && status != TACIT_DEADLINE_EXCEEDED) {
        s_lose_gateway(self, error.message);
    }
    s_fetch(self);
    s_watch_lane(self);
}

/*  -1 where the worker was asked to stop and the gateway has the outcome of its last job: one that
    is on its way here counts, too. Without the gateway nobody waits for it.  */
static int s_go_on(const s_worker_t *self)
{
    bool busy = self->fetching || self->working || self->done || self->delivering;
    return self->stopping && (!busy || !self->gateway) ? -1 : 0;
}

static int s_on_gateway(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    s_drain_replies(argument);
    return s_go_on(argument);
}

static int s_on_outcome(zloop_t *loop, zsock_t *reader, void *argument)
{
    (void)loop;
    s_worker_t *self = argument;
    tacit_task_t *done = tacit_executor_thread_take(reader);
    if (!done) {
        return -1;
    }
    self->working = false;
    self->done = done;
    memcpy(self->residents, self->done->residents, sizeof self->residents);
    self->resident_count = self->done->resident_count;
    s_deliver(self);
    s_drain_replies(self);
    return s_go_on(self);
}

/*  --- time ------------------------------------------------------------------------------------ */

static tacit_status_t s_dial(s_worker_t *self, tacit_error_t *ret_error)
{
    tacit_inference_register_args_t args = {0};
    tacit_inference_register_result_t result = {0};
    tacit_status_t status =
        tacit_node_connect(self->node, TACIT_ROLE_GATEWAY, &self->gateway, ret_error);
    if (!status) {
        status = tacit_inference_register_call(self->gateway, &args, &result, ret_error);
    }
    if (status) {
        tacit_client_destroy(&self->gateway);
        return status;
    }
    zmq_pollitem_t item = {.socket = tacit_client_socket(self->gateway), .events = ZMQ_POLLIN};
    zloop_poller(self->loop, &item, s_on_gateway, self);
    zloop_poller_set_tolerant(self->loop, &item);
    tacit_error_t why = {.code = TACIT_OK};
    if (tacit_client_open_lane(self->gateway, &why)) {
        tacit_log(TACIT_LOG_DEBUG, "no_lane", "%s", why.message);
    }
    tacit_log(TACIT_LOG_INFO, "registered", "at the gateway");
    if (!self->announced) {
        tacit_actor_ready(self->pipe, "");
        self->announced = true;
    }
    s_send_heartbeat(self);
    s_fetch(self);
    s_watch_lane(self);
    return TACIT_OK;
}

static int s_on_redial(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_worker_t *self = argument;
    if (!self->gateway && !self->stopping) {
        tacit_error_t error = {.code = TACIT_OK};
        if (s_dial(self, &error)) {
            tacit_log(TACIT_LOG_DEBUG, "gateway_away", "%s", error.message);
        }
    }
    return 0;
}

/*  The one there was may be lost, or was recalled when nothing came for long.  */
static void s_renew_lane(s_worker_t *self)
{
    tacit_error_t why = {.code = TACIT_OK};
    if (tacit_client_lane_lacks(self->gateway) && tacit_client_open_lane(self->gateway, &why)) {
        tacit_log(TACIT_LOG_DEBUG, "no_lane", "%s", why.message);
    }
}

static int s_on_heartbeat(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_worker_t *self = argument;
    if (self->gateway) {
        s_send_heartbeat(self);
    }
    if (self->gateway) {
        s_renew_lane(self);
        s_drain_replies(self); /* deadlines of calls pass without input */
    }
    return s_go_on(self);
}

static int s_on_finish(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    (void)argument;
    return -1;
}

/*  $TERM: no further job, but the one in hand is finished. A second one: not even that.  */
static int s_on_pipe(zloop_t *loop, zsock_t *pipe, void *argument)
{
    s_worker_t *self = argument;
    char *command = zstr_recv(pipe);
    bool terminated = !command || strcmp(command, "$TERM") == 0;
    freen(command);
    if (!terminated || self->stopping) {
        return terminated ? -1 : 0;
    }
    self->stopping = true;
    if (self->gateway) {
        tacit_inference_leave_args_t args = {0};
        uint64_t call = 0;
        if (tacit_client_start(self->gateway, &tacit_inference_leave, &args, tacit_span(NULL, 0),
                               S_LEAVE_MS, &call, NULL)) {
            s_lose_gateway(self, "cannot take leave");
        }
        s_watch_lane(self);
    }
    zloop_timer(loop, S_FINISH_MS, 1, s_on_finish, self);
    return s_go_on(self);
}

/*  --- the actor ------------------------------------------------------------------------------- */

static tacit_status_t s_start(s_worker_t *self, const tacit_service_args_t *args,
                              tacit_error_t *ret_error)
{
    tacit_node_config_t config = {
        .role = TACIT_ROLE_WORKER,
        .trust = &args->trust,
        .platform_socket = args->platform,
    };
    tacit_status_t status = tacit_node_new(&config, &self->node, ret_error);
    if (!status) {
        status = tacit_worker_lock_memory(ret_error);
    }
    if (!status) {
        status = tacit_node_attest(self->node, "", ret_error);
    }
    if (status) {
        return status;
    }
    tacit_executor_thread_args_t executor = {.node = self->node, .options.run_ms = S_RUN_MS};
    status = tacit_worker_isolate(self->node, &executor.isolation, &executor.options, ret_error);
    if (status) {
        return status;
    }
    self->executor = zactor_new(tacit_executor_thread, &executor);
    self->loop = zloop_new();
    if (!self->executor || !self->loop) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    zloop_set_nonstop(self->loop, true);
    zloop_reader(self->loop, zactor_sock(self->executor), s_on_outcome, self);
    zloop_timer(self->loop, S_HEARTBEAT_MS, 0, s_on_heartbeat, self);
    zloop_timer(self->loop, S_REDIAL_MS, 0, s_on_redial, self);
    return tacit_node_attach(self->node, self->loop);
}

static void s_stop(s_worker_t *self)
{
    zloop_destroy(&self->loop);
    /*  Not wanted any more, or nobody is there to take the answer: the job in hand is not finished
        first. Its end takes with it whatever keys and plaintext the executor holds, at once.  */
    bool evicted = self->node && tacit_node_is_evicted(self->node);
    if (self->working && (evicted || (self->stopping && !self->gateway))) {
        _exit(evicted ? S_EXIT_EVICTED : 0);
    }
    if (self->executor && self->working) {
        zsock_set_rcvtimeo(self->executor, S_FINISH_MS);
        self->done = tacit_executor_thread_take(zactor_sock(self->executor));
    }
    tacit_task_destroy(&self->done);
    zactor_destroy(&self->executor);
    tacit_client_destroy(&self->gateway);
    tacit_node_destroy(&self->node);
}

void tacit_workerd_actor(zsock_t *pipe, void *args)
{
    zsock_signal(pipe, 0);
    s_worker_t self = {.pipe = pipe};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_zap_start();
    if (s_start(&self, args, &error)) {
        tacit_actor_failed(pipe, &error);
        tacit_actor_linger(pipe);
    } else {
        zloop_reader(self.loop, pipe, s_on_pipe, &self);
        s_on_redial(self.loop, 0, &self);
        zloop_start(self.loop);
    }
    s_stop(&self);
    tacit_zap_stop();
}
