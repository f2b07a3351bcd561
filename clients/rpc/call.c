/*  call.c - tacit-rpc call: one call, its result as JSON.  */

#include <stdlib.h>

#include "clients/rpc/commands.h"

static tacit_status_t s_print(const tacit_rpc_target_t *target, const void *result,
                              tacit_error_t *ret_error)
{
    json_t *object = tacit_json_write(target->remote, target->method->result, result);
    if (!object) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
    return TACIT_OK;
}

static tacit_status_t s_save(const char *path, tacit_span_t bulk, tacit_error_t *ret_error)
{
    FILE *file = fopen(path, "we");
    bool whole =
        file && fwrite(bulk.data ? (const void *)bulk.data : "", 1, bulk.size, file) == bulk.size;
    if (file && fclose(file) != 0) {
        whole = false;
    }
    return whole ? TACIT_OK
                 : tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot write %s", path);
}

static tacit_status_t s_call(const tacit_invocation_t *invocation, const tacit_rpc_target_t *target,
                             tacit_error_t *ret_error)
{
    const char *out = tacit_invocation_value(invocation, "bulk-out");
    void *result = calloc(1, target->method->result->size);
    tacit_span_t bulk = tacit_span(NULL, 0);
    if (!result) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_client_call(target->link.client, target->method, target->args,
                                              tacit_rpc_target_bulk(target), invocation->timeout_ms,
                                              result, &bulk, ret_error);
    if (!status && out) {
        status = s_save(out, bulk, ret_error);
    }
    if (!status) {
        status = s_print(target, result, ret_error);
    }
    free(result);
    return status;
}

tacit_status_t tacit_rpc_call(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_rpc_target_t target = {0};
    tacit_status_t status = tacit_rpc_target_open(invocation, &target, ret_error);
    if (!status) {
        status = s_call(invocation, &target, ret_error);
    }
    tacit_rpc_target_close(&target);
    return status;
}
