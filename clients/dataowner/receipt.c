/*  receipt.c - tacit-dataowner receipt: list, show and verify, all without the mesh.  */

#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/dataowner/commands.h"
#include "clients/dataowner/receipt_store.h"
#include "clients/lib/hex.h"
#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/lib/user.h"
#include "clients/lib/whole_digest.h"

typedef struct s_context {
    const tacit_invocation_t *invocation;
    tacit_trust_t trust;
} s_context_t;

static tacit_status_t s_load(const s_context_t *context, const char *path,
                             tacit_proven_receipt_t *ret_proven, tacit_error_t *ret_error)
{
    tacit_receipt_bundle_t bundle = {.time_ms = 0};
    tacit_status_t status = tacit_receipt_store_read(path, &bundle, ret_error);
    if (!status) {
        status = tacit_receipt_bundle_verify(&bundle, &context->trust, ret_proven, ret_error);
    }
    tacit_receipt_bundle_release(&bundle);
    return status;
}

/*  --- one receipt ----------------------------------------------------------------------------- */

static void s_print_key(const char *name, const uint8_t key[32])
{
    char hex[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(key, hex);
    printf("%-18s%s\n", name, hex);
}

static void s_print(const tacit_proven_receipt_t *proven)
{
    const tacit_receipt_t *receipt = &proven->receipt;
    char when[TACIT_TIME_TEXT_SIZE];
    char id[2 * TACIT_REQUEST_ID_SIZE + 1];
    tacit_time_format(receipt->time_ms, when);
    (void)sodium_bin2hex(id, sizeof id, receipt->envelope.request_id, TACIT_REQUEST_ID_SIZE);
    printf("%-18s%s (the worker's clock)\n", "answered at", when);
    printf("%-18s%s\n", "request id", id);
    s_print_key("data owner", receipt->envelope.user);
    printf("%-18s%s@%u\n", "model", receipt->envelope.name, receipt->envelope.version);
    s_print_key("model owner", receipt->envelope.owner);
    s_print_key("model digest", receipt->model_sha256);
    s_print_key("request digest", receipt->request_sha256);
    s_print_key("response digest", receipt->response_sha256);
    s_print_key("measurement", receipt->mrenclave);
    printf("%-18s%s, %s backend\n", "isolation", tacit_isolation_name(receipt->isolation),
           tacit_backend_name(receipt->backend));
    printf("%-18s%s\n", "precision", tacit_precision_name(receipt->precision));
    s_print_key("signer", proven->result.mrsigner);
    printf("%-18s%u\n", "svn", proven->result.svn);
    printf("%-18s%s\n", "kind", tacit_tee_name(proven->result.tee));
    printf("%-18s%s\n", "TCB status",
           tacit_tcb_status_shown(proven->result.tee, proven->result.tcb_status));
    printf("%-18s%s\n", "debug", proven->result.debug ? "YES" : "no");
    s_print_key("policy", receipt->policy_head);
    s_print_key("mesh", receipt->mesh_id);
    printf("%-18s%s%s\n", "trust anchor", proven->claims.root_name,
           receipt->simulated ? " (SIMULATED: no hardware protected this)" : "");
}

static json_t *s_json(const tacit_proven_receipt_t *proven)
{
    const tacit_receipt_t *receipt = &proven->receipt;
    const struct {
        const char *name;
        const uint8_t *key;
    } keys[] = {
        {"user", receipt->envelope.user},
        {"owner", receipt->envelope.owner},
        {"model_sha256", receipt->model_sha256},
        {"request_sha256", receipt->request_sha256},
        {"response_sha256", receipt->response_sha256},
        {"mrenclave", receipt->mrenclave},
        {"mrsigner", proven->result.mrsigner},
        {"policy_head", receipt->policy_head},
        {"mesh_id", receipt->mesh_id},
        {"root_sha256", proven->claims.root_sha256},
    };
    char id[2 * TACIT_REQUEST_ID_SIZE + 1];
    (void)sodium_bin2hex(id, sizeof id, receipt->envelope.request_id, TACIT_REQUEST_ID_SIZE);
    json_t *object =
        json_pack("{s:b, s:s, s:I, s:s, s:I, s:i, s:s, s:s, s:b, s:b, s:s}", "verified", 1,
                  "request_id", id, "time_ms", (json_int_t)receipt->time_ms, "name",
                  receipt->envelope.name, "version", (json_int_t)receipt->envelope.version, "svn",
                  (int)proven->result.svn, "tee", tacit_tee_name(proven->result.tee), "tcb_status",
                  tacit_tcb_status_shown(proven->result.tee, proven->result.tcb_status), "debug",
                  proven->result.debug, "simulated", receipt->simulated, "trust_anchor",
                  proven->claims.root_name);
    if (object) {
        (void)json_object_set_new(object, "isolation",
                                  json_string(tacit_isolation_name(receipt->isolation)));
        (void)json_object_set_new(object, "backend",
                                  json_string(tacit_backend_name(receipt->backend)));
        (void)json_object_set_new(object, "precision",
                                  json_string(tacit_precision_name(receipt->precision)));
    }
    for (size_t i = 0; object && i < sizeof keys / sizeof *keys; i++) {
        char hex[TACIT_HEX_KEY_SIZE];
        tacit_hex_key(keys[i].key, hex);
        (void)json_object_set_new(object, keys[i].name, json_string(hex));
    }
    return object;
}

static void s_print_json(json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(value);
}

/*  --- show and verify ------------------------------------------------------------------------- */

/*  The file of that option, where it was given, must be what the receipt speaks of.  */
static tacit_status_t s_check_file(const s_context_t *context, const char *option,
                                   const uint8_t expected[32], tacit_error_t *ret_error)
{
    const char *path = tacit_invocation_value(context->invocation, option);
    uint8_t digest[32];
    char want[TACIT_HEX_KEY_SIZE];
    char have[TACIT_HEX_KEY_SIZE];
    if (!path) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_whole_digest(path, digest, ret_error);
    if (!status && memcmp(digest, expected, sizeof digest) != 0) {
        tacit_hex_key(expected, want);
        tacit_hex_key(digest, have);
        status = tacit_error_claim(ret_error, TACIT_CORRUPT, path, want, have);
        tacit_error_remedy(ret_error, "these are not the sealed bytes that the receipt is for");
    }
    return status;
}

static tacit_status_t s_check_files(const s_context_t *context,
                                    const tacit_proven_receipt_t *proven, tacit_error_t *ret_error)
{
    tacit_status_t status =
        s_check_file(context, "request", proven->receipt.request_sha256, ret_error);
    return status ? status
                  : s_check_file(context, "response", proven->receipt.response_sha256, ret_error);
}

static tacit_status_t s_show(const s_context_t *context, const char *path, tacit_error_t *ret_error)
{
    tacit_proven_receipt_t proven;
    tacit_status_t status = s_load(context, path, &proven, ret_error);
    if (!status) {
        status = s_check_files(context, &proven, ret_error);
    }
    if (!status && context->invocation->json) {
        s_print_json(s_json(&proven));
    } else if (!status) {
        s_print(&proven);
    }
    return status;
}

static tacit_status_t s_verify(const s_context_t *context, const char *path,
                               tacit_error_t *ret_error)
{
    bool request = tacit_invocation_count(context->invocation, "request") > 0;
    bool response = tacit_invocation_count(context->invocation, "response") > 0;
    tacit_status_t status = s_show(context, path, ret_error);
    if (!status && !context->invocation->json) {
        printf("\nVerified: trust.json vouches for the attestation service's evidence, its result "
               "key for the worker's\nattestation result, that one's signing key for this "
               "receipt%s%s%s.\n",
               request || response ? ", the receipt for the " : "",
               request && response ? "request and the response"
                                   : (request ? "request" : (response ? "response" : "")),
               request || response ? " given" : "");
    }
    return status;
}

/*  --- list ------------------------------------------------------------------------------------ */

static tacit_status_t s_add_row(const s_context_t *context, const char *path, tacit_table_t *table,
                                json_t *list)
{
    tacit_proven_receipt_t proven = {.result = {.simulated = false}};
    tacit_error_t error = {.code = TACIT_OK};
    char when[TACIT_TIME_TEXT_SIZE] = "";
    char model[TACIT_MODEL_NAME_MAX + 16] = "";
    char code[TACIT_HEX_SHORT_SIZE] = "";
    bool verified = s_load(context, path, &proven, &error) == TACIT_OK;
    if (list) {
        json_t *object = verified ? s_json(&proven)
                                  : json_pack("{s:b, s:s}", "verified", 0, "error", error.name);
        (void)json_object_set_new(object, "file", json_string(path));
        return json_array_append_new(list, object) == 0 ? TACIT_OK : TACIT_NO_MEMORY;
    }
    if (verified) {
        tacit_time_format(proven.receipt.time_ms, when);
        (void)snprintf(model, sizeof model, "%s@%u", proven.receipt.envelope.name,
                       proven.receipt.envelope.version);
        tacit_hex_short(proven.receipt.mrenclave, code);
    }
    const char *const cells[] = {when, model, code, verified ? "yes" : error.name, path};
    return tacit_table_add(table, cells);
}

static tacit_status_t s_list(const s_context_t *context, const char *folder,
                             tacit_error_t *ret_error)
{
    static const tacit_column_t columns[] = {
        {"ANSWERED AT", TACIT_ALIGN_LEFT}, {"MODEL", TACIT_ALIGN_LEFT},
        {"MEASUREMENT", TACIT_ALIGN_LEFT}, {"VERIFIED", TACIT_ALIGN_LEFT},
        {"FILE", TACIT_ALIGN_LEFT},
    };
    char **paths = NULL;
    size_t count = 0;
    tacit_table_t *table = NULL;
    json_t *list = context->invocation->json ? json_array() : NULL;
    tacit_status_t status = tacit_receipt_store_list(folder, &paths, &count, ret_error);
    if (!status && tacit_table_new(columns, sizeof columns / sizeof *columns, &table)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        status = status ? status : s_add_row(context, paths[i], table, list);
        free(paths[i]);
    }
    free(paths);
    if (!status && list) {
        s_print_json(json_incref(list));
    } else if (!status) {
        tacit_table_print_or(table, "No receipts.", stdout);
    }
    json_decref(list);
    tacit_table_destroy(&table);
    return status;
}

/*  --- the command ----------------------------------------------------------------------------- */

typedef struct s_subcommand {
    const char *name;
    bool needs_file;
    tacit_status_t (*run)(const s_context_t *context, const char *path, tacit_error_t *ret_error);
} s_subcommand_t;

static const s_subcommand_t s_subcommands[] = {
    {"list", false, s_list},
    {"show", true, s_show},
    {"verify", true, s_verify},
};

static const s_subcommand_t *s_find(const char *name)
{
    for (size_t i = 0; i < sizeof s_subcommands / sizeof *s_subcommands; i++) {
        if (strcmp(s_subcommands[i].name, name) == 0) {
            return &s_subcommands[i];
        }
    }
    return NULL;
}

tacit_status_t tacit_command_receipt(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char folder[PATH_MAX];
    s_context_t context = {.invocation = invocation};
    const s_subcommand_t *found = s_find(invocation->operands[0]);
    const char *path = invocation->operand_count > 1 ? invocation->operands[1] : NULL;
    if (!found) {
        return tacit_usage_error(invocation, ret_error,
                                 "receipt takes list, show or verify, not "
                                 "\"%s\"",
                                 invocation->operands[0]);
    }
    if (found->needs_file && !path) {
        return tacit_usage_error(invocation, ret_error, "receipt %s needs a receipt's FILE",
                                 found->name);
    }
    if (!path && snprintf(folder, sizeof folder, "%s/receipts", invocation->identity) >= PATH_MAX) {
        return tacit_usage_error(invocation, ret_error, "the identity's path is too long");
    }
    tacit_status_t status = tacit_user_trust(invocation, &context.trust, ret_error);
    return status ? status : found->run(&context, path ? path : folder, ret_error);
}
