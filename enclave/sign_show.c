/*  sign_show.c - see sign_show.h.  */

#include "enclave/sign_show.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/enclave_configuration.h"
#include "enclave/launch.h"
#include "enclave/measurement.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

tacit_status_t tacit_sign_measure(const char *executable, tacit_span_t configuration,
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
        status = tacit_sign_measure(executable, configuration, mrenclave, ret_error);
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

static void s_print(tacit_tee_t tee, bool json, const tacit_sigstruct_t *sigstruct,
                    const tacit_enclave_configuration_t *configuration)
{
    char mrenclave[65];
    char mrsigner[65];
    const char *role = tacit_role_name((tacit_role_t)sigstruct->product_id);
    tacit_self_t program = {
        .product_id = sigstruct->product_id, .svn = sigstruct->svn, .debug = sigstruct->debug};
    memcpy(program.mrenclave, sigstruct->mrenclave, sizeof program.mrenclave);
    memcpy(program.mrsigner, sigstruct->mrsigner, sizeof program.mrsigner);
    const tacit_self_t identity = tacit_launch_identity(tee, &program);
    sodium_bin2hex(mrenclave, sizeof mrenclave, identity.mrenclave, 32);
    sodium_bin2hex(mrsigner, sizeof mrsigner, identity.mrsigner, 32);
    if (!json) {
        printf("measurement %s\nsigner      %s\nproduct     %u (%s)\nsvn         %u\n"
               "debug       %s\ndate        %08x\n",
               mrenclave, mrsigner, sigstruct->product_id, role, sigstruct->svn,
               sigstruct->debug ? "yes" : "no", sigstruct->date);
        s_print_worker(configuration, NULL);
        s_print_all(tee, &program, NULL);
        return;
    }
    json_t *root = json_pack("{s:s, s:s, s:i, s:s, s:i, s:b}", "measurement", mrenclave, "signer",
                             mrsigner, "product", (int)sigstruct->product_id, "role", role, "svn",
                             (int)sigstruct->svn, "debug", (int)sigstruct->debug);
    s_print_worker(configuration, root);
    s_print_all(tee, &program, root);
    json_dumpf(root, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(root);
}

tacit_status_t tacit_sign_show(const char *executable, tacit_tee_t tee, bool json,
                               tacit_error_t *ret_error)
{
    tacit_sigstruct_t sigstruct;
    uint8_t *configuration = NULL;
    uint8_t *signature = NULL;
    tacit_enclave_configuration_t *parsed = NULL;
    size_t configuration_size = 0;
    size_t signature_size = 0;
    tacit_status_t status =
        s_read(executable, TACIT_CONFIGURATION_SUFFIX, TACIT_CONFIGURATION_TEXT_MAX, &configuration,
               &configuration_size, ret_error);
    if (!status) {
        status = s_read(executable, TACIT_SIGSTRUCT_SUFFIX, TACIT_SIGSTRUCT_SIZE, &signature,
                        &signature_size, ret_error);
    }
    if (!status) {
        status = s_check(executable, tacit_span(configuration, configuration_size),
                         tacit_span(signature, signature_size), &sigstruct, &parsed, ret_error);
    }
    free(signature);
    free(configuration);
    if (status) {
        return status;
    }
    s_print(tee, json, &sigstruct, parsed);
    tacit_enclave_configuration_destroy(&parsed);
    return TACIT_OK;
}
