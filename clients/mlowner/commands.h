/*  commands.h - what tacit-mlowner does beside init and verify, a function per command.  */

#ifndef TACIT_CLIENTS_MLOWNER_COMMANDS_H
#define TACIT_CLIENTS_MLOWNER_COMMANDS_H

#include "clients/lib/options.h"

tacit_status_t tacit_command_inspect(const tacit_invocation_t *invocation,
                                     tacit_error_t *ret_error);
tacit_status_t tacit_command_quantize(const tacit_invocation_t *invocation,
                                      tacit_error_t *ret_error);
tacit_status_t tacit_command_push(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_list(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_grant(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_revoke(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_rotate(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_rm(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

#endif
