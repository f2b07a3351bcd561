/*  policy.c - tacit-operator policy: show, generate, apply, log.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "clients/operator/policy_make.h"
#include "enclave/whole_file.h"
#include "idl/attestation.h"

/*  --- the policy in force --------------------------------------------------------------------- */

/*  NO_POLICY where there is none yet. The text's spans live until the next call on the mesh.  */
static tacit_status_t s_fetch(tacit_mesh_t *mesh, tacit_attestation_policy_result_t *ret_policy,
                              tacit_error_t *ret_error)
{
    tacit_attestation_policy_args_t args = {0};
    return tacit_attestation_policy_call(tacit_mesh_attestation(mesh), &args, ret_policy,
                                         ret_error);
}

static tacit_status_t s_load_trust(const char *state, tacit_trust_t *ret_trust,
                                   tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = tacit_control_path(state, "trust.json", path, ret_error);
    return status ? status : tacit_trust_load(path, ret_trust, ret_error);
}

/*  The rules that come next for the programs in bin: after the policy in force, or the first.  */
static tacit_status_t s_make_next(const char *state, const char *bin, tacit_mesh_t *mesh,
                                  tacit_policy_rules_t **ret_rules, bool *ret_covered,
                                  tacit_error_t *ret_error)
{
    uint8_t head[32] = {0};
    uint64_t number = 0;
    tacit_policy_t *policy = NULL;
    tacit_trust_t trust;
    tacit_attestation_policy_result_t in_force = {0};
    tacit_status_t status = s_load_trust(state, &trust, ret_error);
    if (!status) {
        status = s_fetch(mesh, &in_force, ret_error);
    }
    if (!status) {
        memcpy(head, in_force.head.data, sizeof head);
        number = in_force.number;
        status = tacit_policy_parse(in_force.text, &policy, ret_error);
    } else if (status == TACIT_ATTESTATION_NO_POLICY) {
        status = TACIT_OK;
    }
    if (!status) {
        status = tacit_policy_make(bin, &trust, number + 1, head, ret_rules, ret_error);
    }
    if (!status) {
        *ret_covered = policy && tacit_policy_covers(tacit_policy_rules(policy), *ret_rules);
    }
    tacit_policy_destroy(&policy);
    return status;
}

static tacit_status_t s_apply(tacit_mesh_t *mesh, const tacit_identity_t *identity,
                              tacit_span_t text, tacit_error_t *ret_error)
{
    uint8_t signature[64];
    tacit_policy_sign(text, identity->signing_secret->data, signature);
    tacit_attestation_apply_policy_args_t args = {
        .text = text,
        .signature = tacit_span(signature, sizeof signature),
    };
    tacit_attestation_apply_policy_result_t result = {0};
    return tacit_attestation_apply_policy_call(tacit_mesh_attestation(mesh), &args, &result,
                                               ret_error);
}

static tacit_status_t s_ensure(const char *state, const char *bin, const tacit_identity_t *identity,
                               tacit_mesh_t *mesh, bool *ret_applied, tacit_error_t *ret_error)
{
    tacit_policy_rules_t *rules = NULL;
    char *text = NULL;
    bool covered = false;
    tacit_status_t status = s_make_next(state, bin, mesh, &rules, &covered, ret_error);
    if (!status && !covered) {
        status = tacit_policy_format(rules, &text, ret_error);
        if (!status) {
            status = s_apply(mesh, identity, tacit_span_string(text), ret_error);
        }
    }
    if (!status) {
        *ret_applied = !covered;
    }
    free(text);
    free(rules);
    return status;
}

tacit_status_t tacit_policy_ensure(const char *state, const char *bin,
                                   const tacit_identity_t *identity, bool *ret_applied,
                                   tacit_error_t *ret_error)
{
    tacit_mesh_t *mesh = NULL;
    tacit_status_t status = tacit_control_mesh(state, identity, &mesh, ret_error);
    if (!status) {
        status = s_ensure(state, bin, identity, mesh, ret_applied, ret_error);
    }
    tacit_mesh_destroy(&mesh);
    return status;
}

/*  --- subcommands ----------------------------------------------------------------------------- */

typedef struct {
    const tacit_invocation_t *invocation;
    tacit_identity_t *identity;
    tacit_mesh_t *mesh;
} s_context_t;

static tacit_status_t s_show(const s_context_t *context, tacit_error_t *ret_error)
{
    tacit_attestation_policy_result_t policy = {0};
    tacit_status_t status = s_fetch(context->mesh, &policy, ret_error);
    if (!status) {
        status = tacit_policy_verify(policy.text, policy.signature,
                                     context->identity->signing_public, ret_error);
    }
    if (status) {
        return status;
    }
    char head[65];
    sodium_bin2hex(head, sizeof head, policy.head.data, policy.head.size);
    if (context->invocation->json) {
        json_t *object = json_pack("{s:I, s:s, s:s#}", "number", (json_int_t)policy.number, "head",
                                   head, "text", policy.text.data, (int)policy.text.size);
        json_dumpf(object, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(object);
    } else {
        printf("# number %llu, head %s, signature verified\n", (unsigned long long)policy.number,
               head);
        fwrite(policy.text.data, 1, policy.text.size, stdout);
    }
    return TACIT_OK;
}

static tacit_status_t s_generate(const s_context_t *context, tacit_error_t *ret_error)
{
    char bin[PATH_MAX];
    tacit_policy_rules_t *rules = NULL;
    char *text = NULL;
    bool covered = false;
    tacit_status_t status = tacit_control_bin(bin, ret_error);
    if (!status) {
        status = s_make_next(context->invocation->state, bin, context->mesh, &rules, &covered,
                             ret_error);
    }
    if (!status) {
        status = tacit_policy_format(rules, &text, ret_error);
    }
    if (!status) {
        fputs(text, stdout);
    }
    free(text);
    free(rules);
    return status;
}

static tacit_status_t s_apply_file(const s_context_t *context, tacit_error_t *ret_error)
{
    if (context->invocation->operand_count != 2) {
        return tacit_usage_error(context->invocation, ret_error, "policy apply needs a FILE");
    }
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_policy_t *policy = NULL;
    const char *path = context->invocation->operands[1];
    tacit_status_t status = tacit_whole_file_read(path, TACIT_POLICY_TEXT_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read the policy %s", path);
    }
    /*  Here first: what is wrong is told with its line, and nothing unreadable is signed.  */
    status = tacit_policy_parse(tacit_span(text, size), &policy, ret_error);
    if (!status) {
        status = s_apply(context->mesh, context->identity, tacit_span(text, size), ret_error);
    }
    if (!status) {
        printf("policy %llu is in force\n", (unsigned long long)tacit_policy_number(policy));
    }
    tacit_policy_destroy(&policy);
    free(text);
    return status;
}

static tacit_status_t s_print_log(const tacit_attestation_policy_history_result_t *history)
{
    static const tacit_column_t columns[] = {
        {"NUMBER", TACIT_ALIGN_RIGHT},
        {"APPLIED", TACIT_ALIGN_LEFT},
        {"HEAD", TACIT_ALIGN_LEFT},
        {"PREVIOUS", TACIT_ALIGN_LEFT},
    };
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(columns, 4, &table);
    for (size_t i = 0; i < history->entries.count && !status; i++) {
        const tacit_attestation_policy_entry_t *entry = &history->entries.items[i];
        char number[24];
        char applied[TACIT_TIME_TEXT_SIZE];
        char head[17];
        char previous[17];
        snprintf(number, sizeof number, "%llu", (unsigned long long)entry->number);
        tacit_time_format(entry->applied_ms, applied);
        sodium_bin2hex(head, sizeof head, entry->head.data, 8);
        sodium_bin2hex(previous, sizeof previous, entry->previous.data, 8);
        const char *const cells[] = {number, applied, head, previous};
        status = tacit_table_add(table, cells);
    }
    if (!status) {
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    return status;
}

static json_t *s_entry_json(const tacit_attestation_policy_entry_t *entry)
{
    char head[65];
    char previous[65];
    sodium_bin2hex(head, sizeof head, entry->head.data, 32);
    sodium_bin2hex(previous, sizeof previous, entry->previous.data, 32);
    return json_pack("{s:I, s:I, s:s, s:s}", "number", (json_int_t)entry->number, "applied_ms",
                     (json_int_t)entry->applied_ms, "head", head, "previous", previous);
}

static tacit_status_t s_log(const s_context_t *context, tacit_error_t *ret_error)
{
    tacit_attestation_policy_history_args_t args = {0};
    tacit_attestation_policy_history_result_t history = {0};
    tacit_status_t status = tacit_attestation_policy_history_call(
        tacit_mesh_attestation(context->mesh), &args, &history, ret_error);
    if (status) {
        return status;
    }
    if (!context->invocation->json) {
        return s_print_log(&history);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < history.entries.count; i++) {
        json_array_append_new(list, s_entry_json(&history.entries.items[i]));
    }
    json_dumpf(list, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(list);
    return TACIT_OK;
}

typedef struct {
    const char *name;
    tacit_status_t (*run)(const s_context_t *context, tacit_error_t *ret_error);
} s_subcommand_t;

static const s_subcommand_t s_subcommands[] = {
    {"show", s_show},
    {"generate", s_generate},
    {"apply", s_apply_file},
    {"log", s_log},
};

tacit_status_t tacit_command_policy(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *name = invocation->operand_count ? invocation->operands[0] : "show";
    const s_subcommand_t *found = NULL;
    for (size_t i = 0; i < sizeof s_subcommands / sizeof *s_subcommands; i++) {
        if (strcmp(s_subcommands[i].name, name) == 0) {
            found = &s_subcommands[i];
        }
    }
    if (!found) {
        return tacit_usage_error(invocation, ret_error, "no policy command \"%s\"", name);
    }
    s_context_t context = {.invocation = invocation};
    tacit_status_t status = tacit_identity_load(invocation->identity, &context.identity, ret_error);
    if (!status) {
        status = tacit_control_mesh(invocation->state, context.identity, &context.mesh, ret_error);
    }
    if (!status) {
        status = found->run(&context, ret_error);
    }
    tacit_mesh_destroy(&context.mesh);
    tacit_identity_destroy(&context.identity);
    return status;
}
