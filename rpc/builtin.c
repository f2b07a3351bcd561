/*  builtin.c - tables and handlers of the methods that every service has.  */

#include "rpc/builtin.h"

#include <stdio.h>

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
};

static const tacit_record_t s_describe_record = {
    .name = "builtin.describe.result",
    .size = sizeof(tacit_describe_result_t),
    .fields = s_describe_fields,
    .field_count = 2,
    .encoded_max = TACIT_DESCRIBE_TEXT_MAX + 64,
};

/*  A server that answers at all serves.  */
static tacit_status_t s_health(const void *handlers, void *self, tacit_call_t *call,
                               const void *args, void *ret_result)
{
    (void)handlers;
    (void)self;
    (void)call;
    (void)args;
    ((tacit_health_result_t *)ret_result)->status = tacit_span_string("ready");
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
    return TACIT_OK;
}

tacit_status_t tacit_builtin_init(tacit_builtin_t *builtin, const char *service)
{
    if (strlen(service) + sizeof ".describe" > sizeof builtin->describe_name) {
        return TACIT_BAD_INPUT;
    }
    snprintf(builtin->health_name, sizeof builtin->health_name, "%s.health", service);
    snprintf(builtin->describe_name, sizeof builtin->describe_name, "%s.describe", service);
    builtin->health = (tacit_method_t){
        .name = builtin->health_name,
        .args = &s_args_record,
        .result = &s_health_record,
        .caller = TACIT_CALLER_ANYONE,
        .deadline_ms = TACIT_BUILTIN_DEADLINE_MS,
        .invoke = s_health,
    };
    builtin->describe = builtin->health;
    builtin->describe.name = builtin->describe_name;
    builtin->describe.result = &s_describe_record;
    builtin->describe.invoke = s_describe;
    return TACIT_OK;
}
