/*  lane_seal.c - keys by HMAC-SHA512 (libsodium), frames by OpenSSL's AEAD ciphers.

    OpenSSL keeps a context's key in its own memory and wipes it with the context.  */

#include "rpc/lane_seal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "enclave/seal.h"

enum { S_NONCE_SIZE = 12 };

struct tacit_lane_seal {
    uint8_t id[TACIT_LANE_ID_SIZE];
    tacit_side_t sender;
    EVP_CIPHER_CTX *context; /* owned; has the key */
};

/*  --- keys ------------------------------------------------------------------------------------ */

tacit_lane_cipher_t tacit_lane_cipher_best(void)
{
#if defined(__x86_64__) || defined(__i386__)
    bool fast = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    bool fast = (getauxval(AT_HWCAP) & (1UL << 3)) != 0; /* HWCAP_AES */
#else
    bool fast = false;
#endif
    return fast ? TACIT_LANE_AES256_GCM : TACIT_LANE_CHACHA20_POLY1305;
}

static void s_expand(const uint8_t exporter[32], const tacit_transcript_t *info, uint8_t *ret_bytes,
                     size_t size)
{
    static const uint8_t block = 1;
    uint8_t expanded[crypto_auth_hmacsha512_BYTES];
    crypto_auth_hmacsha512_state state;
    (void)crypto_auth_hmacsha512_init(&state, exporter, 32);
    (void)crypto_auth_hmacsha512_update(&state, info->data, info->size);
    (void)crypto_auth_hmacsha512_update(&state, &block, 1);
    (void)crypto_auth_hmacsha512_final(&state, expanded);
    memcpy(ret_bytes, expanded, size);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(expanded, sizeof expanded);
}

void tacit_lane_token(const uint8_t exporter[32], const uint8_t id[TACIT_LANE_ID_SIZE],
                      uint8_t ret_token[TACIT_LANE_TOKEN_SIZE])
{
    tacit_transcript_t info;
    tacit_transcript_start(&info, "tacit/lane/token/v1");
    tacit_transcript_add(&info, tacit_span(id, TACIT_LANE_ID_SIZE));
    s_expand(exporter, &info, ret_token, TACIT_LANE_TOKEN_SIZE);
}

static void s_key(const uint8_t exporter[32], const tacit_lane_seal_t *self,
                  tacit_lane_cipher_t cipher, uint8_t ret_key[TACIT_KEY_SIZE])
{
    const char *side = self->sender == TACIT_SIDE_CLIENT ? "client" : "server";
    tacit_transcript_t info;
    tacit_transcript_start(&info, "tacit/lane/key/v1");
    tacit_transcript_add(&info, tacit_span(self->id, sizeof self->id));
    tacit_transcript_add(&info, tacit_span_string(side));
    tacit_transcript_add_u64(&info, (uint64_t)cipher);
    s_expand(exporter, &info, ret_key, TACIT_KEY_SIZE);
}

static const EVP_CIPHER *s_cipher(tacit_lane_cipher_t cipher)
{
    switch (cipher) {
    case TACIT_LANE_AES256_GCM:
        return EVP_aes_256_gcm();
    case TACIT_LANE_CHACHA20_POLY1305:
        return EVP_chacha20_poly1305();
    }
    return NULL;
}

tacit_status_t tacit_lane_seal_new(const uint8_t exporter[32], const uint8_t id[TACIT_LANE_ID_SIZE],
                                   tacit_lane_cipher_t cipher, tacit_side_t sender, bool sealing,
                                   tacit_lane_seal_t **ret_seal)
{
    const EVP_CIPHER *type = s_cipher(cipher);
    if (!type) {
        return TACIT_BAD_INPUT;
    }
    tacit_lane_seal_t *self = calloc(1, sizeof *self);
    if (!self) {
        return TACIT_NO_MEMORY;
    }
    uint8_t key[TACIT_KEY_SIZE];
    memcpy(self->id, id, sizeof self->id);
    self->sender = sender;
    self->context = EVP_CIPHER_CTX_new();
    s_key(exporter, self, cipher, key);
    bool keyed = self->context &&
                 EVP_CipherInit_ex(self->context, type, NULL, key, NULL, sealing ? 1 : 0) == 1;
    sodium_memzero(key, sizeof key);
    if (!keyed) {
        tacit_lane_seal_destroy(&self);
        return TACIT_NO_MEMORY;
    }
    *ret_seal = self;
    return TACIT_OK;
}

void tacit_lane_seal_destroy(tacit_lane_seal_t **seal)
{
    if (*seal) {
        EVP_CIPHER_CTX_free((*seal)->context);
        free(*seal);
        *seal = NULL;
    }
}

/*  --- frames ---------------------------------------------------------------------------------- */

static void s_put_u64(uint8_t *to, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) {
        to[i] = (uint8_t)(number >> (8 * i));
    }
}

/*  The nonce of a sequence, and the associated data of a header.  */
static bool s_begin(tacit_lane_seal_t *self, uint64_t sequence, const uint8_t *header)
{
    uint8_t nonce[S_NONCE_SIZE] = {0};
    uint8_t side = (uint8_t)self->sender;
    int size = 0;
    s_put_u64(nonce + sizeof nonce - 8, sequence);
    return EVP_CipherInit_ex(self->context, NULL, NULL, NULL, nonce, -1) == 1 &&
           EVP_CipherUpdate(self->context, NULL, &size, header, TACIT_LANE_HEADER_SIZE) == 1 &&
           EVP_CipherUpdate(self->context, NULL, &size, &side, 1) == 1;
}

/*  Nothing to be ciphered is no call at all: NULL means associated data to OpenSSL.  */
static bool s_cipher_bytes(tacit_lane_seal_t *self, const uint8_t *from, size_t size, uint8_t *to)
{
    int done = 0;
    return size == 0 ||
           (size <= INT_MAX && EVP_CipherUpdate(self->context, to, &done, from, (int)size) == 1 &&
            (size_t)done == size);
}

tacit_status_t tacit_lane_seal(tacit_lane_seal_t *seal, uint64_t sequence, tacit_span_t plaintext,
                               uint8_t *ret_frame)
{
    uint8_t *ciphertext = ret_frame + TACIT_LANE_HEADER_SIZE;
    uint8_t *tag = ciphertext + plaintext.size;
    uint8_t none[16];
    int size = 0;
    memcpy(ret_frame, seal->id, sizeof seal->id);
    s_put_u64(ret_frame + sizeof seal->id, sequence);
    bool sealed =
        s_begin(seal, sequence, ret_frame) &&
        s_cipher_bytes(seal, plaintext.data, plaintext.size, ciphertext) &&
        EVP_CipherFinal_ex(seal->context, none, &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(seal->context, EVP_CTRL_AEAD_GET_TAG, TACIT_LANE_TAG_SIZE, tag) == 1;
    return sealed ? TACIT_OK : TACIT_INTERNAL;
}

const uint8_t *tacit_lane_frame_id(tacit_span_t frame)
{
    return frame.size >= TACIT_LANE_OVERHEAD ? frame.data : NULL;
}

bool tacit_lane_seal_sequence(const tacit_lane_seal_t *seal, tacit_span_t frame,
                              uint64_t *ret_sequence)
{
    if (frame.size < TACIT_LANE_OVERHEAD || memcmp(frame.data, seal->id, sizeof seal->id) != 0) {
        return false;
    }
    uint64_t sequence = 0;
    for (size_t i = 8; i > 0; i--) {
        sequence = sequence << 8 | frame.data[sizeof seal->id + i - 1];
    }
    *ret_sequence = sequence;
    return true;
}

tacit_status_t tacit_lane_seal_open(tacit_lane_seal_t *seal, uint64_t sequence, tacit_span_t frame,
                                    uint8_t *ret_plaintext)
{
    uint64_t claimed = 0;
    if (!tacit_lane_seal_sequence(seal, frame, &claimed) || claimed != sequence) {
        return TACIT_PROTOCOL_ERROR;
    }
    size_t size = frame.size - TACIT_LANE_OVERHEAD;
    const uint8_t *ciphertext = frame.data + TACIT_LANE_HEADER_SIZE;
    uint8_t tag[TACIT_LANE_TAG_SIZE];
    uint8_t none[16];
    int done = 0;
    memcpy(tag, ciphertext + size, sizeof tag);
    bool opened = s_begin(seal, sequence, frame.data) &&
                  s_cipher_bytes(seal, ciphertext, size, ret_plaintext) &&
                  EVP_CIPHER_CTX_ctrl(seal->context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
                  EVP_CipherFinal_ex(seal->context, none, &done) == 1;
    if (!opened && size > 0) {
        sodium_memzero(ret_plaintext, size);
    }
    return opened ? TACIT_OK : TACIT_CORRUPT;
}
