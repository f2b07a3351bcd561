/*  main.c - tacit-rpc: tries any running service without a program written for it.  */

#include "clients/rpc/commands.h"

#define S_PLACE_OPTIONS                                                                            \
    {"endpoint", 'e', "ADDRESS", "a service of no mesh: where it answers"},                        \
    {                                                                                              \
        "server-key", 'k', "HEX", "with --endpoint: its CURVE key"                                 \
    }

static const tacit_option_t s_describe_options[] = {S_PLACE_OPTIONS};

static const tacit_option_t s_call_options[] = {
    {"bulk", 'b', "FILE", "the request's bulk frame"},
    {"bulk-out", 'o', "FILE", "where to write the reply's bulk frame"},
    {"in", 'I', "FILE", "send this file as the method's stream; - is standard input"},
    {"out", 'O', "FILE", "where to write the method's stream; - is standard output"},
    {"key", 'K', "HEX", "of a keyed method: the same command again runs once"},
    S_PLACE_OPTIONS,
};

static const tacit_option_t s_bench_options[] = {
    {"bulk", 'b', "FILE", "the request's bulk frame"},
    {"calls", 'n', "N", "how many calls (default: 1000)"},
    {"outstanding", 'c', "N", "how many of them at once, 1 to 64 (default: 1)"},
    {"duration", 'd', "SECONDS", "call for so long, instead of a number of calls"},
    {"size", 's', "BYTES", "a bulk frame of so many random bytes, instead of a file"},
    S_PLACE_OPTIONS,
};

static const tacit_command_t s_commands[] = {
    {
        .name = "describe",
        .summary = "print a service's contract, or a method's, from the service itself",
        .operands = "SERVICE[.METHOD]",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_describe_options,
        .option_count = sizeof s_describe_options / sizeof *s_describe_options,
        .notes = "SERVICE is attestation, inference, keys, mesh or models, or what is at\n"
                 "--endpoint.\n",
        .run = tacit_rpc_describe,
    },
    {
        .name = "call",
        .summary = "call a method and print its result as JSON",
        .operands = "SERVICE.METHOD [ARGUMENTS]",
        .operands_min = 1,
        .operands_max = 2,
        .options = s_call_options,
        .option_count = sizeof s_call_options / sizeof *s_call_options,
        .notes = "ARGUMENTS is a JSON object, @FILE, or - for standard input; bytes are hex.\n"
                 "Example:\n  tacit-rpc call mesh.status\n",
        .run = tacit_rpc_call,
    },
    {
        .name = "bench",
        .summary = "call a method many times and print calls per second and latencies",
        .operands = "SERVICE.METHOD [ARGUMENTS]",
        .operands_min = 1,
        .operands_max = 2,
        .options = s_bench_options,
        .option_count = sizeof s_bench_options / sizeof *s_bench_options,
        .run = tacit_rpc_bench,
    },
};

int main(int argc, char **argv)
{
    static const tacit_program_t program = {
        .name = "tacit-rpc",
        .summary = "calls any running service, by the contract that it tells",
        .identity = "operator",
        .commands = s_commands,
        .command_count = sizeof s_commands / sizeof *s_commands,
    };
    return tacit_program_run(&program, argc, argv);
}
