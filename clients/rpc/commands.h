/*  commands.h - what tacit-rpc does, a function per command, and what they share: a method of a
    running service with its arguments.  */

#ifndef TACIT_CLIENTS_RPC_COMMANDS_H
#define TACIT_CLIENTS_RPC_COMMANDS_H

#include "clients/rpc/connect.h"
#include "clients/rpc/json_value.h"
#include "rpc/builtin.h"

enum { TACIT_RPC_INPUT_MAX = 4 * 1024 * 1024 /* bytes of arguments as JSON */ };

tacit_status_t tacit_rpc_describe(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_rpc_call(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
tacit_status_t tacit_rpc_bench(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

/*  Everything that a call needs, from operands METHOD [ARGUMENTS] and the options.  */
typedef struct tacit_rpc_target {
    tacit_link_to_t link;
    tacit_remote_t *remote;
    const tacit_method_t *method;
    tacit_builtin_t builtin; /* what every service has; method may be one of these */
    json_t *json;            /* the arguments' texts are borrowed from here */
    tacit_arena_t *arena;
    void *args;
    tacit_secret_t *bulk; /* NULL for none */
} tacit_rpc_target_t;

/*  Close it after a failure too.  */
TACIT_MUST_CHECK tacit_status_t tacit_rpc_target_open(const tacit_invocation_t *invocation,
                                                      tacit_rpc_target_t *target,
                                                      tacit_error_t *ret_error);
void tacit_rpc_target_close(tacit_rpc_target_t *target);

/*  A method with streams: chunks out of the file of --in and into that of --out.  */
TACIT_MUST_CHECK tacit_status_t tacit_rpc_call_streams(const tacit_invocation_t *invocation,
                                                       const tacit_rpc_target_t *target,
                                                       tacit_error_t *ret_error);

/*  A result as JSON; what the built-in methods tell as text is text.  */
TACIT_MUST_CHECK tacit_status_t tacit_rpc_print(const tacit_rpc_target_t *target,
                                                const void *result, FILE *file,
                                                tacit_error_t *ret_error);

tacit_span_t tacit_rpc_target_bulk(const tacit_rpc_target_t *target);

#endif
