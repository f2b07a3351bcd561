/*  commands.h - what tacit-dataowner does beside init and verify, a function per command.  */

#ifndef TACIT_CLIENTS_DATAOWNER_COMMANDS_H
#define TACIT_CLIENTS_DATAOWNER_COMMANDS_H

#include "clients/lib/options.h"

tacit_status_t tacit_command_infer(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_command_receipt(const tacit_invocation_t *invocation,
                                     tacit_error_t *ret_error);

#endif
