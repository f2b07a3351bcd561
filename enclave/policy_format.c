/*  policy_format.c - rules as YAML text, in one canonical order.

    The text is read back before it is given out: what this writes, every service accepts.  */

#include "enclave/policy_text.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static void s_write_hex(FILE *to, const uint8_t *bytes, size_t size)
{
    char hex[2 * TACIT_REGISTER_SIZE + 1];
    fputs(sodium_bin2hex(hex, sizeof hex, bytes, size), to);
}

static void s_write_ids(FILE *to, const char *indent, const char *key,
                        const tacit_policy_ids_t *ids, size_t size)
{
    if (ids->count == 0) {
        return;
    }
    fprintf(to, "%s%s:\n", indent, key);
    for (size_t i = 0; i < ids->count; i++) {
        fprintf(to, "%s  - ", indent);
        s_write_hex(to, ids->items[i], size);
        fputc('\n', to);
    }
}

static void s_write_measurement(FILE *to, const tacit_policy_enclave_t *enclave)
{
    const char *name = enclave->by_signer ? "mrsigner" : "mrenclave";
    if (enclave->tee == TACIT_TEE_SGX) {
        fprintf(to, "    %s: ", name);
        s_write_hex(to, enclave->measurement, sizeof enclave->measurement);
        fputc('\n', to);
        return;
    }
    for (size_t i = 0; (name = tacit_tee_register_name(enclave->tee, enclave->by_signer, i)); i++) {
        fprintf(to, "    %s: ", name);
        s_write_hex(to, enclave->registers.values[i], TACIT_REGISTER_SIZE);
        fputc('\n', to);
    }
}

static void s_write_enclave(FILE *to, const tacit_policy_enclave_t *enclave)
{
    fprintf(to, "  - role: %s\n", tacit_role_name(enclave->role));
    s_write_measurement(to, enclave);
    if (enclave->by_signer) {
        fprintf(to, "    product: %d\n    minimum_svn: %u\n", (int)enclave->role,
                (unsigned)enclave->minimum_svn);
    }
    fprintf(to, "    debug: %s\n", enclave->debug_allowed ? "allowed" : "refused");
}

static void s_write_roots(FILE *to, const tacit_policy_rules_t *rules)
{
    fprintf(to, "roots:%s\n", rules->root_count ? "" : " []");
    for (size_t i = 0; i < rules->root_count; i++) {
        fputs("  - sha256: ", to);
        s_write_hex(to, rules->roots[i].sha256, sizeof rules->roots[i].sha256);
        fprintf(to, "\n    simulated: %s\n", rules->roots[i].simulated ? "true" : "false");
    }
}

static void s_write_statuses(FILE *to, uint32_t statuses)
{
    fprintf(to, "statuses:%s\n", statuses ? "" : " []");
    for (uint32_t status = 0; status < TACIT_TCB_STATUSES; status++) {
        if (statuses & (UINT32_C(1) << status)) {
            fprintf(to, "  - %s\n", tacit_tcb_status_name((tacit_tcb_status_t)status));
        }
    }
}

static void s_write_changers(FILE *to, const tacit_policy_changers_t *changers)
{
    if (changers->count == 0) {
        return;
    }
    fprintf(to, "changes:\n  signatures: %" PRIu32 "\n  keys:\n", changers->needed);
    for (size_t i = 0; i < changers->count; i++) {
        fputs("    - ", to);
        s_write_hex(to, changers->keys[i], sizeof changers->keys[i]);
        fputc('\n', to);
    }
}

static void s_write(FILE *to, const tacit_policy_rules_t *rules)
{
    fprintf(to, "policy: 1\nnumber: %" PRIu64 "\nprevious: ", rules->number);
    s_write_hex(to, rules->previous, sizeof rules->previous);
    fputc('\n', to);
    s_write_roots(to, rules);
    fprintf(to, "enclaves:%s\n", rules->enclave_count ? "" : " []");
    for (size_t i = 0; i < rules->enclave_count; i++) {
        s_write_enclave(to, &rules->enclaves[i]);
    }
    s_write_statuses(to, rules->statuses);
    if (rules->advisory_count > 0) {
        fputs("advisories_accepted:\n", to);
    }
    for (size_t i = 0; i < rules->advisory_count; i++) {
        fprintf(to, "  - %s\n", rules->advisories[i]);
    }
    s_write_ids(to, "", "platforms", &rules->platforms, 16);
    if (rules->revoked_measurements.count + rules->revoked_signers.count +
            rules->revoked_platforms.count + rules->revoked_users.count >
        0) {
        fputs("revoked:\n", to);
    }
    s_write_ids(to, "  ", "measurements", &rules->revoked_measurements, 32);
    s_write_ids(to, "  ", "signers", &rules->revoked_signers, 32);
    s_write_ids(to, "  ", "platforms", &rules->revoked_platforms, 16);
    s_write_ids(to, "  ", "users", &rules->revoked_users, 32);
    if (rules->minimum_tcb_evaluation_number > 0) {
        fprintf(to, "minimum_tcb_evaluation_number: %" PRIu32 "\n",
                rules->minimum_tcb_evaluation_number);
    }
    s_write_changers(to, &rules->changers);
}

static bool s_counts_in_bounds(const tacit_policy_rules_t *rules)
{
    return rules->root_count <= TACIT_POLICY_ROOTS_MAX &&
           rules->enclave_count <= TACIT_POLICY_ENCLAVES_MAX &&
           rules->advisory_count <= TACIT_POLICY_LIST_MAX &&
           rules->platforms.count <= TACIT_POLICY_LIST_MAX &&
           rules->revoked_measurements.count <= TACIT_POLICY_LIST_MAX &&
           rules->revoked_signers.count <= TACIT_POLICY_LIST_MAX &&
           rules->revoked_platforms.count <= TACIT_POLICY_LIST_MAX &&
           rules->revoked_users.count <= TACIT_POLICY_LIST_MAX &&
           rules->changers.count <= TACIT_POLICY_CHANGERS_MAX;
}

tacit_status_t tacit_policy_format(const tacit_policy_rules_t *rules, char **ret_text,
                                   tacit_error_t *ret_error)
{
    char *text = NULL;
    size_t size = 0;
    tacit_policy_t *policy = NULL;
    if (!s_counts_in_bounds(rules)) {
        return tacit_error_claim(ret_error, TACIT_POLICY_REFUSED, "rules", "lists within bounds",
                                 "a longer one");
    }
    FILE *to = open_memstream(&text, &size);
    if (!to) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    s_write(to, rules);
    bool failed = ferror(to) != 0;
    tacit_status_t status = fclose(to) != 0 || failed
                                ? tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL)
                                : tacit_policy_parse(tacit_span(text, size), &policy, ret_error);
    tacit_policy_destroy(&policy);
    if (status != TACIT_OK) {
        free(text);
        return status;
    }
    *ret_text = text;
    return TACIT_OK;
}
