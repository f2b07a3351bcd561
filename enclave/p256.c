/*  p256.c - raw P-256 keys and signatures.  */

#include "enclave/p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "enclave/ecdsa.h"

enum { HALF_SIZE = 32, POINT_SIZE = 1 + TACIT_ECDSA_KEY_SIZE };

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
    return tacit_ecdsa_is_key(key, s_group);
}

tacit_status_t tacit_p256_verify(EVP_PKEY *key, tacit_span_t message,
                                 const uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE])
{
    return tacit_ecdsa_verify(key, EVP_sha256(), &message, 1, signature, HALF_SIZE);
}
