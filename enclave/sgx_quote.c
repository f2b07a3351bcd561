/*  sgx_quote.c - taking a version 3 quote apart, byte by byte.

    One cursor per level: the whole quote, then the signature section, which must be consumed
    exactly, so that no two readers can see different quotes in the same bytes.  */

#include "enclave/sgx_quote.h"

#include "enclave/evidence.h"
#include "enclave/evidence_refusal.h"

const uint8_t TACIT_QE_VENDOR[TACIT_QE_VENDOR_SIZE] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static uint64_t s_little(const uint8_t *bytes, size_t width)
{
    tacit_cursor_t cursor = tacit_cursor(tacit_span(bytes, width));
    return tacit_cursor_little(&cursor, width);
}

tacit_sgx_report_t tacit_sgx_report(const uint8_t bytes[TACIT_REPORT_SIZE])
{
    const uint8_t *attributes = bytes + TACIT_REPORT_ATTRIBUTES;
    return (tacit_sgx_report_t){
        .bytes = tacit_span(bytes, TACIT_REPORT_SIZE),
        .miscselect = bytes + TACIT_REPORT_MISCSELECT,
        .attributes = attributes,
        .mrenclave = bytes + TACIT_REPORT_MRENCLAVE,
        .mrsigner = bytes + TACIT_REPORT_MRSIGNER,
        .data = bytes + TACIT_REPORT_DATA,
        .product_id = (uint16_t)s_little(bytes + TACIT_REPORT_PRODUCT_ID, 2),
        .svn = (uint16_t)s_little(bytes + TACIT_REPORT_SVN, 2),
        .debug = (s_little(attributes, 8) & TACIT_ATTRIBUTE_DEBUG) != 0,
    };
}

static tacit_status_t s_malformed(tacit_error_t *error, const char *claim, const char *expected,
                                  const char *got)
{
    return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, claim, expected, got);
}

static tacit_status_t s_check_header(const uint8_t *header, tacit_error_t *error)
{
    const struct {
        const char *claim;
        size_t offset;
        size_t width;
        uint64_t expected;
        tacit_status_t code;
    } fields[] = {
        {"quote.version", TACIT_HEADER_VERSION, 2, TACIT_QUOTE_VERSION_3, TACIT_UNSUPPORTED},
        {"quote.att_key_type", TACIT_HEADER_KEY_TYPE, 2, TACIT_QUOTE_KEY_TYPE_P256,
         TACIT_UNSUPPORTED},
        {"quote.tee_type", TACIT_HEADER_TEE_TYPE, 4, 0, TACIT_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        uint64_t got = s_little(header + fields[i].offset, fields[i].width);
        if (got != fields[i].expected) {
            return tacit_evidence_refuse_number(error, fields[i].code, fields[i].claim,
                                                fields[i].expected, got);
        }
    }
    tacit_span_t vendor = tacit_span(header + TACIT_HEADER_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    tacit_span_t expected = tacit_span(TACIT_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    if (!tacit_span_equal(vendor, expected)) {
        return tacit_evidence_refuse_bytes(error, TACIT_QE_REFUSED, "quote.qe_vendor_id", expected,
                                           vendor);
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

static tacit_status_t s_parse_section(tacit_span_t section, tacit_sgx_quote_t *quote,
                                      tacit_error_t *error)
{
    tacit_cursor_t cursor = tacit_cursor(section);
    quote->signature = tacit_cursor_take(&cursor, TACIT_ECDSA_SIGNATURE_SIZE).data;
    quote->attestation_key = tacit_cursor_take(&cursor, TACIT_ECDSA_KEY_SIZE).data;
    tacit_span_t qe_report = tacit_cursor_take(&cursor, TACIT_REPORT_SIZE);
    quote->qe_signature = tacit_cursor_take(&cursor, TACIT_ECDSA_SIGNATURE_SIZE).data;
    quote->auth_data = tacit_cursor_take(&cursor, tacit_cursor_u16(&cursor));
    uint16_t type = tacit_cursor_u16(&cursor);
    tacit_span_t certificates = tacit_cursor_take(&cursor, tacit_cursor_u32(&cursor));
    if (!tacit_cursor_done(&cursor)) {
        return s_malformed(error, "quote.signature_section", "lengths that fill it exactly",
                           cursor.failed ? "a length beyond its end" : "bytes left over");
    }
    if (type != TACIT_QUOTE_CERT_TYPE_PEM) {
        return tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.cert_type",
                                            TACIT_QUOTE_CERT_TYPE_PEM, type);
    }
    quote->qe_report = tacit_sgx_report(qe_report.data);
    quote->certificates = s_without_final_zeros(certificates);
    return TACIT_OK;
}

tacit_status_t tacit_sgx_quote_parse(tacit_span_t bytes, tacit_sgx_quote_t *ret_quote,
                                     tacit_error_t *ret_error)
{
    if (bytes.size > TACIT_QUOTE_MAX) {
        return tacit_evidence_refuse_number(ret_error, TACIT_TOO_LARGE, "quote.size",
                                            TACIT_QUOTE_MAX, bytes.size);
    }
    tacit_sgx_quote_t quote = {0};
    tacit_cursor_t cursor = tacit_cursor(bytes);
    quote.signed_part = tacit_cursor_take(&cursor, TACIT_QUOTE_SIGNED_SIZE);
    uint32_t section_size = tacit_cursor_u32(&cursor);
    if (cursor.failed) {
        return s_malformed(ret_error, "quote.size", "a header, a report and a signature",
                           "fewer bytes");
    }
    tacit_status_t status = s_check_header(quote.signed_part.data, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    quote.report = tacit_sgx_report(quote.signed_part.data + TACIT_QUOTE_REPORT);
    tacit_span_t section = tacit_cursor_take(&cursor, section_size);
    if (cursor.failed) {
        return s_malformed(ret_error, "quote.signature_section", "as long as it says",
                           "fewer bytes");
    }
    if (!s_only_zeros(cursor.rest)) {
        return s_malformed(ret_error, "quote.end", "nothing but zero bytes", "other bytes");
    }
    status = s_parse_section(section, &quote, ret_error);
    if (status == TACIT_OK) {
        *ret_quote = quote;
    }
    return status;
}
