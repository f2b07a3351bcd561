/*  folders.c - making the state folder, and the trust that starts there.  */

#include "services/mesh/folders.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/launch.h"
#include "enclave/measurement.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

enum { S_ROOT_MAX = 8 * 1024 };

tacit_status_t tacit_folder_path(const char *state, const char *name, char ret_path[TACIT_FILE_MAX],
                                 tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    if (snprintf(path, sizeof path, "%s/%s", state, name) >= (int)sizeof path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
    }
    memcpy(ret_path, path, sizeof path);
    return TACIT_OK;
}

/*  With its parents, as mkdir -p.  */
static bool s_make(const char *path)
{
    char partial[TACIT_FILE_MAX];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(partial, 0700) == 0 || errno == EEXIST;
}

tacit_status_t tacit_folders_make(const char *state, tacit_error_t *ret_error)
{
    static const char *const names[] = {"operator", "platform", "attestation", "keys", "models",
                                        "gateway",  "worker",   "run",         "log"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[TACIT_FILE_MAX];
        tacit_status_t status = tacit_folder_path(state, names[i], path, ret_error);
        if (status) {
            return status;
        }
        if (!s_make(path)) {
            return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot make %s: %s", path,
                                   strerror(errno));
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_folders_lock(const char *state, int *ret_fd, tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_status_t status = tacit_folder_path(state, "run/lock", path, ret_error);
    if (status) {
        return status;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot open %s: %s", path,
                               strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        tacit_error_set(ret_error, TACIT_ALREADY_EXISTS, "a mesh runs in %s already", state);
        tacit_error_remedy(ret_error,
                           "tacit-operator status shows it; tacit-operator down stops it");
        return TACIT_ALREADY_EXISTS;
    }
    *ret_fd = fd;
    return TACIT_OK;
}

/*  --- small files ----------------------------------------------------------------------------- */

/*  To be freed.  */
static tacit_status_t s_read(const char *state, const char *name, size_t max, uint8_t **ret_bytes,
                             size_t *ret_size, tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_status_t status = tacit_folder_path(state, name, path, ret_error);
    if (!status) {
        status = tacit_whole_file_read(path, max, ret_bytes, ret_size);
        if (status) {
            tacit_error_set(ret_error, status, "cannot read %s", path);
        }
    }
    return status;
}

static bool s_take_key(const json_t *object, const char *name, uint8_t ret_key[32])
{
    const char *hex = json_string_value(json_object_get(object, name));
    size_t size = 0;
    return hex && strlen(hex) == 64 &&
           sodium_hex2bin(ret_key, 32, hex, 64, NULL, &size, NULL) == 0 && size == 32;
}

tacit_status_t tacit_folders_operator(const char *state, uint8_t ret_curve[32],
                                      uint8_t ret_signing[32], tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_status_t status = tacit_folder_path(state, "operator/public.json", path, ret_error);
    if (status) {
        return status;
    }
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    bool whole = object && s_take_key(object, "curve_key", ret_curve) &&
                 s_take_key(object, "signing_key", ret_signing);
    json_decref(object);
    if (!whole) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "no operator's public keys in %s", path);
        tacit_error_remedy(ret_error, "start the mesh with tacit-operator up, which writes them");
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}

tacit_status_t tacit_folders_announce(const char *state, const char *endpoint,
                                      const uint8_t curve_key[32], const char *worker,
                                      tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    char text[TACIT_ENDPOINT_MAX + 256];
    char hex[65];
    tacit_status_t status = tacit_folder_path(state, "run/mesh.json", path, ret_error);
    if (status) {
        return status;
    }
    sodium_bin2hex(hex, sizeof hex, curve_key, 32);
    snprintf(text, sizeof text,
             "{\"endpoint\": \"%s\", \"curve_key\": \"%s\", \"worker\": \"%s\"}\n", endpoint, hex,
             worker);
    status = tacit_whole_file_replace(path, tacit_span_string(text), 0600);
    return status ? tacit_error_set(ret_error, status, "cannot write %s", path) : TACIT_OK;
}

/*  --- trust ----------------------------------------------------------------------------------- */

/*  "tcp://ADDRESS:*" with a port that is free now: it stands in trust.json from then on.  */
static tacit_status_t s_choose_port(const char *introduction, char ret_endpoint[TACIT_ENDPOINT_MAX],
                                    tacit_error_t *ret_error)
{
    size_t size = strlen(introduction);
    snprintf(ret_endpoint, TACIT_ENDPOINT_MAX, "%s", introduction);
    if (size < 2 || strcmp(introduction + size - 2, ":*") != 0) {
        return TACIT_OK;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!found) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, "cannot find a free port: %s",
                               strerror(errno));
    }
    snprintf(ret_endpoint + size - 1, TACIT_ENDPOINT_MAX - size + 1, "%u", ntohs(address.sin_port));
    return TACIT_OK;
}

static tacit_status_t s_read_root(const char *state, uint8_t ret_sha256[32],
                                  tacit_error_t *ret_error)
{
    uint8_t *der = NULL;
    size_t size = 0;
    tacit_status_t status = s_read(state, "platform/root.der", S_ROOT_MAX, &der, &size, ret_error);
    if (!status) {
        crypto_hash_sha256(ret_sha256, der, size);
    }
    free(der);
    return status;
}

static tacit_status_t s_read_attestd(const char *bin, tacit_sigstruct_t *ret_sigstruct,
                                     tacit_error_t *ret_error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = s_read(bin, "tacit-attestd" TACIT_SIGSTRUCT_SUFFIX,
                                   TACIT_SIGSTRUCT_SIZE, &bytes, &size, ret_error);
    if (!status) {
        status = tacit_sigstruct_verify(tacit_span(bytes, size), ret_sigstruct, ret_error);
    }
    free(bytes);
    return status;
}

static tacit_status_t s_state_trust(const char *state, const char *bin, tacit_trust_t *ret_trust,
                                    tacit_error_t *ret_error)
{
    tacit_sigstruct_t attestd;
    ret_trust->simulated = true;
    tacit_status_t status = s_read_root(state, ret_trust->root_sha256, ret_error);
    if (!status) {
        status = tacit_folders_operator(state, ret_trust->operator_curve_key,
                                        ret_trust->operator_signing_key, ret_error);
    }
    if (!status) {
        status = s_read_attestd(bin, &attestd, ret_error);
    }
    if (!status) {
        tacit_self_t program = {.product_id = attestd.product_id, .svn = attestd.svn};
        memcpy(program.mrsigner, attestd.mrsigner, sizeof program.mrsigner);
        program = tacit_launch_identity(ret_trust->tee, &program);
        memcpy(ret_trust->attestation_mrsigner, program.mrsigner, 32);
        ret_trust->attestation_svn = attestd.svn;
    }
    return status;
}

static tacit_status_t s_compare(const tacit_trust_t *known, const tacit_trust_t *now,
                                const char *path, tacit_error_t *ret_error)
{
    const char *what = NULL;
    if (memcmp(known->root_sha256, now->root_sha256, 32) != 0) {
        what = "the platform has another root";
    } else if (memcmp(known->operator_curve_key, now->operator_curve_key, 32) != 0 ||
               memcmp(known->operator_signing_key, now->operator_signing_key, 32) != 0) {
        what = "the operator has other keys";
    } else if (memcmp(known->attestation_mrsigner, now->attestation_mrsigner, 32) != 0) {
        what = "tacit-attestd was built with another signer's key";
    } else {
        return TACIT_OK;
    }
    tacit_error_set(ret_error, TACIT_WRONG_MESH, "%s than %s says", what, path);
    tacit_error_remedy(ret_error,
                       "users trust this mesh by that file: use the programs and keys it "
                       "was made with, or start a new mesh in another folder");
    return TACIT_WRONG_MESH;
}

tacit_status_t tacit_folders_tee(const char *state, const char *wanted, tacit_tee_t *ret_tee,
                                 tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_trust_t known = {0};
    tacit_tee_t tee = TACIT_TEE_SGX;
    if (wanted[0] && !tacit_tee_from_name(wanted, &tee)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the kind is sgx, tdx or nitro, not %s",
                               wanted);
    }
    tacit_status_t status = tacit_folder_path(state, "trust.json", path, ret_error);
    if (!status && access(path, F_OK) == 0) {
        status = tacit_trust_load(path, &known, ret_error);
        if (!status && wanted[0] && known.tee != tee) {
            status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "the mesh in %s is of %s, not %s",
                                     state, tacit_tee_name(known.tee), wanted);
            tacit_error_remedy(ret_error, "a mesh stays what it is: start another in another "
                                          "folder (--state)");
        }
        tee = known.tee;
    }
    if (!status) {
        *ret_tee = tee;
    }
    return status;
}

tacit_status_t tacit_folders_trust(const char *state, const char *bin, const char *introduction,
                                   tacit_tee_t tee, tacit_trust_t *ret_trust,
                                   tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_trust_t now = {.tee = tee};
    tacit_status_t status = tacit_folder_path(state, "trust.json", path, ret_error);
    if (!status) {
        status = s_state_trust(state, bin, &now, ret_error);
    }
    if (status) {
        return status;
    }
    if (access(path, F_OK) == 0) {
        tacit_trust_t known = {0};
        status = tacit_trust_load(path, &known, ret_error);
        if (!status) {
            status = s_compare(&known, &now, path, ret_error);
        }
        now = known;
    } else {
        status = s_choose_port(introduction, now.introduction, ret_error);
        if (!status) {
            status = tacit_trust_save(&now, path, ret_error);
        }
    }
    if (!status) {
        *ret_trust = now;
    }
    return status;
}
