/*  ear_signature.c - ES256 and EdDSA by OpenSSL.  */

#include "enclave/ear_signature.h"

#include <openssl/ec.h>

#include "enclave/p256.h"

enum { S_HALF = 32, S_DER_MAX = 80 };

static const tacit_ear_algorithm_t s_es256 = {.jose = "ES256", .cose = -7, .is_ecdsa = true};
static const tacit_ear_algorithm_t s_eddsa = {.jose = "EdDSA", .cose = -8, .is_ecdsa = false};

const tacit_ear_algorithm_t *tacit_ear_algorithm(EVP_PKEY *key, tacit_error_t *ret_error)
{
    if (tacit_p256_is_key(key)) {
        return &s_es256;
    }
    if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) {
        return &s_eddsa;
    }
    tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "key", "one on P-256 or Ed25519", "another");
    return NULL;
}

/*  From OpenSSL's DER to r || s.  */
static bool s_to_raw(const uint8_t *der, size_t size, uint8_t ret_signature[2 * S_HALF])
{
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)size);
    bool good = parsed && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), ret_signature, S_HALF) == S_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(parsed), ret_signature + S_HALF, S_HALF) == S_HALF;
    ECDSA_SIG_free(parsed);
    return good;
}

tacit_status_t tacit_ear_signature_make(const tacit_ear_algorithm_t *algorithm, EVP_PKEY *key,
                                        tacit_span_t bytes,
                                        uint8_t ret_signature[TACIT_EAR_SIGNATURE_SIZE])
{
    uint8_t made[S_DER_MAX];
    size_t size = algorithm->is_ecdsa ? sizeof made : TACIT_EAR_SIGNATURE_SIZE;
    uint8_t *out = algorithm->is_ecdsa ? made : ret_signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = algorithm->is_ecdsa ? EVP_sha256() : NULL;
    bool good = context && EVP_DigestSignInit(context, NULL, hash, NULL, key) == 1 &&
                EVP_DigestSign(context, out, &size, bytes.data, bytes.size) == 1;
    EVP_MD_CTX_free(context);
    if (good && algorithm->is_ecdsa) {
        good = s_to_raw(made, size, ret_signature);
    }
    return good ? TACIT_OK : TACIT_INTERNAL;
}

static bool s_verify_eddsa(EVP_PKEY *key, tacit_span_t bytes, const uint8_t *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(context, signature, TACIT_EAR_SIGNATURE_SIZE, bytes.data, bytes.size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

tacit_status_t tacit_ear_signature_check(const tacit_ear_algorithm_t *algorithm, EVP_PKEY *key,
                                         tacit_span_t bytes,
                                         const uint8_t signature[TACIT_EAR_SIGNATURE_SIZE],
                                         tacit_error_t *ret_error)
{
    bool good = algorithm->is_ecdsa ? tacit_p256_verify(key, bytes, signature) == TACIT_OK
                                    : s_verify_eddsa(key, bytes, signature);
    return good ? TACIT_OK
                : tacit_error_claim(ret_error, TACIT_SIGNATURE_INVALID, "signature",
                                    "one by the key that was given", "another");
}
