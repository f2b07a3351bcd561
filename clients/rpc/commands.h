/*  commands.h - what tacit-rpc does, a function per command, and what they share: a method of a
    running service with its arguments.  */

#ifndef TACIT_CLIENTS_RPC_COMMANDS_H
#define TACIT_CLIENTS_RPC_COMMANDS_H

#include "clients/rpc/connect.h"
#include "clients/rpc/json_value.h"

enum { TACIT_RPC_INPUT_MAX = 4 * 1024 * 1024 /* bytes of arguments as JSON */ };

tacit_status_t tacit_rpc_describe(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_rpc_call(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_rpc_bench(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

/*  Everything that a call needs, from operands METHOD [ARGUMENTS] and the options.  */
typedef struct tacit_rpc_target {
    tacit_link_to_t link;
    tacit_remote_t *remote;
    const tacit_method_t *method;
    json_t *json; /* the arguments' texts are borrowed from here */
    tacit_arena_t *arena;
    void *args;
    tacit_secret_t *bulk; /* NULL for none */
} tacit_rpc_target_t;

/*  Close it after a failure too.  */
TACIT_MUST_CHECK tacit_status_t tacit_rpc_target_open(const tacit_invocation_t *invocation,
                                                      tacit_rpc_target_t *target,
                                                      tacit_error_t *ret_error);
void tacit_rpc_target_close(tacit_rpc_target_t *target);

tacit_span_t tacit_rpc_target_bulk(const tacit_rpc_target_t *target);

#endif
