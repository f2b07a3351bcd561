/*  policy_make.c - from signature files to rules.  */

#include "clients/operator/policy_make.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/launch.h"
#include "enclave/measurement.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

typedef struct {
    const char *executable;
    tacit_role_t role;
} s_row_t;

/*  The attestation service is judged by trust.json, not by the policy.  */
static const s_row_t s_rows[] = {
    {"tacit-keyd", TACIT_ROLE_KEYS},
    {"tacit-modeld", TACIT_ROLE_MODELS},
    {"tacit-gatewayd", TACIT_ROLE_GATEWAY},
    {NULL, TACIT_ROLE_WORKER}, /* as the caller says */
};

static tacit_status_t s_read(const char *bin, const char *executable,
                             tacit_sigstruct_t *ret_sigstruct, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s" TACIT_SIGSTRUCT_SUFFIX, bin, executable);
    tacit_status_t status = tacit_whole_file_read(path, TACIT_SIGSTRUCT_SIZE, &bytes, &size);
    if (status) {
        tacit_error_set(ret_error, status, "cannot read %s", path);
        tacit_error_remedy(ret_error, "build the programs; the build signs them");
        return status;
    }
    status = tacit_sigstruct_verify(tacit_span(bytes, size), ret_sigstruct, ret_error);
    free(bytes);
    return status;
}

/*  As a mesh of that kind measures the signed program.  */
static void s_name(tacit_tee_t tee, const tacit_sigstruct_t *sigstruct,
                   tacit_policy_enclave_t *enclave)
{
    tacit_registers_t signer;
    tacit_self_t program = {
        .product_id = sigstruct->product_id, .svn = sigstruct->svn, .debug = sigstruct->debug};
    memcpy(program.mrenclave, sigstruct->mrenclave, sizeof program.mrenclave);
    memcpy(program.mrsigner, sigstruct->mrsigner, sizeof program.mrsigner);
    enclave->tee = tee;
    tacit_launch_registers(tee, &program, &enclave->registers, &signer);
    program = tacit_launch_identity(tee, &program);
    memcpy(enclave->measurement, program.mrenclave, sizeof enclave->measurement);
}

static tacit_status_t s_add(const char *bin, const char *worker, const s_row_t *row,
                            tacit_tee_t tee, tacit_policy_rules_t *rules, tacit_error_t *ret_error)
{
    tacit_sigstruct_t sigstruct;
    tacit_status_t status =
        s_read(bin, row->executable ? row->executable : worker, &sigstruct, ret_error);
    if (!status) {
        tacit_policy_enclave_t *enclave = &rules->enclaves[rules->enclave_count++];
        enclave->role = row->role;
        s_name(tee, &sigstruct, enclave);
    }
    return status;
}

tacit_status_t tacit_policy_make(const char *bin, const char *worker, const tacit_trust_t *trust,
                                 uint64_t number, const uint8_t previous[32],
                                 tacit_policy_rules_t **ret_rules, tacit_error_t *ret_error)
{
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    if (!rules) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    rules->number = number;
    memcpy(rules->previous, previous, 32);
    rules->root_count = 1;
    rules->roots[0].simulated = trust->simulated;
    memcpy(rules->roots[0].sha256, trust->root_sha256, 32);
    rules->statuses = UINT32_C(1) << TACIT_TCB_UP_TO_DATE;
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows && !status; i++) {
        status = s_add(bin, worker, &s_rows[i], trust->tee, rules, ret_error);
    }
    if (status) {
        free(rules);
        return status;
    }
    *ret_rules = rules;
    return TACIT_OK;
}

static bool s_allows(const tacit_policy_rules_t *policy, const tacit_policy_enclave_t *wanted)
{
    for (size_t i = 0; i < policy->enclave_count; i++) {
        const tacit_policy_enclave_t *enclave = &policy->enclaves[i];
        /*  A rule by signer is the operator's own decision about that role: not to be undone.  */
        if (enclave->role == wanted->role &&
            (enclave->by_signer || memcmp(enclave->measurement, wanted->measurement, 32) == 0)) {
            return true;
        }
    }
    return false;
}

bool tacit_policy_covers(const tacit_policy_rules_t *policy, const tacit_policy_rules_t *wanted)
{
    for (size_t i = 0; i < wanted->enclave_count; i++) {
        if (!s_allows(policy, &wanted->enclaves[i])) {
            return false;
        }
    }
    return true;
}
