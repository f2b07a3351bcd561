/*  model_file.c - see model_file.h. An ONNX file is a protobuf message, ModelProto (onnx.proto): a
    list of fields, each a tag (number and wire type) and a value.  */

#include "clients/mlowner/model_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    S_VARINT_MAX = 10, /* bytes */
    S_FIELDS_MAX = 65536,
    S_IR_VERSION = 1, /* field numbers of ModelProto */
    S_GRAPH = 7
};

typedef enum { S_VARINT = 0, S_FIXED64 = 1, S_LENGTH = 2, S_FIXED32 = 5 } s_wire_t;

static bool s_read(const tacit_model_file_t *file, uint64_t at, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = pread(file->file, bytes, size, (off_t)at);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        bytes += got > 0 ? got : 0;
        at += got > 0 ? (uint64_t)got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

/*  --- the outermost structure ----------------------------------------------------------------- */

static bool s_varint(const tacit_model_file_t *file, uint64_t *at, uint64_t *ret_value)
{
    uint8_t bytes[S_VARINT_MAX];
    uint64_t size = (uint64_t)file->about.st_size;
    size_t room = size - *at < sizeof bytes ? (size_t)(size - *at) : sizeof bytes;
    uint64_t value = 0;
    if (!s_read(file, *at, bytes, room)) {
        return false;
    }
    for (size_t i = 0; i < room; i++) {
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i] & 0x80)) {
            *at += i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/*  Passes over a value; false where the file ends before it does.  */
static bool s_skip(const tacit_model_file_t *file, s_wire_t wire, uint64_t *at)
{
    uint64_t size = (uint64_t)file->about.st_size;
    uint64_t length = 0;
    switch (wire) {
    case S_VARINT:
        return s_varint(file, at, &length);
    case S_FIXED64:
        length = 8;
        break;
    case S_FIXED32:
        length = 4;
        break;
    case S_LENGTH:
        if (!s_varint(file, at, &length)) {
            return false;
        }
        break;
    default:
        return false;
    }
    if (length > size - *at) {
        return false;
    }
    *at += length;
    return true;
}

static bool s_is_model(const tacit_model_file_t *file)
{
    uint64_t at = 0;
    bool versioned = false;
    bool graph = false;
    for (size_t i = 0; i < S_FIELDS_MAX && at < (uint64_t)file->about.st_size; i++) {
        uint64_t tag = 0;
        if (!s_varint(file, &at, &tag) || !s_skip(file, (s_wire_t)(tag & 7), &at)) {
            return false;
        }
        versioned = versioned || tag == ((S_IR_VERSION << 3) | S_VARINT);
        graph = graph || tag == ((S_GRAPH << 3) | S_LENGTH);
    }
    return versioned && graph && at == (uint64_t)file->about.st_size;
}

/*  --- the file -------------------------------------------------------------------------------- */

static tacit_status_t s_check(const tacit_model_file_t *file, tacit_error_t *ret_error)
{
    if (!S_ISREG(file->about.st_mode) || file->about.st_size <= 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no file with a model in it",
                               file->path);
    }
    if (file->about.st_size > TACIT_MODEL_SIZE_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "%s is larger than %d bytes", file->path,
                               TACIT_MODEL_SIZE_MAX);
    }
    if (!s_is_model(file)) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no ONNX model", file->path);
        tacit_error_remedy(ret_error, "export it as ONNX, all weights in the one file");
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}

tacit_status_t tacit_model_file_open(const char *path, tacit_model_file_t *ret_file,
                                     tacit_error_t *ret_error)
{
    *ret_file = (tacit_model_file_t){.path = path};
    ret_file->file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (ret_file->file < 0 || fstat(ret_file->file, &ret_file->about) != 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot open %s: %s", path,
                               strerror(errno));
    }
    return s_check(ret_file, ret_error);
}

void tacit_model_file_close(tacit_model_file_t *file)
{
    if (file->file >= 0) {
        (void)close(file->file);
    }
    file->file = -1;
}

tacit_status_t tacit_model_file_chunk(void *context, uint32_t index, uint8_t *ret_plaintext,
                                      size_t size, tacit_error_t *ret_error)
{
    const tacit_model_file_t *file = context;
    struct stat now;
    bool same = s_read(file, (uint64_t)index * TACIT_MODEL_CHUNK_SIZE, ret_plaintext, size) &&
                fstat(file->file, &now) == 0 && now.st_size == file->about.st_size &&
                now.st_mtim.tv_sec == file->about.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == file->about.st_mtim.tv_nsec;
    return same ? TACIT_OK
                : tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s changed while it was read",
                                  file->path);
}
