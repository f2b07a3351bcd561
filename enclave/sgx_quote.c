/*  sgx_quote.c - reading a report body.  */

#include "enclave/sgx_quote.h"

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
