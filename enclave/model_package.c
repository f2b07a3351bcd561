/*  model_package.c - manifests and chunks. The manifest is 256 bytes, little-endian:

     offset size field
          0    8 magic "TACITMOD"
          8    2 layout version, 1
         10    2 zero
         12    4 model version, from 1
         16    8 plaintext size, 1..TACIT_MODEL_SIZE_MAX
         24    4 chunk count, ceil(plaintext size / TACIT_MODEL_CHUNK_SIZE)
         28    1 precision: 0 fp32, 1 bf16, 2 int8
         29    3 zero
         32    8 created, Unix ms
         40   32 owner (CURVE key)
         72   32 signing key (Ed25519)
        104   32 SHA-256 of all sealed chunks, in order
        136   64 name, the unused bytes zero
        200   56 zero

    Its signature (Ed25519, 64 bytes) is over these 256 and travels apart. A chunk is sealed
    (seal.h) with the associated data: transcript "tacit/model/chunk/v1", owner, name, version,
    created, plaintext size, chunk count, chunk index.  */

#include "enclave/model_package.h"

#include "enclave/layout.h"

#include <sodium.h>

static const char s_magic[] = "TACITMOD";

enum { S_RESERVED_SIZE = 56 };

static bool s_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool tacit_model_name_valid(tacit_span_t name)
{
    if (name.size < 1 || name.size > TACIT_MODEL_NAME_MAX || !s_name_start(name.data[0])) {
        return false;
    }
    for (size_t i = 1; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!s_name_start(c) && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

uint32_t tacit_model_chunk_count(uint64_t plaintext_size)
{
    return (uint32_t)(plaintext_size / TACIT_MODEL_CHUNK_SIZE +
                      (plaintext_size % TACIT_MODEL_CHUNK_SIZE != 0));
}

size_t tacit_model_chunk_sealed_size(uint64_t plaintext_size, uint32_t index)
{
    uint64_t before = (uint64_t)index * TACIT_MODEL_CHUNK_SIZE;
    uint64_t rest = plaintext_size > before ? plaintext_size - before : 0;
    uint64_t size = rest < TACIT_MODEL_CHUNK_SIZE ? rest : TACIT_MODEL_CHUNK_SIZE;
    return (size_t)size + TACIT_SEAL_OVERHEAD;
}

void tacit_model_manifest_sign(const tacit_model_manifest_t *manifest, const uint8_t secret_key[64],
                               uint8_t ret_bytes[TACIT_MODEL_MANIFEST_SIZE],
                               uint8_t ret_signature[64])
{
    tacit_writer_t writer = tacit_writer(ret_bytes, TACIT_MODEL_MANIFEST_SIZE, s_magic);
    (void)tacit_writer_take(&writer, 2);
    tacit_writer_little(&writer, manifest->version, 4);
    tacit_writer_little(&writer, manifest->plaintext_size, 8);
    tacit_writer_little(&writer, manifest->chunk_count, 4);
    tacit_writer_little(&writer, (uint64_t)manifest->precision, 1);
    (void)tacit_writer_take(&writer, 3);
    tacit_writer_little(&writer, manifest->created_ms, 8);
    tacit_writer_bytes(&writer, manifest->owner, 32);
    tacit_writer_bytes(&writer, manifest->signing_key, 32);
    tacit_writer_bytes(&writer, manifest->content_sha256, 32);
    tacit_writer_text(&writer, manifest->name, TACIT_MODEL_NAME_MAX);
    (void)tacit_writer_take(&writer, S_RESERVED_SIZE);
    (void)crypto_sign_detached(ret_signature, NULL, ret_bytes, TACIT_MODEL_MANIFEST_SIZE,
                               secret_key);
}

static bool s_decode(tacit_span_t bytes, tacit_model_manifest_t *manifest)
{
    tacit_cursor_t cursor = tacit_layout_cursor(bytes, s_magic);
    tacit_cursor_zeroes(&cursor, 2);
    manifest->version = tacit_cursor_u32(&cursor);
    manifest->plaintext_size = tacit_cursor_u64(&cursor);
    manifest->chunk_count = tacit_cursor_u32(&cursor);
    manifest->precision = (tacit_precision_t)tacit_cursor_u8(&cursor);
    tacit_cursor_zeroes(&cursor, 3);
    manifest->created_ms = tacit_cursor_u64(&cursor);
    tacit_cursor_copy(&cursor, manifest->owner, 32);
    tacit_cursor_copy(&cursor, manifest->signing_key, 32);
    tacit_cursor_copy(&cursor, manifest->content_sha256, 32);
    tacit_cursor_text(&cursor, manifest->name, TACIT_MODEL_NAME_MAX);
    tacit_cursor_zeroes(&cursor, S_RESERVED_SIZE);
    return tacit_cursor_done(&cursor);
}

/*  The first field out of its bounds, NULL where there is none.  */
static const char *s_out_of_bounds(const tacit_model_manifest_t *manifest)
{
    if (!tacit_model_name_valid(tacit_span_string(manifest->name))) {
        return "manifest.name";
    }
    if (manifest->version < 1) {
        return "manifest.version";
    }
    if (manifest->plaintext_size < 1 || manifest->plaintext_size > TACIT_MODEL_SIZE_MAX) {
        return "manifest.plaintext_size";
    }
    if (manifest->chunk_count != tacit_model_chunk_count(manifest->plaintext_size)) {
        return "manifest.chunk_count";
    }
    if ((unsigned)manifest->precision >= TACIT_PRECISIONS) {
        return "manifest.precision";
    }
    return NULL;
}

tacit_status_t tacit_model_manifest_verify(tacit_span_t bytes, tacit_span_t signature,
                                           tacit_model_manifest_t *ret_manifest,
                                           tacit_error_t *ret_error)
{
    tacit_model_manifest_t manifest = {0};
    if (bytes.size != TACIT_MODEL_MANIFEST_SIZE || signature.size != crypto_sign_BYTES ||
        !s_decode(bytes, &manifest)) {
        return tacit_error_claim(ret_error, TACIT_MALFORMED, "manifest",
                                 "256 canonical bytes and a signature of 64", "something else");
    }
    const char *claim = s_out_of_bounds(&manifest);
    if (claim) {
        return tacit_error_claim(ret_error, TACIT_MALFORMED, claim, "a value within its bounds",
                                 "a value out of bounds");
    }
    if (crypto_sign_verify_detached(signature.data, bytes.data, bytes.size, manifest.signing_key) !=
        0) {
        return tacit_error_claim(ret_error, TACIT_SIGNATURE_INVALID, "manifest.signature",
                                 "by the signing key that it names", "does not verify");
    }
    *ret_manifest = manifest;
    return TACIT_OK;
}

static void s_associate(const tacit_model_manifest_t *manifest, uint32_t index,
                        tacit_transcript_t *transcript)
{
    tacit_transcript_start(transcript, "tacit/model/chunk/v1");
    tacit_transcript_add(transcript, tacit_span(manifest->owner, sizeof manifest->owner));
    tacit_transcript_add(transcript, tacit_span_string(manifest->name));
    tacit_transcript_add_u64(transcript, manifest->version);
    tacit_transcript_add_u64(transcript, manifest->created_ms);
    tacit_transcript_add_u64(transcript, manifest->plaintext_size);
    tacit_transcript_add_u64(transcript, manifest->chunk_count);
    tacit_transcript_add_u64(transcript, index);
}

static bool s_chunk_fits(const tacit_model_manifest_t *manifest, uint32_t index, size_t sealed_size)
{
    return index < manifest->chunk_count &&
           sealed_size == tacit_model_chunk_sealed_size(manifest->plaintext_size, index);
}

void tacit_model_chunk_seal(const tacit_model_manifest_t *manifest, uint32_t index,
                            const uint8_t model_key[TACIT_KEY_SIZE], tacit_span_t plaintext,
                            uint8_t *ret_sealed)
{
    if (!s_chunk_fits(manifest, index, plaintext.size + TACIT_SEAL_OVERHEAD)) {
        abort(); /* programmer error: nobody could open it */
    }
    tacit_transcript_t transcript;
    s_associate(manifest, index, &transcript);
    tacit_seal(model_key, tacit_transcript_span(&transcript), plaintext, ret_sealed);
}

tacit_status_t tacit_model_chunk_open(const tacit_model_manifest_t *manifest, uint32_t index,
                                      const uint8_t model_key[TACIT_KEY_SIZE], tacit_span_t sealed,
                                      uint8_t *ret_plaintext)
{
    if (!s_chunk_fits(manifest, index, sealed.size)) {
        return TACIT_CORRUPT;
    }
    tacit_transcript_t transcript;
    s_associate(manifest, index, &transcript);
    return tacit_seal_open(model_key, tacit_transcript_span(&transcript), sealed, ret_plaintext);
}
