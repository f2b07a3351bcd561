/*  evidence_refusal.c - remedies by code, so that no refusal leaves its reader without one.  */

#include "enclave/evidence_refusal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum { SHOWN_BYTES_MAX = 64 /* of a byte string in a refusal */ };

static const struct {
    tacit_status_t code;
    const char *remedy;
} s_remedies[] = {
    {TACIT_EVIDENCE_MALFORMED, "send the quote and the collateral exactly as they were issued"},
    {TACIT_TOO_LARGE, "send one quote and one document for each part of the collateral"},
    {TACIT_UNSUPPORTED, "send evidence of a kind and version that the documentation lists"},
    {TACIT_SIGNATURE_INVALID, "the bytes were altered or signed by another key; fetch them anew"},
    {TACIT_TRUST_ANCHOR_REFUSED,
     "check the root in trust.json; simulated and real platforms have different roots"},
    {TACIT_CERTIFICATE_INVALID, "fetch the certificate chains anew and check the host's clock"},
    {TACIT_CERTIFICATE_REVOKED, "do not trust this platform; ask its owner why it was revoked"},
    {TACIT_COLLATERAL_MISSING,
     "fetch TCB info, QE identity, issuer chains and both CRLs for this platform"},
    {TACIT_COLLATERAL_EXPIRED, "fetch the collateral anew and check the host's clock"},
    {TACIT_TCB_UNSUPPORTED,
     "update the platform's microcode and BIOS, and fetch its TCB info anew"},
    {TACIT_TCB_STATUS_REFUSED, "update the platform's microcode and BIOS; replace it if revoked"},
    {TACIT_PLATFORM_REFUSED, "send the certificates of the chip that made the report"},
    {TACIT_MEASUREMENT_REFUSED, "load the vendor's module, or send the values that were measured"},
    {TACIT_REPORT_DATA_MISMATCH, "send the report that was made for this key"},
    {TACIT_QE_REFUSED, "install the vendor's quoting enclave, and fetch its identity anew"},
};

static const char *s_remedy(tacit_status_t code)
{
    for (size_t i = 0; i < sizeof s_remedies / sizeof s_remedies[0]; i++) {
        if (s_remedies[i].code == code) {
            return s_remedies[i].remedy;
        }
    }
    return "report this with the quote and its collateral";
}

tacit_status_t tacit_evidence_refuse(tacit_error_t *error, tacit_status_t code, const char *claim,
                                     const char *expected, const char *got)
{
    tacit_error_claim(error, code, claim, expected, got);
    tacit_error_remedy(error, "%s", s_remedy(code));
    return code;
}

static void s_hex(char text[2 * SHOWN_BYTES_MAX + 1], tacit_span_t bytes)
{
    size_t size = bytes.size < SHOWN_BYTES_MAX ? bytes.size : SHOWN_BYTES_MAX;
    sodium_bin2hex(text, 2 * SHOWN_BYTES_MAX + 1, bytes.data, size);
}

tacit_status_t tacit_evidence_refuse_bytes(tacit_error_t *error, tacit_status_t code,
                                           const char *claim, tacit_span_t expected,
                                           tacit_span_t got)
{
    char expected_text[2 * SHOWN_BYTES_MAX + 1];
    char got_text[2 * SHOWN_BYTES_MAX + 1];
    s_hex(expected_text, expected);
    s_hex(got_text, got);
    return tacit_evidence_refuse(error, code, claim, expected_text, got_text);
}

tacit_status_t tacit_evidence_refuse_number(tacit_error_t *error, tacit_status_t code,
                                            const char *claim, uint64_t expected, uint64_t got)
{
    char expected_text[32];
    char got_text[32];
    snprintf(expected_text, sizeof expected_text, "%" PRIu64, expected);
    snprintf(got_text, sizeof got_text, "%" PRIu64, got);
    return tacit_evidence_refuse(error, code, claim, expected_text, got_text);
}
