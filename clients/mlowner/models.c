/*  models.c - tacit-mlowner push, rotate, rm.  */

#include <stdio.h>
#include <stdlib.h>

#include "clients/mlowner/commands.h"
#include "clients/mlowner/local_run.h"
#include "clients/mlowner/model_file.h"
#include "clients/mlowner/publish.h"
#include "clients/mlowner/withdraw.h"

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
    tacit_precision_t precision = TACIT_PRECISION_FP32;
    tacit_model_file_t model = {.file = -1};
    tacit_owner_t owner = {0};
    const char *option = tacit_invocation_value(invocation, "name");
    s_default_name(invocation->operands[0], given, sizeof given);
    tacit_status_t status = tacit_owner_parse(option ? option : given, name, &version, ret_error);
    if (!status && version) {
        status = tacit_usage_error(invocation, ret_error, "versions are counted by push itself");
    }
    if (!status) {
        status = tacit_invocation_precision(invocation, &precision, ret_error);
    }
    if (!status && precision == TACIT_PRECISION_INT8) {
        /* whether it has operators over bytes, every backend can tell */
        status = tacit_local_check(invocation->operands[0], precision, ret_error);
    }
    if (!status) {
        status = tacit_model_file_open(invocation->operands[0], &model, ret_error);
    }
    if (!status) {
        status = tacit_owner_open(invocation, &owner, ret_error);
    }
    if (!status) {
        const tacit_publication_t publication = {.name = name,
                                                 .size = (uint64_t)model.about.st_size,
                                                 .precision = precision,
                                                 .source = tacit_model_file_chunk,
                                                 .context = &model};
        status = tacit_owner_publish(&owner, &publication, &version, ret_error);
    }
    if (!status) {
        s_tell(invocation, "Pushed", name, version);
    }
    tacit_model_file_close(&model);
    tacit_owner_close(&owner);
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
        status = tacit_owner_rotate(&owner, name, &version, ret_error);
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
        printf("Removed %s, all versions, keys and grants.\n", name);
    }
    tacit_owner_close(&owner);
    return status;
}
