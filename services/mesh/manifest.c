/*  manifest.c - the schema, read by libcyaml.  */

#include "services/mesh/manifest.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/whole_file.h"
#include "rpc/log.h"

typedef struct {
    uint32_t mesh; /* format version */
    tacit_manifest_t content;
} s_document_t;

static const cyaml_schema_field_t s_fields[] = {
    CYAML_FIELD_UINT("mesh", CYAML_FLAG_DEFAULT, s_document_t, mesh),
    CYAML_FIELD_UINT("workers", CYAML_FLAG_DEFAULT, s_document_t, content.workers),
    CYAML_FIELD_STRING("listen", CYAML_FLAG_DEFAULT, s_document_t, content.listen, 1),
    CYAML_FIELD_STRING("introduction", CYAML_FLAG_DEFAULT, s_document_t, content.introduction, 1),
    CYAML_FIELD_STRING("log_level", CYAML_FLAG_DEFAULT, s_document_t, content.log_level, 1),
    CYAML_FIELD_STRING("isolation", CYAML_FLAG_OPTIONAL, s_document_t, content.isolation, 1),
    CYAML_FIELD_STRING("backend", CYAML_FLAG_OPTIONAL, s_document_t, content.backend, 1),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t s_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, s_document_t, s_fields),
};

const char *tacit_manifest_default(void)
{
    return "# What `tacit-operator up` runs where it is given no manifest.\n"
           "mesh: 1\n"
           "workers: 2\n"
           "listen: tcp://127.0.0.1:*\n"
           "introduction: tcp://127.0.0.1:*\n"
           "log_level: info\n";
}

/*  libcyaml says what is wrong to its log, a line of which says where. Kept of that is "Unexpected
    key: wrkers in mapping (line: 1, column: 7)".  */
static void s_on_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    static const char prefix[] = "Load: ";
    char *text = context;
    char line[TACIT_ERROR_VALUE_MAX];
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    (void)vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\r\n")] = '\0';
    const char *said = line + strspn(line, " ");
    said += strncmp(said, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    if (strcmp(said, "Backtrace:") != 0) {
        size_t used = strlen(text);
        (void)snprintf(text + used, TACIT_ERROR_VALUE_MAX - used, "%s%s", used > 0 ? " " : "",
                       said);
    }
}

/*  --- isolation ------------------------------------------------------------------------------- */

static tacit_isolation_t s_isolation(const tacit_manifest_t *manifest, const char *asked)
{
    const char *name = asked ? asked : manifest->isolation;
    return name[0] ? tacit_isolation_from_name(name) : TACIT_ISOLATION_STANDARD;
}

static tacit_backend_t s_backend(const tacit_manifest_t *manifest, const char *asked,
                                 tacit_isolation_t isolation)
{
    const char *name = asked ? asked : manifest->backend;
    return name[0] ? tacit_backend_from_name(name) : tacit_isolation_backend(isolation);
}

tacit_status_t tacit_manifest_isolate(tacit_manifest_t *manifest, const char *isolation,
                                      const char *backend, tacit_error_t *ret_error)
{
    tacit_isolation_t level = s_isolation(manifest, isolation);
    tacit_backend_t by = s_backend(manifest, backend, level);
    if (!level || !by) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               !level ? "isolation is standard or strict, not %.32s"
                                      : "the backend is onednn or portable, not %.32s",
                               !level ? (isolation ? isolation : manifest->isolation)
                                      : (backend ? backend : manifest->backend));
    }
    if (!tacit_isolation_allows(level, by)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "where isolation is strict the backend is portable, not %s",
                               tacit_backend_name(by));
    }
    snprintf(manifest->isolation, sizeof manifest->isolation, "%s", tacit_isolation_name(level));
    snprintf(manifest->backend, sizeof manifest->backend, "%s", tacit_backend_name(by));
    return TACIT_OK;
}

const char *tacit_manifest_worker(const tacit_manifest_t *manifest)
{
    if (tacit_isolation_from_name(manifest->isolation) == TACIT_ISOLATION_STRICT) {
        return "tacit-workerd-strict";
    }
    return tacit_backend_from_name(manifest->backend) == TACIT_BACKEND_PORTABLE
               ? "tacit-workerd-portable"
               : "tacit-workerd";
}

/*  --- the text -------------------------------------------------------------------------------- */

static tacit_status_t s_check(const s_document_t *document, tacit_error_t *ret_error)
{
    tacit_log_level_t level;
    if (document->mesh != 1) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "mesh", "1", "another format");
    }
    if (document->content.workers > TACIT_MANIFEST_WORKERS_MAX) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "workers", "0 to 64", "more");
    }
    if (strncmp(document->content.listen, "tcp://", 6) != 0 ||
        strncmp(document->content.introduction, "tcp://", 6) != 0) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "listen, introduction",
                                 "tcp://ADDRESS:PORT or tcp://ADDRESS:*", NULL);
    }
    if (!tacit_log_level_from_name(document->content.log_level, &level)) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "log_level",
                                 "debug, info, warning or error", document->content.log_level);
    }
    tacit_manifest_t tried = document->content;
    return tacit_manifest_isolate(&tried, NULL, NULL, ret_error);
}

static tacit_status_t s_parse(const char *text, size_t size, tacit_manifest_t *ret_manifest,
                              tacit_error_t *ret_error)
{
    char why[TACIT_ERROR_VALUE_MAX] = "";
    cyaml_config_t config = {
        .log_fn = s_on_log,
        .log_ctx = why,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    s_document_t *document = NULL;
    if (cyaml_load_data((const uint8_t *)text, size, &config, &s_schema, (cyaml_data_t **)&document,
                        NULL) != CYAML_OK) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the manifest is not valid: %s", why);
    }
    if (!document) { /* an empty file is no error to libcyaml */
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the manifest is empty");
    }
    tacit_status_t status = s_check(document, ret_error);
    if (!status) {
        *ret_manifest = document->content;
    }
    cyaml_free(&config, &s_schema, document, 0);
    return status;
}

tacit_status_t tacit_manifest_load(const char *path, tacit_manifest_t *ret_manifest,
                                   tacit_error_t *ret_error)
{
    if (!path) {
        const char *text = tacit_manifest_default();
        return s_parse(text, strlen(text), ret_manifest, ret_error);
    }
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_MANIFEST_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read the manifest %s", path);
    }
    status = s_parse((const char *)text, size, ret_manifest, ret_error);
    free(text);
    return status;
}
