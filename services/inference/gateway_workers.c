/*  gateway_workers.c - how workers come, take jobs, bring answers and go.  */

#include "services/inference/gateway.h"

/*  The caller as a registered worker, marked as seen; NULL where it never registered or was lost.
 */
static tacit_worker_t *s_worker(tacit_gateway_t *self, tacit_call_t *call)
{
    tacit_worker_t *worker = tacit_scheduler_seen(
        self->scheduler, tacit_call_session(call)->peer_curve, tacit_gateway_now_ms());
    if (!worker) {
        tacit_error_set(tacit_call_error(call), TACIT_NOT_FOUND, "not registered as a worker");
    }
    return worker;
}

tacit_status_t tacit_gateway_register(void *argument, tacit_call_t *call,
                                      const tacit_inference_register_args_t *args,
                                      tacit_inference_register_result_t *ret_result)
{
    (void)args;
    tacit_gateway_t *self = argument;
    const tacit_session_t *session = tacit_call_session(call);
    tacit_status_t status =
        tacit_scheduler_register(self->scheduler, session->peer_curve,
                                 session->peer_result.mrenclave, tacit_gateway_now_ms());
    ret_result->liveness_ms = TACIT_SCHEDULER_LIVENESS_MS;
    return status;
}

tacit_status_t tacit_gateway_heartbeat(void *argument, tacit_call_t *call,
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
        if (!tacit_gateway_take_model(resident->owner, resident->name, resident->version,
                                      &worker->residents[count])) {
            count++;
        }
    }
    worker->resident_count = count;
    return TACIT_OK;
}

tacit_status_t tacit_gateway_fetch(void *argument, tacit_call_t *call,
                                   const tacit_inference_fetch_args_t *args,
                                   tacit_inference_fetch_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    tacit_gateway_t *self = argument;
    tacit_worker_t *worker = s_worker(self, call);
    if (!worker) {
        return TACIT_NOT_FOUND;
    }
    /*  The worker asks again as soon as its last fetch is answered by the deadline, which may be
        before the next tick.  */
    tacit_gateway_sweep_fetches(self);
    if (worker->context || worker->draining) {
        return tacit_error_set(tacit_call_error(call), TACIT_BUSY, "one job at a time");
    }
    tacit_scheduler_reclaim(self->scheduler, worker); /* who asks works on nothing */
    tacit_gateway_sweep_requests(self);
    worker->context = call;
    tacit_scheduler_ask(self->scheduler, worker, tacit_gateway_now_ms());
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
    tacit_gateway_request_t *request = job->context;
    *ret_result = (tacit_inference_infer_result_t){
        .receipt = args->receipt,
        .result = args->result,
        .queued_us = request->given_us - request->came_us,
        .worker_us = tacit_gateway_now_us() - request->given_us,
        .answer_us = args->answer_us,
        .receipt_us = args->receipt_us,
    };
    if (!args->receipt.data || !args->result.data) {
        return tacit_error_set(tacit_call_error(request->call), TACIT_PROTOCOL_ERROR,
                               "the worker sent no receipt");
    }
    return tacit_call_copy_bulk(request->call, tacit_call_bulk(complete));
}

tacit_status_t tacit_gateway_complete(void *argument, tacit_call_t *call,
                                      const tacit_inference_complete_args_t *args,
                                      tacit_inference_complete_result_t *ret_result)
{
    (void)ret_result;
    tacit_gateway_t *self = argument;
    const tacit_worker_t *worker = s_worker(self, call);
    tacit_job_t *job = worker ? tacit_scheduler_job(self->scheduler, worker, args->job) : NULL;
    if (!job) {
        return tacit_gateway_refuse(tacit_call_error(call), TACIT_INFERENCE_JOB_UNKNOWN);
    }
    tacit_gateway_request_t *request = job->context;
    tacit_inference_infer_result_t result = {0};
    tacit_status_t status = (tacit_status_t)args->status;
    if (status) {
        s_pass_error(args, tacit_call_error(request->call));
    } else {
        status = s_pass_answer(args, call, job, &result);
    }
    tacit_gateway_end(self, job, status, &result);
    return TACIT_OK;
}

tacit_status_t tacit_gateway_leave(void *argument, tacit_call_t *call,
                                   const tacit_inference_leave_args_t *args,
                                   tacit_inference_leave_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    tacit_gateway_t *self = argument;
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
