/*  receipt_store.c - see receipt_store.h.  */

#include "clients/dataowner/receipt_store.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "clients/lib/interrupts.h"
#include "clients/lib/key_file.h"
#include "enclave/whole_file.h"

static void s_stem(const tacit_receipt_t *receipt, char ret_stem[64])
{
    char id[2 * TACIT_REQUEST_ID_SIZE + 1];
    char when[24] = "";
    time_t seconds = (time_t)(receipt->time_ms / 1000);
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts);
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &parts);
    (void)sodium_bin2hex(id, sizeof id, receipt->envelope.request_id, TACIT_REQUEST_ID_SIZE);
    (void)snprintf(ret_stem, 64, "%.16s-%s", when, id);
}

static tacit_status_t s_write(const char *folder, const char *stem, const char *ending,
                              tacit_span_t bytes, char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    if (snprintf(ret_path, PATH_MAX, "%s/%s%s", folder, stem, ending) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the folder's path is too long");
    }
    sigset_t before;
    tacit_interrupts_hold(&before);
    tacit_status_t status = tacit_whole_file_replace(ret_path, bytes, 0600);
    tacit_interrupts_allow(&before);
    return status ? tacit_error_set(ret_error, status, "cannot write %s: %s", ret_path,
                                    tacit_status_text(status))
                  : TACIT_OK;
}

tacit_status_t tacit_receipt_store_put(const char *folder, const tacit_receipt_bundle_t *bundle,
                                       const tacit_answer_t *answer, bool keep,
                                       char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    char stem[64];
    char *text = NULL;
    s_stem(&answer->receipt, stem);
    tacit_status_t status = tacit_key_folder_make(folder, ret_error);
    if (!status && keep) {
        status = s_write(folder, stem, ".request",
                         tacit_span(answer->sealed_request, answer->sealed_request_size), ret_path,
                         ret_error);
    }
    if (!status && keep) {
        status = s_write(folder, stem, ".response",
                         tacit_span(answer->sealed_response, answer->sealed_response_size),
                         ret_path, ret_error);
    }
    if (!status && tacit_receipt_bundle_format(bundle, &text)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!status) {
        status = s_write(folder, stem, ".json", tacit_span_string(text), ret_path, ret_error);
    }
    free(text);
    return status;
}

tacit_status_t tacit_receipt_store_read(const char *path, tacit_receipt_bundle_t *ret_bundle,
                                        tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_BUNDLE_FILE_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read the receipt %s: %s", path,
                               status == TACIT_NOT_FOUND ? "no such file"
                                                         : tacit_status_text(status));
    }
    status = tacit_receipt_bundle_parse(tacit_span(text, size), ret_bundle, ret_error);
    if (status && ret_error) {
        char said[TACIT_ERROR_MESSAGE_MAX];
        memcpy(said, ret_error->message, sizeof said);
        tacit_error_set(ret_error, status, "%s: %s", path, said);
    }
    free(text);
    return status;
}

/*  --- the folder ------------------------------------------------------------------------------ */

static int s_is_receipt(const struct dirent *file)
{
    size_t size = strlen(file->d_name);
    return file->d_name[0] != '.' && size > 5 && strcmp(file->d_name + size - 5, ".json") == 0;
}

tacit_status_t tacit_receipt_store_list(const char *folder, char ***ret_paths, size_t *ret_count,
                                        tacit_error_t *ret_error)
{
    struct dirent **files = NULL;
    int count = scandir(folder, &files, s_is_receipt, alphasort);
    if (count < 0) {
        tacit_error_set(ret_error, TACIT_NOT_FOUND, "cannot read the receipts in %s: %s", folder,
                        strerror(errno));
        tacit_error_remedy(ret_error,
                           "infer puts them there, or where its --receipts says; name that "
                           "folder");
        return TACIT_NOT_FOUND;
    }
    char **paths = calloc((size_t)count + 1, sizeof *paths);
    size_t made = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int size = snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
        if (paths && size > 0 && size < PATH_MAX) {
            paths[made] = strdup(path);
            made += paths[made] != NULL;
        }
        free(files[i]);
    }
    free(files);
    if (!paths) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    *ret_paths = paths;
    *ret_count = made;
    return TACIT_OK;
}
