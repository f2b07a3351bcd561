/*  main.c - tacit-mlowner: publishes models, and decides who may use them, in which code, until
    when.  */

#include "clients/lib/user.h"
#include "clients/mlowner/commands.h"

static const tacit_option_t s_push_options[] = {
    {"name", 'n', "NAME", "name of the model (default: the file's, without its ending)"},
    {"precision", 0, "NAME", "what workers compute in: fp32 (default), bf16 or int8"},
};

static const tacit_option_t s_inspect_options[] = {
    {"run", 'r', "FILE",
     "run it on this .npy, .npz, .csv file, or folder of pictures; once for each input"},
    {"out", 'o', "DIR", "where the outputs go: output_0.npy, output_1.npy.."},
    {"repeat", 'n', "N", "how often to run; the median time is told"},
    {"isolation", 0, "LEVEL", "as workers of it: standard (default), or strict: no code is made"},
    {"backend", 'b', "NAME", "onednn (default), or portable (default where strict)"},
    {"precision", 0, "NAME", "what to compute in: fp32 (default), bf16 or int8"},
    {"data", 'd', "FILE", "rows to compare it on with fp32, as for --run; once for each input"},
    {"labels", 'l', "FILE", "the rows' classes (.npy, .npz, .csv): also tell how many are right"},
    {"against", 'a', "FILE", "what to compare with (default: the same model in fp32)"},
    {"profile", 'p', NULL, "tell each step's share of the time, and who computes it"},
    {"threads", 't', "N", "threads of one run (default: 1)"},
};

static const tacit_option_t s_quantize_options[] = {
    {"data", 'd', "FILE",
     "rows as it will see them (.npy, .npz, .csv, a folder of pictures); once for each input"},
    {"out", 'o', "FILE", "the file to write"},
    {"labels", 'l', "FILE", "the rows' classes (.npy, .npz, .csv): also tell how many are right"},
    {"method", 'm', "NAME", "minmax (default), or percentile: values that are rare are cut off"},
    {"threads", 't', "N", "threads of one run (default: 1)"},
    {"force", 'f', NULL, "replace a file that is there"},
};

static const tacit_option_t s_grant_options[] = {
    {"user", 'u', "ID", "who may use it: the user id that tacit-dataowner init prints"},
    {"measurement", 'm', "HEX", "in which workers (default: those that are attested now)"},
    {"expires", 'e', "TIME", "until when: 90s, 15m, 12h, 7d, or 2027-01-31T12:00:00Z"},
    {"uses", 'n', "N", "for how many requests (of 64 rows, where the user says no other)"},
};

static const tacit_option_t s_revoke_options[] = {
    {"user", 'u', "ID", "whose grants of MODEL to take back"},
};

static const tacit_command_t s_commands[] = {
    {
        .name = "init",
        .summary = "make an identity where there is none, and enrol it at the key service",
        .operands = "",
        .run = tacit_user_init,
    },
    {
        .name = "verify",
        .summary = "show who stands behind the mesh: anchor, policy, every service's measurement",
        .operands = "",
        .options = tacit_user_verify_options,
        .option_count = TACIT_USER_VERIFY_OPTIONS,
        .run = tacit_user_verify,
    },
    {
        .name = "inspect",
        .summary = "say whether Tacit runs a model, and what is in it; nothing is sent",
        .operands = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_inspect_options,
        .option_count = sizeof s_inspect_options / sizeof s_inspect_options[0],
        .notes = "Example:\n  tacit-mlowner inspect model.onnx --run x.npy --out answers\n",
        .run = tacit_command_inspect,
    },
    {
        .name = "quantize",
        .summary = "make an 8-bit model of a float32 one, by rows of data; nothing is sent",
        .operands = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_quantize_options,
        .option_count = sizeof s_quantize_options / sizeof s_quantize_options[0],
        .notes = "Example:\n"
                 "  tacit-mlowner quantize model.onnx --data x.npy --out model-int8.onnx\n"
                 "  tacit-mlowner push model-int8.onnx --precision int8\n",
        .run = tacit_command_quantize,
    },
    {
        .name = "push",
        .summary =
            "encrypt an ONNX model, upload it as a new version, give its key to the key service",
        .operands = "FILE",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_push_options,
        .option_count = sizeof s_push_options / sizeof s_push_options[0],
        .notes = "A push that was stopped is carried on by the same command again, for a day.\n"
                 "Example:\n  tacit-mlowner push model.onnx --name triage\n",
        .run = tacit_command_push,
    },
    {
        .name = "list",
        .summary = "list models, versions and grants",
        .operands = "",
        .run = tacit_command_list,
    },
    {
        .name = "grant",
        .summary = "let a user run a model in workers of one measurement",
        .operands = "MODEL",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_grant_options,
        .option_count = 4,
        .notes =
            "Replaces the grant for the same user, model and measurement.\n"
            "Example:\n  tacit-mlowner grant triage --user 5f0c...e1 --expires 7d --uses 1000\n",
        .run = tacit_command_grant,
    },
    {
        .name = "revoke",
        .summary = "take grants back; effective within a second",
        .operands = "GRANT|MODEL",
        .operands_min = 1,
        .operands_max = 1,
        .options = s_revoke_options,
        .option_count = 1,
        .notes = "Examples:\n  tacit-mlowner revoke 0123456789abcdef0123456789abcdef\n"
                 "  tacit-mlowner revoke triage --user 5f0c...e1\n",
        .run = tacit_command_revoke,
    },
    {
        .name = "rotate",
        .summary = "publish the newest version again under a new key; the old one goes",
        .operands = "MODEL",
        .operands_min = 1,
        .operands_max = 1,
        .run = tacit_command_rotate,
    },
    {
        .name = "rm",
        .summary = "remove a model, or one version of it, with its keys",
        .operands = "MODEL[@VERSION]",
        .operands_min = 1,
        .operands_max = 1,
        .run = tacit_command_rm,
    },
};

int main(int argc, char **argv)
{
    static const tacit_program_t program = {
        .name = "tacit-mlowner",
        .summary = "publishes models to a Tacit mesh and decides who may use them",
        .identity = "mlowner",
        .commands = s_commands,
        .command_count = sizeof s_commands / sizeof *s_commands,
    };
    return tacit_program_run(&program, argc, argv);
}
