/*  model_directory.c - see model_directory.h.  */

#include "clients/lib/model_directory.h"

#include <stdlib.h>

#include "idl/models.h"

void tacit_model_directory_release(tacit_model_directory_t *directory)
{
    free(directory->entries);
    *directory = (tacit_model_directory_t){.count = 0};
}

static bool s_take(const tacit_models_model_info_t *info, tacit_model_entry_t *ret_entry)
{
    tacit_model_entry_t entry = {
        .version = info->version,
        .size = info->size,
        .created_ms = info->created_ms,
    };
    if (!tacit_model_name_valid(info->name)) {
        return false;
    }
    memcpy(entry.owner, info->owner.data, sizeof entry.owner);
    memcpy(entry.name, info->name.data, info->name.size);
    memcpy(entry.content_sha256, info->content_sha256.data, sizeof entry.content_sha256);
    *ret_entry = entry;
    return true;
}

static tacit_status_t s_append(tacit_model_directory_t *directory,
                               const tacit_models_list_result_t *page)
{
    size_t count = directory->count + page->models.count;
    if (count > TACIT_DIRECTORY_MAX) {
        return TACIT_TOO_LARGE;
    }
    tacit_model_entry_t *entries =
        reallocarray(directory->entries, count ? count : 1, sizeof *entries);
    if (!entries) {
        return TACIT_NO_MEMORY;
    }
    directory->entries = entries;
    for (size_t i = 0; i < page->models.count; i++) {
        directory->count += s_take(&page->models.items[i], &entries[directory->count]);
    }
    return TACIT_OK;
}

tacit_status_t tacit_model_directory_load(tacit_client_t *models, const uint8_t *owner,
                                          tacit_model_directory_t *ret_directory,
                                          tacit_error_t *ret_error)
{
    tacit_model_directory_t directory = {.count = 0};
    tacit_models_list_args_t args = {.owner = tacit_span(owner, owner ? 32 : 0)};
    tacit_models_list_result_t page = {.more = true};
    tacit_status_t status = TACIT_OK;
    while (!status && page.more) {
        page = (tacit_models_list_result_t){.more = false};
        status = tacit_models_list_call(models, &args, &page, ret_error);
        if (!status) {
            status = s_append(&directory, &page);
            if (status) {
                tacit_error_set(ret_error, status, "the store lists too many models");
            }
        }
        args.offset += (uint32_t)page.models.count;
        page.more = page.more && page.models.count > 0;
    }
    if (status) {
        tacit_model_directory_release(&directory);
        return status;
    }
    *ret_directory = directory;
    return TACIT_OK;
}

uint32_t tacit_model_directory_newest(const tacit_model_directory_t *directory, const char *name)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < directory->count; i++) {
        const tacit_model_entry_t *entry = &directory->entries[i];
        if (strcmp(entry->name, name) == 0 && entry->version > newest) {
            newest = entry->version;
        }
    }
    return newest;
}

tacit_status_t tacit_model_directory_resolve(tacit_user_t *user, tacit_model_reference_t *reference,
                                             tacit_error_t *ret_error)
{
    tacit_client_t *models = NULL;
    tacit_model_directory_t directory = {.count = 0};
    if (reference->resolved) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_user_connect(user, TACIT_ROLE_MODELS, &models, ret_error);
    if (!status) {
        status = tacit_model_directory_load(models, NULL, &directory, ret_error);
    }
    for (size_t i = 0; i < directory.count && !status; i++) {
        const tacit_model_entry_t *entry = &directory.entries[i];
        status = tacit_model_reference_consider(reference, entry->owner, entry->name, ret_error);
    }
    if (!status && !reference->resolved) {
        status = tacit_error_set(ret_error, TACIT_NOT_FOUND, "the store lists no model %s/%s",
                                 reference->owner_digits, reference->name);
        tacit_error_remedy(ret_error, "check the owner's id and the model's name with its owner");
    }
    tacit_model_directory_release(&directory);
    tacit_client_destroy(&models);
    return status;
}
