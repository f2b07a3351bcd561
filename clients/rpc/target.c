/*  target.c - operands and options into a method, its arguments and its bulk.  */

#include <stdlib.h>

#include "clients/lib/file.h"
#include "clients/rpc/commands.h"

/*  All of a stream, up to a bound, terminated. NULL where it cannot be read, or is longer.  */
static char *s_read_all(FILE *file)
{
    char *text = malloc(TACIT_RPC_INPUT_MAX + 1);
    size_t size = text ? fread(text, 1, TACIT_RPC_INPUT_MAX + 1, file) : 0;
    if (!text || ferror(file) || size > TACIT_RPC_INPUT_MAX) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static char *s_read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file ? s_read_all(file) : NULL;
    if (file) {
        (void)fclose(file);
    }
    return text;
}

/*  "-": standard input; "@FILE": that file; else the JSON itself.  */
static tacit_status_t s_parse(const char *operand, json_t **ret_json, tacit_error_t *ret_error)
{
    json_error_t reason;
    bool direct = strcmp(operand, "-") != 0 && operand[0] != '@';
    char *read = NULL;
    if (!direct) {
        read = operand[0] == '@' ? s_read_file(operand + 1) : s_read_all(stdin);
        if (!read) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                   "the arguments cannot be read, or have more than %d bytes",
                                   (int)TACIT_RPC_INPUT_MAX);
        }
    }
    *ret_json = json_loads(direct ? operand : read, JSON_REJECT_DUPLICATES, &reason);
    free(read);
    if (!*ret_json) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the arguments are no JSON: %s (%d:%d)",
                               reason.text, reason.line, reason.column);
    }
    return TACIT_OK;
}

static tacit_status_t s_take_args(const tacit_invocation_t *invocation, tacit_rpc_target_t *target,
                                  tacit_error_t *ret_error)
{
    const char *operand = invocation->operand_count > 1 ? invocation->operands[1] : "{}";
    const char *bulk = tacit_invocation_value(invocation, "bulk");
    target->arena = tacit_arena_new();
    target->args = calloc(1, target->method->args->size);
    if (!target->arena || !target->args) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_parse(operand, &target->json, ret_error);
    if (!status) {
        status = tacit_json_read(target->remote, target->method->args, target->json, target->arena,
                                 target->args, ret_error);
    }
    if (!status && bulk) {
        size_t most = target->method->bulk_in_max;
        status = most > 0 ? tacit_file_read(bulk, most, &target->bulk, ret_error)
                          : tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s takes no bulk",
                                            target->method->name);
    }
    return status;
}

/*  The method of the contract, else what every service has.  */
static const tacit_method_t *s_method(tacit_rpc_target_t *target, const char *service,
                                      const char *name)
{
    const tacit_method_t *method = tacit_remote_method(target->remote, name);
    if (!method && tacit_builtin_init(&target->builtin, service) == TACIT_OK) {
        for (size_t i = 0; i < TACIT_BUILTIN_METHODS && !method; i++) {
            method =
                strcmp(target->builtin.names[i], name) == 0 ? &target->builtin.methods[i] : NULL;
        }
    }
    return method;
}

tacit_status_t tacit_rpc_target_open(const tacit_invocation_t *invocation,
                                     tacit_rpc_target_t *target, tacit_error_t *ret_error)
{
    const char *name = invocation->operands[0];
    const char *dot = strchr(name, '.');
    char service[TACIT_METHOD_NAME_MAX + 1];
    if (!dot || dot == name || (size_t)(dot - name) >= sizeof service) {
        return tacit_usage_error(invocation, ret_error, "%s is not SERVICE.METHOD", name);
    }
    memcpy(service, name, (size_t)(dot - name));
    service[dot - name] = '\0';
    tacit_status_t status = tacit_link_open(invocation, service, &target->link, ret_error);
    if (!status) {
        status = tacit_remote_fetch(target->link.client, service, &target->remote, ret_error);
    }
    if (status) {
        return status;
    }
    target->method = s_method(target, service, name);
    if (!target->method) {
        tacit_error_set(ret_error, TACIT_NOT_FOUND, "%s has no method %s", service, dot + 1);
        tacit_error_remedy(ret_error, "tacit-rpc describe %s tells what there is", service);
        return TACIT_NOT_FOUND;
    }
    status = s_take_args(invocation, target, ret_error);
    if (status == TACIT_BAD_INPUT && ret_error && !ret_error->remedy[0]) {
        tacit_error_remedy(ret_error, "tacit-rpc describe %s tells what it takes", name);
    }
    return status;
}

void tacit_rpc_target_close(tacit_rpc_target_t *target)
{
    json_decref(target->json);
    free(target->args);
    tacit_secret_destroy(&target->bulk);
    tacit_arena_destroy(&target->arena);
    tacit_remote_destroy(&target->remote);
    tacit_link_close(&target->link);
}

tacit_span_t tacit_rpc_target_bulk(const tacit_rpc_target_t *target)
{
    return target->bulk ? tacit_span(target->bulk->data, target->bulk->size) : tacit_span(NULL, 0);
}
