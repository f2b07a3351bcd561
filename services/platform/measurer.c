/*  measurer.c - from a pid to an enclave's identity, or to a refusal that says why not.  */

#include "services/platform/measurer.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/measurement.h"
#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"
#include "services/platform/file_hashes.h"
#include "services/platform/mappings.h"

struct tacit_measurer {
    tacit_file_hashes_t *hashes;
};

/*  One measurement under way.  */
typedef struct {
    pid_t pid;
    char executable[PATH_MAX]; /* path */
    struct stat state;         /* of the executable */
    tacit_file_facts_t facts;  /* of the executable */
    uint8_t *configuration;
    size_t configuration_size;
    tacit_enclave_configuration_t *parsed;
    tacit_sigstruct_t sigstruct;
    uint8_t mrenclave[32];
} s_case_t;

tacit_status_t tacit_measurer_new(tacit_measurer_t **ret_measurer)
{
    tacit_measurer_t *measurer = calloc(1, sizeof *measurer);
    if (!measurer) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = tacit_file_hashes_new(&measurer->hashes);
    if (status) {
        free(measurer);
        return status;
    }
    *ret_measurer = measurer;
    return TACIT_OK;
}

void tacit_measurer_destroy(tacit_measurer_t **measurer)
{
    if (measurer && *measurer) {
        tacit_file_hashes_destroy(&(*measurer)->hashes);
        free(*measurer);
        *measurer = NULL;
    }
}

static tacit_status_t s_refuse(tacit_error_t *ret_error, const char *claim, const char *expected,
                               const char *got, const char *remedy)
{
    tacit_error_claim(ret_error, TACIT_PLATFORM_REFUSED, claim, expected, got);
    tacit_error_remedy(ret_error, "%s", remedy);
    return TACIT_PLATFORM_REFUSED;
}

static tacit_status_t s_refuse_hash(tacit_error_t *ret_error, const char *claim,
                                    const uint8_t expected[32], const uint8_t got[32],
                                    const char *remedy)
{
    char wanted[65];
    char found[65];
    sodium_bin2hex(wanted, sizeof wanted, expected, 32);
    sodium_bin2hex(found, sizeof found, got, 32);
    return s_refuse(ret_error, claim, wanted, found, remedy);
}

static int s_open_executable(pid_t pid)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    return open(link, O_RDONLY | O_CLOEXEC);
}

static bool s_executable_path(s_case_t *measured)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)measured->pid);
    ssize_t size = readlink(link, measured->executable, sizeof measured->executable - 1);
    if (size <= 0) {
        return false;
    }
    measured->executable[size] = '\0';
    return true;
}

static tacit_status_t s_hash_executable(tacit_measurer_t *measurer, s_case_t *measured,
                                        tacit_error_t *ret_error)
{
    int fd = s_open_executable(measured->pid);
    if (fd < 0 || !s_executable_path(measured) || fstat(fd, &measured->state) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return s_refuse(ret_error, "executable", "readable by the platform", "not readable",
                        "run service and platform as the same user, and connect before sealing");
    }
    tacit_status_t status = tacit_file_hashes_get(measurer->hashes, fd, &measured->facts);
    close(fd);
    return status ? s_refuse(ret_error, "executable", "a file that does not change",
                             tacit_status_text(status), "start the service anew")
                  : TACIT_OK;
}

/*  Reads EXECUTABLE + suffix.  */
static tacit_status_t s_read_beside(const s_case_t *measured, const char *suffix, size_t size_max,
                                    uint8_t **ret_bytes, size_t *ret_size, tacit_error_t *ret_error)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s%s", measured->executable, suffix);
    tacit_status_t status = tacit_whole_file_read(path, size_max, ret_bytes, ret_size);
    return status ? s_refuse(ret_error, suffix + 1, path, tacit_status_text(status),
                             "sign the executable with tacit-sign")
                  : TACIT_OK;
}

static tacit_status_t s_read_configuration(s_case_t *measured, tacit_error_t *ret_error)
{
    tacit_error_t error;
    tacit_status_t status =
        s_read_beside(measured, TACIT_CONFIGURATION_SUFFIX, TACIT_CONFIGURATION_TEXT_MAX,
                      &measured->configuration, &measured->configuration_size, ret_error);
    if (status) {
        return status;
    }
    tacit_span_t text = tacit_span(measured->configuration, measured->configuration_size);
    if (tacit_enclave_configuration_parse(text, &measured->parsed, &error)) {
        return s_refuse(ret_error, "enclave configuration", "well formed", error.message,
                        "sign the executable with tacit-sign");
    }
    tacit_measure(measured->facts.sha256, text, measured->mrenclave);
    return TACIT_OK;
}

static tacit_status_t s_check_signature(s_case_t *measured, tacit_error_t *ret_error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_error_t error;
    tacit_status_t status = s_read_beside(measured, TACIT_SIGSTRUCT_SUFFIX, TACIT_SIGSTRUCT_SIZE,
                                          &bytes, &size, ret_error);
    if (status) {
        return status;
    }
    status = tacit_sigstruct_verify(tacit_span(bytes, size), &measured->sigstruct, &error);
    free(bytes);
    if (status) {
        return s_refuse(ret_error, error.claim, error.expected, error.got,
                        "sign the executable with tacit-sign");
    }
    if (memcmp(measured->sigstruct.mrenclave, measured->mrenclave, 32) != 0) {
        return s_refuse_hash(ret_error, "measurement", measured->sigstruct.mrenclave,
                             measured->mrenclave,
                             "the executable or its configuration is not what was signed: install "
                             "the signed one, or sign it anew");
    }
    return TACIT_OK;
}

/*  The configuration's own words have to be the signer's.  */
static tacit_status_t s_check_agreement(const s_case_t *measured, tacit_error_t *ret_error)
{
    const tacit_enclave_configuration_t *parsed = measured->parsed;
    const tacit_sigstruct_t *sigstruct = &measured->sigstruct;
    if (parsed->product_id == sigstruct->product_id && parsed->svn == sigstruct->svn &&
        parsed->debug == sigstruct->debug) {
        return TACIT_OK;
    }
    char expected[64];
    char got[64];
    snprintf(expected, sizeof expected, "product %u, svn %u, debug %d", sigstruct->product_id,
             sigstruct->svn, sigstruct->debug);
    snprintf(got, sizeof got, "product %u, svn %u, debug %d", parsed->product_id, parsed->svn,
             parsed->debug);
    return s_refuse(ret_error, "enclave configuration", expected, got,
                    "sign the executable with tacit-sign");
}

static const char s_tracer[] = "TracerPid:";

/*  Who traces a process reads and writes its memory.  */
static tacit_status_t s_check_tracer(const s_case_t *measured, tacit_error_t *ret_error)
{
    char path[64];
    char line[256];
    long tracer = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)measured->pid);
    FILE *file = fopen(path, "re");
    while (file && tracer < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, s_tracer, sizeof s_tracer - 1) == 0) {
            tracer = strtol(line + sizeof s_tracer - 1, NULL, 10);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    if (tracer == 0 || (tracer > 0 && measured->parsed->debug)) {
        return TACIT_OK;
    }
    return s_refuse(ret_error, "tracer", "none", tracer > 0 ? "a debugger" : "unknown",
                    "run the service outside of the debugger, or sign it with --debug");
}

static tacit_status_t s_check_mappings(tacit_measurer_t *measurer, const s_case_t *measured,
                                       tacit_error_t *ret_error)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)measured->pid);
    FILE *smaps = fopen(path, "re");
    if (!smaps) {
        return s_refuse(ret_error, "mappings", "readable by the platform", "not readable",
                        "connect to the platform before sealing the process");
    }
    const tacit_mappings_expected_t expected = {.executable = measured->executable,
                                                .facts = &measured->facts,
                                                .configuration = measured->parsed,
                                                .hashes = measurer->hashes};
    tacit_status_t status = tacit_mappings_check(smaps, &expected, ret_error);
    (void)fclose(smaps);
    return status;
}

/*  The process may have started another program while it was looked at.  */
static tacit_status_t s_check_unchanged(const s_case_t *measured, tacit_error_t *ret_error)
{
    struct stat now;
    int fd = s_open_executable(measured->pid);
    bool same = fd >= 0 && fstat(fd, &now) == 0 && now.st_dev == measured->state.st_dev &&
                now.st_ino == measured->state.st_ino;
    if (fd >= 0) {
        close(fd);
    }
    return same ? TACIT_OK
                : s_refuse(ret_error, "executable", "the one that was measured", "another",
                           "start the service anew");
}

static tacit_status_t s_measure(tacit_measurer_t *measurer, s_case_t *measured,
                                tacit_error_t *ret_error)
{
    tacit_status_t status = s_hash_executable(measurer, measured, ret_error);
    if (!status) {
        status = s_read_configuration(measured, ret_error);
    }
    if (!status) {
        status = s_check_signature(measured, ret_error);
    }
    if (!status) {
        status = s_check_agreement(measured, ret_error);
    }
    if (!status) {
        status = s_check_tracer(measured, ret_error);
    }
    if (!status) {
        status = s_check_mappings(measurer, measured, ret_error);
    }
    return status ? status : s_check_unchanged(measured, ret_error);
}

tacit_status_t tacit_measurer_measure(tacit_measurer_t *measurer, pid_t pid,
                                      tacit_measured_t *ret_measured, tacit_error_t *ret_error)
{
    s_case_t measured = {.pid = pid};
    tacit_status_t status = s_measure(measurer, &measured, ret_error);
    tacit_enclave_configuration_destroy(&measured.parsed);
    if (status) {
        free(measured.configuration);
        return status;
    }
    *ret_measured = (tacit_measured_t){.self = {.product_id = measured.sigstruct.product_id,
                                                .svn = measured.sigstruct.svn,
                                                .debug = measured.sigstruct.debug},
                                       .configuration = measured.configuration,
                                       .configuration_size = measured.configuration_size};
    memcpy(ret_measured->self.mrenclave, measured.mrenclave, 32);
    memcpy(ret_measured->self.mrsigner, measured.sigstruct.mrsigner, 32);
    return TACIT_OK;
}
