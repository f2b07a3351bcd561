/*  call.c - tacit-rpc call: one call, its result as JSON.  */

#include <sodium.h>
#include <stdlib.h>

#include "clients/rpc/commands.h"
#include "rpc/frame.h"

/*  What describe and metrics tell is text, though its type is bytes.  */
static bool s_tells_text(const tacit_rpc_target_t *target, const json_t *object)
{
    const tacit_method_t *builtin = target->builtin.methods;
    return target->method >= builtin && target->method < builtin + TACIT_BUILTIN_METHODS &&
           json_object_get(object, "text");
}

tacit_status_t tacit_rpc_print(const tacit_rpc_target_t *target, const void *result, FILE *file,
                               tacit_error_t *ret_error)
{
    json_t *object = tacit_json_write(target->remote, target->method->result, result);
    if (!object) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (s_tells_text(target, object)) {
        tacit_span_t text; /* the first field of both */
        memcpy(&text, (const uint8_t *)result + target->method->result->fields[0].offset,
               sizeof text);
        json_object_set_new(object, "text", json_stringn((const char *)text.data, text.size));
    }
    json_dumpf(object, file, JSON_INDENT(2));
    (void)fputc('\n', file);
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

/*  The idempotency key, nothing where none is given; dashes are allowed, as in a UUID.  */
static tacit_status_t s_read_key(const tacit_invocation_t *invocation, const tacit_method_t *method,
                                 uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX], tacit_span_t *ret_key,
                                 tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(invocation, "key");
    size_t size = 0;
    if (!text) {
        return TACIT_OK;
    }
    if (sodium_hex2bin(key, TACIT_IDEMPOTENCY_KEY_MAX, text, strlen(text), "-", &size, NULL) != 0 ||
        size == 0) {
        return tacit_usage_error(invocation, ret_error, "--key takes 2 to %d hex digits",
                                 2 * (int)TACIT_IDEMPOTENCY_KEY_MAX);
    }
    if (method->keyed == TACIT_KEYED_NONE) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               method->idempotent ? "%s needs no key: it is idempotent"
                                                  : "%s is not keyed: it keeps no answers",
                               method->name);
    }
    *ret_key = tacit_span(key, size);
    return TACIT_OK;
}

static tacit_status_t s_call(const tacit_invocation_t *invocation, const tacit_rpc_target_t *target,
                             tacit_error_t *ret_error)
{
    uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX];
    tacit_request_t request = {.method = target->method,
                               .args = target->args,
                               .bulk = tacit_rpc_target_bulk(target),
                               .deadline_ms = invocation->timeout_ms};
    const char *out = tacit_invocation_value(invocation, "bulk-out");
    if (tacit_invocation_value(invocation, "in") || tacit_invocation_value(invocation, "out")) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has no streams",
                               target->method->name);
    }
    tacit_status_t status =
        s_read_key(invocation, target->method, key, &request.idempotency_key, ret_error);
    if (status) {
        return status;
    }
    void *result = calloc(1, target->method->result->size);
    tacit_span_t bulk = tacit_span(NULL, 0);
    if (!result) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    status = tacit_client_call_request(target->link.client, &request, result, &bulk, ret_error);
    if (!status && out) {
        status = s_save(out, bulk, ret_error);
    }
    if (!status) {
        status = tacit_rpc_print(target, result, stdout, ret_error);
    }
    free(result);
    return status;
}

tacit_status_t tacit_rpc_call(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_rpc_target_t target = {0};
    tacit_status_t status = tacit_rpc_target_open(invocation, &target, ret_error);
    if (!status) {
        const tacit_method_t *method = target.method;
        bool streams = method->stream_in.chunk_max > 0 || method->stream_out.chunk_max > 0;
        status = streams ? tacit_rpc_call_streams(invocation, &target, ret_error)
                         : s_call(invocation, &target, ret_error);
    }
    tacit_rpc_target_close(&target);
    return status;
}
