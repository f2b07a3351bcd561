/*  policy_diff.h - what changes between two policies, in privileges gained and lost.

    Two texts may say the same in another order, twice, or with entries that a revocation makes
    void: then nothing changes. A privilege is what a policy lets somebody do: code or a signer take
    a role, an anchor vouch, a platform with some status or advisory take part, a key change the
    policy; being revoked is the loss of one. The difference is empty exactly where both policies
    give the same privileges.  */

#ifndef TACIT_ENCLAVE_POLICY_DIFF_H
#define TACIT_ENCLAVE_POLICY_DIFF_H

#include "enclave/policy.h"

typedef struct tacit_policy_change {
    bool gained;       /* else lost */
    const char *what;  /* "enclave", "root", "status", "advisory", "platform", "measurement", ... */
    char subject[320]; /* who, or which */
} tacit_policy_change_t;

typedef void tacit_policy_tell_t(void *context, const tacit_policy_change_t *change);

/*  Tells each change from one to the other (may be told nothing: tell may be NULL), and returns how
    many there are.  */
size_t tacit_policy_diff(const tacit_policy_rules_t *from, const tacit_policy_rules_t *to,
                         tacit_policy_tell_t *tell, void *context);

#endif
