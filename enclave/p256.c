/*  p256.c - raw P-256 keys and signatures for OpenSSL's EVP, which wants DER.  */

#include "enclave/p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

enum {
    HALF_SIZE = 32,
    DER_SIGNATURE_MAX = 80, /* two integers of at most 33 bytes, and their headers */
    POINT_SIZE = 1 + TACIT_ECDSA_KEY_SIZE
};

static const char s_group[] = "prime256v1";

tacit_status_t tacit_p256_key(const uint8_t xy[TACIT_ECDSA_KEY_SIZE], EVP_PKEY **ret_key)
{
    uint8_t point[POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, xy, TACIT_ECDSA_KEY_SIZE);
    char group[sizeof s_group];
    memcpy(group, s_group, sizeof s_group);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context) {
        return TACIT_NO_MEMORY;
    }
    /*  The import itself refuses a point that is off the curve.  */
    bool imported = EVP_PKEY_fromdata_init(context) == 1 &&
                    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
    EVP_PKEY_CTX_free(context);
    if (!imported) {
        ERR_clear_error();
        return TACIT_MALFORMED;
    }
    *ret_key = key;
    return TACIT_OK;
}

bool tacit_p256_is_key(const EVP_PKEY *key)
{
    char group[sizeof s_group + 1] = "";
    size_t size = 0;
    int explicit_parameters = 0;
    if (!key || !EVP_PKEY_is_a(key, "EC") ||
        !EVP_PKEY_get_group_name(key, group, sizeof group, &size)) {
        ERR_clear_error();
        return false;
    }
    (void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &explicit_parameters);
    return strcmp(group, s_group) == 0 && explicit_parameters == 0;
}

/*  The DER form of r || s; 0 where memory ends.  */
static int s_signature_der(const uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE],
                           uint8_t ret_der[DER_SIGNATURE_MAX])
{
    int size = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, HALF_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(signature + HALF_SIZE, HALF_SIZE, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = NULL;
        s = NULL;
        uint8_t *out = ret_der;
        size = i2d_ECDSA_SIG(pair, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size > 0 ? size : 0;
}

tacit_status_t tacit_p256_verify(EVP_PKEY *key, tacit_span_t message,
                                 const uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE])
{
    uint8_t der[DER_SIGNATURE_MAX];
    int size = s_signature_der(signature, der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (size == 0 || !context) {
        EVP_MD_CTX_free(context);
        return TACIT_NO_MEMORY;
    }
    bool valid = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                 EVP_DigestVerify(context, der, (size_t)size, message.data, message.size) == 1;
    EVP_MD_CTX_free(context);
    if (!valid) {
        ERR_clear_error();
        return TACIT_SIGNATURE_INVALID;
    }
    return TACIT_OK;
}
