/*  chain_trust.c - path validation with a private store, at a given time, CRLs required.  */

#include "enclave/chain_trust.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "enclave/evidence_refusal.h"

enum { VERIFY_FLAGS = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_X509_STRICT };

struct tacit_chain_trust {
    X509_STORE *store;              /* the root and the CRLs, nothing else */
    time_t now;                     /* Unix seconds */
    uint64_t expires_ms;            /* the earliest end so far */
    tacit_period_t lists;           /* when both CRLs are valid */
    tacit_collateral_marks_t marks; /* their numbers */
};

/*  OpenSSL's findings, as ours. What is not listed is CERTIFICATE_INVALID.  */
typedef struct finding {
    int found;
    tacit_status_t code;
    bool in_crl; /* the CRL is to blame, not the certificate */
} finding_t;

static const finding_t s_findings[] = {
    {X509_V_ERR_CERT_REVOKED, TACIT_CERTIFICATE_REVOKED, false},
    {X509_V_ERR_UNABLE_TO_GET_CRL, TACIT_COLLATERAL_MISSING, true},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, TACIT_COLLATERAL_MISSING, true},
    {X509_V_ERR_CRL_HAS_EXPIRED, TACIT_COLLATERAL_EXPIRED, true},
    {X509_V_ERR_CRL_NOT_YET_VALID, TACIT_COLLATERAL_EXPIRED, true},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, TACIT_SIGNATURE_INVALID, true},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, TACIT_SIGNATURE_INVALID, false},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TACIT_TRUST_ANCHOR_REFUSED, false},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TACIT_TRUST_ANCHOR_REFUSED, false},
    {X509_V_ERR_OUT_OF_MEM, TACIT_NO_MEMORY, false},
};

static finding_t s_finding(int found)
{
    for (size_t i = 0; i < sizeof s_findings / sizeof s_findings[0]; i++) {
        if (s_findings[i].found == found) {
            return s_findings[i];
        }
    }
    return (finding_t){found, TACIT_CERTIFICATE_INVALID, false};
}

/*  False where there is no date, which would mean "for ever".  */
static bool s_shorten(tacit_chain_trust_t *trust, const ASN1_TIME *end)
{
    uint64_t end_ms = 0;
    if (!tacit_certificate_time(end, &end_ms)) {
        return false;
    }
    if (end_ms < trust->expires_ms) {
        trust->expires_ms = end_ms;
    }
    return true;
}

static X509_CRL *s_decode_crl(tacit_span_t der)
{
    const uint8_t *end = der.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &end, (long)der.size);
    if (crl && end != der.data + der.size) {
        X509_CRL_free(crl);
        crl = NULL;
    }
    ERR_clear_error();
    return crl;
}

/*  Which list is expected: what a refusal calls it, whose it is, and where its number goes.  */
typedef struct list {
    const char *name;
    tacit_span_t der;
    X509 *issuer;
    uint8_t *number; /* TACIT_CRL_NUMBER_SIZE */
} list_t;

/*  Signature and dates are judged when a chain needs the CRL; here only its form, its issuer, and
    its end.  */
static tacit_status_t s_check_crl(tacit_chain_trust_t *trust, const list_t *list, X509_CRL *crl,
                                  tacit_error_t *error)
{
    const char *name = list->name;
    if (!crl) {
        return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, name, "one CRL in DER",
                                     "something else");
    }
    if (X509_CRL_get_signature_nid(crl) != NID_ecdsa_with_SHA256) {
        return tacit_evidence_refuse(error, TACIT_CERTIFICATE_INVALID, name, "ecdsa-with-SHA256",
                                     "another algorithm");
    }
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(list->issuer)) != 0) {
        return tacit_evidence_refuse(error, TACIT_COLLATERAL_MISSING, name,
                                     "the CRL of this issuer", "another issuer's");
    }
    if (!s_shorten(trust, X509_CRL_get0_nextUpdate(crl))) {
        return tacit_evidence_refuse(error, TACIT_CERTIFICATE_INVALID, name, "a nextUpdate",
                                     "none");
    }
    return TACIT_OK;
}

/*  A number is for telling the newer of two lists; one that is longer than the standard allows, or
    negative, is none. False where it is that.  */
static bool s_take_number(X509_CRL *crl, uint8_t ret_number[TACIT_CRL_NUMBER_SIZE])
{
    int critical = 0;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, NULL);
    if (!number) {
        return critical == -1; /* none is allowed, a malformed or second one is not */
    }
    BIGNUM *value = ASN1_INTEGER_to_BN(number, NULL);
    bool taken = value && !BN_is_negative(value) && BN_num_bytes(value) <= TACIT_CRL_NUMBER_SIZE &&
                 BN_bn2binpad(value, ret_number, TACIT_CRL_NUMBER_SIZE) == TACIT_CRL_NUMBER_SIZE;
    BN_free(value);
    ASN1_INTEGER_free(number);
    return taken;
}

static tacit_status_t s_note_crl(tacit_chain_trust_t *trust, const list_t *list, X509_CRL *crl,
                                 tacit_error_t *error)
{
    uint64_t from_ms = 0;
    uint64_t until_ms = 0;
    if (!tacit_certificate_time(X509_CRL_get0_lastUpdate(crl), &from_ms) ||
        !tacit_certificate_time(X509_CRL_get0_nextUpdate(crl), &until_ms) ||
        !s_take_number(crl, list->number)) {
        return tacit_evidence_refuse(error, TACIT_CERTIFICATE_INVALID, list->name,
                                     "dates and a number as the standard has them", "other forms");
    }
    trust->lists.from_ms = from_ms > trust->lists.from_ms ? from_ms : trust->lists.from_ms;
    trust->lists.until_ms = until_ms < trust->lists.until_ms ? until_ms : trust->lists.until_ms;
    return TACIT_OK;
}

static tacit_status_t s_add_crl(tacit_chain_trust_t *trust, const list_t *list,
                                tacit_error_t *error)
{
    X509_CRL *crl = s_decode_crl(list->der);
    tacit_status_t status = s_check_crl(trust, list, crl, error);
    if (status == TACIT_OK) {
        status = s_note_crl(trust, list, crl, error);
    }
    if (status == TACIT_OK && X509_STORE_add_crl(trust->store, crl) != 1) {
        status = tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    X509_CRL_free(crl);
    return status;
}

tacit_status_t tacit_chain_trust_new(const tacit_chain_t *pck_chain, tacit_span_t root_crl,
                                     tacit_span_t pck_crl, uint64_t now_ms,
                                     tacit_chain_trust_t **ret_trust, tacit_error_t *ret_error)
{
    X509 *root = tacit_chain_root(pck_chain);
    tacit_chain_trust_t *trust = calloc(1, sizeof *trust);
    if (!trust) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    trust->now = (time_t)(now_ms / 1000);
    trust->expires_ms = UINT64_MAX;
    trust->lists.until_ms = UINT64_MAX;
    trust->store = X509_STORE_new();
    tacit_status_t status = TACIT_OK;
    if (!trust->store || X509_STORE_add_cert(trust->store, root) != 1) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    const list_t lists[] = {
        {"root_crl", root_crl, root, trust->marks.root_crl},
        {"pck_crl", pck_crl, pck_chain->certificates[1], trust->marks.pck_crl},
    };
    for (size_t i = 0; status == TACIT_OK && i < sizeof lists / sizeof lists[0]; i++) {
        status = s_add_crl(trust, &lists[i], ret_error);
    }
    if (status != TACIT_OK) {
        tacit_chain_trust_destroy(&trust);
        return status;
    }
    *ret_trust = trust;
    return TACIT_OK;
}

void tacit_chain_trust_destroy(tacit_chain_trust_t **trust)
{
    if (*trust) {
        X509_STORE_free((*trust)->store);
        free(*trust);
        *trust = NULL;
    }
}

static tacit_status_t s_refuse_finding(X509_STORE_CTX *context, const tacit_chain_t *chain,
                                       tacit_error_t *error)
{
    finding_t finding = s_finding(X509_STORE_CTX_get_error(context));
    bool of_pck = chain->kind == TACIT_CHAIN_PCK && X509_STORE_CTX_get_error_depth(context) == 0;
    const char *crl = of_pck ? "pck_crl" : "root_crl";
    return tacit_evidence_refuse(error, finding.code,
                                 finding.in_crl ? crl : tacit_chain_name(chain->kind),
                                 finding.in_crl ? "a CRL of the certificate's issuer, valid now"
                                                : "a chain to the pinned root, valid, not revoked",
                                 X509_verify_cert_error_string(finding.found));
}

static tacit_status_t s_run(X509_STORE_CTX *context, const tacit_chain_t *chain,
                            tacit_error_t *error)
{
    if (X509_verify_cert(context) != 1) {
        return s_refuse_finding(context, chain, error);
    }
    if (!tacit_certificates_are_path(context, chain->certificates, chain->count)) {
        return tacit_evidence_refuse(error, TACIT_CERTIFICATE_INVALID,
                                     tacit_chain_name(chain->kind),
                                     "each certificate issued by the next", "another path");
    }
    return TACIT_OK;
}

tacit_status_t tacit_chain_trust_verify(tacit_chain_trust_t *trust, const tacit_chain_t *chain,
                                        tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_NO_MEMORY;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    bool ready = context && between;
    for (size_t i = 1; ready && i + 1 < chain->count; i++) {
        ready = sk_X509_push(between, chain->certificates[i]) > 0;
    }
    if (ready && X509_STORE_CTX_init(context, trust->store, tacit_chain_leaf(chain), between)) {
        X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(parameters, trust->now);
        if (X509_VERIFY_PARAM_set_flags(parameters, VERIFY_FLAGS) == 1) {
            status = s_run(context, chain, ret_error);
        }
    }
    if (status == TACIT_NO_MEMORY) {
        tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    for (size_t i = 0; status == TACIT_OK && i < chain->count; i++) {
        if (!s_shorten(trust, X509_get0_notAfter(chain->certificates[i]))) {
            status =
                tacit_evidence_refuse(ret_error, TACIT_CERTIFICATE_INVALID,
                                      tacit_chain_name(chain->kind), "a notAfter date", "none");
        }
    }
    X509_STORE_CTX_free(context);
    sk_X509_free(between);
    ERR_clear_error();
    return status;
}

uint64_t tacit_chain_trust_expires(const tacit_chain_trust_t *trust)
{
    return trust->expires_ms;
}

tacit_period_t tacit_chain_trust_lists(const tacit_chain_trust_t *trust,
                                       tacit_collateral_marks_t *marks)
{
    memcpy(marks->root_crl, trust->marks.root_crl, sizeof marks->root_crl);
    memcpy(marks->pck_crl, trust->marks.pck_crl, sizeof marks->pck_crl);
    return trust->lists;
}
