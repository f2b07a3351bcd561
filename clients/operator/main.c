/*  main.c - tacit-operator: launches the mesh, scales it, signs its policy, reads its audit.  */

#include "clients/operator/commands.h"

static const tacit_option_t s_up_options[] = {
    {"foreground", 'f', NULL, "stay, and stop the mesh with ^C"},
    {"isolation", 0, "LEVEL", "of workers: standard, or strict: no code but what was measured"},
    {"backend", 0, "NAME", "workers compute with onednn, or portable (the default where strict)"},
    {"tee", 't', "KIND", "what the SIMULATED platform is, for life: sgx (default), tdx, nitro"},
};

static const tacit_option_t s_scale_options[] = {
    {"workers", 'w', "N", "how many workers are to run, 0 to 64"},
};

static const tacit_option_t s_policy_options[] = {
    {"save", 0, "FILE", "log: write the whole history, for who checks it without the mesh"},
    {"role", 0, "ROLE", "explain: the role to take, keys, models, gateway or worker (default)"},
    {"at", 0, "TIME", "explain: verify as of then, ISO 8601 or Unix seconds (default: now)"},
    {"policy", 0, "FILE", "explain: judge by this policy, without a mesh"},
};

static const tacit_option_t s_revoke_options[] = {
    {"undo", 0, NULL, "trust it again"},
    {"output", 'o', "FILE", "write the policy there, for others to sign, and apply nothing"},
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
            "Without a MANIFEST the embedded default runs: two workers on this host. Signs\n"
            "and applies a policy for the programs at hand where the one in force lacks them.\n"
            "Examples:\n"
            "  tacit-operator up\n"
            "  tacit-operator up --tee tdx --state /var/lib/tacit-tdx\n"
            "  tacit-operator up --isolation strict\n"
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
        .summary = "show, compare, sign, apply or explain the mesh's policies",
        .operands = "[show|generate|diff [FROM] TO|key|sign FILE|apply FILE|log|explain DIR]",
        .operands_max = 3,
        .options = s_policy_options,
        .option_count = sizeof s_policy_options / sizeof *s_policy_options,
        .notes = "show      the policy in force, its signature checked (default)\n"
                 "generate  print the policy that would follow, for the programs at hand\n"
                 "diff      privileges gained and lost from the one in force (or FROM) to TO\n"
                 "key       print one's key, for the policy's changes: another owner's --identity\n"
                 "sign      add one's signature to FILE.sig, for policies that take several\n"
                 "apply     put FILE in force, signed by FILE.sig and by oneself\n"
                 "log       the hash-chained history, newest first\n"
                 "explain   judge evidence in DIR (as tacit-attest takes it): every check, with\n"
                 "          claim, expected, got, policy line and what to do\n"
                 "Examples:\n"
                 "  tacit-operator policy generate > next.yaml\n"
                 "  tacit-operator policy diff next.yaml\n"
                 "  tacit-operator policy sign next.yaml --identity second-owner\n"
                 "  tacit-operator policy explain quote/ --role worker\n",
        .run = tacit_command_policy,
    },
    {
        .name = "revoke",
        .summary = "take trust from a platform, a measurement, a signer or a user",
        .operands = "platform|measurement|signer|user ID",
        .operands_min = 2,
        .operands_max = 2,
        .options = s_revoke_options,
        .option_count = sizeof s_revoke_options / sizeof *s_revoke_options,
        .notes = "Applies the policy in force with ID (hex) under revoked. Within two seconds the\n"
                 "sessions of what it names end, keys that it held are dropped, and it gets no\n"
                 "others.\n"
                 "Examples:\n"
                 "  tacit-operator revoke platform 0a1b2c3d4e5f60718293a4b5c6d7e8f9\n"
                 "  tacit-operator revoke user 5f0c... --output next.yaml\n",
        .run = tacit_command_revoke,
    },
    {
        .name = "audit",
        .summary = "read and check the audit chain of keys, or of refusals",
        .operands = "[keys|refusals]",
        .operands_max = 1,
        .run = tacit_command_audit,
    },
    {
        .name = "fault",
        .summary = "make something go wrong in a development build's mesh, while it runs",
        .operands = "[list|set RULE...|clear]",
        .operands_max = 17,
        .notes = "list   the rules in force (default)\n"
                 "set    put these in their place: every service goes by them at once\n"
                 "clear  nothing goes wrong any more\n"
                 "RULE is ACTION METHOD [at=PLACE] [rate=0..1] [seed=N] [after=N] [times=N]\n"
                 "[ms=N] [peer=HEX]; ACTION is delay, drop, duplicate, reorder, corrupt or\n"
                 "disconnect; METHOD is SERVICE.METHOD, SERVICE.* or *; PLACE is reply (default),\n"
                 "request, stream-in, stream-out, lane-in or lane-out.\n"
                 "Examples:\n"
                 "  tacit-operator fault set 'delay keys.release ms=300'\n"
                 "  tacit-operator fault set 'drop inference.* rate=0.1' 'delay keys.* ms=50'\n",
        .run = tacit_command_fault,
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
