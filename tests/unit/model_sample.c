/*  model_sample.c - noise that is the same for the same model and chunk.  */

#include "model_sample.h"

#include <sodium.h>
#include <stdio.h>

tacit_span_t model_sample_chunk(const model_sample_t *sample, uint32_t index)
{
    static uint8_t chunk[MODEL_SAMPLE_CHUNK];
    uint8_t seed[randombytes_SEEDBYTES] = {0};
    memcpy(seed, &index, sizeof index);
    memcpy(seed + 4, &sample->manifest.version, 4);
    memcpy(seed + 8, sample->manifest.owner, 4);
    memcpy(seed + 12, sample->manifest.name, 16);
    randombytes_buf_deterministic(chunk, sizeof chunk, seed);
    return tacit_span(chunk, tacit_model_chunk_sealed_size(sample->manifest.plaintext_size, index));
}

static void s_hash(const model_sample_t *sample, uint8_t ret_digest[32])
{
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    for (uint32_t i = 0; i < sample->manifest.chunk_count; i++) {
        tacit_span_t chunk = model_sample_chunk(sample, i);
        crypto_hash_sha256_update(&hash, chunk.data, chunk.size);
    }
    crypto_hash_sha256_final(&hash, ret_digest);
}

model_sample_t model_sample_of(const uint8_t owner[32], const char *name, uint32_t version,
                               uint64_t size)
{
    uint8_t secret_key[64];
    const uint8_t seed[32] = {owner[0]};
    model_sample_t sample = {.manifest = {.version = version,
                                          .plaintext_size = size,
                                          .chunk_count = tacit_model_chunk_count(size),
                                          .created_ms = 1000 + version}};
    memcpy(sample.manifest.owner, owner, 32);
    snprintf(sample.manifest.name, sizeof sample.manifest.name, "%s", name);
    crypto_sign_seed_keypair(sample.manifest.signing_key, secret_key, seed);
    s_hash(&sample, sample.manifest.content_sha256);
    tacit_model_manifest_sign(&sample.manifest, secret_key, sample.bytes, sample.signature);
    return sample;
}

model_sample_t model_sample(uint8_t owner, const char *name, uint32_t version, uint64_t size)
{
    uint8_t key[32];
    memset(key, owner, sizeof key);
    return model_sample_of(key, name, version, size);
}

void model_sample_fill(const model_sample_t *sample, tacit_upload_t *upload)
{
    upload->manifest = sample->manifest;
    memcpy(upload->manifest_bytes, sample->bytes, sizeof upload->manifest_bytes);
    memcpy(upload->signature, sample->signature, sizeof upload->signature);
}
