/*  fault.c - tacit-operator fault: what is to go wrong in a mesh of a development build, while it
    runs. The rules lie in a file of the state folder that every service looks at (rpc/fault.h).  */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "clients/operator/commands.h"
#include "clients/operator/control.h"

#ifdef TACIT_FAULTS

#include "enclave/whole_file.h"
#include "rpc/fault.h"

/*  The supervisor holds run/lock as long as it lives. It is not asked: a rule may be in the way. */
static bool s_runs(const char *lock)
{
    int fd = open(lock, O_RDONLY | O_CLOEXEC);
    bool runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return runs;
}

/*  Where the services of the mesh that runs look.  */
static tacit_status_t s_find(const char *state, char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    char lock[PATH_MAX];
    tacit_status_t status = tacit_control_path(state, "run/lock", lock, ret_error);
    if (!status) {
        status = tacit_control_path(state, "run/faults", ret_path, ret_error);
    }
    if (!status && !s_runs(lock)) {
        status = tacit_error_set(ret_error, TACIT_UNREACHABLE, "no mesh runs in %s", state);
        tacit_error_remedy(ret_error, "launch it with tacit-operator up, or name its folder with "
                                      "--state");
    } else if (!status && access(ret_path, F_OK) != 0) {
        status = tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                                 "the mesh was launched by a build without fault points");
        tacit_error_remedy(ret_error, "launch it by this build: tacit-operator down, then up");
    }
    return status;
}

static tacit_status_t s_list(const char *path, bool as_json, tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_FAULT_TEXT_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read %s", path);
    }
    char *rest = NULL;
    json_t *rules = json_array();
    for (const char *rule = strtok_r((char *)text, ";\n", &rest); rule;
         rule = strtok_r(NULL, ";\n", &rest)) {
        (void)json_array_append_new(rules, json_string(rule + strspn(rule, " \t")));
    }
    if (as_json) {
        json_dumpf(rules, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (json_array_size(rules) == 0) {
        printf("No faults are set.\n");
    }
    for (size_t i = 0; i < json_array_size(rules) && !as_json; i++) {
        printf("%s\n", json_string_value(json_array_get(rules, i)));
    }
    json_decref(rules);
    free(text);
    return TACIT_OK;
}

/*  The rules one after the other, a line each; none of them wrong.  */
static tacit_status_t s_join(const tacit_invocation_t *invocation,
                             char ret_text[TACIT_FAULT_TEXT_MAX], tacit_error_t *ret_error)
{
    tacit_faults_t *faults = NULL;
    size_t size = 0;
    ret_text[0] = '\0';
    for (size_t i = 1; i < invocation->operand_count && size < TACIT_FAULT_TEXT_MAX; i++) {
        size += (size_t)snprintf(ret_text + size, TACIT_FAULT_TEXT_MAX - size, "%s\n",
                                 invocation->operands[i]);
    }
    if (size >= TACIT_FAULT_TEXT_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the rules of faults are too long");
    }
    tacit_status_t status = tacit_faults_new(ret_text, &faults, ret_error);
    tacit_faults_destroy(&faults);
    return status;
}

static tacit_status_t s_set(const tacit_invocation_t *invocation, const char *path,
                            tacit_error_t *ret_error)
{
    char text[TACIT_FAULT_TEXT_MAX];
    tacit_status_t status = s_join(invocation, text, ret_error);
    if (!status && tacit_whole_file_replace(path, tacit_span_string(text), 0600)) {
        status = tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot write %s: %s", path,
                                 strerror(errno));
    }
    return status ? status : s_list(path, invocation->json, ret_error);
}

tacit_status_t tacit_command_fault(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    const char *verb = invocation->operand_count ? invocation->operands[0] : "list";
    bool sets = strcmp(verb, "set") == 0;
    bool clears = strcmp(verb, "clear") == 0;
    if ((!sets && !clears && strcmp(verb, "list") != 0) ||
        sets != (invocation->operand_count > 1)) {
        return tacit_usage_error(invocation, ret_error, "fault is set RULE..., list or clear");
    }
    tacit_status_t status = s_find(invocation->state, path, ret_error);
    if (status) {
        return status;
    }
    return sets || clears ? s_set(invocation, path, ret_error)
                          : s_list(path, invocation->json, ret_error);
}

#else

tacit_status_t tacit_command_fault(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    (void)invocation;
    tacit_error_set(ret_error, TACIT_UNSUPPORTED, "this build has no fault points");
    tacit_error_remedy(ret_error, "use a development build: ./run build dev, then "
                                  "build/dev/bin/tacit-operator up");
    return TACIT_UNSUPPORTED;
}

#endif
