/*  certificate.c - X.509 certificates and CRLs by OpenSSL.

    Serial numbers are derived from the subject's key, as Intel's are from the key identifier, so
    that the same key always gives the same serial and a CRL names it.  */

#include "services/platform/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define S_SGX_EXTENSION_OID "1.2.840.113741.1.13.1"

enum { S_SERIAL_SIZE = 20, S_X509_V3 = 2, S_CRL_V2 = 1, S_P384_BITS = 384 };

typedef struct {
    int nid;
    const char *value; /* in OpenSSL's configuration syntax */
} s_extension_t;

static bool s_add_names(X509_NAME *name, const char *common_name)
{
    const struct {
        const char *field;
        const char *value;
    } rows[] = {
        {"CN", common_name},
        {"O", "SIMULATED platform vendor"},
        {"L", "SIMULATED"},
        {"C", "XX"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!X509_NAME_add_entry_by_txt(name, rows[i].field, MBSTRING_UTF8,
                                        (const unsigned char *)rows[i].value, -1, -1, 0)) {
            return false;
        }
    }
    return true;
}

static bool s_set_serial(X509 *certificate, EVP_PKEY *key)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!X509_set_pubkey(certificate, key) ||
        !X509_pubkey_digest(certificate, EVP_sha256(), digest, &size) || size < S_SERIAL_SIZE) {
        return false;
    }
    digest[0] = (uint8_t)((digest[0] & 0x3f) | 0x40); /* positive, and always of 20 bytes */
    BIGNUM *number = BN_bin2bn(digest, S_SERIAL_SIZE, NULL);
    ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    bool set = serial && X509_set_serialNumber(certificate, serial);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return set;
}

static bool s_set_times(X509 *certificate, uint64_t from_s, uint64_t until_s)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)from_s) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)until_s);
}

/*  As long as the curve's order.  */
static const EVP_MD *s_hash(const EVP_PKEY *key)
{
    return EVP_PKEY_get_bits(key) == S_P384_BITS ? EVP_sha384() : EVP_sha256();
}

static bool s_add_extension(X509 *certificate, X509V3_CTX *context, const s_extension_t *row)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, row->nid, row->value);
    bool added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static bool s_add_sgx_extension(X509 *certificate, tacit_span_t der)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(S_SGX_EXTENSION_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    bool added = oid && value && ASN1_OCTET_STRING_set(value, der.data, (int)der.size) &&
                 (extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value)) &&
                 X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return added;
}

static bool s_add_extensions(X509 *certificate, const tacit_certificate_spec_t *spec)
{
    char constraints[48];
    bool leaf = spec->path_length < 0;
    snprintf(constraints, sizeof constraints,
             leaf ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:%d", spec->path_length);
    /*  The subject's key identifier first: a self-signed certificate's authority is itself.  */
    const s_extension_t rows[] = {
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_key_usage,
         leaf ? "critical,digitalSignature,nonRepudiation" : "critical,keyCertSign,cRLSign"},
        {NID_basic_constraints, constraints},
    };
    X509V3_CTX context;
    X509V3_set_ctx(&context, spec->issuer ? spec->issuer : certificate, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!s_add_extension(certificate, &context, &rows[i])) {
            return false;
        }
    }
    return spec->sgx_extension.size == 0 || s_add_sgx_extension(certificate, spec->sgx_extension);
}

tacit_status_t tacit_certificate_issue(const tacit_certificate_spec_t *spec, X509 **ret_certificate)
{
    X509 *certificate = X509_new();
    if (!certificate) {
        return TACIT_NO_MEMORY;
    }
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool issued = X509_set_version(certificate, S_X509_V3) && s_add_names(subject, spec->name) &&
                  X509_set_issuer_name(
                      certificate, spec->issuer ? X509_get_subject_name(spec->issuer) : subject) &&
                  s_set_serial(certificate, spec->subject_key) &&
                  s_set_times(certificate, spec->from_s, spec->until_s) &&
                  s_add_extensions(certificate, spec) &&
                  X509_sign(certificate, spec->issuer_key, s_hash(spec->issuer_key));
    if (!issued) {
        ERR_clear_error();
        X509_free(certificate);
        return TACIT_INTERNAL;
    }
    *ret_certificate = certificate;
    return TACIT_OK;
}

static bool s_crl_add(X509_CRL *crl, X509 *certificate, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    if (!entry || !X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) ||
        !X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when) ||
        !X509_CRL_add0_revoked(crl, entry)) {
        X509_REVOKED_free(entry);
        return false;
    }
    return true;
}

static bool s_crl_extensions(X509_CRL *crl, const tacit_crl_spec_t *spec)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, spec->issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *authority =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool added = authority && X509_CRL_add_ext(crl, authority, -1) && number &&
                 ASN1_INTEGER_set_uint64(number, spec->number) &&
                 X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
    ASN1_INTEGER_free(number);
    X509_EXTENSION_free(authority);
    return added;
}

static bool s_crl_fill(X509_CRL *crl, const tacit_crl_spec_t *spec)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)spec->from_s);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)spec->until_s);
    bool filled = from && until && X509_CRL_set_version(crl, S_CRL_V2) &&
                  X509_CRL_set_issuer_name(crl, X509_get_subject_name(spec->issuer)) &&
                  X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until);
    for (size_t i = 0; filled && i < spec->revoked_count; i++) {
        filled = s_crl_add(crl, spec->revoked[i], from);
    }
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return filled && X509_CRL_sort(crl) && s_crl_extensions(crl, spec) &&
           X509_CRL_sign(crl, spec->issuer_key, EVP_sha256());
}

/*  OpenSSL's buffer as one of malloc's, so that callers need no OpenSSL to free it.  */
static tacit_status_t s_take_der(unsigned char *der, int size, uint8_t **ret_der, size_t *ret_size)
{
    uint8_t *copy = size > 0 ? malloc((size_t)size) : NULL;
    if (!copy) {
        OPENSSL_free(der);
        return TACIT_NO_MEMORY;
    }
    memcpy(copy, der, (size_t)size);
    OPENSSL_free(der);
    *ret_der = copy;
    *ret_size = (size_t)size;
    return TACIT_OK;
}

tacit_status_t tacit_crl_issue(const tacit_crl_spec_t *spec, uint8_t **ret_der, size_t *ret_size)
{
    X509_CRL *crl = X509_CRL_new();
    if (!crl) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = TACIT_INTERNAL;
    if (s_crl_fill(crl, spec)) {
        unsigned char *der = NULL;
        int size = i2d_X509_CRL(crl, &der);
        status = s_take_der(der, size, ret_der, ret_size);
    }
    ERR_clear_error();
    X509_CRL_free(crl);
    return status;
}

tacit_status_t tacit_certificate_pem(X509 *const *certificates, size_t count, char **ret_text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    char *text = NULL;
    bool written = bio != NULL;
    for (size_t i = 0; written && i < count; i++) {
        written = PEM_write_bio_X509(bio, certificates[i]) == 1;
    }
    long size = written ? BIO_get_mem_data(bio, &bytes) : 0;
    if (size > 0) {
        text = strndup(bytes, (size_t)size);
    }
    BIO_free(bio);
    if (!text) {
        return TACIT_NO_MEMORY;
    }
    *ret_text = text;
    return TACIT_OK;
}

tacit_status_t tacit_certificate_der(X509 *certificate, uint8_t **ret_der, size_t *ret_size)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    return s_take_der(der, size, ret_der, ret_size);
}
