/*  sign_main.c - tacit-sign: makes an executable an enclave, at build time.

    Writes EXECUTABLE.enclave (its configuration, with the hash of every library it loads) and
    EXECUTABLE.sigstruct (the signature over both) beside it. With --show it reads them back, checks
    them, and prints who the enclave is: what a policy has to list.  */

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/command_line.h"
#include "enclave/measurement.h"
#include "enclave/sign_key.h"
#include "enclave/sign_libraries.h"
#include "enclave/sign_show.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

enum { S_EXIT_OK = 0, S_EXIT_FAILED = 1, S_EXTRA_LIBRARIES_MAX = 32 };

typedef struct {
    const char *key;
    const char *executable;
    tacit_role_t role;
    uint16_t svn;
    bool debug;
    tacit_isolation_t isolation; /* of a worker */
    tacit_backend_t backend;     /* of a worker; NONE: as the isolation has it */
    tacit_tee_t tee;
    bool show;
    bool json;
    const char *libraries[S_EXTRA_LIBRARIES_MAX]; /* beyond those that the linker lists */
    size_t library_count;
} s_options_t;

static int s_failed(const tacit_error_t *error)
{
    fprintf(stderr, "tacit-sign: %s", error->message);
    if (error->claim[0]) {
        fprintf(stderr, " (%s: expected %s, got %s)", error->claim, error->expected, error->got);
    }
    fprintf(stderr, "%s%s\n", error->remedy[0] ? "; " : "", error->remedy);
    return S_EXIT_FAILED;
}

/*  --- signing ----------------------------------------------------------------------------------
 */

/*  The day of the build in binary-coded decimal; SOURCE_DATE_EPOCH makes builds repeatable.  */
static uint32_t s_date(void)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    time_t now = fixed ? (time_t)strtoll(fixed, NULL, 10) : time(NULL);
    struct tm parts;
    char text[16];
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%Y%m%d", &parts);
    return (uint32_t)strtoul(text, NULL, 16);
}

static tacit_status_t s_configure(const s_options_t *options,
                                  tacit_enclave_configuration_t *configuration,
                                  tacit_error_t *ret_error)
{
    configuration->role = options->role;
    configuration->product_id = (uint16_t)options->role;
    configuration->svn = options->svn;
    configuration->debug = options->debug;
    if (options->role == TACIT_ROLE_WORKER) {
        configuration->isolation = options->isolation;
        configuration->backend =
            options->backend ? options->backend : tacit_isolation_backend(options->isolation);
    }
    tacit_status_t status = tacit_sign_libraries(options->executable, configuration, ret_error);
    for (size_t i = 0; !status && i < options->library_count; i++) {
        status = tacit_sign_library(options->libraries[i], configuration, ret_error);
    }
    return status;
}

static tacit_status_t s_configuration_text(const s_options_t *options, char **ret_text,
                                           tacit_error_t *ret_error)
{
    tacit_enclave_configuration_t configuration = {
        .libraries = calloc(TACIT_CONFIGURATION_LIBRARIES_MAX, sizeof *configuration.libraries)};
    if (!configuration.libraries) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_configure(options, &configuration, ret_error);
    if (!status) {
        status = tacit_enclave_configuration_format(&configuration, ret_text, ret_error);
    }
    free(configuration.libraries);
    return status;
}

static tacit_status_t s_write(const char *executable, const char *suffix, tacit_span_t bytes,
                              tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", executable, suffix);
    tacit_status_t status = tacit_whole_file_replace(path, bytes, 0644);
    return status ? tacit_error_set(ret_error, status, "cannot write %s: %s", path,
                                    tacit_status_text(status))
                  : TACIT_OK;
}

static tacit_status_t s_sign(const s_options_t *options, EVP_PKEY *key, tacit_span_t configuration,
                             tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    tacit_sigstruct_t sigstruct = {.product_id = (uint16_t)options->role,
                                   .svn = options->svn,
                                   .debug = options->debug,
                                   .date = s_date()};
    tacit_status_t status =
        tacit_sign_measure(options->executable, configuration, sigstruct.mrenclave, ret_error);
    if (status) {
        return status;
    }
    status = tacit_sigstruct_sign(&sigstruct, key, bytes);
    if (status) {
        return tacit_error_set(ret_error, status, "%s is no RSA-3072 key with exponent 3",
                               options->key);
    }
    status = s_write(options->executable, TACIT_CONFIGURATION_SUFFIX, configuration, ret_error);
    return status ? status
                  : s_write(options->executable, TACIT_SIGSTRUCT_SUFFIX,
                            tacit_span(bytes, sizeof bytes), ret_error);
}

static int s_run_sign(const s_options_t *options)
{
    tacit_error_t error = {.code = TACIT_OK};
    char *text = NULL;
    EVP_PKEY *key = NULL;
    tacit_status_t status = tacit_sign_key(options->key, &key, &error);
    if (!status) {
        status = s_configuration_text(options, &text, &error);
    }
    if (!status && text) {
        status = s_sign(options, key, tacit_span_string(text), &error);
    }
    free(text);
    EVP_PKEY_free(key);
    return status ? s_failed(&error) : S_EXIT_OK;
}

static int s_run_show(const s_options_t *options)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status =
        tacit_sign_show(options->executable, options->tee, options->json, &error);
    return status ? s_failed(&error) : S_EXIT_OK;
}

/*  --- options ----------------------------------------------------------------------------------
 */

static bool s_take_role(void *self, const char *value)
{
    s_options_t *options = self;
    options->role = tacit_role_from_name(value);
    return tacit_role_is_enclave(options->role);
}

static bool s_take_tee(void *self, const char *value)
{
    return tacit_tee_from_name(value, &((s_options_t *)self)->tee);
}

static bool s_take_isolation(void *self, const char *value)
{
    s_options_t *options = self;
    options->isolation = tacit_isolation_from_name(value);
    return options->isolation != TACIT_ISOLATION_NONE;
}

static bool s_take_backend(void *self, const char *value)
{
    s_options_t *options = self;
    options->backend = tacit_backend_from_name(value);
    return options->backend != TACIT_BACKEND_NONE;
}

static bool s_take_svn(void *self, const char *value)
{
    unsigned long number = 0;
    if (!tacit_command_line_number(value, UINT16_MAX, &number)) {
        return false;
    }
    ((s_options_t *)self)->svn = (uint16_t)number;
    return true;
}

static bool s_take_library(void *self, const char *value)
{
    s_options_t *options = self;
    if (options->library_count == S_EXTRA_LIBRARIES_MAX) {
        return false;
    }
    options->libraries[options->library_count++] = value;
    return true;
}

static const tacit_line_option_t s_rows[] = {
    {.name = "key",
     .argument = "FILE",
     .help = "RSA-3072 signer key; made (mode 0600) where there is none",
     .kind = TACIT_OPTION_WORD,
     .offset = offsetof(s_options_t, key)},
    {.name = "role",
     .argument = "ROLE",
     .help = "attestation, keys, models, gateway or worker",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_role},
    {.name = "svn",
     .argument = "N",
     .help = "security version, 0 to 65535 (default: 1)",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_svn},
    {.name = "debug",
     .help = "a debug enclave, whose memory its host may read",
     .kind = TACIT_OPTION_FLAG,
     .offset = offsetof(s_options_t, debug)},
    {.name = "isolation",
     .argument = "LEVEL",
     .help = "of a worker: standard (default), or strict: it runs no code that it makes",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_isolation},
    {.name = "backend",
     .argument = "NAME",
     .help = "of a worker: onednn (default), or portable (default where strict)",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_backend},
    {.name = "library",
     .argument = "FILE",
     .help = "a library that is loaded later; may be repeated",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_library},
    {.name = "tee",
     .argument = "KIND",
     .help = "show what a mesh of that kind measures: sgx (default), tdx or nitro",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_tee},
    {.name = "show",
     .help = "print measurement, signer, product, svn and debug",
     .kind = TACIT_OPTION_FLAG,
     .offset = offsetof(s_options_t, show)},
    {.name = "json",
     .help = "print them as JSON",
     .kind = TACIT_OPTION_FLAG,
     .offset = offsetof(s_options_t, json)},
};

static const tacit_command_line_t s_line = {
    .name = "tacit-sign",
    .summary = "make an executable an enclave, or show which one it is",
    .usage = "--key KEY.pem --role ROLE [OPTION]... EXECUTABLE\n"
             "--show [--tee KIND] [--json] EXECUTABLE",
    .options = s_rows,
    .option_count = sizeof s_rows / sizeof *s_rows,
    .operand = "EXECUTABLE",
    .notes = "Exit codes: 0 done, 1 failed or not a valid enclave, 2 usage.",
};

/*  Returns -1 to go on, or the exit code.  */
static int s_parse(int argc, char **argv, s_options_t *options)
{
    int code = tacit_command_line_parse(&s_line, argc, argv, options, &options->executable);
    if (code >= 0) {
        return code;
    }
    if (strlen(options->executable) + sizeof TACIT_SIGSTRUCT_SUFFIX >= PATH_MAX) {
        return tacit_command_line_refuse(&s_line, "the executable's path is too long", NULL);
    }
    if (!options->show && (!options->key || !options->role)) {
        return tacit_command_line_refuse(&s_line, "--key and --role are required", NULL);
    }
    tacit_backend_t backend =
        options->backend ? options->backend : tacit_isolation_backend(options->isolation);
    if (!tacit_isolation_allows(options->isolation, backend)) {
        return tacit_command_line_refuse(&s_line, "strict isolation goes with portable only", NULL);
    }
    return -1;
}

int main(int argc, char **argv)
{
    s_options_t options = {.svn = 1, .isolation = TACIT_ISOLATION_STANDARD};
    int code = s_parse(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    if (sodium_init() < 0) {
        return S_EXIT_FAILED;
    }
    return options.show ? s_run_show(&options) : s_run_sign(&options);
}
