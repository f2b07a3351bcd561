/*  policy_context.c - see policy_context.h.  */

#include "clients/operator/policy_context.h"

#include <stdlib.h>

#include "clients/lib/policy_history.h"
#include "clients/lib/user.h"
#include "idl/attestation.h"

static tacit_status_t s_fetch(tacit_policy_context_t *self, tacit_error_t *ret_error)
{
    tacit_attestation_policy_at_args_t args = {.number = self->chain.number};
    tacit_attestation_policy_at_result_t at = {0};
    if (self->chain.number == 0) {
        return TACIT_OK;
    }
    tacit_status_t status =
        tacit_attestation_policy_at_call(tacit_mesh_attestation(self->mesh), &args, &at, ret_error);
    if (!status) {
        status = tacit_policy_parse(at.text, &self->policy, ret_error);
    }
    if (!status) {
        self->text = malloc(at.text.size);
        if (!self->text) {
            return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        }
        memcpy(self->text, at.text.data, at.text.size);
        self->text_size = at.text.size;
    }
    return status;
}

tacit_status_t tacit_policy_context_open(const tacit_invocation_t *invocation,
                                         tacit_policy_context_t *ret_context,
                                         tacit_error_t *ret_error)
{
    tacit_policy_context_t *self = ret_context;
    char path[PATH_MAX];
    tacit_status_t status = tacit_user_identity(invocation, &self->identity, ret_error);
    if (!status) {
        status = tacit_control_path(invocation->state, "trust.json", path, ret_error);
    }
    if (!status) {
        status = tacit_trust_load(path, &self->trust, ret_error);
    }
    if (!status) {
        status = tacit_control_mesh(invocation, self->identity, TACIT_CONTROL_PATIENCE_MS,
                                    &self->mesh, ret_error);
    }
    if (!status) {
        status = tacit_policy_remember(self->mesh, &self->trust, invocation->identity, &self->chain,
                                       ret_error);
    }
    return status ? status : s_fetch(self, ret_error);
}

void tacit_policy_context_close(tacit_policy_context_t *context)
{
    tacit_mesh_destroy(&context->mesh);
    tacit_identity_destroy(&context->identity);
    tacit_policy_destroy(&context->policy);
    free(context->text);
    context->text = NULL;
}

tacit_status_t tacit_policy_context_next(const tacit_policy_context_t *context,
                                         tacit_policy_rules_t **ret_rules, tacit_error_t *ret_error)
{
    if (!context->policy) {
        tacit_error_set(ret_error, TACIT_POLICY_REFUSED, "no policy is in force");
        tacit_error_remedy(ret_error, "tacit-operator policy generate makes the first one");
        return TACIT_POLICY_REFUSED;
    }
    tacit_policy_rules_t *rules = malloc(sizeof *rules);
    if (!rules) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    *rules = *tacit_policy_rules(context->policy);
    rules->number = context->chain.number + 1;
    memcpy(rules->previous, context->chain.head, sizeof rules->previous);
    *ret_rules = rules;
    return TACIT_OK;
}

static bool s_may_sign(const tacit_policy_context_t *context)
{
    const tacit_policy_changers_t *changers = &context->chain.changers;
    for (size_t i = 0; i < changers->count; i++) {
        if (memcmp(changers->keys[i], context->identity->signing_public, 32) == 0) {
            return true;
        }
    }
    return false;
}

tacit_status_t tacit_policy_context_apply(tacit_policy_context_t *context,
                                          tacit_policy_file_t *file, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    if (s_may_sign(context)) {
        status = tacit_policy_file_sign(file, context->identity, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_attestation_apply_policy_args_t args = {
        .text = tacit_span(file->text, file->size),
        .signatures = tacit_span(file->signatures, file->signatures_size),
    };
    tacit_attestation_apply_policy_result_t result = {0};
    return tacit_attestation_apply_policy_call(tacit_mesh_attestation(context->mesh), &args,
                                               &result, ret_error);
}
