/*  policy_history.c - see policy_history.h.

    The file: {"policies": [{"text": TEXT, "signatures": HEX, "applied_ms": N}, ...]}, oldest first.
 */

#include "clients/lib/policy_history.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "clients/lib/policy_memory.h"
#include "enclave/whole_file.h"
#include "idl/attestation.h"

enum { S_SHARED_MODE = 0644 };

/*  --- over the wire --------------------------------------------------------------------------- */

static json_t *s_entry(const tacit_attestation_policy_at_result_t *policy)
{
    char signatures[2 * TACIT_POLICY_SIGNATURES_SIZE_MAX + 1];
    sodium_bin2hex(signatures, sizeof signatures, policy->signatures.data, policy->signatures.size);
    return json_pack("{s:s#, s:s, s:I}", "text", policy->text.data, (int)policy->text.size,
                     "signatures", signatures, "applied_ms", (json_int_t)policy->applied_ms);
}

static tacit_status_t s_fetch(tacit_mesh_t *mesh, uint64_t number,
                              tacit_attestation_policy_at_result_t *ret_policy,
                              tacit_error_t *ret_error)
{
    tacit_attestation_policy_at_args_t args = {.number = number};
    return tacit_attestation_policy_at_call(tacit_mesh_attestation(mesh), &args, ret_policy,
                                            ret_error);
}

/*  The number in force; 0 where there is none.  */
static tacit_status_t s_last(tacit_mesh_t *mesh, uint64_t *ret_number, tacit_error_t *ret_error)
{
    tacit_attestation_policy_args_t args = {0};
    tacit_attestation_policy_result_t policy = {0};
    tacit_status_t status =
        tacit_attestation_policy_call(tacit_mesh_attestation(mesh), &args, &policy, ret_error);
    if (status == (tacit_status_t)TACIT_ATTESTATION_NO_POLICY) {
        *ret_number = 0;
        return TACIT_OK;
    }
    if (!status) {
        *ret_number = policy.number;
    }
    return status;
}

/*  From where the chain stands up to number last. list may be NULL.  */
static tacit_status_t s_walk(tacit_mesh_t *mesh, tacit_policy_chain_t *chain, uint64_t last,
                             json_t *list, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    while (!status && chain->number < last) {
        tacit_attestation_policy_at_result_t at = {0};
        tacit_policy_t *policy = NULL;
        status = s_fetch(mesh, chain->number + 1, &at, ret_error);
        if (!status) {
            status = tacit_policy_chain_check(chain, at.text, at.signatures, &policy, ret_error);
        }
        if (!status) {
            tacit_policy_chain_advance(chain, at.text, policy);
            if (list && json_array_append_new(list, s_entry(&at))) {
                status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
            }
        }
        tacit_policy_destroy(&policy);
    }
    return status;
}

/*  --- memory ---------------------------------------------------------------------------------- */

tacit_status_t tacit_policy_remember(tacit_mesh_t *mesh, const tacit_trust_t *trust,
                                     const char *folder, tacit_policy_chain_t *ret_chain,
                                     tacit_error_t *ret_error)
{
    uint64_t last = 0;
    uint64_t wanted = 0;
    tacit_policy_memory_t memory;
    tacit_status_t status = s_last(mesh, &last, ret_error);
    if (!status) {
        status = tacit_policy_memory_open(trust, folder, last, &memory, ret_error);
    }
    while (!status && (wanted = tacit_policy_memory_wants(&memory)) != 0) {
        tacit_attestation_policy_at_result_t at = {0};
        status = s_fetch(mesh, wanted, &at, ret_error);
        if (!status) {
            status = tacit_policy_memory_take(&memory, at.text, at.signatures, ret_error);
        }
    }
    if (!status) {
        status = tacit_policy_memory_save(&memory, ret_error);
    }
    if (!status) {
        *ret_chain = memory.chain;
    }
    return status;
}

/*  --- files ----------------------------------------------------------------------------------- */

tacit_status_t tacit_policy_history_save(tacit_mesh_t *mesh, const tacit_trust_t *trust,
                                         const char *path, tacit_policy_chain_t *ret_chain,
                                         tacit_error_t *ret_error)
{
    uint64_t last = 0;
    tacit_policy_chain_t chain;
    json_t *list = json_array();
    tacit_policy_chain_start(trust->operator_signing_key, &chain);
    tacit_status_t status = s_last(mesh, &last, ret_error);
    if (!status) {
        status = s_walk(mesh, &chain, last, list, ret_error);
    }
    json_t *object = json_pack("{s:O}", "policies", list);
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    if (!status) {
        status = text ? tacit_whole_file_replace(path, tacit_span_string(text), S_SHARED_MODE)
                      : TACIT_NO_MEMORY;
        if (status) {
            tacit_error_set(ret_error, status, "cannot write %s", path);
        }
    }
    free(text);
    json_decref(object);
    json_decref(list);
    if (!status) {
        *ret_chain = chain;
    }
    return status;
}

typedef struct {
    tacit_policy_chain_t chain;
    void (*tell)(void *context, const tacit_policy_history_entry_t *entry);
    void *context;
} s_check_t;

static tacit_status_t s_check_signed(s_check_t *self, tacit_span_t text, const char *hex,
                                     uint64_t applied_ms, tacit_error_t *ret_error)
{
    uint8_t signatures[TACIT_POLICY_SIGNATURES_SIZE_MAX];
    tacit_policy_t *policy = NULL;
    size_t size = strlen(hex) / 2;
    if (size > sizeof signatures || !tacit_hex_read(hex, signatures, size)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "signatures are not hex digits");
    }
    tacit_status_t status = tacit_policy_chain_check(
        &self->chain, text, tacit_span(signatures, size), &policy, ret_error);
    if (!status) {
        tacit_policy_chain_advance(&self->chain, text, policy);
        const tacit_policy_history_entry_t entry = {
            .policy = policy,
            .head = self->chain.head,
            .signatures = size / TACIT_POLICY_SIGNATURE_SIZE,
            .applied_ms = applied_ms,
        };
        self->tell(self->context, &entry);
    }
    tacit_policy_destroy(&policy);
    return status;
}

static tacit_status_t s_check_entry(s_check_t *self, const json_t *entry, tacit_error_t *ret_error)
{
    const json_t *text = json_object_get(entry, "text");
    const char *hex = json_string_value(json_object_get(entry, "signatures"));
    json_int_t applied_ms = json_integer_value(json_object_get(entry, "applied_ms"));
    if (!json_is_string(text) || !hex) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "policy %" PRIu64 " of the file has no text or no signatures",
                               self->chain.number + 1);
    }
    return s_check_signed(self, tacit_span(json_string_value(text), json_string_length(text)), hex,
                          applied_ms > 0 ? (uint64_t)applied_ms : 0, ret_error);
}

tacit_status_t
tacit_policy_history_check(const char *path, const tacit_trust_t *trust,
                           void (*tell)(void *context, const tacit_policy_history_entry_t *entry),
                           void *context, tacit_policy_chain_t *ret_chain, tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    s_check_t check = {.tell = tell, .context = context};
    tacit_policy_chain_start(trust->operator_signing_key, &check.chain);
    tacit_status_t status =
        tacit_whole_file_read(path, TACIT_POLICY_HISTORY_SIZE_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read %s", path);
    }
    json_t *object = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *list = json_object_get(object, "policies");
    free(text);
    if (!json_is_array(list) || json_array_size(list) == 0) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no history of policies", path);
    }
    for (size_t i = 0; !status && i < json_array_size(list); i++) {
        status = s_check_entry(&check, json_array_get(list, i), ret_error);
    }
    json_decref(object);
    if (!status) {
        *ret_chain = check.chain;
    }
    return status;
}
