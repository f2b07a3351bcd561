/*  main.c - tacit-dataowner: sends sealed data to a model and proves what answered.  */

#include "clients/dataowner/commands.h"
#include "clients/lib/input.h"
#include "clients/lib/user.h"

static const tacit_option_t s_infer_options[] = {
    {"batch", 'b', "N", "rows of one request (64)"},
    {"input", 'i', "NAME=FILE", "for a model of several inputs: a file for the one of that name"},
    {"labels", 'l', "FILE", "names of the classes, one per line, instead of the model's"},
    {"output", 'o', "FILE", "save as FILE.csv, FILE.npy (first output) or NAME=FILE.npy"},
    {"receipts", 'r', "DIR", "where receipts go (receipts below the identity)"},
    {"keep-sealed", 0, NULL, "keep the sealed request and response beside each receipt"},
    {"measurement", 'm', "HEX", "accept only workers of this code; may be repeated"},
    {"narrow", 0, NULL, "take float64 arrays as float32"},
    {"wide", 0, NULL, "send float64 arrays as they are, to a model that takes such"},
    {"whole", 0, NULL, "send all in one request: inputs that do not go row by row"},
    {"timing", 't', NULL, "show where the time went"},
};

static const tacit_option_t s_receipt_options[] = {
    {"request", 0, "FILE", "the sealed request must be the one that the receipt is for"},
    {"response", 0, "FILE", "the sealed response must be the one that the receipt is for"},
};

static const tacit_command_t s_commands[] = {
    {
        .name = "init",
        .summary = "make an identity and enrol it; prints the user id that models are granted to",
        .operands = "",
        .notes = "Running it again changes nothing.\n"
                 "Examples:\n"
                 "  tacit-dataowner init\n"
                 "  tacit-dataowner init --state ~/hospital --json\n",
        .run = tacit_user_init,
    },
    {
        .name = "verify",
        .summary = "show who stands behind the mesh, measured and judged",
        .operands = "",
        .notes = "Verifies the attestation service's evidence against trust.json, the operator's\n"
                 "signature of the policy, and every member's attestation result under it.\n"
                 "Example:\n"
                 "  tacit-dataowner verify\n",
        .options = tacit_user_verify_options,
        .option_count = TACIT_USER_VERIFY_OPTIONS,
        .run = tacit_user_verify,
    },
    {
        .name = "infer",
        .summary = "send rows to a model, sealed; get predictions and receipts",
        .operands = "MODEL [FILE...]",
        .operands_min = 1,
        .operands_max = 1 + TACIT_INPUT_FILES_MAX,
        .options = s_infer_options,
        .option_count = sizeof s_infer_options / sizeof *s_infer_options,
        .notes =
            "MODEL is OWNER/NAME[@VERSION]; OWNER may be the first 8 or more digits of the\n"
            "owner's id. FILE is CSV, NPY, PNG or JPEG; several files make one batch, and a\n"
            "picture is one row. A model of several inputs takes --input NAME=FILE for each;\n"
            "files of one name make one batch. Requests are sealed for attested workers only,\n"
            "and every answer is verified by its receipt before it is shown.\n"
            "Examples:\n"
            "  tacit-dataowner infer 5f0c2a9e/breast-cancer patients.csv\n"
            "  tacit-dataowner infer 5f0c2a9e/digits scans/*.png --output digits.csv --timing\n"
            "  tacit-dataowner infer 5f0c2a9e/digits@3 batch.npy --batch 256 --json\n"
            "  tacit-dataowner infer 5f0c2a9e/triage -i scan=scans.npy -i age=ages.npy\n",
        .run = tacit_command_infer,
    },
    {
        .name = "receipt",
        .summary = "list, show and verify receipts, without the mesh",
        .operands = "list [DIR] | show FILE | verify FILE",
        .operands_min = 1,
        .operands_max = 2,
        .options = s_receipt_options,
        .option_count = sizeof s_receipt_options / sizeof *s_receipt_options,
        .notes = "A receipt proves, with trust.json alone, which code answered which request with\n"
                 "which answer, when, and under which policy. show verifies before it shows.\n"
                 "Examples:\n"
                 "  tacit-dataowner receipt list\n"
                 "  tacit-dataowner receipt verify receipts/20270131T120000Z-5e6f.json\n"
                 "  tacit-dataowner receipt verify R.json --response R.response\n",
        .run = tacit_command_receipt,
    },
};

int main(int argc, char **argv)
{
    static const tacit_program_t program = {
        .name = "tacit-dataowner",
        .summary = "gets predictions from models in attested workers, and proof of them",
        .identity = "dataowner",
        .commands = s_commands,
        .command_count = sizeof s_commands / sizeof *s_commands,
    };
    return tacit_program_run(&program, argc, argv);
}
