/*  policy_service.h - attestation.policy, apply_policy, policy_history and policy_at: what the
   store of policies has, in the contract's words. Results borrow from the store or the call's
   arena.  */

#ifndef TACIT_SERVICES_ATTESTATION_POLICY_SERVICE_H
#define TACIT_SERVICES_ATTESTATION_POLICY_SERVICE_H

#include "idl/attestation.h"
#include "rpc/server.h"
#include "services/attestation/policy_store.h"

/*  Answers a call that needs a policy where there is none: no_policy.  */
tacit_status_t tacit_policy_service_none(tacit_call_t *call);

tacit_status_t tacit_policy_service_read(tacit_policy_store_t *policies, tacit_call_t *call,
                                         tacit_attestation_policy_result_t *ret_result);

/*  Puts it in force; policy_conflict where it does not follow the one that is, policy_unsigned
   where those who may change it did not sign it. What follows from it is the caller's to do.  */
tacit_status_t tacit_policy_service_apply(tacit_policy_store_t *policies, tacit_call_t *call,
                                          const tacit_attestation_apply_policy_args_t *args);

tacit_status_t tacit_policy_service_history(tacit_policy_store_t *policies, tacit_call_t *call,
                                            const tacit_attestation_policy_history_args_t *args,
                                            tacit_attestation_policy_history_result_t *ret_result);
tacit_status_t tacit_policy_service_at(tacit_policy_store_t *policies, tacit_call_t *call,
                                       const tacit_attestation_policy_at_args_t *args,
                                       tacit_attestation_policy_at_result_t *ret_result);

#endif
