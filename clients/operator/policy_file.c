/*  policy_file.c - see policy_file.h.  */

#include "clients/operator/policy_file.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "enclave/whole_file.h"

enum {
    S_KEY_DIGITS = 64,
    S_SIGNATURE_DIGITS = 128,
    S_LINE_SIZE = S_KEY_DIGITS + 1 + S_SIGNATURE_DIGITS + 1,
    S_SIGNATURES_TEXT_MAX = S_LINE_SIZE * TACIT_POLICY_CHANGERS_MAX,
    S_FILE_MODE = 0644
};

static bool s_read_line(char *line, uint8_t ret_signature[TACIT_POLICY_SIGNATURE_SIZE])
{
    if (line[S_KEY_DIGITS] != ' ' || line[S_LINE_SIZE - 1] != '\n') {
        return false;
    }
    line[S_KEY_DIGITS] = '\0';
    line[S_LINE_SIZE - 1] = '\0';
    return tacit_hex_read(line, ret_signature, 32) &&
           tacit_hex_read(line + S_KEY_DIGITS + 1, ret_signature + 32, 64);
}

static tacit_status_t s_read_signatures(char *text, size_t size, tacit_policy_file_t *file,
                                        tacit_error_t *ret_error)
{
    if (size % S_LINE_SIZE != 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "signatures are lines of KEY SIGNATURE");
    }
    for (size_t at = 0; at < size; at += S_LINE_SIZE) {
        uint8_t *signature = file->signatures + file->signatures_size;
        if (!s_read_line(text + at, signature)) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                   "signatures are lines of KEY SIGNATURE");
        }
        tacit_status_t status =
            tacit_policy_verify(tacit_span(file->text, file->size), tacit_span(signature + 32, 64),
                                signature, ret_error);
        if (status) {
            return status;
        }
        file->signatures_size += TACIT_POLICY_SIGNATURE_SIZE;
    }
    return TACIT_OK;
}

static tacit_status_t s_signatures_path(const char *path, char ret_path[PATH_MAX],
                                        tacit_error_t *ret_error)
{
    return snprintf(ret_path, PATH_MAX, "%s.sig", path) < PATH_MAX
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "the path is too long");
}

static tacit_status_t s_load_signatures(const char *path, tacit_policy_file_t *file,
                                        tacit_error_t *ret_error)
{
    char beside[PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = s_signatures_path(path, beside, ret_error);
    if (status) {
        return status;
    }
    status = tacit_whole_file_read(beside, S_SIGNATURES_TEXT_MAX, &text, &size);
    if (status == TACIT_NOT_FOUND) {
        return TACIT_OK;
    }
    if (status) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read %s", beside);
    }
    status = s_read_signatures((char *)text, size, file, ret_error);
    if (status && ret_error) {
        tacit_error_remedy(ret_error, "remove %s and have the text signed anew", beside);
    }
    free(text);
    return status;
}

tacit_status_t tacit_policy_file_take(uint8_t *text, size_t size, tacit_policy_file_t *ret_file,
                                      tacit_error_t *ret_error)
{
    *ret_file = (tacit_policy_file_t){.text = text, .size = size};
    tacit_status_t status =
        tacit_policy_parse(tacit_span(text, size), &ret_file->policy, ret_error);
    if (status) {
        tacit_policy_file_clear(ret_file);
    }
    return status;
}

tacit_status_t tacit_policy_file_read(const char *path, tacit_policy_file_t *ret_file,
                                      tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    *ret_file = (tacit_policy_file_t){0};
    tacit_status_t status = tacit_whole_file_read(path, TACIT_POLICY_TEXT_MAX, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read the policy %s: %s", path,
                               status == TACIT_NOT_FOUND ? "no such file"
                                                         : tacit_status_text(status));
    }
    status = tacit_policy_file_take(text, size, ret_file, ret_error);
    if (status) {
        tacit_error_about(ret_error, path);
    }
    return status;
}

tacit_status_t tacit_policy_file_load(const char *path, tacit_policy_file_t *ret_file,
                                      tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_policy_file_read(path, ret_file, ret_error);
    if (!status) {
        status = s_load_signatures(path, ret_file, ret_error);
    }
    if (status) {
        tacit_policy_file_clear(ret_file);
    }
    return status;
}

void tacit_policy_file_clear(tacit_policy_file_t *file)
{
    tacit_policy_destroy(&file->policy);
    free(file->text);
    *file = (tacit_policy_file_t){0};
}

static bool s_signed_by(const tacit_policy_file_t *file, const uint8_t key[32])
{
    for (size_t at = 0; at < file->signatures_size; at += TACIT_POLICY_SIGNATURE_SIZE) {
        if (memcmp(file->signatures + at, key, 32) == 0) {
            return true;
        }
    }
    return false;
}

tacit_status_t tacit_policy_file_sign(tacit_policy_file_t *file, const tacit_identity_t *identity,
                                      tacit_error_t *ret_error)
{
    if (s_signed_by(file, identity->signing_public)) {
        return TACIT_OK;
    }
    if (file->signatures_size == sizeof file->signatures) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "%d keys signed already",
                               TACIT_POLICY_CHANGERS_MAX);
    }
    tacit_policy_chain_sign(tacit_span(file->text, file->size), identity->signing_secret->data,
                            file->signatures + file->signatures_size);
    file->signatures_size += TACIT_POLICY_SIGNATURE_SIZE;
    return TACIT_OK;
}

tacit_status_t tacit_policy_file_save_signatures(const tacit_policy_file_t *file, const char *path,
                                                 tacit_error_t *ret_error)
{
    char beside[PATH_MAX];
    char text[S_SIGNATURES_TEXT_MAX + 1];
    size_t size = 0;
    tacit_status_t status = s_signatures_path(path, beside, ret_error);
    for (size_t at = 0; !status && at < file->signatures_size; at += TACIT_POLICY_SIGNATURE_SIZE) {
        char key[S_KEY_DIGITS + 1];
        char signature[S_SIGNATURE_DIGITS + 1];
        sodium_bin2hex(key, sizeof key, file->signatures + at, 32);
        sodium_bin2hex(signature, sizeof signature, file->signatures + at + 32, 64);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s %s\n", key, signature);
    }
    if (!status) {
        status = tacit_whole_file_replace(beside, tacit_span((uint8_t *)text, size), S_FILE_MODE);
        if (status) {
            tacit_error_set(ret_error, status, "cannot write %s", beside);
        }
    }
    return status;
}
