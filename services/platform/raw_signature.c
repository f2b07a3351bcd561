/*  raw_signature.c - OpenSSL's DER signatures taken apart.  */

#include "services/platform/raw_signature.h"

#include <openssl/ec.h>
#include <openssl/err.h>

enum { S_DER_MAX = 2 * TACIT_P384_HALF + 16 }; /* two integers with sign bytes and headers */

static bool s_take(const uint8_t *der, size_t size, size_t half, uint8_t *ret_signature)
{
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)size);
    bool taken =
        signature &&
        BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret_signature, (int)half) == (int)half &&
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret_signature + half, (int)half) == (int)half;
    ECDSA_SIG_free(signature);
    return taken;
}

tacit_status_t tacit_raw_signature(EVP_PKEY *key, size_t half, tacit_span_t bytes,
                                   uint8_t *ret_signature)
{
    uint8_t der[S_DER_MAX];
    uint8_t raw[2 * TACIT_P384_HALF];
    size_t size = sizeof der;
    const EVP_MD *hash = half == TACIT_P256_HALF ? EVP_sha256() : EVP_sha384();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context && half <= TACIT_P384_HALF &&
                EVP_DigestSignInit(context, NULL, hash, NULL, key) == 1 &&
                EVP_DigestSign(context, der, &size, bytes.data, bytes.size) == 1 &&
                s_take(der, size, half, raw);
    EVP_MD_CTX_free(context);
    if (!made) {
        ERR_clear_error();
        return TACIT_INTERNAL;
    }
    memcpy(ret_signature, raw, 2 * half);
    return TACIT_OK;
}
