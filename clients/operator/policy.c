/*  policy.c - tacit-operator policy: the subcommands, and those that only look.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/policy_history.h"
#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/operator/commands.h"
#include "clients/operator/policy_context.h"
#include "clients/operator/policy_make.h"
#include "idl/attestation.h"

/*  The rules that come next for the programs in bin that the mesh of this state folder runs.
   Programs alone are new: what else the operator decided (revocations, platforms, statuses, who may
   change it) goes on.  */
static tacit_status_t s_make_next(const tacit_policy_context_t *context, const char *state,
                                  const char *bin, tacit_policy_rules_t **ret_rules,
                                  bool *ret_covered, tacit_error_t *ret_error)
{
    tacit_policy_rules_t *made = NULL;
    char worker[TACIT_CONTROL_PROGRAM_MAX];
    tacit_status_t status = tacit_control_worker(state, worker, ret_error);
    if (!status) {
        status = tacit_policy_make(bin, worker, &context->trust, context->chain.number + 1,
                                   context->chain.head, &made, ret_error);
    }
    if (status || !context->policy) {
        *ret_covered = false;
        *ret_rules = made;
        return status;
    }
    tacit_policy_rules_t *rules = NULL;
    status = tacit_policy_context_next(context, &rules, ret_error);
    if (!status) {
        *ret_covered = tacit_policy_covers(tacit_policy_rules(context->policy), made);
        memcpy(rules->enclaves, made->enclaves, sizeof rules->enclaves);
        rules->enclave_count = made->enclave_count;
        *ret_rules = rules;
    }
    free(made);
    return status;
}

static tacit_status_t s_ensure(tacit_policy_context_t *context, const char *state, const char *bin,
                               bool *ret_applied, tacit_error_t *ret_error)
{
    tacit_policy_rules_t *rules = NULL;
    tacit_policy_file_t file = {0};
    char *text = NULL;
    bool covered = false;
    tacit_status_t status = s_make_next(context, state, bin, &rules, &covered, ret_error);
    if (!status && !covered) {
        status = tacit_policy_format(rules, &text, ret_error);
        if (!status) {
            status = tacit_policy_file_take((uint8_t *)text, strlen(text), &file, ret_error);
        }
        if (!status) {
            status = tacit_policy_context_apply(context, &file, ret_error);
        }
    }
    if (!status) {
        *ret_applied = !covered;
    }
    tacit_policy_file_clear(&file);
    free(rules);
    return status;
}

tacit_status_t tacit_policy_ensure(const tacit_invocation_t *invocation, const char *bin,
                                   bool *ret_applied, tacit_error_t *ret_error)
{
    tacit_policy_context_t context = {.invocation = invocation};
    tacit_status_t status = tacit_policy_context_open(invocation, &context, ret_error);
    if (!status) {
        status = s_ensure(&context, invocation->state, bin, ret_applied, ret_error);
    }
    tacit_policy_context_close(&context);
    return status;
}

/*  --- subcommands ----------------------------------------------------------------------------- */

/*  head NULL: it is in force nowhere yet.  */
static void s_print_json(uint64_t number, const char *head, const char *text, size_t size)
{
    json_t *object = json_pack("{s:I, s:s*, s:s#}", "number", (json_int_t)number, "head", head,
                               "text", text, (int)size);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

static tacit_status_t s_show(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    char head[65];
    if (!context->policy) {
        return tacit_error_set(ret_error, TACIT_POLICY_REFUSED, "no policy is in force");
    }
    sodium_bin2hex(head, sizeof head, context->chain.head, sizeof context->chain.head);
    if (context->invocation->json) {
        s_print_json(context->chain.number, head, (const char *)context->text, context->text_size);
    } else {
        printf("# number %llu, head %s, signature verified\n",
               (unsigned long long)context->chain.number, head);
        fwrite(context->text, 1, context->text_size, stdout);
    }
    return TACIT_OK;
}

static tacit_status_t s_generate(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    char bin[PATH_MAX];
    tacit_policy_rules_t *rules = NULL;
    char *text = NULL;
    bool covered = false;
    tacit_status_t status = tacit_control_bin(bin, ret_error);
    if (!status) {
        status = s_make_next(context, context->invocation->state, bin, &rules, &covered, ret_error);
    }
    if (!status) {
        status = tacit_policy_format(rules, &text, ret_error);
    }
    if (!status && context->invocation->json) {
        s_print_json(rules->number, NULL, text, strlen(text));
    } else if (!status) {
        fputs(text, stdout);
    }
    free(text);
    free(rules);
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

static tacit_status_t s_list_log(tacit_policy_context_t *context, tacit_error_t *ret_error)
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

static tacit_status_t s_log(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    const char *path = tacit_invocation_value(context->invocation, "save");
    tacit_policy_chain_t chain;
    tacit_status_t status = TACIT_OK;
    if (path) {
        status = tacit_policy_history_save(context->mesh, &context->trust, path, &chain, ret_error);
    }
    return status ? status : s_list_log(context, ret_error);
}

typedef struct {
    const char *name;
    bool needs_mesh;
    size_t operands_max; /* after the name */
    tacit_status_t (*run)(tacit_policy_context_t *context, tacit_error_t *ret_error);
} s_subcommand_t;

static const s_subcommand_t s_subcommands[] = {
    {"show", true, 0, s_show},
    {"generate", true, 0, s_generate},
    {"diff", true, 2, tacit_policy_command_diff},
    {"key", false, 0, tacit_policy_command_key},
    {"sign", false, 1, tacit_policy_command_sign},
    {"apply", true, 1, tacit_policy_command_apply},
    {"log", true, 0, s_log},
    {"explain", true, 1, tacit_policy_command_explain},
};

/*  Two files can be compared, and evidence judged by a file, where no mesh runs.  */
static bool s_needs_mesh(const s_subcommand_t *found, const tacit_invocation_t *invocation)
{
    bool both = found->run == tacit_policy_command_diff && invocation->operand_count == 3;
    bool file = found->run == tacit_policy_command_explain &&
                tacit_invocation_value(invocation, "policy") != NULL;
    return found->needs_mesh && !both && !file;
}

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
    if (invocation->operand_count > 1 + found->operands_max) {
        return tacit_usage_error(invocation, ret_error, "too many operands of policy %s", name);
    }
    tacit_policy_context_t context = {.invocation = invocation};
    tacit_status_t status = TACIT_OK;
    if (s_needs_mesh(found, invocation)) {
        status = tacit_policy_context_open(invocation, &context, ret_error);
    }
    if (!status) {
        status = found->run(&context, ret_error);
    }
    tacit_policy_context_close(&context);
    return status;
}
