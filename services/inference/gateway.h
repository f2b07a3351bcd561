/*  gateway.h - the gateway within: what its files share. Nobody else includes it.

    A user's infer and a worker's fetch are both calls that are answered later. A job's context is
    the user's call, a worker's context its waiting fetch. Either may end by its deadline or because
    its peer went away; such calls are swept before anything is matched. One thread only.  */

#ifndef TACIT_SERVICES_INFERENCE_GATEWAY_H
#define TACIT_SERVICES_INFERENCE_GATEWAY_H

#include "enclave/envelope.h"
#include "idl/inference.h"
#include "rpc/server.h"
#include "services/inference/scheduler.h"

typedef struct tacit_gateway {
    tacit_scheduler_t *scheduler;
    const tacit_server_t *server;
    uint64_t answered;
    uint64_t failed;
} tacit_gateway_t;

/*  What a job carries beside what the scheduler needs.  */
typedef struct tacit_gateway_request {
    tacit_call_t *call; /* the user's infer */
    uint8_t request_id[TACIT_REQUEST_ID_SIZE];
    uint64_t came_us;  /* for the user's timing; the scheduler counts in milliseconds */
    uint64_t given_us; /* to the worker that has it */
} tacit_gateway_request_t;

/*  Of the clock that nobody sets: a corrected wall clock must not lose workers.  */
uint64_t tacit_gateway_now_ms(void);
uint64_t tacit_gateway_now_us(void);

/*  Sets one of the contract's own errors; returns the code.  */
tacit_status_t tacit_gateway_refuse(tacit_error_t *ret_error, tacit_status_t code);

/*  BAD_INPUT where the name is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_gateway_take_model(tacit_span_t owner, tacit_span_t name,
                                                         uint32_t version,
                                                         tacit_model_id_t *ret_model);

/*  --- gateway_jobs.c: what becomes of requests and fetches -------------------------------------
 */

/*  What the scheduler decides; the context is the gateway.  */
extern const tacit_scheduler_events_t tacit_gateway_events;

/*  Answers the user and forgets the job.  */
void tacit_gateway_end(tacit_gateway_t *gateway, tacit_job_t *job, tacit_status_t status,
                       const tacit_inference_infer_result_t *result);

/*  Lets go of calls that ended by themselves.  */
void tacit_gateway_sweep_fetches(tacit_gateway_t *gateway);
void tacit_gateway_sweep_requests(tacit_gateway_t *gateway);

/*  While the server drains, workers go on until every request is answered.  */
void tacit_gateway_drain(tacit_gateway_t *gateway);

/*  --- gateway_workers.c: methods of workers ----------------------------------------------------
 */

tacit_status_t tacit_gateway_register(void *argument, tacit_call_t *call,
                                      const tacit_inference_register_args_t *args,
                                      tacit_inference_register_result_t *ret_result);
tacit_status_t tacit_gateway_heartbeat(void *argument, tacit_call_t *call,
                                       const tacit_inference_heartbeat_args_t *args,
                                       tacit_inference_heartbeat_result_t *ret_result);
tacit_status_t tacit_gateway_fetch(void *argument, tacit_call_t *call,
                                   const tacit_inference_fetch_args_t *args,
                                   tacit_inference_fetch_result_t *ret_result);
tacit_status_t tacit_gateway_complete(void *argument, tacit_call_t *call,
                                      const tacit_inference_complete_args_t *args,
                                      tacit_inference_complete_result_t *ret_result);
tacit_status_t tacit_gateway_leave(void *argument, tacit_call_t *call,
                                   const tacit_inference_leave_args_t *args,
                                   tacit_inference_leave_result_t *ret_result);

#endif
