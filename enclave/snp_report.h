/*  snp_report.h - the layout of an AMD SEV-SNP attestation report, versions 2 to 5.

    1184 bytes, little-endian, the halves of the signature too. The firmware signs everything before
    the signature.  */

#ifndef TACIT_ENCLAVE_SNP_REPORT_H
#define TACIT_ENCLAVE_SNP_REPORT_H

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_SNP_REPORT_SIZE = 1184,
    TACIT_SNP_SIGNED_SIZE = 0x2a0,
    TACIT_SNP_CHIP_ID_SIZE = 64,
    TACIT_SNP_TCB_SIZE = 8,
    TACIT_SNP_MEASUREMENT_SIZE = 48,
    TACIT_SNP_PRODUCT_MAX = 32,
    TACIT_SNP_VERSION_MIN = 2,
    TACIT_SNP_VERSION_MAX = 5,
    TACIT_SNP_VERSION_CPUID = 3, /* the first that tells family, model and stepping */
    TACIT_SNP_ECDSA_P384 = 1     /* with SHA-384 */
};

/*  Offsets.  */
enum {
    TACIT_SNP_VERSION = 0x000,      /* u32 */
    TACIT_SNP_POLICY = 0x008,       /* u64 */
    TACIT_SNP_VMPL = 0x030,         /* u32 */
    TACIT_SNP_ALGORITHM = 0x034,    /* u32 */
    TACIT_SNP_FLAGS = 0x048,        /* u32 */
    TACIT_SNP_REPORT_DATA = 0x050,  /* 64 bytes */
    TACIT_SNP_MEASUREMENT = 0x090,  /* 48 */
    TACIT_SNP_HOST_DATA = 0x0c0,    /* 32 */
    TACIT_SNP_REPORTED_TCB = 0x180, /* 8 */
    TACIT_SNP_CPUID = 0x188,        /* family, model, stepping */
    TACIT_SNP_CHIP_ID = 0x1a0,      /* 64 */
    TACIT_SNP_SIGNATURE_R = 0x2a0,  /* 72, little-endian, as the next */
    TACIT_SNP_SIGNATURE_S = 0x2e8,
    TACIT_SNP_SIGNATURE_END = 0x330,
    TACIT_SNP_SIGNATURE_HALF = 72
};

enum {
    TACIT_SNP_POLICY_DEBUG_BIT = 19,
    TACIT_SNP_FLAGS_KEY_SHIFT = 2, /* three bits: which key signed */
    TACIT_SNP_KEY_VCEK = 0,
    TACIT_SNP_KEY_VLEK = 1
};

/*  What a verifier reads of a report; it borrows.  */
typedef struct tacit_snp_report {
    const uint8_t *bytes; /* TACIT_SNP_REPORT_SIZE */
    uint32_t version;
    uint64_t policy;
    uint32_t vmpl;
    uint32_t signing_key; /* TACIT_SNP_KEY_ */
} tacit_snp_report_t;

static inline bool tacit_snp_debug_allowed(uint64_t policy)
{
    return (policy >> TACIT_SNP_POLICY_DEBUG_BIT & 1) != 0;
}

/*  Check the form: exact size, a known version, algorithm and key, nothing beside the signature.
    EVIDENCE_MALFORMED, UNSUPPORTED.  */
TACIT_MUST_CHECK tacit_status_t tacit_snp_report_parse(tacit_span_t bytes,
                                                       tacit_snp_report_t *ret_report,
                                                       tacit_error_t *ret_error);

/*  r || s, each 48 bytes big-endian, as other ECDSA signatures are.  */
void tacit_snp_report_signature(const tacit_snp_report_t *report, uint8_t ret_signature[96]);

#endif
