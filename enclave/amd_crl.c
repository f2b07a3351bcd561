/*  amd_crl.c - form, issuer, signature, dates, then the entry that is looked for.  */

#include "enclave/amd_crl.h"

#include "enclave/certificates.h"
#include "enclave/evidence_refusal.h"

static const char s_claim[] = "amd_crl";

static tacit_status_t s_refuse(tacit_error_t *error, tacit_status_t status, const char *expected,
                               const char *got)
{
    return tacit_evidence_refuse(error, status, s_claim, expected, got);
}

static X509_CRL *s_decode(tacit_span_t der)
{
    const uint8_t *at = der.data;
    if (der.size == 0 || der.size > TACIT_AMD_CRL_MAX) {
        return NULL;
    }
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.size);
    if (crl && at != der.data + der.size) {
        X509_CRL_free(crl);
        return NULL;
    }
    return crl;
}

static tacit_status_t s_check_dates(const X509_CRL *crl, uint64_t now_ms, uint64_t *ret_until_ms,
                                    tacit_error_t *error)
{
    uint64_t from_ms = 0;
    uint64_t until_ms = 0;
    if (!tacit_certificate_time(X509_CRL_get0_lastUpdate(crl), &from_ms) ||
        !tacit_certificate_time(X509_CRL_get0_nextUpdate(crl), &until_ms)) {
        return s_refuse(error, TACIT_EVIDENCE_MALFORMED, "two dates", "other dates");
    }
    if (now_ms < from_ms || now_ms >= until_ms) {
        return s_refuse(error, TACIT_COLLATERAL_EXPIRED, "valid now",
                        now_ms < from_ms ? "not valid yet" : "not valid any more");
    }
    *ret_until_ms = until_ms;
    return TACIT_OK;
}

static tacit_status_t s_check(X509_CRL *crl, X509 *ark, X509 *ask, uint64_t now_ms,
                              uint64_t *ret_until_ms, tacit_error_t *error)
{
    X509_REVOKED *entry = NULL;
    uint64_t until_ms = 0;
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ark)) != 0) {
        return s_refuse(error, TACIT_SIGNATURE_INVALID, "issued by the ARK", "another issuer");
    }
    if (X509_CRL_verify(crl, X509_get0_pubkey(ark)) != 1) {
        return s_refuse(error, TACIT_SIGNATURE_INVALID, "signed by the ARK",
                        "a signature that does not verify");
    }
    tacit_status_t status = s_check_dates(crl, now_ms, &until_ms, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (X509_CRL_get0_by_serial(crl, &entry, X509_get_serialNumber(ask)) != 0) {
        return s_refuse(error, TACIT_CERTIFICATE_REVOKED, "an ASK that is not on the list",
                        "one that is");
    }
    *ret_until_ms = until_ms;
    return TACIT_OK;
}

tacit_status_t tacit_amd_crl_check(tacit_span_t der, X509 *ark, X509 *ask, uint64_t now_ms,
                                   uint64_t *ret_until_ms, tacit_error_t *ret_error)
{
    X509_CRL *crl = s_decode(der);
    if (!crl) {
        return s_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, "one CRL in DER", "something else");
    }
    tacit_status_t status = s_check(crl, ark, ask, now_ms, ret_until_ms, ret_error);
    X509_CRL_free(crl);
    return status;
}
