/*  trust.c - trust.json, read strictly: a key too many, a digit too few, and it is no trust file.

    One table says what stands in it; reading, writing and the look for unknown keys follow it.  */

#include "rpc/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/seal.h"
#include "rpc/text.h"

enum {
    S_FILE_MAX = 64 * 1024,
    S_KEY_SIZE = 32, /* every binary value is a key or a hash */
    S_PATH_MAX = 4096
};

typedef enum { S_BOOL, S_U16, S_HEX, S_ENDPOINT, S_TEE } s_kind_t;

typedef struct {
    const char *name;
    s_kind_t kind;
    size_t offset;
    bool optional; /* has_attestation_mrenclave tells; the kind is SGX */
} s_member_t;

#define S_MEMBER(name_, kind_)                                                                     \
    {                                                                                              \
        .name = #name_, .kind = (kind_), .offset = offsetof(tacit_trust_t, name_)                  \
    }

static const s_member_t s_members[] = {
    S_MEMBER(simulated, S_BOOL),
    {.name = "tee", .kind = S_TEE, .offset = offsetof(tacit_trust_t, tee), .optional = true},
    S_MEMBER(root_sha256, S_HEX),
    S_MEMBER(operator_signing_key, S_HEX),
    S_MEMBER(operator_curve_key, S_HEX),
    S_MEMBER(attestation_mrsigner, S_HEX),
    S_MEMBER(attestation_svn, S_U16),
    {.name = "attestation_mrenclave",
     .kind = S_HEX,
     .offset = offsetof(tacit_trust_t, attestation_mrenclave),
     .optional = true},
    S_MEMBER(introduction, S_ENDPOINT),
};

enum { S_MEMBERS = sizeof s_members / sizeof *s_members };

/*  --- reading -------------------------------------------------------------------------------- */

static tacit_status_t s_refuse(tacit_error_t *error, const char *claim, const char *expected,
                               const char *got)
{
    return tacit_error_claim(error, TACIT_MALFORMED, claim, expected, got);
}

static bool s_get_hex(const json_t *value, uint8_t *bytes)
{
    const char *text = json_string_value(value);
    size_t digits = 2 * (size_t)S_KEY_SIZE;
    return text && strlen(text) == digits && strspn(text, "0123456789abcdef") == digits &&
           sodium_hex2bin(bytes, S_KEY_SIZE, text, digits, NULL, NULL, NULL) == 0;
}

static bool s_get_u16(const json_t *value, uint8_t *place)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || number > UINT16_MAX) {
        return false;
    }
    uint16_t narrow = (uint16_t)number;
    memcpy(place, &narrow, sizeof narrow);
    return true;
}

static bool s_get_endpoint(const json_t *value, uint8_t *place)
{
    size_t size = json_string_length(value);
    if (!json_is_string(value) || size == 0 || size >= TACIT_ENDPOINT_MAX) {
        return false;
    }
    memcpy(place, json_string_value(value), size + 1);
    return true;
}

static tacit_status_t s_get_member(const json_t *root, const s_member_t *member,
                                   tacit_trust_t *trust, tacit_error_t *error)
{
    static const char *const expected[] = {[S_BOOL] = "true or false",
                                           [S_U16] = "an integer from 0 to 65535",
                                           [S_HEX] = "64 lowercase hex digits",
                                           [S_ENDPOINT] = "an endpoint of 1..255 bytes",
                                           [S_TEE] = "sgx, tdx or nitro"};
    const json_t *value = json_object_get(root, member->name);
    uint8_t *place = (uint8_t *)trust + member->offset;
    bool good = false;
    if (!value) {
        return member->optional ? TACIT_OK
                                : s_refuse(error, member->name, expected[member->kind], "nothing");
    }
    switch (member->kind) {
    case S_BOOL:
        good = json_is_boolean(value);
        trust->simulated = json_is_true(value);
        break;
    case S_U16:
        good = s_get_u16(value, place);
        break;
    case S_HEX:
        good = s_get_hex(value, place);
        break;
    case S_ENDPOINT:
        good = s_get_endpoint(value, place);
        break;
    case S_TEE:
        good = json_is_string(value) && tacit_tee_from_name(json_string_value(value), &trust->tee);
        break;
    }
    if (member->optional && member->kind == S_HEX) {
        trust->has_attestation_mrenclave = good;
    }
    return good ? TACIT_OK
                : s_refuse(error, member->name, expected[member->kind], "something else");
}

static tacit_status_t s_refuse_unknown(json_t *root, tacit_error_t *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < S_MEMBERS; i++) {
            known = known || strcmp(key, s_members[i].name) == 0;
        }
        if (!known) {
            return s_refuse(error, key, "only the keys of a trust file", "an unknown key");
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_parse(tacit_span_t text, tacit_trust_t *ret_trust, tacit_error_t *error)
{
    tacit_trust_t trust = {.simulated = false};
    json_error_t reason;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &reason);
    tacit_status_t status = TACIT_OK;
    if (!json_is_object(root)) {
        status = tacit_error_set(error, TACIT_MALFORMED, "the trust file is no JSON object: %s",
                                 root ? "another type" : reason.text);
        goto out;
    }
    status = s_refuse_unknown(root, error);
    for (size_t i = 0; status == TACIT_OK && i < S_MEMBERS; i++) {
        status = s_get_member(root, &s_members[i], &trust, error);
    }
    if (status == TACIT_OK) {
        *ret_trust = trust;
    }
out:
    json_decref(root);
    return status;
}

static tacit_status_t s_refuse_file(tacit_error_t *error, tacit_status_t status, const char *path)
{
    return tacit_error_set(error, status, "%s: %s", path, strerror(errno));
}

/*  Up to size bytes; the whole file where it is shorter.  */
static bool s_read_all(int file, uint8_t *bytes, size_t size, size_t *ret_size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(file, bytes + have, size - have);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    *ret_size = have;
    return true;
}

tacit_status_t tacit_trust_load(const char *path, tacit_trust_t *ret_trust,
                                tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    size_t size = 0;
    uint8_t *bytes = malloc(S_FILE_MAX + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        status = s_refuse_file(ret_error, errno == ENOENT ? TACIT_NOT_FOUND : TACIT_STORAGE_FAILED,
                               path);
    } else if (!bytes) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    } else if (!s_read_all(file, bytes, S_FILE_MAX + 1, &size)) {
        status = s_refuse_file(ret_error, TACIT_STORAGE_FAILED, path);
    } else if (size > S_FILE_MAX) {
        status = tacit_error_set(ret_error, TACIT_TOO_LARGE, "%s is larger than %d bytes", path,
                                 S_FILE_MAX);
    } else {
        status = s_parse(tacit_span(bytes, size), ret_trust, ret_error);
    }
    if (file >= 0) {
        close(file);
    }
    free(bytes);
    return status;
}

/*  --- writing -------------------------------------------------------------------------------- */

static json_t *s_json(const tacit_trust_t *trust, const s_member_t *member)
{
    const uint8_t *place = (const uint8_t *)trust + member->offset;
    char hex[2 * S_KEY_SIZE + 1];
    uint16_t number;
    switch (member->kind) {
    case S_BOOL:
        return json_boolean(trust->simulated);
    case S_U16:
        memcpy(&number, place, sizeof number);
        return json_integer(number);
    case S_HEX:
        return json_string(sodium_bin2hex(hex, sizeof hex, place, S_KEY_SIZE));
    case S_TEE:
        return json_string(tacit_tee_name(trust->tee));
    case S_ENDPOINT:
        break;
    }
    return json_stringn((const char *)place, strnlen((const char *)place, TACIT_ENDPOINT_MAX));
}

static bool s_is_endpoint(const char *endpoint)
{
    size_t size = strnlen(endpoint, TACIT_ENDPOINT_MAX);
    return size > 0 && size < TACIT_ENDPOINT_MAX && tacit_text_valid(tacit_span(endpoint, size));
}

static bool s_is_left_out(const tacit_trust_t *trust, const s_member_t *member)
{
    return member->optional && (member->kind == S_TEE ? trust->tee == TACIT_TEE_SGX
                                                      : !trust->has_attestation_mrenclave);
}

/*  The file's text, to be freed; NULL without memory.  */
static char *s_render(const tacit_trust_t *trust)
{
    char *text = NULL;
    json_t *root = json_object();
    for (size_t i = 0; i < S_MEMBERS; i++) {
        if (s_is_left_out(trust, &s_members[i])) {
            continue;
        }
        if (json_object_set_new(root, s_members[i].name, s_json(trust, &s_members[i])) != 0) {
            goto out;
        }
    }
    text = json_dumps(root, JSON_INDENT(2));
out:
    json_decref(root);
    return text;
}

static bool s_write_all(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file, bytes, size);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/*  Make a rename in path's folder durable.  */
static bool s_sync_folder(const char *path)
{
    char folder[S_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s%s", length, path, !slash ? "." : length == 0 ? "/" : "");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool synced = fsync(file) == 0;
    close(file);
    return synced;
}

/*  A new file beside path takes its place once it is whole and on disk.  */
static bool s_replace(const char *path, const char *text)
{
    char beside[S_PATH_MAX];
    if ((size_t)snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= sizeof beside) {
        errno = ENAMETOOLONG;
        return false;
    }
    int file = mkostemp(beside, O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool written = s_write_all(file, text, strlen(text)) && s_write_all(file, "\n", 1) &&
                   fchmod(file, 0644) == 0 && fsync(file) == 0;
    int reason = errno;
    close(file);
    if (written && rename(beside, path) == 0) {
        return s_sync_folder(path);
    }
    reason = written ? errno : reason;
    (void)unlink(beside);
    errno = reason;
    return false;
}

tacit_status_t tacit_trust_save(const tacit_trust_t *trust, const char *path,
                                tacit_error_t *ret_error)
{
    if (!s_is_endpoint(trust->introduction)) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "introduction",
                                 "an endpoint of 1..255 bytes", "something else");
    }
    char *text = s_render(trust);
    if (!text) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = TACIT_OK;
    if (!s_replace(path, text)) {
        bool full = errno == ENOSPC || errno == EDQUOT;
        status = s_refuse_file(ret_error, full ? TACIT_STORAGE_FULL : TACIT_STORAGE_FAILED, path);
    }
    free(text);
    return status;
}

void tacit_trust_mesh_id(const tacit_trust_t *trust, uint8_t ret_mesh_id[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/mesh/v1");
    tacit_transcript_add_u64(&transcript, trust->simulated);
    tacit_transcript_add(&transcript, tacit_span(trust->root_sha256, S_KEY_SIZE));
    tacit_transcript_add(&transcript, tacit_span(trust->operator_signing_key, S_KEY_SIZE));
    tacit_transcript_add(&transcript, tacit_span(trust->operator_curve_key, S_KEY_SIZE));
    tacit_transcript_add(&transcript, tacit_span(trust->attestation_mrsigner, S_KEY_SIZE));
    tacit_transcript_add_u64(&transcript, trust->attestation_svn);
    /*  Absent is empty, so that it is no code of zeros.  */
    tacit_transcript_add(&transcript,
                         tacit_span(trust->attestation_mrenclave,
                                    trust->has_attestation_mrenclave ? S_KEY_SIZE : 0));
    if (trust->tee != TACIT_TEE_SGX) {
        tacit_transcript_add_u64(&transcript, trust->tee);
    }
    (void)crypto_hash_sha256(ret_mesh_id, transcript.data, transcript.size);
}
