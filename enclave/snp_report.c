/*  snp_report.c - reading a report of fixed layout.  */

#include "enclave/snp_report.h"

#include "enclave/evidence_refusal.h"

enum { HALF_SIZE = 48 };

static uint64_t s_little(tacit_span_t bytes, size_t offset, size_t width)
{
    tacit_cursor_t cursor = tacit_cursor(tacit_span(bytes.data + offset, width));
    return tacit_cursor_little(&cursor, width);
}

static bool s_is_zero(tacit_span_t bytes, size_t from, size_t until)
{
    for (size_t i = from; i < until; i++) {
        if (bytes.data[i] != 0) {
            return false;
        }
    }
    return true;
}

/*  What nobody signs must be zero, or the same report would have many forms.  */
static bool s_is_signature_canonical(tacit_span_t bytes)
{
    return s_is_zero(bytes, TACIT_SNP_SIGNATURE_R + HALF_SIZE, TACIT_SNP_SIGNATURE_S) &&
           s_is_zero(bytes, TACIT_SNP_SIGNATURE_S + HALF_SIZE, TACIT_SNP_REPORT_SIZE);
}

tacit_status_t tacit_snp_report_parse(tacit_span_t bytes, tacit_snp_report_t *ret_report,
                                      tacit_error_t *ret_error)
{
    if (bytes.size != TACIT_SNP_REPORT_SIZE) {
        return tacit_evidence_refuse_number(ret_error, TACIT_EVIDENCE_MALFORMED, "snp.size",
                                            TACIT_SNP_REPORT_SIZE, bytes.size);
    }
    tacit_snp_report_t report = {
        .bytes = bytes.data,
        .version = (uint32_t)s_little(bytes, TACIT_SNP_VERSION, 4),
        .policy = s_little(bytes, TACIT_SNP_POLICY, 8),
        .vmpl = (uint32_t)s_little(bytes, TACIT_SNP_VMPL, 4),
        .signing_key =
            (uint32_t)s_little(bytes, TACIT_SNP_FLAGS, 4) >> TACIT_SNP_FLAGS_KEY_SHIFT & 7,
    };
    uint64_t algorithm = s_little(bytes, TACIT_SNP_ALGORITHM, 4);
    if (report.version < TACIT_SNP_VERSION_MIN || report.version > TACIT_SNP_VERSION_MAX) {
        return tacit_evidence_refuse_number(ret_error, TACIT_UNSUPPORTED, "snp.version",
                                            TACIT_SNP_VERSION_MIN, report.version);
    }
    if (algorithm != TACIT_SNP_ECDSA_P384) {
        return tacit_evidence_refuse_number(ret_error, TACIT_UNSUPPORTED, "snp.signature_algo",
                                            TACIT_SNP_ECDSA_P384, algorithm);
    }
    if (report.signing_key > TACIT_SNP_KEY_VLEK) {
        return tacit_evidence_refuse_number(ret_error, TACIT_UNSUPPORTED, "snp.signing_key",
                                            TACIT_SNP_KEY_VCEK, report.signing_key);
    }
    if (!s_is_signature_canonical(bytes)) {
        return tacit_evidence_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, "snp.signature",
                                     "zeroes beside r and s", "other bytes");
    }
    *ret_report = report;
    return TACIT_OK;
}

void tacit_snp_report_signature(const tacit_snp_report_t *report, uint8_t ret_signature[96])
{
    for (size_t i = 0; i < HALF_SIZE; i++) {
        ret_signature[HALF_SIZE - 1 - i] = report->bytes[TACIT_SNP_SIGNATURE_R + i];
        ret_signature[2 * HALF_SIZE - 1 - i] = report->bytes[TACIT_SNP_SIGNATURE_S + i];
    }
}
