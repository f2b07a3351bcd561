/*  measurement.c - hashing executables, libraries and configurations.

    OpenSSL hashes the files (its SHA-256 uses the processor's instructions); they can be large.  */

#include "enclave/measurement.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { S_BLOCK = 256 * 1024 };

static bool s_hash(int fd, EVP_MD_CTX *context, uint8_t *block)
{
    off_t offset = 0;
    for (;;) {
        ssize_t size = pread(fd, block, S_BLOCK, offset);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return size == 0;
        }
        if (EVP_DigestUpdate(context, block, (size_t)size) != 1) {
            return false;
        }
        offset += size;
    }
}

tacit_status_t tacit_measure_file(int fd, uint8_t ret_sha256[32])
{
    uint8_t digest[32];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t *block = malloc(S_BLOCK);
    bool hashed = context && block && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                  s_hash(fd, context, block) && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    free(block);
    EVP_MD_CTX_free(context);
    if (!hashed) {
        return TACIT_STORAGE_FAILED;
    }
    memcpy(ret_sha256, digest, sizeof digest);
    return TACIT_OK;
}

void tacit_measure(const uint8_t executable_sha256[32], tacit_span_t configuration,
                   uint8_t ret_mrenclave[32])
{
    static const char label[] = "tacit/measurement/v1"; /* hashed with its final zero */
    uint8_t configuration_sha256[32];
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256(configuration_sha256, configuration.data, configuration.size);
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)label, sizeof label);
    (void)crypto_hash_sha256_update(&state, executable_sha256, 32);
    (void)crypto_hash_sha256_update(&state, configuration_sha256, sizeof configuration_sha256);
    (void)crypto_hash_sha256_final(&state, ret_mrenclave);
}
