/*  policy_fuzz.c - foreign text as a policy.

    What parses must be writable, and what is written must parse to the same again. Whatever it
    says, claims that are all zero are refused.  */

#include <stdlib.h>

#include "enclave/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check(const tacit_policy_t *policy)
{
    static const tacit_claims_t claims;
    char *text = NULL;
    char *again = NULL;
    tacit_policy_t *same = NULL;
    tacit_error_t error;
    if (tacit_policy_appraise(policy, &claims, TACIT_ROLE_WORKER, &error) == TACIT_OK ||
        tacit_policy_format(tacit_policy_rules(policy), &text, &error) != TACIT_OK ||
        tacit_policy_parse(tacit_span_string(text), &same, &error) != TACIT_OK ||
        tacit_policy_format(tacit_policy_rules(same), &again, &error) != TACIT_OK ||
        strcmp(text, again) != 0) {
        abort();
    }
    tacit_policy_destroy(&same);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_policy_t *policy = NULL;
    tacit_error_t error = {0};
    tacit_status_t status = tacit_policy_parse(tacit_span(data, size), &policy, &error);
    if (status == TACIT_OK) {
        s_check(policy);
    } else if (status != error.code || !error.message[0]) {
        abort();
    }
    tacit_policy_destroy(&policy);
    return 0;
}
