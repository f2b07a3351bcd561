/*  policy_make.h - the policy that fits the programs at hand: each role as exactly the code that
    was built and signed, under the mesh's own root.  */

#ifndef TACIT_CLIENTS_POLICY_MAKE_H
#define TACIT_CLIENTS_POLICY_MAKE_H

#include "enclave/policy.h"
#include "rpc/trust.h"

/*  Rules from the signature files in folder bin, with worker as the program of its workers, with
   number and previous as given; free() them. NOT_FOUND where a program or its signature file is
   missing.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_make(const char *bin, const char *worker,
                                                  const tacit_trust_t *trust, uint64_t number,
                                                  const uint8_t previous[32],
                                                  tacit_policy_rules_t **ret_rules,
                                                  tacit_error_t *ret_error);

/*  Does the policy allow every program at hand already?  */
bool tacit_policy_covers(const tacit_policy_rules_t *policy, const tacit_policy_rules_t *wanted);

#endif
