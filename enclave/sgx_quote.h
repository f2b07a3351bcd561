/*  sgx_quote.h - the layout of an Intel ECDSA quote, version 3, and of SGX report bodies.

    All integers are little-endian, except inside ECDSA keys and signatures (big-endian halves).
    The offsets are public so that the simulated platform builds the same bytes that this parser
    and every other DCAP verifier read.

        header 48 | report 384 | length u32 | signature section:
            signature 64 | attestation key 64 | QE report 384 | QE report signature 64 |
            u16 + authentication data | type u16, u32 + certification data

    dcap_quote.h takes quotes of this and later versions apart.  */

#ifndef TACIT_ENCLAVE_SGX_QUOTE_H
#define TACIT_ENCLAVE_SGX_QUOTE_H

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_QUOTE_HEADER_SIZE = 48,
    TACIT_REPORT_SIZE = 384,
    TACIT_QUOTE_SIGNED_SIZE = TACIT_QUOTE_HEADER_SIZE + TACIT_REPORT_SIZE, /* what is signed */
    TACIT_ECDSA_SIGNATURE_SIZE = 64,                                       /* r || s */
    TACIT_ECDSA_KEY_SIZE = 64,                                             /* x || y */

    TACIT_QUOTE_VERSION_3 = 3,
    TACIT_QUOTE_KEY_TYPE_P256 = 2, /* ECDSA-256-with-P-256 */
    TACIT_QUOTE_CERT_TYPE_PEM = 5  /* PCK certificate chain, leaf first, in PEM */
};

/*  Offsets in the header.  */
enum {
    TACIT_HEADER_VERSION = 0,    /* u16 */
    TACIT_HEADER_KEY_TYPE = 2,   /* u16 */
    TACIT_HEADER_TEE_TYPE = 4,   /* u32, zero: SGX */
    TACIT_HEADER_QE_SVN = 8,     /* u16 */
    TACIT_HEADER_PCE_SVN = 10,   /* u16 */
    TACIT_HEADER_QE_VENDOR = 12, /* 16 bytes, TACIT_QE_VENDOR */
    TACIT_HEADER_USER_DATA = 28, /* 20 bytes */
    TACIT_QE_VENDOR_SIZE = 16
};

/*  Offsets in a report body; bytes that none names are reserved and zero.  */
enum {
    TACIT_REPORT_CPUSVN = 0,          /* 16 bytes */
    TACIT_REPORT_MISCSELECT = 16,     /* u32 */
    TACIT_REPORT_EXT_PRODUCT_ID = 32, /* 16 bytes, ISVEXTPRODID */
    TACIT_REPORT_ATTRIBUTES = 48,     /* flags u64, xfrm u64 */
    TACIT_REPORT_MRENCLAVE = 64,      /* 32 bytes */
    TACIT_REPORT_MRSIGNER = 128,      /* 32 bytes */
    TACIT_REPORT_CONFIG_ID = 192,     /* 64 bytes */
    TACIT_REPORT_PRODUCT_ID = 256,    /* u16, ISVPRODID */
    TACIT_REPORT_SVN = 258,           /* u16, ISVSVN */
    TACIT_REPORT_CONFIG_SVN = 260,    /* u16 */
    TACIT_REPORT_FAMILY_ID = 304,     /* 16 bytes, ISVFAMILYID */
    TACIT_REPORT_DATA = 320,          /* 64 bytes */
    TACIT_ATTRIBUTES_SIZE = 16
};

/*  Bits of the attributes' flags.  */
enum {
    TACIT_ATTRIBUTE_INIT = 1 << 0,
    TACIT_ATTRIBUTE_DEBUG = 1 << 1,
    TACIT_ATTRIBUTE_MODE64 = 1 << 2
};

/*  Offsets in the quote, fixed up to the authentication data.  */
enum {
    TACIT_QUOTE_REPORT = TACIT_QUOTE_HEADER_SIZE,
    TACIT_QUOTE_SECTION_LENGTH = TACIT_QUOTE_SIGNED_SIZE,                           /* u32 */
    TACIT_QUOTE_SIGNATURE = TACIT_QUOTE_SECTION_LENGTH + 4,                         /* 436 */
    TACIT_QUOTE_KEY = TACIT_QUOTE_SIGNATURE + TACIT_ECDSA_SIGNATURE_SIZE,           /* 500 */
    TACIT_QUOTE_QE_REPORT = TACIT_QUOTE_KEY + TACIT_ECDSA_KEY_SIZE,                 /* 564 */
    TACIT_QUOTE_QE_SIGNATURE = TACIT_QUOTE_QE_REPORT + TACIT_REPORT_SIZE,           /* 948 */
    TACIT_QUOTE_AUTH_LENGTH = TACIT_QUOTE_QE_SIGNATURE + TACIT_ECDSA_SIGNATURE_SIZE /* 1012 */
};

/*  Who made the quoting enclave: 939a7233-f79c-4ca9-940a-0db3957f0607.  */
extern const uint8_t TACIT_QE_VENDOR[TACIT_QE_VENDOR_SIZE];

/*  What a verifier reads of a report body. Pointers borrow from it.  */
typedef struct tacit_sgx_report {
    tacit_span_t bytes;        /* all 384 of them, as signed */
    const uint8_t *miscselect; /* 4 bytes, as in the report */
    const uint8_t *attributes; /* TACIT_ATTRIBUTES_SIZE */
    const uint8_t *mrenclave;  /* 32 */
    const uint8_t *mrsigner;   /* 32 */
    const uint8_t *data;       /* 64: report_data */
    uint16_t product_id;
    uint16_t svn;
    bool debug;
} tacit_sgx_report_t;

/*  Read a report body of TACIT_REPORT_SIZE bytes.  */
tacit_sgx_report_t tacit_sgx_report(const uint8_t bytes[TACIT_REPORT_SIZE]);

#endif
