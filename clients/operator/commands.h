/*  commands.h - what tacit-operator does, a function per command (clients/lib/options.h).  */

#ifndef TACIT_CLIENTS_COMMANDS_H
#define TACIT_CLIENTS_COMMANDS_H

#include "clients/lib/identity.h"
#include "clients/lib/options.h"

tacit_status_t tacit_command_up(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_down(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_status(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_metrics(const tacit_invocation_t *invocation,
                                     tacit_error_t *ret_error);
tacit_status_t tacit_command_scale(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_policy(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_revoke(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_audit(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_fault(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

/*  Shared by the commands: the state of everything, as status prints it.  */
tacit_status_t tacit_status_print(const tacit_invocation_t *invocation,
                                  const tacit_identity_t *identity, tacit_error_t *ret_error);

/*  Apply the policy that fits the programs in bin, unless the one in force covers them; signed by
   the invocation's identity. Tells whether it did.  */
tacit_status_t tacit_policy_ensure(const tacit_invocation_t *invocation, const char *bin,
                                   bool *ret_applied, tacit_error_t *ret_error);

#endif
