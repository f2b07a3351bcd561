/*  dcap_quote.c - taking a quote apart, byte by byte.

    One cursor per level: the whole quote, the signature section, and from version 4 on the
    certification data inside it. Each must be consumed exactly, so that no two readers can see
    different quotes in the same bytes.  */

#include "enclave/dcap_quote.h"

#include "enclave/evidence.h"
#include "enclave/evidence_refusal.h"

/*  Which bodies there are. Before version 5 the TEE type decides alone.  */
static const struct {
    uint16_t first_version;
    uint16_t last_version;
    uint32_t tee;
    uint16_t type; /* 0: not written in the quote */
    size_t size;
} s_bodies[] = {
    {TACIT_QUOTE_VERSION_3, TACIT_QUOTE_VERSION_4, TACIT_QUOTE_TEE_SGX, 0, TACIT_REPORT_SIZE},
    {TACIT_QUOTE_VERSION_4, TACIT_QUOTE_VERSION_4, TACIT_QUOTE_TEE_TDX, 0, TACIT_TD_REPORT_SIZE},
    {TACIT_QUOTE_VERSION_5, TACIT_QUOTE_VERSION_5, TACIT_QUOTE_TEE_SGX, TACIT_QUOTE_BODY_SGX,
     TACIT_REPORT_SIZE},
    {TACIT_QUOTE_VERSION_5, TACIT_QUOTE_VERSION_5, TACIT_QUOTE_TEE_TDX, TACIT_QUOTE_BODY_TD,
     TACIT_TD_REPORT_SIZE},
    {TACIT_QUOTE_VERSION_5, TACIT_QUOTE_VERSION_5, TACIT_QUOTE_TEE_TDX, TACIT_QUOTE_BODY_TD_15,
     TACIT_TD_REPORT_15_SIZE},
};

static uint64_t s_little(const uint8_t *bytes, size_t width)
{
    tacit_cursor_t cursor = tacit_cursor(tacit_span(bytes, width));
    return tacit_cursor_little(&cursor, width);
}

static tacit_status_t s_malformed(tacit_error_t *error, const char *claim, const char *expected,
                                  const char *got)
{
    return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, claim, expected, got);
}

static tacit_status_t s_check_header(const uint8_t *header, tacit_error_t *error)
{
    uint64_t version = s_little(header + TACIT_HEADER_VERSION, 2);
    if (version < TACIT_QUOTE_VERSION_3 || version > TACIT_QUOTE_VERSION_5) {
        return tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.version",
                                            TACIT_QUOTE_VERSION_3, version);
    }
    uint64_t key_type = s_little(header + TACIT_HEADER_KEY_TYPE, 2);
    if (key_type != TACIT_QUOTE_KEY_TYPE_P256) {
        return tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.att_key_type",
                                            TACIT_QUOTE_KEY_TYPE_P256, key_type);
    }
    tacit_span_t vendor = tacit_span(header + TACIT_HEADER_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    tacit_span_t expected = tacit_span(TACIT_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    if (!tacit_span_equal(vendor, expected)) {
        return tacit_evidence_refuse_bytes(error, TACIT_QE_REFUSED, "quote.qe_vendor_id", expected,
                                           vendor);
    }
    return TACIT_OK;
}

/*  The size of this version's and TEE's body; 0 where there is no such body.  */
static size_t s_body_size(uint16_t version, uint64_t tee, uint16_t type)
{
    for (size_t i = 0; i < sizeof s_bodies / sizeof s_bodies[0]; i++) {
        if (version >= s_bodies[i].first_version && version <= s_bodies[i].last_version &&
            s_bodies[i].tee == tee && s_bodies[i].type == type) {
            return s_bodies[i].size;
        }
    }
    return 0;
}

static tacit_status_t s_parse_body(tacit_cursor_t *cursor, uint64_t tee, tacit_dcap_quote_t *quote,
                                   tacit_error_t *error)
{
    bool sized = quote->version == TACIT_QUOTE_VERSION_5;
    uint16_t type = sized ? tacit_cursor_u16(cursor) : 0;
    uint32_t size = sized ? tacit_cursor_u32(cursor) : 0;
    size_t expected = s_body_size(quote->version, tee, type);
    if (cursor->failed) {
        return s_malformed(error, "quote.body", "a type and a size", "fewer bytes");
    }
    if (expected == 0) {
        return tacit_evidence_refuse_number(
            error, TACIT_UNSUPPORTED, sized ? "quote.body_type" : "quote.tee_type",
            sized ? TACIT_QUOTE_BODY_TD : TACIT_QUOTE_TEE_SGX, sized ? type : tee);
    }
    if (sized && size != expected) {
        return tacit_evidence_refuse_number(error, TACIT_EVIDENCE_MALFORMED, "quote.body_size",
                                            expected, size);
    }
    quote->body = tacit_cursor_take(cursor, expected);
    if (cursor->failed) {
        return s_malformed(error, "quote.body", "a report", "fewer bytes");
    }
    return TACIT_OK;
}

/*  Header and body; the cursor then stands before the length of the signature section.  */
static tacit_status_t s_parse_signed(tacit_span_t bytes, tacit_cursor_t *cursor,
                                     tacit_dcap_quote_t *quote, tacit_error_t *error)
{
    if (bytes.size > TACIT_QUOTE_MAX) {
        return tacit_evidence_refuse_number(error, TACIT_TOO_LARGE, "quote.size", TACIT_QUOTE_MAX,
                                            bytes.size);
    }
    tacit_span_t header = tacit_cursor_take(cursor, TACIT_QUOTE_HEADER_SIZE);
    if (cursor->failed) {
        return s_malformed(error, "quote.size", "a header, a report and a signature",
                           "fewer bytes");
    }
    tacit_status_t status = s_check_header(header.data, error);
    if (status != TACIT_OK) {
        return status;
    }
    uint64_t tee = s_little(header.data + TACIT_HEADER_TEE_TYPE, 4);
    quote->version = (uint16_t)s_little(header.data + TACIT_HEADER_VERSION, 2);
    quote->is_tdx = tee == TACIT_QUOTE_TEE_TDX;
    status = s_parse_body(cursor, tee, quote, error);
    if (status != TACIT_OK) {
        return status;
    }
    quote->signed_part = tacit_span(bytes.data, bytes.size - cursor->rest.size);
    if (quote->is_tdx) {
        quote->td.bytes = quote->body;
    } else {
        quote->report = tacit_sgx_report(quote->body.data);
    }
    return TACIT_OK;
}

static bool s_only_zeros(tacit_span_t span)
{
    for (size_t i = 0; i < span.size; i++) {
        if (span.data[i] != 0) {
            return false;
        }
    }
    return true;
}

static tacit_span_t s_without_final_zeros(tacit_span_t span)
{
    while (span.size > 0 && span.data[span.size - 1] == 0) {
        span.size--;
    }
    return span;
}

/*  QE report to PCK chain, which fill the rest of the cursor.  */
static tacit_status_t s_parse_certification(tacit_cursor_t *cursor, tacit_dcap_quote_t *quote,
                                            tacit_error_t *error)
{
    tacit_span_t qe_report = tacit_cursor_take(cursor, TACIT_REPORT_SIZE);
    quote->qe_signature = tacit_cursor_take(cursor, TACIT_ECDSA_SIGNATURE_SIZE).data;
    quote->auth_data = tacit_cursor_take(cursor, tacit_cursor_u16(cursor));
    uint16_t type = tacit_cursor_u16(cursor);
    tacit_span_t certificates = tacit_cursor_take(cursor, tacit_cursor_u32(cursor));
    if (!tacit_cursor_done(cursor)) {
        return s_malformed(error, "quote.signature_section", "lengths that fill it exactly",
                           cursor->failed ? "a length beyond its end" : "bytes left over");
    }
    if (type != TACIT_QUOTE_CERT_TYPE_PEM) {
        return tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.cert_type",
                                            TACIT_QUOTE_CERT_TYPE_PEM, type);
    }
    quote->qe_report = tacit_sgx_report(qe_report.data);
    quote->certificates = s_without_final_zeros(certificates);
    return TACIT_OK;
}

static tacit_status_t s_parse_section(tacit_span_t section, tacit_dcap_quote_t *quote,
                                      tacit_error_t *error)
{
    tacit_cursor_t cursor = tacit_cursor(section);
    quote->signature = tacit_cursor_take(&cursor, TACIT_ECDSA_SIGNATURE_SIZE).data;
    quote->attestation_key = tacit_cursor_take(&cursor, TACIT_ECDSA_KEY_SIZE).data;
    if (quote->version == TACIT_QUOTE_VERSION_3) {
        return s_parse_certification(&cursor, quote, error);
    }
    uint16_t type = tacit_cursor_u16(&cursor);
    tacit_span_t inner = tacit_cursor_take(&cursor, tacit_cursor_u32(&cursor));
    if (!tacit_cursor_done(&cursor)) {
        return s_malformed(error, "quote.signature_section", "lengths that fill it exactly",
                           cursor.failed ? "a length beyond its end" : "bytes left over");
    }
    if (type != TACIT_QUOTE_CERT_TYPE_QE_REPORT) {
        return tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.outer_cert_type",
                                            TACIT_QUOTE_CERT_TYPE_QE_REPORT, type);
    }
    cursor = tacit_cursor(inner);
    return s_parse_certification(&cursor, quote, error);
}

tacit_status_t tacit_dcap_quote_parse_body(tacit_span_t bytes, tacit_dcap_quote_t *ret_quote,
                                           tacit_error_t *ret_error)
{
    tacit_dcap_quote_t quote = {0};
    tacit_cursor_t cursor = tacit_cursor(bytes);
    tacit_status_t status = s_parse_signed(bytes, &cursor, &quote, ret_error);
    if (status == TACIT_OK) {
        *ret_quote = quote;
    }
    return status;
}

tacit_status_t tacit_dcap_quote_parse(tacit_span_t bytes, tacit_dcap_quote_t *ret_quote,
                                      tacit_error_t *ret_error)
{
    tacit_dcap_quote_t quote = {0};
    tacit_cursor_t cursor = tacit_cursor(bytes);
    tacit_status_t status = s_parse_signed(bytes, &cursor, &quote, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_span_t section = tacit_cursor_take(&cursor, tacit_cursor_u32(&cursor));
    if (cursor.failed) {
        return s_malformed(ret_error, "quote.signature_section", "as long as it says",
                           "fewer bytes");
    }
    if (!s_only_zeros(cursor.rest)) {
        return s_malformed(ret_error, "quote.end", "nothing but zero bytes", "other bytes");
    }
    quote.trailing = cursor.rest.size;
    status = s_parse_section(section, &quote, ret_error);
    if (status == TACIT_OK) {
        *ret_quote = quote;
    }
    return status;
}
