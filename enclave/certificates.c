/*  certificates.c - strict PEM, then one table row for each kind of chain.

    Names are judged by how they end, so that "Intel SGX TCB Signing" and "SIMULATED SGX TCB
    Signing" are the same part in two hierarchies; which hierarchy is trusted is the pinned root's
    matter alone. The part matters: no other certificate below the root may sign collateral.  */

#include "enclave/certificates.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <time.h>

#include "enclave/evidence_refusal.h"
#include "enclave/p256.h"

static const char s_begin[] = "-----BEGIN CERTIFICATE-----";
static const char s_end[] = "-----END CERTIFICATE-----";
static const char s_blanks[] = {' ', '\t', '\r', '\n'};

/*  The parts that certificates play, and how the common name of each may end; the root is known by
    its hash, so that its name is nobody's proof.  */
typedef struct part {
    const char *name_ends[2];
    bool authority; /* signs certificates and CRLs; else signs data only */
} part_t;

static const part_t s_root = {{"", NULL}, true};
static const part_t s_pck = {{" SGX PCK Certificate", NULL}, false};
static const part_t s_pck_authority = {{" SGX PCK Platform CA", " SGX PCK Processor CA"}, true};
static const part_t s_tcb_signer = {{" SGX TCB Signing", NULL}, false};

static const struct {
    const char *name;
    size_t count;
    const part_t *parts[TACIT_CHAIN_MAX];
} s_kinds[] = {
    [TACIT_CHAIN_PCK] = {"pck_chain", 3, {&s_pck, &s_pck_authority, &s_root}},
    [TACIT_CHAIN_TCB_SIGNER] = {"tcb_signing_chain", 2, {&s_tcb_signer, &s_root}},
    [TACIT_CHAIN_CRL_ISSUER] = {"pck_crl_issuer_chain", 2, {&s_pck_authority, &s_root}},
};

const char *tacit_chain_name(tacit_chain_kind_t kind)
{
    return s_kinds[kind].name;
}

static tacit_status_t s_refuse(const tacit_chain_t *chain, tacit_status_t code,
                               const char *expected, const char *got, tacit_error_t *error)
{
    return tacit_evidence_refuse(error, code, tacit_chain_name(chain->kind), expected, got);
}

static void s_skip_blanks(tacit_span_t *text)
{
    while (text->size > 0 && memchr(s_blanks, text->data[0], sizeof s_blanks)) {
        text->data++;
        text->size--;
    }
}

static bool s_skip_word(tacit_span_t *text, const char *word)
{
    size_t length = strlen(word);
    if (text->size < length || memcmp(text->data, word, length) != 0) {
        return false;
    }
    text->data += length;
    text->size -= length;
    return true;
}

/*  The next PEM block as DER; false where anything else comes.  */
static bool s_next_block(tacit_span_t *text, uint8_t ret_der[TACIT_CERTIFICATE_MAX],
                         size_t *ret_size)
{
    if (!s_skip_word(text, s_begin)) {
        return false;
    }
    const uint8_t *end = memmem(text->data, text->size, s_end, strlen(s_end));
    if (!end) {
        return false;
    }
    tacit_span_t base64 = tacit_span(text->data, (size_t)(end - text->data));
    text->data += base64.size;
    text->size -= base64.size;
    (void)s_skip_word(text, s_end);
    s_skip_blanks(text);
    return sodium_base642bin(ret_der, TACIT_CERTIFICATE_MAX, (const char *)base64.data, base64.size,
                             "\r\n", ret_size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

static X509 *s_decode(const uint8_t *der, size_t size)
{
    const uint8_t *end = der;
    X509 *certificate = d2i_X509(NULL, &end, (long)size);
    if (certificate && end != der + size) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}

static bool s_parse_pem(tacit_span_t pem, tacit_chain_t *chain)
{
    uint8_t der[TACIT_CERTIFICATE_MAX];
    s_skip_blanks(&pem);
    while (chain->count < s_kinds[chain->kind].count) {
        size_t size = 0;
        if (!s_next_block(&pem, der, &size)) {
            return false;
        }
        X509 *certificate = s_decode(der, size);
        if (!certificate) {
            return false;
        }
        chain->certificates[chain->count++] = certificate;
    }
    return pem.size == 0;
}

/*  What follows the certificate stays in the text.  */
static X509 *s_take_certificate(tacit_span_t *pem)
{
    uint8_t der[TACIT_CERTIFICATE_MAX];
    size_t size = 0;
    s_skip_blanks(pem);
    return s_next_block(pem, der, &size) ? s_decode(der, size) : NULL;
}

X509 *tacit_certificate_first(tacit_span_t pem)
{
    return s_take_certificate(&pem);
}

X509 *tacit_certificate_only(tacit_span_t pem)
{
    X509 *certificate = s_take_certificate(&pem);
    if (certificate && pem.size > 0) {
        X509_free(certificate);
        certificate = NULL;
    }
    return certificate;
}

bool tacit_certificate_common_name(const X509 *certificate, char ret_name[TACIT_COMMON_NAME_MAX])
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) {
        return false;
    }
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    int type = ASN1_STRING_type(value);
    size_t size = (size_t)ASN1_STRING_length(value);
    if ((type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING) ||
        size >= TACIT_COMMON_NAME_MAX) {
        return false;
    }
    const uint8_t *text = ASN1_STRING_get0_data(value);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    memcpy(ret_name, text, size);
    ret_name[size] = '\0';
    return true;
}

bool tacit_certificate_time(const ASN1_TIME *time, uint64_t *ret_ms)
{
    struct tm fields;
    if (!time || ASN1_TIME_to_tm(time, &fields) != 1) {
        return false;
    }
    time_t seconds = timegm(&fields);
    if (seconds < 0) {
        return false;
    }
    *ret_ms = (uint64_t)seconds * 1000;
    return true;
}

static bool s_ends_with(const char *text, const char *end)
{
    size_t text_length = strlen(text);
    size_t end_length = strlen(end);
    return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

static bool s_name_allowed(const char *name, const part_t *part)
{
    return s_ends_with(name, part->name_ends[0]) ||
           (part->name_ends[1] && s_ends_with(name, part->name_ends[1]));
}

/*  Extensions that say what the certificate's key may do. An absent keyUsage allows everything to
    other readers; here it must be present.  */
static bool s_use_allowed(X509 *certificate, const part_t *part)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    uint32_t usage = X509_get_key_usage(certificate);
    if ((flags & EXFLAG_INVALID) || !(flags & EXFLAG_KUSAGE) || !(flags & EXFLAG_BCONS)) {
        return false;
    }
    uint32_t needed = part->authority ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : KU_DIGITAL_SIGNATURE;
    bool is_authority = (flags & EXFLAG_CA) != 0;
    return is_authority == part->authority && (usage & needed) == needed &&
           (part->authority || !(usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)));
}

static tacit_status_t s_check_certificate(const tacit_chain_t *chain, size_t index,
                                          tacit_error_t *error)
{
    X509 *certificate = chain->certificates[index];
    const part_t *part = s_kinds[chain->kind].parts[index];
    if (!tacit_p256_is_key(X509_get0_pubkey(certificate)) ||
        X509_get_signature_nid(certificate) != NID_ecdsa_with_SHA256) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID, "P-256 keys and ecdsa-with-SHA256",
                        "another algorithm", error);
    }
    char name[TACIT_COMMON_NAME_MAX];
    if (!tacit_certificate_common_name(certificate, name)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID, "one printable common name",
                        "none, or another form", error);
    }
    if (!s_name_allowed(name, part)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID, part->name_ends[0], name, error);
    }
    if (!s_use_allowed(certificate, part)) {
        return s_refuse(chain, TACIT_CERTIFICATE_INVALID,
                        part->authority ? "a CA's basicConstraints and keyUsage"
                                        : "no CA, keyUsage digitalSignature",
                        name, error);
    }
    return TACIT_OK;
}

static tacit_status_t s_check_root(const tacit_chain_t *chain, const uint8_t root_sha256[32],
                                   tacit_error_t *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(tacit_chain_root(chain), EVP_sha256(), digest, &size) != 1) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    if (memcmp(digest, root_sha256, 32) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_TRUST_ANCHOR_REFUSED, "root_sha256",
                                           tacit_span(root_sha256, 32), tacit_span(digest, 32));
    }
    return TACIT_OK;
}

/*  The root first: of a chain from elsewhere nothing else is worth telling.  */
static tacit_status_t s_check(const tacit_chain_t *chain, const uint8_t root_sha256[32],
                              tacit_error_t *error)
{
    tacit_status_t status = s_check_root(chain, root_sha256, error);
    for (size_t i = 0; status == TACIT_OK && i < chain->count; i++) {
        status = s_check_certificate(chain, i, error);
    }
    return status;
}

tacit_status_t tacit_chain_parse(tacit_chain_kind_t kind, tacit_span_t pem,
                                 const uint8_t root_sha256[32], tacit_chain_t *ret_chain,
                                 tacit_error_t *ret_error)
{
    tacit_chain_t chain = {.kind = kind};
    tacit_status_t status = TACIT_OK;
    if (!s_parse_pem(pem, &chain)) {
        status = s_refuse(&chain, TACIT_EVIDENCE_MALFORMED,
                          s_kinds[kind].count == 3 ? "three certificates in PEM, leaf first"
                                                   : "two certificates in PEM, root last",
                          "something else", ret_error);
    } else {
        status = s_check(&chain, root_sha256, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_chain_clear(&chain);
        return status;
    }
    *ret_chain = chain;
    return TACIT_OK;
}

bool tacit_certificates_are_path(X509_STORE_CTX *context, X509 *const *chain, size_t count)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
    if (sk_X509_num(path) != (int)count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (X509_cmp(sk_X509_value(path, (int)i), chain[i]) != 0) {
            return false;
        }
    }
    return true;
}

void tacit_chain_clear(tacit_chain_t *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certificates[i]);
        chain->certificates[i] = NULL;
    }
    chain->count = 0;
}
