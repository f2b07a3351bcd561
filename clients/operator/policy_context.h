/*  policy_context.h - what every policy command needs: who asks, the mesh, and the policy in force,
    its whole chain checked.  */

#ifndef TACIT_CLIENTS_POLICY_CONTEXT_H
#define TACIT_CLIENTS_POLICY_CONTEXT_H

#include "clients/operator/control.h"
#include "clients/operator/policy_file.h"

typedef struct tacit_policy_context {
    const tacit_invocation_t *invocation;
    tacit_identity_t *identity;
    tacit_trust_t trust;
    tacit_mesh_t *mesh;
    tacit_policy_chain_t chain; /* number 0: no policy is in force yet */
    uint8_t *text;              /* of the policy in force; NULL where there is none */
    size_t text_size;
    tacit_policy_t *policy; /* what it says */
} tacit_policy_context_t;

/*  Open the mesh of the state folder as its identity, whose folder remembers the policies it saw.
    Close it in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_context_open(const tacit_invocation_t *invocation,
                                                          tacit_policy_context_t *ret_context,
                                                          tacit_error_t *ret_error);
void tacit_policy_context_close(tacit_policy_context_t *context);

/*  Rules that say what the policy in force says, as the next one: its number and previous set.
   free() them. POLICY_REFUSED where none is in force.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_context_next(const tacit_policy_context_t *context,
                                                          tacit_policy_rules_t **ret_rules,
                                                          tacit_error_t *ret_error);

/*  Put a policy in force: with one's own signature added, if one may change the policy.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_context_apply(tacit_policy_context_t *context,
                                                           tacit_policy_file_t *file,
                                                           tacit_error_t *ret_error);

/*  The commands that change a policy, or compare two.  */
tacit_status_t tacit_policy_command_diff(tacit_policy_context_t *context, tacit_error_t *ret_error);
tacit_status_t tacit_policy_command_apply(tacit_policy_context_t *context,
                                          tacit_error_t *ret_error);
/*  Need no mesh: the context has no more than invocation (and identity).  */
tacit_status_t tacit_policy_command_key(tacit_policy_context_t *context, tacit_error_t *ret_error);
tacit_status_t tacit_policy_command_sign(tacit_policy_context_t *context, tacit_error_t *ret_error);

/*  Is that evidence genuine, and what does the policy say to it?  */
tacit_status_t tacit_policy_command_explain(tacit_policy_context_t *context,
                                            tacit_error_t *ret_error);

#endif
