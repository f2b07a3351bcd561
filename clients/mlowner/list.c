/*  list.c - tacit-mlowner list: models with their versions, and grants.

    What is in the store without a key at the key service was pushed half-way: nobody can run it,
   and the list says so.  */

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "clients/lib/model_directory.h"
#include "clients/lib/table.h"
#include "clients/lib/time_text.h"
#include "clients/mlowner/commands.h"
#include "clients/mlowner/publish.h"
#include "idl/keys.h"

/*  What is being listed: two tables, or two lists of JSON.  */
typedef struct {
    tacit_owner_t owner;
    tacit_table_t *models;
    tacit_table_t *grants;
    json_t *models_json;
    json_t *grants_json;
    struct {
        char name[TACIT_MODEL_NAME_MAX + 1];
        uint32_t version;
    } * keys; /* owned; that the key service has */
    size_t key_count;
} s_list_t;

static void s_text(tacit_span_t span, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)span.size, span.data ? (const char *)span.data : "");
}

/*  --- models ---------------------------------------------------------------------------------- */

static tacit_status_t s_take_keys(s_list_t *list, const tacit_keys_list_result_t *page)
{
    size_t count = list->key_count + page->models.count;
    void *keys = reallocarray(list->keys, count ? count : 1, sizeof *list->keys);
    if (!keys) {
        return TACIT_NO_MEMORY;
    }
    list->keys = keys;
    for (size_t i = 0; i < page->models.count; i++) {
        s_text(page->models.items[i].name, list->keys[list->key_count].name,
               sizeof list->keys->name);
        list->keys[list->key_count++].version = page->models.items[i].version;
    }
    return TACIT_OK;
}

static bool s_has_key(const s_list_t *list, const tacit_model_entry_t *model)
{
    for (size_t i = 0; i < list->key_count; i++) {
        if (list->keys[i].version == model->version &&
            strcmp(list->keys[i].name, model->name) == 0) {
            return true;
        }
    }
    return false;
}

static tacit_status_t s_add_model(s_list_t *list, const tacit_model_entry_t *model)
{
    char version[16];
    char size[24];
    char created[TACIT_TIME_TEXT_SIZE];
    bool key = s_has_key(list, model);
    snprintf(version, sizeof version, "%u", model->version);
    snprintf(size, sizeof size, "%llu", (unsigned long long)model->size);
    tacit_time_format(model->created_ms, created);
    if (list->models_json) {
        json_array_append_new(list->models_json,
                              json_pack("{s:s, s:I, s:I, s:I, s:b}", "name", model->name, "version",
                                        (json_int_t)model->version, "size", (json_int_t)model->size,
                                        "created_ms", (json_int_t)model->created_ms, "complete",
                                        key));
        return TACIT_OK;
    }
    const char *const cells[] = {model->name, version, size, created,
                                 key ? "complete" : "no key: push again"};
    return tacit_table_add(list->models, cells);
}

static tacit_status_t s_list_models(s_list_t *list, tacit_error_t *ret_error)
{
    tacit_model_directory_t directory = {.count = 0};
    tacit_status_t status = tacit_model_directory_load(
        list->owner.models, list->owner.user.identity->public_key, &directory, ret_error);
    for (size_t i = 0; i < directory.count && !status; i++) {
        status = s_add_model(list, &directory.entries[i]);
    }
    tacit_model_directory_release(&directory);
    return status;
}

/*  --- grants ---------------------------------------------------------------------------------- */

static tacit_status_t s_add_grant(s_list_t *list, const tacit_keys_grant_info_t *grant)
{
    char id[33];
    char name[TACIT_MODEL_NAME_MAX + 1];
    char user[65];
    char measurement[65];
    char expires[TACIT_TIME_TEXT_SIZE] = "never";
    char uses[32];
    sodium_bin2hex(id, sizeof id, grant->grant_id.data, 16);
    s_text(grant->name, name, sizeof name);
    sodium_bin2hex(user, sizeof user, grant->user.data, 32);
    sodium_bin2hex(measurement, sizeof measurement, grant->measurement.data, 32);
    if (grant->expires_ms) {
        tacit_time_format(grant->expires_ms, expires);
    }
    const char *state = tacit_keys_grant_state_name(grant->state);
    if (list->grants_json) {
        json_array_append_new(list->grants_json,
                              json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "grant", id,
                                        "model", name, "user", user, "measurement", measurement,
                                        "expires_ms", (json_int_t)grant->expires_ms, "uses",
                                        (json_int_t)grant->uses, "used", (json_int_t)grant->used,
                                        "state", state));
        return TACIT_OK;
    }
    if (grant->uses) {
        snprintf(uses, sizeof uses, "%u of %u", grant->used, grant->uses);
    } else {
        snprintf(uses, sizeof uses, "any");
    }
    user[16] = measurement[16] = '\0';
    const char *const cells[] = {id, name, user, measurement, expires, uses, state};
    return tacit_table_add(list->grants, cells);
}

/*  What the key service has: grants into their list, keys for that of the models.  */
static tacit_status_t s_list_grants(s_list_t *list, tacit_error_t *ret_error)
{
    tacit_keys_list_args_t args = {0};
    tacit_keys_list_result_t result = {0};
    tacit_status_t status = TACIT_OK;
    do {
        status = tacit_keys_list_call(list->owner.keys, &args, &result, ret_error);
        if (!status) {
            status = s_take_keys(list, &result);
        }
        for (size_t i = 0; !status && i < result.grants.count; i++) {
            const tacit_keys_grant_info_t *grant = &result.grants.items[i];
            if (memcmp(grant->owner.data, list->owner.user.identity->public_key, 32) == 0) {
                status = s_add_grant(list, grant);
            }
        }
        args.offset += TACIT_KEYS_LIST_RESULT_GRANTS_MAX;
    } while (!status && result.more);
    return status;
}

/*  --- both ------------------------------------------------------------------------------------ */

static tacit_status_t s_new_tables(s_list_t *list)
{
    static const tacit_column_t models[] = {
        {"MODEL", TACIT_ALIGN_LEFT},  {"VERSION", TACIT_ALIGN_RIGHT}, {"BYTES", TACIT_ALIGN_RIGHT},
        {"PUSHED", TACIT_ALIGN_LEFT}, {"STATE", TACIT_ALIGN_LEFT},
    };
    static const tacit_column_t grants[] = {
        {"GRANT", TACIT_ALIGN_LEFT},   {"MODEL", TACIT_ALIGN_LEFT},
        {"USER", TACIT_ALIGN_LEFT},    {"MEASUREMENT", TACIT_ALIGN_LEFT},
        {"EXPIRES", TACIT_ALIGN_LEFT}, {"USES", TACIT_ALIGN_RIGHT},
        {"STATE", TACIT_ALIGN_LEFT},
    };
    tacit_status_t status = tacit_table_new(models, sizeof models / sizeof *models, &list->models);
    return status ? status : tacit_table_new(grants, sizeof grants / sizeof *grants, &list->grants);
}

static void s_print(const s_list_t *list)
{
    if (list->models_json) {
        json_t *object =
            json_pack("{s:O, s:O}", "models", list->models_json, "grants", list->grants_json);
        json_dumpf(object, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(object);
        return;
    }
    tacit_table_print_or(list->models, "No models yet: tacit-mlowner push makes one.", stdout);
    printf("\n");
    tacit_table_print_or(list->grants, "No grants.", stdout);
}

tacit_status_t tacit_command_list(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    s_list_t list = {0};
    tacit_status_t status = tacit_owner_open(invocation, &list.owner, ret_error);
    if (!status && invocation->json) {
        list.models_json = json_array();
        list.grants_json = json_array();
    } else if (!status) {
        status = s_new_tables(&list);
    }
    if (!status) {
        status = s_list_grants(&list, ret_error);
    }
    if (!status) {
        status = s_list_models(&list, ret_error);
    }
    if (!status) {
        s_print(&list);
    }
    free(list.keys);
    json_decref(list.models_json);
    json_decref(list.grants_json);
    tacit_table_destroy(&list.models);
    tacit_table_destroy(&list.grants);
    tacit_owner_close(&list.owner);
    return status;
}
