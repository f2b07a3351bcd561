/*  main.c - tacit-operator: launches the mesh, scales it, signs its policy, reads its audit.  */

#include "clients/operator/commands.h"

static const tacit_option_t s_up_options[] = {
    {"foreground", 'f', NULL, "stay, and stop the mesh with ^C"},
    {"tee", 't', "KIND", "what the SIMULATED platform is, for life: sgx (default), tdx, nitro"},
};

static const tacit_option_t s_scale_options[] = {
    {"workers", 'w', "N", "how many workers are to run, 0 to 64"},
};

static const tacit_command_t s_commands[] = {
    {
        .name = "up",
        .summary = "launch the mesh and wait until every service has attested",
        .operands = "[MANIFEST]",
        .operands_max = 1,
        .options = s_up_options,
        .option_count = sizeof s_up_options / sizeof *s_up_options,
        .notes =
            "Without a MANIFEST the embedded default runs: two workers on this host. Signs and\n"
            "applies a policy for the programs at hand where the one in force lacks them.\n"
            "Examples:\n"
            "  tacit-operator up\n"
            "  tacit-operator up --tee tdx --state /var/lib/tacit-tdx\n"
            "  tacit-operator up mesh.yaml --state /var/lib/tacit --foreground\n",
        .run = tacit_command_up,
    },
    {
        .name = "status",
        .summary = "show processes, attested members and workers",
        .operands = "",
        .run = tacit_command_status,
    },
    {
        .name = "metrics",
        .summary = "print what the services counted, as OpenMetrics text",
        .operands = "[SERVICE]",
        .operands_max = 1,
        .notes = "SERVICE is attestation, inference, keys, mesh or models; without it: all.\n"
                 "Nobody but the operator may read them.\n",
        .run = tacit_command_metrics,
    },
    {
        .name = "scale",
        .summary = "set the number of workers and wait until it holds",
        .operands = "",
        .options = s_scale_options,
        .option_count = 1,
        .notes = "Example:\n  tacit-operator scale --workers 4\n",
        .run = tacit_command_scale,
    },
    {
        .name = "policy",
        .summary = "show, generate, apply or list the mesh's signed policies",
        .operands = "[show|generate|apply FILE|log]",
        .operands_max = 2,
        .notes = "show      the policy in force, its signature checked (default)\n"
                 "generate  print the policy that would follow, for the programs at hand\n"
                 "apply     sign FILE with the operator's key and put it in force\n"
                 "log       the hash-chained history, newest first\n",
        .run = tacit_command_policy,
    },
    {
        .name = "audit",
        .summary = "read and check the key service's audit chain, or list refused evidence",
        .operands = "[keys|refusals]",
        .operands_max = 1,
        .run = tacit_command_audit,
    },
    {
        .name = "down",
        .summary = "stop the mesh; its state stays",
        .operands = "",
        .run = tacit_command_down,
    },
};

int main(int argc, char **argv)
{
    static const tacit_program_t program = {
        .name = "tacit-operator",
        .summary = "launches and runs a Tacit mesh without seeing a secret",
        .identity = "operator",
        .commands = s_commands,
        .command_count = sizeof s_commands / sizeof *s_commands,
    };
    return tacit_program_run(&program, argc, argv);
}
