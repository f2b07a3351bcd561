/*  main.c - tacit-attest: is this evidence genuine, and what does this attestation result say?

    Needs no mesh and no network: a folder of evidence, a time, and the vendors' roots, which are
    built in. Whether genuine evidence is good enough is for a policy to say.  */

#include <getopt.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/attest/report.h"
#include "clients/attest/token.h"
#include "clients/attest/utc.h"
#include "enclave/clock.h"

enum { S_EXIT_VERIFIED = 0, S_EXIT_REJECT = 1, S_EXIT_USAGE = 2 };
enum { S_AT = 1, S_ROOT, S_EAR, S_KEY, S_OUT, S_JSON, S_HELP, S_VERSION };

static const struct option s_long_options[] = {
    {"at", required_argument, NULL, S_AT},
    {"root", required_argument, NULL, S_ROOT},
    {"ear", required_argument, NULL, S_EAR},
    {"key", required_argument, NULL, S_KEY},
    {"out", required_argument, NULL, S_OUT},
    {"json", no_argument, NULL, S_JSON},
    {"help", no_argument, NULL, S_HELP},
    {"version", no_argument, NULL, S_VERSION},
    {NULL, 0, NULL, 0},
};

typedef struct {
    uint64_t at_ms;   /* Unix ms */
    const char *root; /* NULL: the vendors' */
    bool reads_token; /* the command is ear */
    const char *operand;
    bool wants_token;
    tacit_token_order_t token; /* its key_path is the public key where a token is read */
    bool json;
} s_options_t;

static void s_print_help(void)
{
    fputs("usage: tacit-attest verify [OPTION]... DIR\n"
          "       tacit-attest ear [OPTION]... FILE --key PUBLIC\n"
          "\n"
          "Says whether the evidence in DIR is genuine, and what it says. The files in DIR\n"
          "tell the format: quote.bin (Intel SGX and TDX, with its collateral), doc.cbor\n"
          "(AWS Nitro), report.bin (AMD SEV-SNP, with vek, ask and ark), quote.msg (a TPM\n"
          "of an Azure confidential VM). ear verifies an attestation result (EAR) in FILE,\n"
          "a JWT or a CWT.\n"
          "\n"
          "Options:\n"
          "  --at TIME    judge as of that time: ISO 8601 (UTC unless it has a zone) or\n"
          "               Unix seconds; default: now\n"
          "  --root FILE  trust this root certificate (DER or PEM) instead of the vendors'\n"
          "  --ear FORM   also write the result as an EAR: jwt or cwt, with --key and --out\n"
          "  --key FILE   verify: the private key that signs it; ear: the public key of its\n"
          "               signer; PEM, P-256 or Ed25519\n"
          "  --out FILE   where to write the EAR\n"
          "  --json       print JSON\n"
          "  --help       print this\n"
          "  --version    print the version\n"
          "\n"
          "Exit codes:\n"
          "  0  verified   the evidence is genuine, the EAR its signer's\n"
          "  1  reject     it is not, or it cannot be told\n"
          "  2  usage      the command line is not valid, or a file cannot be read\n",
          stdout);
}

static int s_usage(const char *message)
{
    fprintf(stderr, "tacit-attest: %s\nTry 'tacit-attest --help'.\n", message);
    return S_EXIT_USAGE;
}

/*  Returns -1 to go on, or the exit code.  */
static int s_option(s_options_t *options, int option, const char *value)
{
    switch (option) {
    case S_AT:
        return tacit_utc_parse(value, &options->at_ms) ? -1 : s_usage("--at is no time");
    case S_ROOT:
        options->root = value;
        return -1;
    case S_EAR:
        options->wants_token = true;
        return tacit_token_format(value, &options->token.format) ? -1
                                                                 : s_usage("--ear is jwt or cwt");
    case S_KEY:
        options->token.key_path = value;
        return -1;
    case S_OUT:
        options->token.path = value;
        return -1;
    case S_JSON:
        options->json = true;
        return -1;
    case S_HELP:
        s_print_help();
        return S_EXIT_VERIFIED;
    case S_VERSION:
        printf("tacit-attest %s\n", TACIT_VERSION);
        return S_EXIT_VERIFIED;
    default:
        return s_usage("bad option");
    }
}

/*  Options that go together.  */
static int s_check(s_options_t *options, const char *command)
{
    const tacit_token_order_t *token = &options->token;
    options->reads_token = strcmp(command, "ear") == 0;
    if (options->reads_token) {
        return token->key_path && !options->wants_token && !token->path && !options->root
                   ? -1
                   : s_usage("ear takes --key, --at and --json");
    }
    if (strcmp(command, "verify") != 0) {
        return s_usage("say: verify DIR, or: ear FILE");
    }
    bool all = options->wants_token && token->key_path && token->path;
    bool none = !options->wants_token && !token->key_path && !token->path;
    return all || none ? -1 : s_usage("--ear, --key and --out go together");
}

static int s_parse(int argc, char **argv, s_options_t *options)
{
    for (;;) {
        int option = getopt_long(argc, argv, "", s_long_options, NULL);
        if (option == -1) {
            break;
        }
        int code = s_option(options, option, optarg);
        if (code >= 0) {
            return code;
        }
    }
    if (argc - optind != 2) {
        return s_usage("say: verify DIR, or: ear FILE");
    }
    options->operand = argv[optind + 1];
    return s_check(options, argv[optind]);
}

static int s_fail(const tacit_error_t *error)
{
    fprintf(stderr, "tacit-attest: %s\n", error->message);
    return S_EXIT_USAGE;
}

static void s_print(const json_t *report, bool json)
{
    if (json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        printf("\n");
    } else {
        tacit_attest_print(stdout, report);
    }
}

static int s_show(const tacit_sample_t *sample, const tacit_judgement_t *judgement,
                  const s_options_t *options)
{
    json_t *report = tacit_attest_report(sample, judgement, options->at_ms);
    if (!report) {
        return s_usage("no memory");
    }
    s_print(report, options->json);
    json_decref(report);
    return judgement->status == TACIT_OK ? S_EXIT_VERIFIED : S_EXIT_REJECT;
}

/*  What the storage cannot give is an error; bytes that are no evidence are a refusal.  */
static int s_verify(const s_options_t *options, const uint8_t *root_sha256)
{
    tacit_sample_t sample = {0};
    tacit_judgement_t judgement = {0};
    tacit_status_t status = tacit_sample_load(options->operand, &sample, &judgement.error);
    if (status == TACIT_NOT_FOUND || status == TACIT_STORAGE_FAILED || status == TACIT_NO_MEMORY) {
        return s_fail(&judgement.error);
    }
    if (status == TACIT_OK) {
        tacit_judge_sample(&sample, root_sha256, options->at_ms, &judgement);
    } else {
        judgement.status = status;
    }
    int code = s_show(&sample, &judgement, options);
    if (options->wants_token) {
        tacit_error_t error = {.code = TACIT_OK};
        status = tacit_token_write(&options->token, &sample, &judgement, options->at_ms, &error);
        code = status ? s_fail(&error) : code;
    }
    tacit_sample_clear(&sample);
    return code;
}

/*  A file that cannot be read is no verdict on what is in it.  */
static int s_read_token(const s_options_t *options)
{
    json_t *report = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_token_read(options->operand, options->token.key_path,
                                             options->at_ms, &report, &error);
    if (status == TACIT_NOT_FOUND || status == TACIT_STORAGE_FAILED || status == TACIT_NO_MEMORY) {
        return s_fail(&error);
    }
    if (status) {
        report = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "result", "REJECT", "code", error.name,
                           "explanation", error.message, "claim", error.claim, "expected",
                           error.expected, "got", error.got);
    }
    s_print(report, options->json);
    json_decref(report);
    return status ? S_EXIT_REJECT : S_EXIT_VERIFIED;
}

static int s_run(const s_options_t *options)
{
    uint8_t sha256[EVP_MAX_MD_SIZE];
    tacit_span_t der;
    tacit_error_t error = {0};
    if (options->reads_token) {
        return s_read_token(options);
    }
    if (!options->root) {
        return s_verify(options, NULL);
    }
    if (tacit_sample_certificate(options->root, &der, &error) != TACIT_OK) {
        return s_fail(&error);
    }
    bool hashed = EVP_Digest(der.data, der.size, sha256, NULL, EVP_sha256(), NULL) == 1;
    free((void *)der.data);
    return hashed ? s_verify(options, sha256) : s_usage("no memory");
}

int main(int argc, char **argv)
{
    s_options_t options = {.at_ms = tacit_now_ms()};
    int code = s_parse(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    if (sodium_init() < 0) {
        return s_usage("libsodium does not start");
    }
    return s_run(&options);
}
