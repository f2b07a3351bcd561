/*  policy_change.c - tacit-operator policy diff, sign, apply; and revoke.  */

#include <jansson.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "clients/lib/user.h"
#include "clients/operator/commands.h"
#include "clients/operator/policy_context.h"
#include "enclave/policy_diff.h"
#include "enclave/whole_file.h"

/*  --- diff ------------------------------------------------------------------------------------ */

static void s_tell_text(void *context, const tacit_policy_change_t *change)
{
    (void)context;
    printf("%s  %-11s  %s\n", change->gained ? "+ gained" : "- lost  ", change->what,
           change->subject);
}

static void s_tell_json(void *list, const tacit_policy_change_t *change)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s}", "change", change->gained ? "gained" : "lost",
                                    "what", change->what, "subject", change->subject));
}

static void s_print_diff(const tacit_policy_rules_t *from, const tacit_policy_rules_t *to,
                         bool json)
{
    if (!json) {
        if (tacit_policy_diff(from, to, s_tell_text, NULL) == 0) {
            printf("No privilege is gained or lost.\n");
        }
        return;
    }
    json_t *list = json_array();
    (void)tacit_policy_diff(from, to, s_tell_json, list);
    json_dumpf(list, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(list);
}

/*  What an operand or the policy in force says.  */
tacit_status_t tacit_policy_command_diff(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    static const tacit_policy_rules_t nothing = {0};
    const tacit_invocation_t *invocation = context->invocation;
    tacit_policy_file_t files[2] = {0};
    size_t count = invocation->operand_count - 1;
    tacit_status_t status = TACIT_OK;
    if (count < 1 || count > 2) {
        return tacit_usage_error(invocation, ret_error, "policy diff needs FILE, or FROM and TO");
    }
    for (size_t i = 0; i < count && !status; i++) {
        status = tacit_policy_file_read(invocation->operands[1 + i], &files[i], ret_error);
    }
    if (!status && count == 2) {
        s_print_diff(tacit_policy_rules(files[0].policy), tacit_policy_rules(files[1].policy),
                     invocation->json);
    } else if (!status) {
        s_print_diff(context->policy ? tacit_policy_rules(context->policy) : &nothing,
                     tacit_policy_rules(files[0].policy), invocation->json);
    }
    tacit_policy_file_clear(&files[0]);
    tacit_policy_file_clear(&files[1]);
    return status;
}

/*  --- sign and apply -------------------------------------------------------------------------- */

static tacit_status_t s_operand(const tacit_invocation_t *invocation, const char **ret_path,
                                tacit_error_t *ret_error)
{
    if (invocation->operand_count != 2) {
        return tacit_usage_error(invocation, ret_error, "policy %s needs a FILE",
                                 invocation->operands[0]);
    }
    *ret_path = invocation->operands[1];
    return TACIT_OK;
}

/*  The key that a policy names under changes, of who may sign others; made where there is none.  */
tacit_status_t tacit_policy_command_key(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    char key[TACIT_HEX_KEY_SIZE];
    bool made = false;
    tacit_status_t status =
        tacit_identity_open(context->invocation->identity, &context->identity, &made, ret_error);
    if (status) {
        return status;
    }
    tacit_hex_key(context->identity->signing_public, key);
    if (context->invocation->json) {
        printf("{\"key\": \"%s\", \"made\": %s}\n", key, made ? "true" : "false");
    } else {
        printf("%s\n", key);
    }
    return TACIT_OK;
}

tacit_status_t tacit_policy_command_sign(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    const char *path = NULL;
    tacit_policy_file_t file = {0};
    tacit_status_t status = s_operand(context->invocation, &path, ret_error);
    if (!status) {
        status = tacit_user_identity(context->invocation, &context->identity, ret_error);
    }
    if (!status) {
        status = tacit_policy_file_load(path, &file, ret_error);
    }
    if (!status) {
        status = tacit_policy_file_sign(&file, context->identity, ret_error);
    }
    if (!status) {
        status = tacit_policy_file_save_signatures(&file, path, ret_error);
    }
    if (!status) {
        char key[TACIT_HEX_KEY_SIZE];
        size_t count = file.signatures_size / TACIT_POLICY_SIGNATURE_SIZE;
        tacit_hex_key(context->identity->signing_public, key);
        if (context->invocation->json) {
            printf("{\"key\": \"%s\", \"signatures\": %zu}\n", key, count);
        } else {
            printf("Signed by %s: %s.sig has %zu signature%s\n", key, path, count,
                   count == 1 ? "" : "s");
        }
    }
    tacit_policy_file_clear(&file);
    return status;
}

static void s_print_applied(const tacit_policy_context_t *context, const tacit_policy_file_t *file)
{
    static const tacit_policy_rules_t nothing = {0};
    char head[TACIT_HEX_KEY_SIZE];
    uint8_t bytes[32];
    unsigned long long number = tacit_policy_number(file->policy);
    tacit_policy_head(tacit_span(file->text, file->size), bytes);
    tacit_hex_key(bytes, head);
    if (context->invocation->json) {
        printf("{\"number\": %llu, \"head\": \"%s\"}\n", number, head);
        return;
    }
    s_print_diff(context->policy ? tacit_policy_rules(context->policy) : &nothing,
                 tacit_policy_rules(file->policy), false);
    printf("policy %llu is in force, head %s\n", number, head);
}

tacit_status_t tacit_policy_command_apply(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    const char *path = NULL;
    tacit_policy_file_t file = {0};
    tacit_status_t status = s_operand(context->invocation, &path, ret_error);
    if (!status) {
        status = tacit_policy_file_load(path, &file, ret_error);
    }
    if (!status) {
        status = tacit_policy_context_apply(context, &file, ret_error);
    }
    if (!status) {
        s_print_applied(context, &file);
    }
    tacit_policy_file_clear(&file);
    return status;
}

/*  --- revoke ---------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    size_t size; /* of an id */
    size_t list; /* where the rules have it */
} s_kind_t;

static const s_kind_t s_kinds[] = {
    {"platform", 16, offsetof(tacit_policy_rules_t, revoked_platforms)},
    {"measurement", 32, offsetof(tacit_policy_rules_t, revoked_measurements)},
    {"signer", 32, offsetof(tacit_policy_rules_t, revoked_signers)},
    {"user", 32, offsetof(tacit_policy_rules_t, revoked_users)},
};

static const s_kind_t *s_kind(const char *name)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++) {
        if (strcmp(s_kinds[i].name, name) == 0) {
            return &s_kinds[i];
        }
    }
    return NULL;
}

static void s_remove(tacit_policy_ids_t *ids, const uint8_t id[32])
{
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++) {
        if (memcmp(ids->items[i], id, sizeof ids->items[i]) != 0) {
            memmove(ids->items[kept++], ids->items[i], sizeof ids->items[i]);
        }
    }
    ids->count = kept;
}

static tacit_status_t s_change_list(const tacit_invocation_t *invocation,
                                    tacit_policy_rules_t *rules, tacit_error_t *ret_error)
{
    const s_kind_t *kind = s_kind(invocation->operands[0]);
    uint8_t id[32] = {0};
    if (!kind || !tacit_hex_read(invocation->operands[1], id, kind->size)) {
        return tacit_usage_error(invocation, ret_error,
                                 "revoke what: platform (32 hex digits), measurement, signer or "
                                 "user (64 hex digits)");
    }
    tacit_policy_ids_t *ids = (void *)((char *)rules + kind->list);
    bool there = tacit_policy_lists(ids, id, sizeof id);
    if (tacit_invocation_count(invocation, "undo") > 0) {
        s_remove(ids, id);
        return there ? TACIT_OK
                     : tacit_error_set(ret_error, TACIT_NOT_FOUND, "that %s is not revoked",
                                       kind->name);
    }
    if (there) {
        return tacit_error_set(ret_error, TACIT_ALREADY_EXISTS, "that %s is revoked already",
                               kind->name);
    }
    if (ids->count == TACIT_POLICY_LIST_MAX) {
        tacit_error_set(ret_error, TACIT_TOO_LARGE, "%d are revoked already",
                        TACIT_POLICY_LIST_MAX);
        tacit_error_remedy(ret_error, "list what is still trusted, and drop revocations");
        return TACIT_TOO_LARGE;
    }
    memcpy(ids->items[ids->count++], id, sizeof id);
    return TACIT_OK;
}

/*  Into a file for others to sign, or in force at once.  */
static tacit_status_t s_finish_revoke(tacit_policy_context_t *context, tacit_policy_file_t *file,
                                      tacit_error_t *ret_error)
{
    const char *output = tacit_invocation_value(context->invocation, "output");
    tacit_status_t status = TACIT_OK;
    if (!output) {
        status = tacit_policy_context_apply(context, file, ret_error);
        if (!status) {
            s_print_applied(context, file);
        }
        return status;
    }
    status = tacit_whole_file_replace(output, tacit_span(file->text, file->size), 0644);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot write %s", output);
    }
    if (context->invocation->json) {
        printf("{\"number\": %llu, \"written\": true}\n",
               (unsigned long long)tacit_policy_number(file->policy));
    } else {
        printf("Written to %s; sign it (policy sign) and apply it (policy apply)\n", output);
    }
    return TACIT_OK;
}

static tacit_status_t s_revoke(tacit_policy_context_t *context, tacit_error_t *ret_error)
{
    tacit_policy_rules_t *rules = NULL;
    tacit_policy_file_t file = {0};
    char *text = NULL;
    tacit_status_t status = tacit_policy_context_next(context, &rules, ret_error);
    if (!status) {
        status = s_change_list(context->invocation, rules, ret_error);
    }
    if (!status) {
        status = tacit_policy_format(rules, &text, ret_error);
    }
    if (!status) {
        status = tacit_policy_file_take((uint8_t *)text, strlen(text), &file, ret_error);
    }
    if (!status) {
        status = s_finish_revoke(context, &file, ret_error);
    }
    tacit_policy_file_clear(&file);
    free(rules);
    return status;
}

tacit_status_t tacit_command_revoke(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_policy_context_t context = {.invocation = invocation};
    tacit_status_t status = tacit_policy_context_open(invocation, &context, ret_error);
    if (!status) {
        status = s_revoke(&context, ret_error);
    }
    tacit_policy_context_close(&context);
    return status;
}
