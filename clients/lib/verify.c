/*  verify.c - the verify command: trust anchor, attestation service, policy, every member.  */

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

#include "clients/lib/policy_memory.h"
#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/lib/user.h"
#include "enclave/policy.h"
#include "idl/attestation.h"

typedef struct {
    char text[65];
} s_hex_t;

static s_hex_t s_hex(const uint8_t *bytes, size_t size)
{
    s_hex_t hex;
    sodium_bin2hex(hex.text, sizeof hex.text, bytes, size);
    return hex;
}

typedef struct {
    tacit_user_t user;
    tacit_peer_t peers[TACIT_MESH_PEERS_MAX];
    size_t peer_count;
    uint64_t policy_number;
    uint8_t policy_head[32];
} s_view_t;

/*  Opening checked the chain up to the policy in force; where there is none, that is an error.  */
static tacit_status_t s_check_policy(s_view_t *view, tacit_error_t *ret_error)
{
    tacit_attestation_policy_args_t args = {0};
    tacit_attestation_policy_result_t policy = {0};
    tacit_status_t status = tacit_attestation_policy_call(tacit_mesh_attestation(view->user.mesh),
                                                          &args, &policy, ret_error);
    if (!status) {
        memcpy(view->policy_head, view->user.policy.head, sizeof view->policy_head);
        view->policy_number = view->user.policy.number;
    }
    return status;
}

static tacit_status_t s_check_members(const s_view_t *view, tacit_error_t *ret_error)
{
    for (size_t i = 0; i < view->peer_count; i++) {
        const tacit_result_t *result = &view->peers[i].result;
        if (memcmp(result->policy_head, view->policy_head, 32) != 0) {
            return tacit_error_claim(ret_error, TACIT_POLICY_REFUSED, "policy head of a member",
                                     s_hex(view->policy_head, 32).text,
                                     s_hex(result->policy_head, 32).text);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_add_row(tacit_table_t *table, const char *role, const uint8_t mrenclave[32],
                                const uint8_t mrsigner[32], unsigned svn, const char *tcb,
                                bool debug, const char *endpoint)
{
    char number[16];
    s_hex_t code = s_hex(mrenclave, 32);
    s_hex_t signer = s_hex(mrsigner, 8);
    snprintf(number, sizeof number, "%u", svn);
    const char *const cells[] = {role,
                                 code.text,
                                 signer.text,
                                 number,
                                 tcb,
                                 debug ? "DEBUG" : "no",
                                 endpoint[0] ? endpoint : "-"};
    return tacit_table_add(table, cells);
}

static tacit_status_t s_print_table(const s_view_t *view)
{
    static const tacit_column_t columns[] = {
        {"ROLE", TACIT_ALIGN_LEFT},     {"MEASUREMENT", TACIT_ALIGN_LEFT},
        {"SIGNER", TACIT_ALIGN_LEFT},   {"SVN", TACIT_ALIGN_RIGHT},
        {"TCB", TACIT_ALIGN_LEFT},      {"DEBUG", TACIT_ALIGN_LEFT},
        {"ENDPOINT", TACIT_ALIGN_LEFT},
    };
    const tacit_claims_t *claims = tacit_mesh_claims(view->user.mesh);
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(columns, 7, &table);
    if (!status) {
        status = s_add_row(table, "attestation", claims->mrenclave, claims->mrsigner, claims->svn,
                           tacit_tcb_status_shown(claims->tee, claims->tcb_status), claims->debug,
                           view->user.trust.introduction);
    }
    for (size_t i = 0; i < view->peer_count && !status; i++) {
        const tacit_result_t *result = &view->peers[i].result;
        status =
            s_add_row(table, tacit_role_name(result->role), result->mrenclave, result->mrsigner,
                      result->svn, tacit_tcb_status_shown(result->tee, result->tcb_status),
                      result->debug, view->peers[i].endpoint);
    }
    if (!status) {
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    return status;
}

static tacit_status_t s_print(const s_view_t *view)
{
    const tacit_claims_t *claims = tacit_mesh_claims(view->user.mesh);
    printf("Trust anchor  %s%s\n              SHA-256 %s, as in trust.json\n", claims->root_name,
           claims->simulated ? " (SIMULATED: no hardware protects this mesh)" : "",
           s_hex(claims->root_sha256, 32).text);
    printf("Kind          %s\n", tacit_tee_name(claims->tee));
    printf("Mesh          %s\n", s_hex(tacit_mesh_id(view->user.mesh), 32).text);
    printf("Policy        number %llu, head %s, every change since number 1 signed\n\n",
           (unsigned long long)view->policy_number, s_hex(view->policy_head, 32).text);
    tacit_status_t status = s_print_table(view);
    if (!status) {
        printf("\nThe attestation service's evidence was verified here, in full; the others by it, "
               "under that policy.\n");
    }
    return status;
}

static json_t *s_service_json(const char *role, const uint8_t mrenclave[32],
                              const uint8_t mrsigner[32], unsigned svn, const char *tcb, bool debug,
                              bool simulated, const char *endpoint)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:b, s:b, s:s}", "role", role, "mrenclave",
                     s_hex(mrenclave, 32).text, "mrsigner", s_hex(mrsigner, 32).text, "svn",
                     (int)svn, "tcb_status", tcb, "debug", debug, "simulated", simulated,
                     "endpoint", endpoint);
}

static void s_print_json(const s_view_t *view)
{
    const tacit_claims_t *claims = tacit_mesh_claims(view->user.mesh);
    json_t *services = json_array();
    json_array_append_new(
        services, s_service_json("attestation", claims->mrenclave, claims->mrsigner, claims->svn,
                                 tacit_tcb_status_shown(claims->tee, claims->tcb_status),
                                 claims->debug, claims->simulated, view->user.trust.introduction));
    for (size_t i = 0; i < view->peer_count; i++) {
        const tacit_result_t *result = &view->peers[i].result;
        json_array_append_new(
            services,
            s_service_json(tacit_role_name(result->role), result->mrenclave, result->mrsigner,
                           result->svn, tacit_tcb_status_shown(result->tee, result->tcb_status),
                           result->debug, result->simulated, view->peers[i].endpoint));
    }
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:s, s:o}", "trust_anchor",
                               claims->root_name, "tee", tacit_tee_name(claims->tee), "root_sha256",
                               s_hex(claims->root_sha256, 32).text, "simulated", claims->simulated,
                               "mesh_id", s_hex(tacit_mesh_id(view->user.mesh), 32).text,
                               "policy_number", (json_int_t)view->policy_number, "policy_head",
                               s_hex(view->policy_head, 32).text, "services", services);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

/*  --- the history of policies, without a mesh ------------------------------------------------- */

typedef struct {
    tacit_table_t *table; /* one of the two */
    json_t *list;
    tacit_policy_memory_t memory; /* what this identity saw last, if it is there */
    bool found;                   /* a policy of that number */
    uint8_t head[32];             /* its */
} s_history_t;

static void s_tell_entry(void *context, const tacit_policy_history_entry_t *entry)
{
    s_history_t *history = context;
    char number[24];
    char signatures[24];
    char applied[TACIT_TIME_TEXT_SIZE];
    s_hex_t head = s_hex(entry->head, 32);
    if (tacit_policy_number(entry->policy) == history->memory.number) {
        history->found = true;
        memcpy(history->head, entry->head, sizeof history->head);
    }
    if (history->list) {
        json_array_append_new(history->list,
                              json_pack("{s:I, s:s, s:i, s:I}", "number",
                                        (json_int_t)tacit_policy_number(entry->policy), "head",
                                        head.text, "signatures", (int)entry->signatures,
                                        "applied_ms", (json_int_t)entry->applied_ms));
        return;
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)tacit_policy_number(entry->policy));
    snprintf(signatures, sizeof signatures, "%zu", entry->signatures);
    tacit_time_format(entry->applied_ms, applied);
    const char *const cells[] = {number, applied, signatures, head.text};
    (void)!tacit_table_add(history->table, cells);
}

static tacit_status_t s_verify_history(const tacit_invocation_t *invocation, const char *path,
                                       tacit_error_t *ret_error)
{
    static const tacit_column_t columns[] = {
        {"NUMBER", TACIT_ALIGN_RIGHT},
        {"APPLIED", TACIT_ALIGN_LEFT},
        {"SIGNATURES", TACIT_ALIGN_RIGHT},
        {"HEAD", TACIT_ALIGN_LEFT},
    };
    tacit_trust_t trust;
    tacit_policy_chain_t chain;
    s_history_t history = {.list = invocation->json ? json_array() : NULL};
    tacit_status_t status = tacit_table_new(columns, 4, &history.table);
    if (!status) {
        status = tacit_user_trust(invocation, &trust, ret_error);
    }
    if (!status) {
        status = tacit_policy_memory_open(&trust, invocation->identity, UINT64_MAX, &history.memory,
                                          ret_error);
    }
    if (!status) {
        status =
            tacit_policy_history_check(path, &trust, s_tell_entry, &history, &chain, ret_error);
    }
    if (!status) {
        status = tacit_policy_memory_compare(&history.memory, history.found ? history.head : NULL,
                                             ret_error);
    }
    if (!status && invocation->json) {
        json_dumpf(history.list, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (!status) {
        tacit_table_print(history.table, stdout);
        printf("\nEvery policy follows the one before and is signed by those who might change it, "
               "from the\noperator's key in trust.json on.\n");
    }
    json_decref(history.list);
    tacit_table_destroy(&history.table);
    return status;
}

static tacit_status_t s_save_history(const tacit_invocation_t *invocation, tacit_user_t *user,
                                     tacit_error_t *ret_error)
{
    const char *path = tacit_invocation_value(invocation, "save-history");
    tacit_policy_chain_t chain;
    return path ? tacit_policy_history_save(user->mesh, &user->trust, path, &chain, ret_error)
                : TACIT_OK;
}

const tacit_option_t tacit_user_verify_options[TACIT_USER_VERIFY_OPTIONS] = {
    {"history", 0, "FILE", "check a saved history of policies by trust.json alone, without a mesh"},
    {"save-history", 0, "FILE", "write the mesh's whole history of policies to a file"},
};

tacit_status_t tacit_user_verify(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *saved = tacit_invocation_value(invocation, "history");
    if (saved) {
        return s_verify_history(invocation, saved, ret_error);
    }
    s_view_t view = {0};
    tacit_status_t status = tacit_user_open(invocation, &view.user, ret_error);
    if (!status) {
        status = s_check_policy(&view, ret_error);
    }
    if (!status) {
        status = tacit_mesh_lookup(view.user.mesh, TACIT_ROLE_NONE, view.peers,
                                   TACIT_MESH_PEERS_MAX, &view.peer_count, ret_error);
    }
    if (!status) {
        status = s_check_members(&view, ret_error);
    }
    if (!status) {
        status = s_save_history(invocation, &view.user, ret_error);
    }
    if (!status && invocation->json) {
        s_print_json(&view);
    } else if (!status) {
        status = s_print(&view);
    }
    tacit_user_close(&view.user);
    return status;
}
