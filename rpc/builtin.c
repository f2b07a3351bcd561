/*  builtin.c - tables and handlers of the methods that every service has.  */

#include "rpc/builtin.h"

#include <stdio.h>

#include "rpc/call.h"
#include "rpc/server_observe.h"

static const tacit_record_t s_args_record = {
    .name = "builtin.args",
    .size = sizeof(tacit_builtin_args_t),
    .encoded_max = 1,
};

static const tacit_field_t s_health_fields[] = {
    {.name = "status",
     .number = 1,
     .kind = TACIT_KIND_STRING,
     .offset = offsetof(tacit_health_result_t, status),
     .max = TACIT_HEALTH_STATUS_MAX},
};

static const tacit_record_t s_health_record = {
    .name = "builtin.health.result",
    .size = sizeof(tacit_health_result_t),
    .fields = s_health_fields,
    .field_count = 1,
    .encoded_max = TACIT_HEALTH_STATUS_MAX + 4,
};

static const tacit_field_t s_describe_fields[] = {
    {.name = "text",
     .number = 1,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_describe_result_t, text),
     .max = TACIT_DESCRIBE_TEXT_MAX},
    {.name = "sha256",
     .number = 2,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_describe_result_t, sha256),
     .min = 32,
     .max = 32},
    {.name = "contract",
     .number = 3,
     .kind = TACIT_KIND_BYTES,
     .optional = true,
     .offset = offsetof(tacit_describe_result_t, contract),
     .has_offset = offsetof(tacit_describe_result_t, has_contract),
     .max = TACIT_DESCRIBE_CONTRACT_MAX},
};

static const tacit_record_t s_describe_record = {
    .name = "builtin.describe.result",
    .size = sizeof(tacit_describe_result_t),
    .fields = s_describe_fields,
    .field_count = 3,
    .encoded_max = TACIT_DESCRIBE_TEXT_MAX + TACIT_DESCRIBE_CONTRACT_MAX + 64,
};

static const tacit_field_t s_metrics_fields[] = {
    {.name = "text",
     .number = 1,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_metrics_result_t, text),
     .max = TACIT_METRICS_TEXT_MAX},
};

static const tacit_record_t s_metrics_record = {
    .name = "builtin.metrics.result",
    .size = sizeof(tacit_metrics_result_t),
    .fields = s_metrics_fields,
    .field_count = 1,
    .encoded_max = TACIT_METRICS_TEXT_MAX + 8,
};

/*  A server that answers at all serves, or finishes what it accepted.  */
static tacit_status_t s_health(const void *handlers, void *self, tacit_call_t *call,
                               const void *args, void *ret_result)
{
    (void)handlers;
    (void)self;
    (void)args;
    bool draining = call->server && tacit_server_is_draining(call->server);
    ((tacit_health_result_t *)ret_result)->status =
        tacit_span_string(draining ? "draining" : "ready");
    return TACIT_OK;
}

static tacit_status_t s_describe(const void *handlers, void *self, tacit_call_t *call,
                                 const void *args, void *ret_result)
{
    (void)handlers;
    (void)call;
    (void)args;
    const tacit_service_t *service = self;
    tacit_describe_result_t *result = ret_result;
    result->text = tacit_span_string(service->text);
    result->sha256 = tacit_span(service->sha256, sizeof service->sha256);
    result->has_contract = service->contract != NULL;
    result->contract = tacit_span(service->contract, service->contract_size);
    return TACIT_OK;
}

static tacit_status_t s_metrics(const void *handlers, void *self, tacit_call_t *call,
                                const void *args, void *ret_result)
{
    (void)handlers;
    (void)self;
    (void)args;
    return tacit_server_metrics_text(call, &((tacit_metrics_result_t *)ret_result)->text);
}

static const struct {
    const char *name;
    const tacit_record_t *result;
    tacit_caller_kind_t caller;
    tacit_status_t (*invoke)(const void *handlers, void *self, tacit_call_t *call, const void *args,
                             void *ret_result);
} s_methods[TACIT_BUILTIN_METHODS] = {
    [TACIT_BUILTIN_HEALTH] = {"health", &s_health_record, TACIT_CALLER_ANYONE, s_health},
    [TACIT_BUILTIN_DESCRIBE] = {"describe", &s_describe_record, TACIT_CALLER_ANYONE, s_describe},
    [TACIT_BUILTIN_METRICS] = {"metrics", &s_metrics_record, TACIT_CALLER_OPERATOR, s_metrics},
};

tacit_status_t tacit_builtin_init(tacit_builtin_t *builtin, const char *service)
{
    for (size_t i = 0; i < TACIT_BUILTIN_METHODS; i++) {
        char *name = builtin->names[i];
        int size = snprintf(name, sizeof builtin->names[i], "%s.%s", service, s_methods[i].name);
        if (size < 0 || (size_t)size >= sizeof builtin->names[i]) {
            return TACIT_BAD_INPUT;
        }
        builtin->methods[i] = (tacit_method_t){
            .name = name,
            .args = &s_args_record,
            .result = s_methods[i].result,
            .caller = s_methods[i].caller,
            .deadline_ms = TACIT_BUILTIN_DEADLINE_MS,
            .idempotent = true,
            .invoke = s_methods[i].invoke,
        };
    }
    return TACIT_OK;
}
