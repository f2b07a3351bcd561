/*  audit.c - tacit-operator audit: the chain of the key service, or that of refusals at the
   attesta- tion service, checked link by link.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/lib/user.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "enclave/seal.h"
#include "idl/attestation.h"
#include "idl/keys.h"

enum { S_KEYS_PAGE = 256, S_REFUSALS_PAGE = 64 }; /* as many as the services give at once */

typedef struct {
    const tacit_invocation_t *invocation;
    tacit_identity_t *identity;
    tacit_mesh_t *mesh;
    tacit_table_t *table; /* what is printed: one of the two */
    json_t *list;
    json_t *refusals; /* newest first */
} s_context_t;

/*  An entry of either chain. Borrowed.  */
typedef struct {
    uint64_t number;
    uint64_t time_ms;
    tacit_span_t action;
    tacit_span_t actor;
    tacit_span_t subject;
    tacit_span_t outcome;
    tacit_span_t hash;
} s_entry_t;

#define S_ENTRY(from)                                                                              \
    {                                                                                              \
        (from).number, (from).time_ms, (from).action, (from).actor, (from).subject,                \
            (from).outcome, (from).hash                                                            \
    }

static void s_text(tacit_span_t span, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)span.size, span.data ? (const char *)span.data : "");
}

/*  --- the links ------------------------------------------------------------------------------- */

/*  The entry before; where next is 0 the chain begins with the first entry that comes.  */
typedef struct {
    uint8_t hash[32];
    uint64_t next;
} s_link_t;

/*  The hash that an entry must have after the one before it; the formula is docs/PROTOCOL.md's.  */
static void s_hash(const uint8_t previous[32], const s_entry_t *entry, uint8_t ret_hash[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/audit/v1");
    tacit_transcript_add(&transcript, tacit_span(previous, 32));
    tacit_transcript_add_u64(&transcript, entry->number);
    tacit_transcript_add_u64(&transcript, entry->time_ms);
    tacit_transcript_add(&transcript, entry->action);
    tacit_transcript_add(&transcript, entry->actor);
    tacit_transcript_add(&transcript, entry->subject);
    tacit_transcript_add(&transcript, entry->outcome);
    crypto_hash_sha256(ret_hash, transcript.data, transcript.size);
}

static tacit_status_t s_follow(s_link_t *link, const s_entry_t *entry, tacit_error_t *ret_error)
{
    uint8_t expected[32];
    uint64_t wanted = link->next ? link->next : entry->number;
    s_hash(link->hash, entry, expected);
    if (entry->number != wanted || memcmp(expected, entry->hash.data, 32) != 0) {
        char number[32];
        snprintf(number, sizeof number, "entry %llu", (unsigned long long)wanted);
        return tacit_error_claim(ret_error, TACIT_CORRUPT, "audit chain", number,
                                 "an entry that does not follow the one before");
    }
    memcpy(link->hash, entry->hash.data, 32);
    link->next = wanted + 1;
    return TACIT_OK;
}

/*  --- the chain of the key service ------------------------------------------------------------ */

static tacit_status_t s_add_entry(s_context_t *context, const s_entry_t *entry)
{
    char number[24];
    char when[TACIT_TIME_TEXT_SIZE];
    char action[40];
    char actor[65];
    char subject[256];
    char outcome[48];
    snprintf(number, sizeof number, "%llu", (unsigned long long)entry->number);
    tacit_time_format(entry->time_ms, when);
    s_text(entry->action, action, sizeof action);
    sodium_bin2hex(actor, sizeof actor, entry->actor.data, 32);
    s_text(entry->subject, subject, sizeof subject);
    s_text(entry->outcome, outcome, sizeof outcome);
    if (context->list) {
        json_array_append_new(context->list,
                              json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "number",
                                        (json_int_t)entry->number, "time_ms",
                                        (json_int_t)entry->time_ms, "action", action, "actor",
                                        actor, "subject", subject, "outcome", outcome));
        return TACIT_OK;
    }
    actor[16] = '\0';
    const char *const cells[] = {number, when, action, actor, subject, outcome};
    return tacit_table_add(context->table, cells);
}

static tacit_status_t s_take_keys(s_context_t *context, tacit_client_t *keys, s_link_t *link,
                                  size_t *ret_count, tacit_error_t *ret_error)
{
    tacit_keys_audit_args_t args = {.from = link->next, .limit = S_KEYS_PAGE};
    tacit_keys_audit_result_t result = {0};
    tacit_status_t status = tacit_keys_audit_call(keys, &args, &result, ret_error);
    for (size_t i = 0; i < result.entries.count && !status; i++) {
        const s_entry_t entry = S_ENTRY(result.entries.items[i]);
        status = s_follow(link, &entry, ret_error);
        if (!status) {
            status = s_add_entry(context, &entry);
        }
    }
    *ret_count = result.entries.count;
    return status;
}

static tacit_status_t s_keys(s_context_t *context, tacit_error_t *ret_error)
{
    tacit_client_t *keys = NULL;
    s_link_t link = {.next = 1};
    size_t count = S_KEYS_PAGE;
    tacit_status_t status = tacit_mesh_connect(context->mesh, TACIT_ROLE_KEYS, &keys, ret_error);
    while (!status && count == S_KEYS_PAGE) {
        status = s_take_keys(context, keys, &link, &count, ret_error);
    }
    tacit_client_destroy(&keys);
    return status;
}

/*  --- refusals -------------------------------------------------------------------------------- */

/*  The fields of a subject, NAME=VALUE with tabs between.  */
static void s_add_fields(json_t *object, tacit_span_t subject)
{
    const char *at = (const char *)subject.data;
    const char *end = at + subject.size;
    while (subject.size > 0 && at < end) {
        const char *stop = memchr(at, '\t', (size_t)(end - at));
        stop = stop ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        char name[32];
        if (equals && (size_t)(equals - at) < sizeof name) {
            s_text(tacit_span((const uint8_t *)at, (size_t)(equals - at)), name, sizeof name);
            json_object_set_new(object, name,
                                json_stringn(equals + 1, (size_t)(stop - equals - 1)));
        }
        at = stop + 1;
    }
}

/*  Newest first: what is wanted is what happened just now.  */
static tacit_status_t s_add_refusal(s_context_t *context, const s_entry_t *entry)
{
    static const char *const fields[] = {"at",  "role",   "claim",  "expected",
                                         "got", "policy", "remedy", "count"};
    char action[40];
    char actor[65];
    char outcome[48];
    s_text(entry->action, action, sizeof action);
    sodium_bin2hex(actor, sizeof actor, entry->actor.data, 32);
    s_text(entry->outcome, outcome, sizeof outcome);
    json_t *object =
        json_pack("{s:I, s:I, s:s, s:s, s:s}", "number", (json_int_t)entry->number, "time_ms",
                  (json_int_t)entry->time_ms, "action", action, "actor", actor, "name", outcome);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_object_set_new(object, fields[i], json_string(""));
    }
    s_add_fields(object, entry->subject);
    return json_array_insert_new(context->refusals, 0, object) ? TACIT_NO_MEMORY : TACIT_OK;
}

static tacit_status_t s_take_refusals(s_context_t *context, s_link_t *link,
                                      uint64_t *ret_suppressed, size_t *ret_count,
                                      tacit_error_t *ret_error)
{
    tacit_attestation_audit_args_t args = {.from = link->next, .limit = S_REFUSALS_PAGE};
    tacit_attestation_audit_result_t result = {0};
    tacit_status_t status = tacit_attestation_audit_call(tacit_mesh_attestation(context->mesh),
                                                         &args, &result, ret_error);
    if (!status && link->next == 0) {
        memcpy(link->hash, result.before.data, 32);
    }
    for (size_t i = 0; i < result.entries.count && !status; i++) {
        const s_entry_t entry = S_ENTRY(result.entries.items[i]);
        status = s_follow(link, &entry, ret_error);
        if (!status) {
            status = s_add_refusal(context, &entry);
        }
    }
    *ret_suppressed = result.suppressed;
    *ret_count = result.entries.count;
    return status;
}

static const char *s_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static tacit_status_t s_tabulate(s_context_t *context)
{
    tacit_status_t status = TACIT_OK;
    size_t index = 0;
    json_t *item = NULL;
    json_array_foreach(context->refusals, index, item)
    {
        char when[TACIT_TIME_TEXT_SIZE];
        bool counted = s_member(item, "count")[0] != '\0';
        tacit_time_format((uint64_t)json_integer_value(json_object_get(item, "time_ms")), when);
        const char *const cells[] = {
            when,
            counted ? "-" : s_member(item, "at"),
            counted ? "-" : s_member(item, "role"),
            s_member(item, "name"),
            counted ? "refused and not listed" : s_member(item, "claim"),
            s_member(item, "expected"),
            counted ? s_member(item, "count") : s_member(item, "got"),
            s_member(item, "policy"),
        };
        status = status ? status : tacit_table_add(context->table, cells);
    }
    return status;
}

static tacit_status_t s_refusals(s_context_t *context, tacit_error_t *ret_error)
{
    s_link_t link = {.next = 0};
    size_t count = S_REFUSALS_PAGE;
    uint64_t suppressed = 0;
    tacit_status_t status = TACIT_OK;
    context->refusals = context->list ? json_incref(context->list) : json_array();
    while (!status && count == S_REFUSALS_PAGE) {
        status = s_take_refusals(context, &link, &suppressed, &count, ret_error);
    }
    if (!status && context->table) {
        status = s_tabulate(context);
    }
    if (!status && suppressed > 0) {
        fprintf(stderr, "%llu more were refused just now and are not listed yet.\n",
                (unsigned long long)suppressed);
    }
    json_decref(context->refusals);
    return status;
}

/*  --- the command ----------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *nothing; /* in place of an empty table */
    const char *summary; /* under the table */
    tacit_status_t (*run)(s_context_t *context, tacit_error_t *ret_error);
    size_t column_count;
    tacit_column_t columns[8];
} s_subject_t;

static const s_subject_t s_subjects[] = {
    {"keys",
     "Nothing was stored, granted or released yet.",
     "The chain is whole: every entry follows the one before.",
     s_keys,
     6,
     {{"NUMBER", TACIT_ALIGN_RIGHT},
      {"TIME", TACIT_ALIGN_LEFT},
      {"ACTION", TACIT_ALIGN_LEFT},
      {"ACTOR", TACIT_ALIGN_LEFT},
      {"SUBJECT", TACIT_ALIGN_LEFT},
      {"OUTCOME", TACIT_ALIGN_LEFT}}},
    {"refusals",
     "Nothing was refused: neither evidence nor a session.",
     "Newest first. The chain is whole as far back as it is kept.",
     s_refusals,
     8,
     {{"TIME", TACIT_ALIGN_LEFT},
      {"AT", TACIT_ALIGN_LEFT},
      {"ROLE", TACIT_ALIGN_LEFT},
      {"REFUSAL", TACIT_ALIGN_LEFT},
      {"CLAIM", TACIT_ALIGN_LEFT},
      {"EXPECTED", TACIT_ALIGN_LEFT},
      {"GOT", TACIT_ALIGN_LEFT},
      {"POLICY", TACIT_ALIGN_LEFT}}},
};

static tacit_status_t s_run(s_context_t *context, const s_subject_t *subject,
                            tacit_error_t *ret_error)
{
    bool json = context->invocation->json;
    context->list = json ? json_array() : NULL;
    tacit_status_t status =
        json ? TACIT_OK : tacit_table_new(subject->columns, subject->column_count, &context->table);
    if (!status) {
        status = subject->run(context, ret_error);
    }
    if (!status && json) {
        json_dumpf(context->list, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (!status) {
        tacit_table_print_or(context->table, subject->nothing, stdout);
        printf("\n%s\n", subject->summary);
    }
    json_decref(context->list);
    tacit_table_destroy(&context->table);
    return status;
}

tacit_status_t tacit_command_audit(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *name = invocation->operand_count ? invocation->operands[0] : "keys";
    const s_subject_t *found = NULL;
    for (size_t i = 0; i < sizeof s_subjects / sizeof *s_subjects; i++) {
        if (strcmp(s_subjects[i].name, name) == 0) {
            found = &s_subjects[i];
        }
    }
    if (!found) {
        return tacit_usage_error(invocation, ret_error, "audit is of keys or refusals");
    }
    s_context_t context = {.invocation = invocation};
    tacit_status_t status = tacit_user_identity(invocation, &context.identity, ret_error);
    if (!status) {
        status = tacit_control_mesh(invocation, context.identity, TACIT_CONTROL_PATIENCE_MS,
                                    &context.mesh, ret_error);
    }
    if (!status) {
        status = s_run(&context, found, ret_error);
    }
    tacit_mesh_destroy(&context.mesh);
    tacit_identity_destroy(&context.identity);
    return status;
}
