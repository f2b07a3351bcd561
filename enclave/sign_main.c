/*  sign_main.c - tacit-sign: makes an executable an enclave, at build time.

    Writes EXECUTABLE.enclave (its configuration, with the hash of every library it loads) and
    EXECUTABLE.sigstruct (the signature over both) beside it. With --show it reads them back, checks
    them, and prints who the enclave is: what a policy has to list.  */

#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/command_line.h"
#include "enclave/launch.h"
#include "enclave/measurement.h"
#include "enclave/sign_key.h"
#include "enclave/sign_libraries.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

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

static tacit_status_t s_measure(const char *executable, tacit_span_t configuration,
                                uint8_t ret_mrenclave[32], tacit_error_t *ret_error)
{
    uint8_t sha256[32];
    int fd = open(executable, O_RDONLY | O_CLOEXEC);
    tacit_status_t status = fd < 0 ? TACIT_NOT_FOUND : tacit_measure_file(fd, sha256);
    if (fd >= 0) {
        close(fd);
    }
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read %s", executable);
    }
    tacit_measure(sha256, configuration, ret_mrenclave);
    return TACIT_OK;
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
        s_measure(options->executable, configuration, sigstruct.mrenclave, ret_error);
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

/*  --- showing ----------------------------------------------------------------------------------
 */

static tacit_status_t s_read(const char *executable, const char *suffix, size_t size_max,
                             uint8_t **ret_bytes, size_t *ret_size, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", executable, suffix);
    tacit_status_t status = tacit_whole_file_read(path, size_max, ret_bytes, ret_size);
    return status ? tacit_error_set(ret_error, status, "cannot read %s: %s", path,
                                    tacit_status_text(status))
                  : TACIT_OK;
}

static tacit_status_t s_check(const char *executable, tacit_span_t configuration,
                              tacit_span_t signature, tacit_sigstruct_t *ret_sigstruct,
                              tacit_enclave_configuration_t **ret_parsed, tacit_error_t *ret_error)
{
    uint8_t mrenclave[32];
    tacit_enclave_configuration_t *parsed = NULL;
    tacit_status_t status = tacit_enclave_configuration_parse(configuration, &parsed, ret_error);
    if (!status) {
        status = tacit_sigstruct_verify(signature, ret_sigstruct, ret_error);
    }
    if (!status) {
        status = s_measure(executable, configuration, mrenclave, ret_error);
    }
    if (!status && memcmp(mrenclave, ret_sigstruct->mrenclave, sizeof mrenclave) != 0) {
        status = tacit_error_set(ret_error, TACIT_MEASUREMENT_REFUSED,
                                 "the executable or its configuration changed after signing");
    }
    if (status) {
        tacit_enclave_configuration_destroy(&parsed);
        return status;
    }
    *ret_parsed = parsed;
    return TACIT_OK;
}

/*  The registers that a policy names, where the kind has them.  */
static void s_print_registers(tacit_tee_t tee, bool of_signer, const tacit_registers_t *registers,
                              json_t *root)
{
    char hex[2 * TACIT_REGISTER_SIZE + 1];
    const char *name = NULL;
    for (size_t i = 0; (name = tacit_tee_register_name(tee, of_signer, i)); i++) {
        sodium_bin2hex(hex, sizeof hex, registers->values[i], TACIT_REGISTER_SIZE);
        if (root) {
            json_object_set_new(root, name, json_string(hex));
        } else {
            printf("%-12s%s\n", name, hex);
        }
    }
}

static void s_print_all(tacit_tee_t tee, const tacit_self_t *program, json_t *root)
{
    tacit_registers_t code;
    tacit_registers_t signer;
    tacit_launch_registers(tee, program, &code, &signer);
    s_print_registers(tee, false, &code, root);
    s_print_registers(tee, true, &signer, root);
}

/*  What only a worker has.  */
static void s_print_worker(const tacit_enclave_configuration_t *configuration, json_t *root)
{
    const char *isolation = tacit_isolation_name(configuration->isolation);
    const char *backend = tacit_backend_name(configuration->backend);
    if (configuration->role != TACIT_ROLE_WORKER) {
        return;
    }
    if (root) {
        json_object_set_new(root, "isolation", json_string(isolation));
        json_object_set_new(root, "backend", json_string(backend));
    } else {
        printf("isolation   %s\nbackend     %s\n", isolation, backend);
    }
}

static void s_print(const s_options_t *options, const tacit_sigstruct_t *sigstruct,
                    const tacit_enclave_configuration_t *configuration)
{
    char mrenclave[65];
    char mrsigner[65];
    const char *role = tacit_role_name((tacit_role_t)sigstruct->product_id);
    tacit_self_t program = {
        .product_id = sigstruct->product_id, .svn = sigstruct->svn, .debug = sigstruct->debug};
    memcpy(program.mrenclave, sigstruct->mrenclave, sizeof program.mrenclave);
    memcpy(program.mrsigner, sigstruct->mrsigner, sizeof program.mrsigner);
    const tacit_self_t identity = tacit_launch_identity(options->tee, &program);
    sodium_bin2hex(mrenclave, sizeof mrenclave, identity.mrenclave, 32);
    sodium_bin2hex(mrsigner, sizeof mrsigner, identity.mrsigner, 32);
    if (!options->json) {
        printf("measurement %s\nsigner      %s\nproduct     %u (%s)\nsvn         %u\n"
               "debug       %s\ndate        %08x\n",
               mrenclave, mrsigner, sigstruct->product_id, role, sigstruct->svn,
               sigstruct->debug ? "yes" : "no", sigstruct->date);
        s_print_worker(configuration, NULL);
        s_print_all(options->tee, &program, NULL);
        return;
    }
    json_t *root = json_pack("{s:s, s:s, s:i, s:s, s:i, s:b}", "measurement", mrenclave, "signer",
                             mrsigner, "product", (int)sigstruct->product_id, "role", role, "svn",
                             (int)sigstruct->svn, "debug", (int)sigstruct->debug);
    s_print_worker(configuration, root);
    s_print_all(options->tee, &program, root);
    json_dumpf(root, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(root);
}

static int s_run_show(const s_options_t *options)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_sigstruct_t sigstruct;
    uint8_t *configuration = NULL;
    uint8_t *signature = NULL;
    tacit_enclave_configuration_t *parsed = NULL;
    size_t configuration_size = 0;
    size_t signature_size = 0;
    tacit_status_t status =
        s_read(options->executable, TACIT_CONFIGURATION_SUFFIX, TACIT_CONFIGURATION_TEXT_MAX,
               &configuration, &configuration_size, &error);
    if (!status) {
        status = s_read(options->executable, TACIT_SIGSTRUCT_SUFFIX, TACIT_SIGSTRUCT_SIZE,
                        &signature, &signature_size, &error);
    }
    if (!status) {
        status = s_check(options->executable, tacit_span(configuration, configuration_size),
                         tacit_span(signature, signature_size), &sigstruct, &parsed, &error);
    }
    free(signature);
    free(configuration);
    if (status) {
        return s_failed(&error);
    }
    s_print(options, &sigstruct, parsed);
    tacit_enclave_configuration_destroy(&parsed);
    return S_EXIT_OK;
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
