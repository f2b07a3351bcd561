/*  forge.c - OpenSSL's X.509 builder, as far as the tests' vendors need it.  */

#include "tests/evidence/forge.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/platform/raw_signature.h"

enum { X509_V3 = 2, PSS_SALT = 48 };

void forge_check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "forge: cannot make %s\n", what);
        abort();
    }
}

EVP_PKEY *forge_p384(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    forge_check(key != NULL, "a P-384 key");
    return key;
}

EVP_PKEY *forge_rsa4096(void)
{
    EVP_PKEY *key = EVP_RSA_gen(4096);
    forge_check(key != NULL, "an RSA key");
    return key;
}

static void s_add(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    forge_check(extension && X509_add_ext(certificate, extension, -1), "an extension");
    X509_EXTENSION_free(extension);
}

static void s_add_use(X509 *certificate, const forge_spec_t *spec)
{
    char constraints[48] = "critical,CA:TRUE";
    if (spec->use == FORGE_BARE) {
        return;
    }
    if (spec->use == FORGE_SIGNER) {
        s_add(certificate, NID_basic_constraints, "critical,CA:FALSE");
        s_add(certificate, NID_key_usage, "critical,digitalSignature");
        return;
    }
    if (spec->path_length >= 0) {
        snprintf(constraints, sizeof constraints, "critical,CA:TRUE,pathlen:%d", spec->path_length);
    }
    s_add(certificate, NID_basic_constraints, constraints);
    s_add(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
}

static void s_add_raw(X509 *certificate, const forge_extension_t *raw)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(raw->oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    forge_check(oid && value && ASN1_OCTET_STRING_set(value, raw->der.data, (int)raw->der.size),
                "an extension");
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    forge_check(extension && X509_add_ext(certificate, extension, -1), "an extension");
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
}

static void s_sign(X509 *certificate, const forge_spec_t *spec)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    forge_check(
        context && EVP_DigestSignInit(context, &options, EVP_sha384(), NULL, spec->issuer_key) == 1,
        "a signature");
    if (spec->pss) {
        forge_check(
            EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, spec->salt ? spec->salt : PSS_SALT) == 1,
            "a PSS signature");
    }
    forge_check(X509_sign_ctx(certificate, context) > 0, "a signature");
    EVP_MD_CTX_free(context);
}

X509 *forge_certificate(const forge_spec_t *spec)
{
    static long serial;
    X509 *certificate = X509_new();
    forge_check(certificate != NULL, "a certificate");
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool filled =
        X509_set_version(certificate, X509_V3) &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial) &&
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                   (const uint8_t *)"SIMULATED platform vendor", -1, -1, 0) &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)spec->name, -1,
                                   -1, 0) &&
        X509_set_issuer_name(certificate,
                             spec->issuer ? X509_get_subject_name(spec->issuer) : subject) &&
        X509_set_pubkey(certificate, spec->key) &&
        ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)spec->from_s) &&
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)spec->until_s);
    forge_check(filled, "a certificate");
    s_add_use(certificate, spec);
    for (size_t i = 0; i < spec->extension_count; i++) {
        s_add_raw(certificate, &spec->extensions[i]);
    }
    s_sign(certificate, spec);
    return certificate;
}

void forge_certificate_der(X509 *certificate, forge_der_t *ret_der)
{
    int size = i2d_X509(certificate, NULL);
    uint8_t *end = ret_der->bytes;
    forge_check(size > 0 && size <= FORGE_CERTIFICATE_MAX, "DER");
    ret_der->size = (size_t)i2d_X509(certificate, &end);
}

void forge_sign384(EVP_PKEY *key, tacit_span_t bytes, uint8_t ret_signature[96])
{
    forge_check(tacit_raw_signature(key, TACIT_P384_HALF, bytes, ret_signature) == TACIT_OK,
                "a signature");
}
