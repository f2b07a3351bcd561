/*  models.c - tacit-mlowner push, rotate, rm.  */

#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/file.h"
#include "clients/mlowner/commands.h"
#include "clients/mlowner/publish.h"

/*  The file's name without folder and ending, where --name is not given.  */
static void s_default_name(const char *path, char *ret_name, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(ret_name, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(ret_name, '.');
    if (dot && dot != ret_name) {
        *dot = '\0';
    }
}

static void s_tell(const tacit_invocation_t *invocation, const char *verb, const char *name,
                   uint32_t version)
{
    if (invocation->json) {
        printf("{\"model\": \"%s\", \"version\": %u}\n", name, version);
    } else {
        printf("%s %s, version %u.\n", verb, name, version);
    }
}

tacit_status_t tacit_command_push(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char given[2 * TACIT_MODEL_NAME_MAX];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version = 0;
    tacit_secret_t *model = NULL;
    tacit_owner_t owner = {0};
    const char *option = tacit_invocation_value(invocation, "name");
    s_default_name(invocation->operands[0], given, sizeof given);
    tacit_status_t status = tacit_owner_parse(option ? option : given, name, &version, ret_error);
    if (!status && version) {
        status = tacit_usage_error(invocation, ret_error, "versions are counted by push itself");
    }
    if (!status) {
        status = tacit_file_read(invocation->operands[0], TACIT_MODEL_SIZE_MAX, &model, ret_error);
    }
    if (!status) {
        status = tacit_owner_open(invocation, &owner, ret_error);
    }
    if (!status) {
        status = tacit_owner_publish(&owner, name, tacit_secret_span(model), &version, ret_error);
    }
    if (!status) {
        s_tell(invocation, "Pushed", name, version);
    }
    tacit_secret_destroy(&model);
    tacit_owner_close(&owner);
    return status;
}

/*  The newest version again under a new key, as a version of its own; the old one goes.  */
static tacit_status_t s_rotate(tacit_owner_t *owner, const char *name, uint32_t *ret_version,
                               tacit_error_t *ret_error)
{
    tacit_secret_t *model = NULL;
    uint32_t old = 0;
    tacit_status_t status = tacit_owner_fetch(owner, name, 0, &model, &old, ret_error);
    if (!status) {
        status = tacit_owner_publish(owner, name, tacit_secret_span(model), ret_version, ret_error);
    }
    if (!status) {
        status = tacit_owner_remove(owner, name, old, ret_error);
    }
    tacit_secret_destroy(&model);
    return status;
}

tacit_status_t tacit_command_rotate(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version = 0;
    tacit_owner_t owner = {0};
    tacit_status_t status = tacit_owner_parse(invocation->operands[0], name, &version, ret_error);
    if (!status && version) {
        status = tacit_usage_error(invocation, ret_error, "rotate takes the newest version");
    }
    if (!status) {
        status = tacit_owner_open(invocation, &owner, ret_error);
    }
    if (!status) {
        status = s_rotate(&owner, name, &version, ret_error);
    }
    if (!status) {
        s_tell(invocation, "Rotated the key of", name, version);
    }
    tacit_owner_close(&owner);
    return status;
}

tacit_status_t tacit_command_rm(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version = 0;
    tacit_owner_t owner = {0};
    tacit_status_t status = tacit_owner_parse(invocation->operands[0], name, &version, ret_error);
    if (!status) {
        status = tacit_owner_open(invocation, &owner, ret_error);
    }
    if (!status) {
        status = tacit_owner_remove(&owner, name, version, ret_error);
    }
    if (!status && invocation->json) {
        printf("{\"removed\": \"%s\", \"version\": %u}\n", name, version);
    } else if (!status && version) {
        printf("Removed %s, version %u, and its key.\n", name, version);
    } else if (!status) {
        printf("Removed %s, all versions and keys.\n", name);
    }
    tacit_owner_close(&owner);
    return status;
}
