/*  ecdsa.c - raw ECDSA signatures through EVP.  */

#include "enclave/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

enum { DER_SIGNATURE_MAX = 2 * (TACIT_ECDSA_HALF_MAX + 4) + 8, GROUP_NAME_MAX = 32 };

bool tacit_ecdsa_is_key(const EVP_PKEY *key, const char *group)
{
    char name[GROUP_NAME_MAX] = "";
    size_t size = 0;
    int explicit_parameters = 0;
    if (!key || !EVP_PKEY_is_a(key, "EC") ||
        !EVP_PKEY_get_group_name(key, name, sizeof name, &size)) {
        ERR_clear_error();
        return false;
    }
    (void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &explicit_parameters);
    return strcmp(name, group) == 0 && explicit_parameters == 0;
}

/*  The DER form of r || s; 0 where memory ends.  */
static int s_signature_der(const uint8_t *signature, size_t half_size,
                           uint8_t ret_der[DER_SIGNATURE_MAX])
{
    int size = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)half_size, NULL);
    BIGNUM *s = BN_bin2bn(signature + half_size, (int)half_size, NULL);
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

tacit_status_t tacit_ecdsa_verify(EVP_PKEY *key, const EVP_MD *hash, const tacit_span_t *parts,
                                  size_t part_count, const uint8_t *signature, size_t half_size)
{
    uint8_t der[DER_SIGNATURE_MAX];
    int size = half_size <= TACIT_ECDSA_HALF_MAX ? s_signature_der(signature, half_size, der) : 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (size == 0 || !context) {
        EVP_MD_CTX_free(context);
        return TACIT_NO_MEMORY;
    }
    bool valid = EVP_DigestVerifyInit(context, NULL, hash, NULL, key) == 1;
    for (size_t i = 0; valid && i < part_count; i++) {
        valid = EVP_DigestVerifyUpdate(context, parts[i].data, parts[i].size) == 1;
    }
    valid = valid && EVP_DigestVerifyFinal(context, der, (size_t)size) == 1;
    EVP_MD_CTX_free(context);
    if (!valid) {
        ERR_clear_error();
        return TACIT_SIGNATURE_INVALID;
    }
    return TACIT_OK;
}
