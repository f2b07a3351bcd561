/*  audit.c - tacit-operator audit: the key service's chain, checked link by link, and the attesta-
    tion service's last refusals.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "enclave/seal.h"
#include "idl/attestation.h"
#include "idl/keys.h"

enum { S_PAGE = 256 };

typedef struct {
    const tacit_invocation_t *invocation;
    tacit_identity_t *identity;
    tacit_mesh_t *mesh;
    tacit_table_t *table; /* what is printed: one of the two */
    json_t *list;
} s_context_t;

static void s_text(tacit_span_t span, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)span.size, span.data ? (const char *)span.data : "");
}

/*  --- the chain of the key service ------------------------------------------------------------ */

/*  The hash that an entry must have after the one before it; the formula is docs/PROTOCOL.md's.  */
static void s_hash(const uint8_t previous[32], const tacit_keys_audit_entry_t *entry,
                   uint8_t ret_hash[32])
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

static tacit_status_t s_add_entry(s_context_t *context, const tacit_keys_audit_entry_t *entry)
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

/*  One page: adds its entries, checking each link. previous and next go on with the page after.  */
static tacit_status_t s_take_page(s_context_t *context, tacit_client_t *keys, uint8_t previous[32],
                                  uint64_t *next, size_t *ret_count, tacit_error_t *ret_error)
{
    tacit_keys_audit_args_t args = {.from = *next, .limit = S_PAGE};
    tacit_keys_audit_result_t result = {0};
    tacit_status_t status = tacit_keys_audit_call(keys, &args, &result, ret_error);
    for (size_t i = 0; i < result.entries.count && !status; i++) {
        const tacit_keys_audit_entry_t *entry = &result.entries.items[i];
        uint8_t expected[32];
        s_hash(previous, entry, expected);
        if (entry->number != *next || memcmp(expected, entry->hash.data, 32) != 0) {
            char number[24];
            snprintf(number, sizeof number, "entry %llu", (unsigned long long)*next);
            return tacit_error_claim(ret_error, TACIT_CORRUPT, "audit chain", number,
                                     "an entry that does not follow the one before");
        }
        memcpy(previous, entry->hash.data, 32);
        (*next)++;
        status = s_add_entry(context, entry);
    }
    *ret_count = result.entries.count;
    return status;
}

static tacit_status_t s_keys(s_context_t *context, tacit_error_t *ret_error)
{
    tacit_client_t *keys = NULL;
    uint8_t previous[32] = {0};
    uint64_t next = 1;
    size_t count = S_PAGE;
    tacit_status_t status = tacit_mesh_connect(context->mesh, TACIT_ROLE_KEYS, &keys, ret_error);
    while (!status && count == S_PAGE) {
        status = s_take_page(context, keys, previous, &next, &count, ret_error);
    }
    tacit_client_destroy(&keys);
    return status;
}

/*  --- refusals of the attestation service ----------------------------------------------------- */

static tacit_status_t s_add_refusal(s_context_t *context,
                                    const tacit_attestation_refusal_t *refusal)
{
    char when[TACIT_TIME_TEXT_SIZE];
    char name[48];
    char claim[96];
    char expected[200];
    char got[200];
    char policy[200];
    tacit_time_format(refusal->time_ms, when);
    s_text(refusal->name, name, sizeof name);
    s_text(refusal->claim, claim, sizeof claim);
    s_text(refusal->expected, expected, sizeof expected);
    s_text(refusal->got, got, sizeof got);
    s_text(refusal->policy, policy, sizeof policy);
    const char *role = tacit_role_name((tacit_role_t)refusal->role);
    if (context->list) {
        json_array_append_new(context->list,
                              json_pack("{s:I, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "time_ms",
                                        (json_int_t)refusal->time_ms, "role", role, "code",
                                        (int)refusal->code, "name", name, "claim", claim,
                                        "expected", expected, "got", got, "policy", policy));
        return TACIT_OK;
    }
    const char *const cells[] = {when, role, name, claim, expected, got};
    return tacit_table_add(context->table, cells);
}

static tacit_status_t s_refusals(s_context_t *context, tacit_error_t *ret_error)
{
    tacit_attestation_refusals_args_t args = {.limit = S_PAGE};
    tacit_attestation_refusals_result_t result = {0};
    tacit_status_t status = tacit_attestation_refusals_call(tacit_mesh_attestation(context->mesh),
                                                            &args, &result, ret_error);
    for (size_t i = 0; i < result.refusals.count && !status; i++) {
        status = s_add_refusal(context, &result.refusals.items[i]);
    }
    return status;
}

/*  --- the command ----------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *summary; /* under the table */
    tacit_status_t (*run)(s_context_t *context, tacit_error_t *ret_error);
    size_t column_count;
    tacit_column_t columns[6];
} s_subject_t;

static const s_subject_t s_subjects[] = {
    {"keys",
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
     "Refused evidence since the attestation service started, newest first.",
     s_refusals,
     6,
     {{"TIME", TACIT_ALIGN_LEFT},
      {"ROLE", TACIT_ALIGN_LEFT},
      {"REFUSAL", TACIT_ALIGN_LEFT},
      {"CLAIM", TACIT_ALIGN_LEFT},
      {"EXPECTED", TACIT_ALIGN_LEFT},
      {"GOT", TACIT_ALIGN_LEFT}}},
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
        tacit_table_print(context->table, stdout);
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
    tacit_status_t status = tacit_identity_load(invocation->identity, &context.identity, ret_error);
    if (!status) {
        status = tacit_control_mesh(invocation->state, context.identity, &context.mesh, ret_error);
    }
    if (!status) {
        status = s_run(&context, found, ret_error);
    }
    tacit_mesh_destroy(&context.mesh);
    tacit_identity_destroy(&context.identity);
    return status;
}
