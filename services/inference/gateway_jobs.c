/*  gateway_jobs.c - requests and fetches: matched, swept, ended.  */

#include <sodium.h>
#include <stdlib.h>

#include "rpc/log.h"
#include "services/inference/gateway.h"

/*  --- ends of a job --------------------------------------------------------------------------- */

static void s_answer(tacit_gateway_t *self, tacit_gateway_request_t *request, tacit_status_t status,
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

void tacit_gateway_end(tacit_gateway_t *gateway, tacit_job_t *job, tacit_status_t status,
                       const tacit_inference_infer_result_t *result)
{
    s_answer(gateway, job->context, status, result);
    tacit_scheduler_end(gateway->scheduler, job, status == TACIT_OK);
}

/*  --- what the scheduler decides -------------------------------------------------------------- */

static void s_on_give(void *context, tacit_worker_t *worker, tacit_job_t *job)
{
    tacit_gateway_t *self = context;
    tacit_gateway_request_t *request = job->context;
    tacit_call_t *fetch = worker->context;
    worker->context = NULL;
    request->given_us = tacit_gateway_now_us();
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
        tacit_gateway_end(self, job, status, NULL); /* the worker never heard of it */
    }
}

static void s_on_lost(void *context, tacit_job_t *job)
{
    tacit_gateway_t *self = context;
    tacit_gateway_request_t *request = job->context;
    tacit_gateway_refuse(tacit_call_error(request->call), TACIT_INFERENCE_WORKER_LOST);
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

const tacit_scheduler_events_t tacit_gateway_events = {
    .give = s_on_give,
    .lost = s_on_lost,
    .gone = s_on_gone,
};

/*  --- calls that ended by themselves ---------------------------------------------------------- */

void tacit_gateway_sweep_fetches(tacit_gateway_t *gateway)
{
    for (const tacit_worker_t *at = tacit_scheduler_workers(gateway->scheduler); at;
         at = at->next) {
        tacit_worker_t *worker = tacit_scheduler_seen(gateway->scheduler, at->key, at->seen_ms);
        tacit_call_t *fetch = worker->context;
        if (fetch && !tacit_call_alive(fetch)) {
            tacit_scheduler_unask(gateway->scheduler, worker);
            worker->context = NULL;
            tacit_call_finish(&fetch, TACIT_DEADLINE_EXCEEDED, NULL);
        }
    }
}

void tacit_gateway_sweep_requests(tacit_gateway_t *gateway)
{
    tacit_job_t *job = tacit_scheduler_queue(gateway->scheduler);
    while (job) {
        tacit_job_t *next = job->next;
        tacit_gateway_request_t *request = job->context;
        if (!tacit_call_alive(request->call)) {
            tacit_gateway_end(gateway, job, TACIT_DEADLINE_EXCEEDED, NULL);
        }
        job = next;
    }
}

/*  --- the end --------------------------------------------------------------------------------- */

/*  Requests that no worker can take any more. One that no worker had did not run.  */
static void s_refuse_queue(tacit_gateway_t *self)
{
    tacit_job_t *job = NULL;
    while ((job = tacit_scheduler_queue(self->scheduler))) {
        tacit_gateway_end(self, job, job->tries == 0 ? TACIT_DRAINING : TACIT_INFERENCE_WORKER_LOST,
                          NULL);
    }
}

/*  Nothing is left that a worker could be given.  */
static void s_end_fetches(tacit_gateway_t *self)
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

void tacit_gateway_drain(tacit_gateway_t *gateway)
{
    bool staffed = false;
    bool working = false;
    for (const tacit_worker_t *at = tacit_scheduler_workers(gateway->scheduler); at;
         at = at->next) {
        staffed = staffed || !at->draining;
        working = working || at->job;
    }
    if (!staffed) {
        s_refuse_queue(gateway);
    }
    if (!working && tacit_scheduler_queued(gateway->scheduler) == 0) {
        s_end_fetches(gateway);
    }
}
