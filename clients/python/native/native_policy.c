/*  native_policy.c - the memory of policies, for clients that fetch them themselves.  */

#include <stdlib.h>

#include "clients/lib/policy_memory.h"
#include "clients/python/native/native_internal.h"

struct tacit_native_policy {
    tacit_policy_memory_t memory;
};

int tacit_native_policy_open(const tacit_trust_t *trust, const char *folder, uint64_t last,
                             tacit_native_policy_t **ret_policy, tacit_error_t *ret_error)
{
    tacit_native_policy_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_policy_memory_open(trust, folder, last, &self->memory, ret_error);
    if (status) {
        free(self);
        return status;
    }
    *ret_policy = self;
    return TACIT_OK;
}

void tacit_native_policy_destroy(tacit_native_policy_t *policy)
{
    free(policy);
}

uint64_t tacit_native_policy_wants(const tacit_native_policy_t *policy)
{
    return tacit_policy_memory_wants(&policy->memory);
}

int tacit_native_policy_take(tacit_native_policy_t *policy, const uint8_t *text, size_t text_size,
                             const uint8_t *signatures, size_t signatures_size,
                             tacit_error_t *ret_error)
{
    return tacit_policy_memory_take(&policy->memory, tacit_span(text, text_size),
                                    tacit_span(signatures, signatures_size), ret_error);
}

int tacit_native_policy_save(const tacit_native_policy_t *policy, uint8_t ret_head[32],
                             tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_policy_memory_save(&policy->memory, ret_error);
    if (!status) {
        memcpy(ret_head, policy->memory.chain.head, 32);
    }
    return status;
}
