/*  sign_key.c - making and loading the signer's key.  */

#include "enclave/sign_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "enclave/sigstruct.h"
#include "enclave/whole_file.h"

enum { S_PEM_MAX = 8 * 1024 };

static EVP_PKEY *s_generate(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    unsigned int bits = TACIT_SIGNER_BITS;
    unsigned int exponent = TACIT_SIGNER_EXPONENT;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits),
        OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
        OSSL_PARAM_construct_end(),
    };
    if (context && EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_params(context, parameters) == 1) {
        (void)EVP_PKEY_generate(context, &key);
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

static tacit_status_t s_make(const char *path, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_INTERNAL;
    char *bytes = NULL;
    EVP_PKEY *key = s_generate();
    BIO *bio = BIO_new(BIO_s_secmem());
    if (key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long size = BIO_get_mem_data(bio, &bytes);
        status = tacit_whole_file_create(path, tacit_span(bytes, (size_t)size), 0600);
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    if (status == TACIT_ALREADY_EXISTS) {
        status = TACIT_OK; /* another was first: its key is the one */
    }
    return status ? tacit_error_set(ret_error, status, "cannot make the signer key %s", path)
                  : TACIT_OK;
}

static bool s_is_private(const char *path)
{
    struct stat state;
    return stat(path, &state) == 0 && (state.st_mode & 077) == 0;
}

static tacit_status_t s_load(const char *path, EVP_PKEY **ret_key)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, S_PEM_MAX, &bytes, &size);
    if (status) {
        return status;
    }
    BIO *bio = BIO_new_mem_buf(bytes, (int)size);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    sodium_memzero(bytes, size);
    free(bytes);
    if (!key) {
        ERR_clear_error();
        return TACIT_MALFORMED;
    }
    *ret_key = key;
    return TACIT_OK;
}

tacit_status_t tacit_sign_key(const char *path, EVP_PKEY **ret_key, tacit_error_t *ret_error)
{
    tacit_status_t status = s_load(path, ret_key);
    if (status == TACIT_NOT_FOUND) {
        status = s_make(path, ret_error);
        if (status) {
            return status;
        }
        status = s_load(path, ret_key);
    }
    if (status) {
        return tacit_error_set(ret_error, status, "cannot load the signer key %s: %s", path,
                               tacit_status_text(status));
    }
    if (!s_is_private(path)) {
        EVP_PKEY_free(*ret_key);
        *ret_key = NULL;
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "others may read the signer key %s", path);
        tacit_error_remedy(ret_error, "chmod 600 %s, or make a new key", path);
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}
