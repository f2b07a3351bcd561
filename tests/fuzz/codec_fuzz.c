/*  codec_fuzz.c - foreign msgpack against the sample records. The first byte picks the record.

    What decodes must encode again to something that decodes to the same, and msgpack-c must find
    one whole value in it too.  */

#include <msgpack.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/binding.h"
#include "enclave/seal.h"
#include "rpc/codec.h"
#include "tests/unit/codec_sample.h"

enum { S_OUTPUT_MAX = 4 * 1024 * 1024 };

typedef union {
    sample_t sample;
    sample_point_t point;
    sample_node_t node;
    sample_secret_t secret;
} s_value_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void s_check_with_msgpack_c(tacit_span_t bytes)
{
    msgpack_unpacked unpacked;
    size_t offset = 0;
    msgpack_unpacked_init(&unpacked);
    s_must(msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset) ==
           MSGPACK_UNPACK_SUCCESS);
    s_must(offset == bytes.size && unpacked.data.type == MSGPACK_OBJECT_MAP);
    msgpack_unpacked_destroy(&unpacked);
}

static void s_check_again(const tacit_record_t *record, const s_value_t *value,
                          tacit_arena_t *arena)
{
    tacit_buffer_t first;
    tacit_buffer_t second;
    s_value_t again;
    tacit_buffer_init(&first, S_OUTPUT_MAX);
    tacit_buffer_init(&second, S_OUTPUT_MAX);
    s_must(tacit_codec_encode(record, value, NULL, &first, NULL) == TACIT_OK);
    s_check_with_msgpack_c(tacit_buffer_span(&first));
    s_must(tacit_codec_decode(record, tacit_buffer_span(&first), NULL, arena, &again, NULL) ==
           TACIT_OK);
    s_must(tacit_codec_encode(record, &again, NULL, &second, NULL) == TACIT_OK);
    s_must(tacit_span_equal(tacit_buffer_span(&first), tacit_buffer_span(&second)));
    tacit_buffer_free(&first);
    tacit_buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tacit_record_t *const records[] = {&sample_record, &sample_point_record,
                                                    &sample_node_record, &sample_secret_record};
    static const uint8_t key[TACIT_KEY_SIZE] = {1};
    static const tacit_secret_context_t secrets = {
        .key = key, .session = key, .msgid = 7, .method = "sample.put"};
    static tacit_arena_t *arena; /* used again, as endpoints do */
    tacit_error_t error;
    s_value_t value;
    if (!arena) {
        arena = tacit_arena_new();
        s_must(arena != NULL && sodium_init() >= 0);
    }
    if (size == 0) {
        return 0;
    }
    const tacit_record_t *record = records[data[0] % 4];
    tacit_span_t bytes = tacit_span(data + 1, size - 1);
    tacit_arena_reset(arena);
    tacit_status_t status = tacit_codec_decode(record, bytes, &secrets, arena, &value, &error);
    if (status == TACIT_OK) {
        s_check_with_msgpack_c(bytes);
        if (record != &sample_secret_record) {
            s_check_again(record, &value, arena);
        }
    } else {
        s_must(error.code == status && error.message[0] != '\0');
    }
    return 0;
}
