/*  sigstruct.c - encoding, signing and verifying SIGSTRUCT.

    Two areas are signed, one after the other: bytes 0..127 (header) and 900..1027 (body). The
    numbers are little-endian, as the processor wants them. With signature S and modulus M,
    q1 = floor(S^2 / M) and q2 = floor(S * (S^2 mod M) / M) spare the processor its divisions.  */

#include "enclave/sigstruct.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>

enum {
    S_HEADER = 0,
    S_VENDOR = 16,
    S_DATE = 20,
    S_HEADER2 = 24,
    S_MODULUS = 128,
    S_EXPONENT = 512,
    S_SIGNATURE = 516,
    S_MISC_MASK = 904,
    S_ATTRIBUTES = 928,
    S_ATTRIBUTES_MASK = 944,
    S_MRENCLAVE = 960,
    S_PRODUCT_ID = 1024,
    S_SVN = 1026,
    S_Q1 = 1040,
    S_Q2 = 1424,

    S_BODY = 900,
    S_AREA_SIZE = 128,
    S_NUMBER_SIZE = 384,

    S_FLAG_DEBUG = 0x02,
    S_FLAG_MODE64 = 0x04,
    S_XFRM = 0x03 /* x87 and SSE, which every enclave has */
};

static const uint8_t s_header[16] = {0x06, 0x00, 0x00, 0x00, 0xe1, 0x00, 0x00, 0x00,
                                     0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t s_header2[16] = {0x01, 0x01, 0x00, 0x00, 0x60, 0x00, 0x00, 0x00,
                                      0x60, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00};

static void s_put(uint8_t *at, uint32_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t s_get(const uint8_t *at, size_t width)
{
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value |= (uint32_t)at[i] << (8 * i);
    }
    return value;
}

/*  Everything but the numbers of RSA; what is not named is zero.  */
static void s_encode(const tacit_sigstruct_t *sigstruct, uint8_t bytes[TACIT_SIGSTRUCT_SIZE])
{
    memset(bytes, 0, TACIT_SIGSTRUCT_SIZE);
    memcpy(bytes + S_HEADER, s_header, sizeof s_header);
    s_put(bytes + S_DATE, sigstruct->date, 4);
    memcpy(bytes + S_HEADER2, s_header2, sizeof s_header2);
    s_put(bytes + S_EXPONENT, TACIT_SIGNER_EXPONENT, 4);
    memset(bytes + S_MISC_MASK, 0xff, 4);
    bytes[S_ATTRIBUTES] = (uint8_t)(S_FLAG_MODE64 | (sigstruct->debug ? S_FLAG_DEBUG : 0));
    bytes[S_ATTRIBUTES + 8] = S_XFRM;
    memset(bytes + S_ATTRIBUTES_MASK, 0xff, 8);
    bytes[S_ATTRIBUTES_MASK + 8] = S_XFRM;
    memcpy(bytes + S_MRENCLAVE, sigstruct->mrenclave, sizeof sigstruct->mrenclave);
    s_put(bytes + S_PRODUCT_ID, sigstruct->product_id, 2);
    s_put(bytes + S_SVN, sigstruct->svn, 2);
}

static void s_signed_bytes(const uint8_t bytes[TACIT_SIGSTRUCT_SIZE],
                           uint8_t ret_signed[2 * S_AREA_SIZE])
{
    memcpy(ret_signed, bytes, S_AREA_SIZE);
    memcpy(ret_signed + S_AREA_SIZE, bytes + S_BODY, S_AREA_SIZE);
}

static bool s_quotients(const BIGNUM *signature, const BIGNUM *modulus,
                        uint8_t ret_q1[S_NUMBER_SIZE], uint8_t ret_q2[S_NUMBER_SIZE])
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *square = BN_new();
    BIGNUM *rest = BN_new();
    BIGNUM *quotient = BN_new();
    bool made = context && square && rest && quotient && BN_sqr(square, signature, context) &&
                BN_div(quotient, rest, square, modulus, context) &&
                BN_bn2lebinpad(quotient, ret_q1, S_NUMBER_SIZE) == S_NUMBER_SIZE &&
                BN_mul(square, signature, rest, context) &&
                BN_div(quotient, NULL, square, modulus, context) &&
                BN_bn2lebinpad(quotient, ret_q2, S_NUMBER_SIZE) == S_NUMBER_SIZE;
    BN_free(quotient);
    BN_free(rest);
    BN_free(square);
    BN_CTX_free(context);
    return made;
}

static bool s_put_modulus(EVP_PKEY *key, uint8_t bytes[TACIT_SIGSTRUCT_SIZE])
{
    BIGNUM *modulus = NULL;
    BIGNUM *exponent = NULL;
    bool put = EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == TACIT_SIGNER_BITS &&
               EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
               EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
               BN_is_word(exponent, TACIT_SIGNER_EXPONENT) &&
               BN_bn2lebinpad(modulus, bytes + S_MODULUS, S_NUMBER_SIZE) == S_NUMBER_SIZE;
    BN_free(exponent);
    BN_free(modulus);
    return put;
}

static bool s_put_signature(EVP_PKEY *key, uint8_t bytes[TACIT_SIGSTRUCT_SIZE])
{
    uint8_t input[2 * S_AREA_SIZE];
    uint8_t big[S_NUMBER_SIZE];
    size_t size = sizeof big;
    s_signed_bytes(bytes, input);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(context, big, &size, input, sizeof input) == 1 && size == sizeof big;
    EVP_MD_CTX_free(context);
    BIGNUM *signature = made ? BN_bin2bn(big, sizeof big, NULL) : NULL;
    BIGNUM *modulus = BN_lebin2bn(bytes + S_MODULUS, S_NUMBER_SIZE, NULL);
    made = signature && modulus &&
           BN_bn2lebinpad(signature, bytes + S_SIGNATURE, S_NUMBER_SIZE) == S_NUMBER_SIZE &&
           s_quotients(signature, modulus, bytes + S_Q1, bytes + S_Q2);
    BN_free(modulus);
    BN_free(signature);
    return made;
}

tacit_status_t tacit_sigstruct_sign(const tacit_sigstruct_t *sigstruct, EVP_PKEY *key,
                                    uint8_t ret_bytes[TACIT_SIGSTRUCT_SIZE])
{
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    s_encode(sigstruct, bytes);
    if (!s_put_modulus(key, bytes)) {
        ERR_clear_error();
        return TACIT_BAD_INPUT;
    }
    if (!s_put_signature(key, bytes)) {
        ERR_clear_error();
        return TACIT_INTERNAL;
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    return TACIT_OK;
}

static EVP_PKEY *s_public_key(const BIGNUM *modulus)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;
    if (builder && context && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, TACIT_SIGNER_EXPONENT) &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(context) == 1) {
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    }
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static bool s_signature_holds(const uint8_t *bytes, const BIGNUM *modulus, const BIGNUM *signature)
{
    uint8_t input[2 * S_AREA_SIZE];
    uint8_t big[S_NUMBER_SIZE];
    s_signed_bytes(bytes, input);
    EVP_PKEY *key = s_public_key(modulus);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool holds = key && context && BN_bn2binpad(signature, big, sizeof big) == sizeof big &&
                 EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, big, sizeof big, input, sizeof input) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return holds;
}

static bool s_rsa_holds(const uint8_t *bytes)
{
    uint8_t q1[S_NUMBER_SIZE];
    uint8_t q2[S_NUMBER_SIZE];
    BIGNUM *modulus = BN_lebin2bn(bytes + S_MODULUS, S_NUMBER_SIZE, NULL);
    BIGNUM *signature = BN_lebin2bn(bytes + S_SIGNATURE, S_NUMBER_SIZE, NULL);
    bool holds =
        modulus && signature && BN_num_bits(modulus) == TACIT_SIGNER_BITS && BN_is_odd(modulus) &&
        BN_cmp(signature, modulus) < 0 && s_quotients(signature, modulus, q1, q2) &&
        memcmp(q1, bytes + S_Q1, sizeof q1) == 0 && memcmp(q2, bytes + S_Q2, sizeof q2) == 0 &&
        s_signature_holds(bytes, modulus, signature);
    BN_free(signature);
    BN_free(modulus);
    ERR_clear_error();
    return holds;
}

static void s_decode(const uint8_t *bytes, tacit_sigstruct_t *sigstruct)
{
    memcpy(sigstruct->mrenclave, bytes + S_MRENCLAVE, sizeof sigstruct->mrenclave);
    SHA256(bytes + S_MODULUS, S_NUMBER_SIZE, sigstruct->mrsigner);
    sigstruct->product_id = (uint16_t)s_get(bytes + S_PRODUCT_ID, 2);
    sigstruct->svn = (uint16_t)s_get(bytes + S_SVN, 2);
    sigstruct->debug = (bytes[S_ATTRIBUTES] & S_FLAG_DEBUG) != 0;
    sigstruct->date = s_get(bytes + S_DATE, 4);
}

/*  True when encoding what was decoded gives the same bytes, the numbers of RSA apart: every
    constant and every reserved byte at once.  */
static bool s_form_holds(const uint8_t *bytes, const tacit_sigstruct_t *sigstruct)
{
    uint8_t expected[TACIT_SIGSTRUCT_SIZE];
    s_encode(sigstruct, expected);
    memcpy(expected + S_MODULUS, bytes + S_MODULUS, S_NUMBER_SIZE);
    memcpy(expected + S_SIGNATURE, bytes + S_SIGNATURE, S_NUMBER_SIZE);
    memcpy(expected + S_Q1, bytes + S_Q1, S_NUMBER_SIZE);
    memcpy(expected + S_Q2, bytes + S_Q2, S_NUMBER_SIZE);
    return memcmp(expected, bytes, sizeof expected) == 0;
}

tacit_status_t tacit_sigstruct_verify(tacit_span_t bytes, tacit_sigstruct_t *ret_sigstruct,
                                      tacit_error_t *ret_error)
{
    tacit_sigstruct_t sigstruct;
    if (bytes.size != TACIT_SIGSTRUCT_SIZE) {
        char got[32];
        snprintf(got, sizeof got, "%zu bytes", bytes.size);
        return tacit_error_claim(ret_error, TACIT_PLATFORM_REFUSED, "sigstruct size", "1808 bytes",
                                 got);
    }
    s_decode(bytes.data, &sigstruct);
    if (!s_form_holds(bytes.data, &sigstruct)) {
        return tacit_error_claim(ret_error, TACIT_PLATFORM_REFUSED, "sigstruct form",
                                 "the constants and reserved bytes of SIGSTRUCT", "others");
    }
    if (!s_rsa_holds(bytes.data)) {
        return tacit_error_claim(ret_error, TACIT_SIGNATURE_INVALID, "sigstruct signature",
                                 "RSA-3072 by the key inside, with its q1 and q2",
                                 "a signature that does not verify");
    }
    *ret_sigstruct = sigstruct;
    return TACIT_OK;
}
