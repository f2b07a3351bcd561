/*  describe.c - tacit-rpc describe: the contract of a running service, as text or as data.  */

#include <sodium.h>

#include "clients/rpc/commands.h"
#include "clients/rpc/excerpt.h"
#include "rpc/builtin.h"

/*  Foreign text on a terminal: nothing but lines of printable characters and UTF-8.  */
static void s_print_text(tacit_span_t text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
        putchar(control ? '?' : byte);
    }
}

static json_t *s_text(tacit_span_t text)
{
    return json_stringn(text.data ? (const char *)text.data : "", text.size);
}

static json_t *s_field(const tacit_contract_contract_t *contract,
                       const tacit_contract_field_t *field)
{
    json_t *object =
        json_pack("{s:i, s:o, s:s, s:b}", "number", (int)field->number, "name", s_text(field->name),
                  "kind", tacit_contract_kind_name(field->kind), "optional", (int)field->optional);
    if (field->has_min) {
        json_object_set_new(object, "min", json_integer((json_int_t)field->min));
    }
    if (field->has_max) {
        json_object_set_new(object, "max", json_integer((json_int_t)field->max));
    }
    if (field->has_list_max) {
        json_object_set_new(object, "list_max", json_integer(field->list_max));
    }
    if (field->kind == TACIT_CONTRACT_KIND_ENUMERATION) {
        json_object_set_new(object, "of", s_text(contract->enums.items[field->target].name));
    }
    if (field->kind == TACIT_CONTRACT_KIND_STRUCTURE) {
        json_object_set_new(object, "of", s_text(contract->records.items[field->target].name));
    }
    return object;
}

static json_t *s_record(const tacit_contract_contract_t *contract, size_t index)
{
    const tacit_contract_record_t *record = &contract->records.items[index];
    json_t *fields = json_array();
    for (size_t i = 0; i < record->fields.count; i++) {
        json_array_append_new(fields, s_field(contract, &record->fields.items[i]));
    }
    return fields;
}

/*  NULL, which json_pack's "o*" leaves out, where there is none.  */
static json_t *s_stream(bool has, const tacit_contract_stream_t *stream)
{
    return has ? json_pack("{s:I, s:I, s:b}", "chunk_max", (json_int_t)stream->chunk_max,
                           "total_max", (json_int_t)stream->total_max, "resumable",
                           (int)(stream->has_resumable && stream->resumable))
               : NULL;
}

/*  The same; a bound that there is not is left out.  */
static json_t *s_share(bool has, const tacit_contract_share_t *share)
{
    json_t *object = has ? json_object() : NULL;
    if (has && share->has_all) {
        json_object_set_new(object, "all", json_integer(share->all));
    }
    if (has && share->has_per_caller) {
        json_object_set_new(object, "per_caller", json_integer(share->per_caller));
    }
    return object;
}

static json_t *s_method(const tacit_contract_contract_t *contract,
                        const tacit_contract_call_t *call)
{
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:i, s:I, s:I, s:o, s:b, s:i, s:o*, s:o*, s:b, s:o*, s:o*}", "name",
        s_text(call->name), "arguments", s_record(contract, call->args), "result",
        s_record(contract, call->result), "caller", tacit_contract_caller_name(call->caller),
        "deadline_ms", (int)call->deadline_ms, "bulk_in_max", (json_int_t)call->bulk_in_max,
        "bulk_out_max", (json_int_t)call->bulk_out_max, "doc", s_text(call->doc), "idempotent",
        (int)(call->has_idempotent && call->idempotent), "keyed",
        call->has_keyed ? (int)call->keyed : 0, "stream_in",
        s_stream(call->has_stream_in, &call->stream_in), "stream_out",
        s_stream(call->has_stream_out, &call->stream_out), "blocking",
        (int)(call->has_blocking && call->blocking), "limit",
        s_share(call->has_limit, &call->limit), "queue", s_share(call->has_queue, &call->queue));
}

static json_t *s_methods(const tacit_contract_contract_t *contract)
{
    json_t *array = json_array();
    for (size_t i = 0; i < contract->calls.count; i++) {
        json_array_append_new(array, s_method(contract, &contract->calls.items[i]));
    }
    return array;
}

static json_t *s_errors(const tacit_contract_contract_t *contract)
{
    json_t *array = json_array();
    for (size_t i = 0; i < contract->errors.count; i++) {
        const tacit_contract_failure_t *error = &contract->errors.items[i];
        json_array_append_new(array,
                              json_pack("{s:I, s:o, s:o}", "code", (json_int_t)error->code, "name",
                                        s_text(error->name), "text", s_text(error->text)));
    }
    return array;
}

static json_t *s_structs(const tacit_contract_contract_t *contract)
{
    json_t *object = json_object();
    for (size_t i = 0; i < contract->records.count; i++) {
        tacit_span_t name = contract->records.items[i].name;
        if (!memchr(name.data, '.', name.size)) { /* else of a method, and told there */
            json_object_setn_new(object, (const char *)name.data, name.size, s_record(contract, i));
        }
    }
    return object;
}

static json_t *s_enums(const tacit_contract_contract_t *contract)
{
    json_t *object = json_object();
    for (size_t i = 0; i < contract->enums.count; i++) {
        const tacit_contract_enumeration_t *from = &contract->enums.items[i];
        json_t *values = json_object();
        for (size_t j = 0; j < from->values.count; j++) {
            tacit_span_t name = from->values.items[j].name;
            json_object_setn_new(values, (const char *)name.data, name.size,
                                 json_integer(from->values.items[j].number));
        }
        json_object_setn_new(object, (const char *)from->name.data, from->name.size, values);
    }
    return object;
}

static json_t *s_contract(const tacit_contract_contract_t *contract)
{
    return json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "service", s_text(contract->name),
                     "number", (int)contract->number, "title", s_text(contract->title), "methods",
                     s_methods(contract), "structs", s_structs(contract), "enums",
                     s_enums(contract), "errors", s_errors(contract));
}

/*  --- what is asked for ----------------------------------------------------------------------- */

/*  SERVICE, or SERVICE.METHOD.  */
typedef struct {
    char service[TACIT_METHOD_NAME_MAX + 1];
    const char *method; /* NULL: all of it */
} s_topic_t;

static tacit_status_t s_unknown(const s_topic_t *topic, tacit_error_t *ret_error)
{
    tacit_error_set(ret_error, TACIT_NOT_FOUND, "%s has no method %s", topic->service,
                    topic->method);
    tacit_error_remedy(ret_error, "tacit-rpc describe %s tells what there is", topic->service);
    return TACIT_NOT_FOUND;
}

static tacit_status_t s_describe_json(tacit_client_t *client, const s_topic_t *topic,
                                      tacit_error_t *ret_error)
{
    tacit_remote_t *remote = NULL;
    tacit_status_t status = tacit_remote_fetch(client, topic->service, &remote, ret_error);
    if (status) {
        return status;
    }
    const tacit_contract_contract_t *contract = tacit_remote_contract(remote);
    json_t *object = topic->method ? NULL : s_contract(contract);
    for (size_t i = 0; topic->method && !object && i < contract->calls.count; i++) {
        const tacit_contract_call_t *call = &contract->calls.items[i];
        if (tacit_span_equal(call->name, tacit_span_string(topic->method))) {
            object = s_method(contract, call);
        }
    }
    if (object) {
        json_dumpf(object, stdout, JSON_INDENT(2));
        printf("\n");
    }
    status = object ? TACIT_OK : s_unknown(topic, ret_error);
    json_decref(object);
    tacit_remote_destroy(&remote);
    return status;
}

static tacit_status_t s_print_excerpt(const s_topic_t *topic, tacit_span_t text,
                                      tacit_error_t *ret_error)
{
    tacit_span_t part = topic->method ? tacit_excerpt_method(text, topic->method) : text;
    if (!part.data) {
        return s_unknown(topic, ret_error);
    }
    s_print_text(part);
    return TACIT_OK;
}

static tacit_status_t s_describe_text(tacit_client_t *client, const s_topic_t *topic,
                                      tacit_error_t *ret_error)
{
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_describe_result_t result;
    uint8_t hash[crypto_hash_sha256_BYTES];
    tacit_status_t status = tacit_builtin_init(&builtin, topic->service);
    if (!status) {
        status = tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_DESCRIBE], &args,
                                   tacit_span(NULL, 0), 0, &result, NULL, ret_error);
    }
    if (status) {
        return status;
    }
    crypto_hash_sha256(hash, result.text.data, result.text.size);
    if (memcmp(hash, result.sha256.data, sizeof hash) != 0) {
        return tacit_error_claim(ret_error, TACIT_PROTOCOL_ERROR, "sha256", "the text's",
                                 "another");
    }
    return s_print_excerpt(topic, result.text, ret_error);
}

tacit_status_t tacit_rpc_describe(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *operand = invocation->operands[0];
    size_t size = strcspn(operand, ".");
    s_topic_t topic = {.method = operand[size] ? operand + size + 1 : NULL};
    tacit_link_to_t link = {0};
    if (size == 0 || size >= sizeof topic.service || (topic.method && !topic.method[0])) {
        return tacit_usage_error(invocation, ret_error, "%s is not SERVICE or SERVICE.METHOD",
                                 operand);
    }
    memcpy(topic.service, operand, size);
    tacit_status_t status = tacit_link_open(invocation, topic.service, &link, ret_error);
    if (!status) {
        status = invocation->json ? s_describe_json(link.client, &topic, ret_error)
                                  : s_describe_text(link.client, &topic, ret_error);
    }
    tacit_link_close(&link);
    return status;
}
