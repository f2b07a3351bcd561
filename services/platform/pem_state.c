/*  pem_state.c - PEM by OpenSSL, in its secure memory.  */

#include "services/platform/pem_state.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

tacit_status_t tacit_pem_state_export(const void *vendor, tacit_pem_write_t *write, size_t size_max,
                                      tacit_secret_t **ret_state)
{
    tacit_status_t status = TACIT_INTERNAL;
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
    char *bytes = NULL;
    if (bio && write(vendor, bio)) {
        long size = BIO_get_mem_data(bio, &bytes);
        if (size > 0 && (size_t)size <= size_max) {
            status = tacit_secret_copy(tacit_span(bytes, (size_t)size), ret_state);
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

tacit_status_t tacit_pem_state_import(tacit_span_t state, size_t size_max, tacit_pem_read_t *read,
                                      void *vendor)
{
    BIO *bio = state.size <= size_max ? BIO_new_mem_buf(state.data, (int)state.size) : NULL;
    bool whole = bio && read(vendor, bio);
    BIO_free(bio);
    ERR_clear_error();
    return whole ? TACIT_OK : TACIT_CORRUPT;
}

bool tacit_pem_write_id(BIO *bio, const char *name, tacit_span_t id)
{
    return PEM_write_bio(bio, name, "", id.data, (long)id.size) > 0;
}

bool tacit_pem_read_id(BIO *bio, char ret_name[TACIT_PEM_NAME_MAX], uint8_t *ret_id, size_t size)
{
    char *name = NULL;
    char *header = NULL;
    unsigned char *data = NULL;
    long found = 0;
    bool read = PEM_read_bio(bio, &name, &header, &data, &found) == 1 && found >= 0 &&
                (size_t)found == size && strlen(name) < TACIT_PEM_NAME_MAX;
    if (read) {
        memcpy(ret_id, data, size);
        memcpy(ret_name, name, strlen(name) + 1);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return read;
}

bool tacit_pem_write_key(BIO *bio, EVP_PKEY *key)
{
    return PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

bool tacit_pem_read_key(BIO *bio, EVP_PKEY **ret_key)
{
    *ret_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    return *ret_key != NULL;
}

bool tacit_pem_read_certificate(BIO *bio, EVP_PKEY *key, X509 **ret_certificate)
{
    *ret_certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    return *ret_certificate && X509_check_private_key(*ret_certificate, key) == 1;
}
