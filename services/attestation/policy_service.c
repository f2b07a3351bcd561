/*  policy_service.c - the policy in force, the next one, and all that there were.  */

#include "services/attestation/policy_service.h"

#include <stdio.h>

#include "enclave/clock.h"
#include "rpc/arena.h"

enum { S_LIST_MAX = 256 }; /* entries of one page of the history */

tacit_status_t tacit_policy_service_none(tacit_call_t *call)
{
    tacit_status_t code = (tacit_status_t)TACIT_ATTESTATION_NO_POLICY;
    tacit_error_set_named(tacit_call_error(call), code, "no_policy",
                          "no policy is in force: nothing is genuine yet");
    tacit_error_remedy(tacit_call_error(call), "the operator applies one: tacit-operator policy");
    return code;
}

tacit_status_t tacit_policy_service_read(tacit_policy_store_t *policies, tacit_call_t *call,
                                         tacit_attestation_policy_result_t *ret_result)
{
    const tacit_policy_t *policy = tacit_policy_store_policy(policies);
    if (!policy) {
        return tacit_policy_service_none(call);
    }
    ret_result->text = tacit_policy_store_text(policies);
    ret_result->signatures = tacit_policy_store_signatures(policies);
    ret_result->head = tacit_span(tacit_policy_store_head(policies), 32);
    ret_result->number = tacit_policy_number(policy);
    return TACIT_OK;
}

typedef struct {
    tacit_status_t status;
    int code;
    const char *name;
    const char *message; /* the contract's, instead of the general code's */
} s_policy_code_t;

tacit_status_t tacit_policy_service_apply(tacit_policy_store_t *policies, tacit_call_t *call,
                                          const tacit_attestation_apply_policy_args_t *args)
{
    static const s_policy_code_t codes[] = {
        {TACIT_ALREADY_EXISTS, TACIT_ATTESTATION_POLICY_CONFLICT, "policy_conflict",
         "the policy does not follow the one in force"},
        {TACIT_SIGNATURE_INVALID, TACIT_ATTESTATION_POLICY_UNSIGNED, "policy_unsigned",
         "the policy is not signed by those who may change it"},
    };
    tacit_error_t *error = tacit_call_error(call);
    tacit_status_t status =
        tacit_policy_store_apply(policies, args->text, args->signatures, tacit_now_ms(), error);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (status == codes[i].status) {
            error->code = (tacit_status_t)codes[i].code;
            snprintf(error->name, sizeof error->name, "%s", codes[i].name);
            snprintf(error->message, sizeof error->message, "%s", codes[i].message);
            return error->code;
        }
    }
    return status;
}

tacit_status_t tacit_policy_service_history(tacit_policy_store_t *policies, tacit_call_t *call,
                                            const tacit_attestation_policy_history_args_t *args,
                                            tacit_attestation_policy_history_result_t *ret_result)
{
    size_t limit = args->limit && args->limit < S_LIST_MAX ? args->limit : S_LIST_MAX;
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_policy_link_t *links = tacit_arena_alloc(arena, limit * sizeof *links);
    tacit_attestation_policy_entry_t *items = tacit_arena_alloc(arena, limit * sizeof *items);
    if (!links || !items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = 0;
    tacit_status_t status = tacit_policy_store_history(policies, links, limit, &count);
    for (size_t i = 0; i < count; i++) {
        items[i] = (tacit_attestation_policy_entry_t){
            .number = links[i].number,
            .head = tacit_span(links[i].head, 32),
            .previous = tacit_span(links[i].previous, 32),
            .applied_ms = links[i].applied_ms,
        };
    }
    ret_result->entries.items = items;
    ret_result->entries.count = count;
    return status;
}

tacit_status_t tacit_policy_service_at(tacit_policy_store_t *policies, tacit_call_t *call,
                                       const tacit_attestation_policy_at_args_t *args,
                                       tacit_attestation_policy_at_result_t *ret_result)
{
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_policy_copy_t copy = {0};
    uint8_t head[32];
    tacit_status_t status = tacit_policy_store_copy(policies, args->number, &copy);
    if (status) {
        return tacit_error_set(tacit_call_error(call), status, NULL);
    }
    tacit_policy_head(tacit_span(copy.text, copy.text_size), head);
    ret_result->text = tacit_arena_copy(arena, tacit_span(copy.text, copy.text_size));
    ret_result->signatures =
        tacit_arena_copy(arena, tacit_span(copy.signatures, copy.signatures_size));
    ret_result->head = tacit_arena_copy(arena, tacit_span(head, sizeof head));
    ret_result->applied_ms = copy.applied_ms;
    tacit_policy_copy_free(&copy);
    return ret_result->text.data && ret_result->signatures.data && ret_result->head.data
               ? TACIT_OK
               : TACIT_NO_MEMORY;
}
