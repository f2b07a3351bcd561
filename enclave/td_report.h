/*  td_report.h - the body of a TDX quote: what the TDX module reports of a trust domain.

    584 bytes in TDX 1.0; TDX 1.5 appends 64. All integers are little-endian.  */

#ifndef TACIT_ENCLAVE_TD_REPORT_H
#define TACIT_ENCLAVE_TD_REPORT_H

#include "enclave/span.h"

enum {
    TACIT_TD_REPORT_SIZE = 584,
    TACIT_TD_REPORT_15_SIZE = 648,
    TACIT_TD_SVN_SIZE = 16,
    TACIT_TD_DIGEST_SIZE = 48, /* SHA-384 */
    TACIT_TD_RTMRS = 4
};

/*  Offsets.  */
enum {
    TACIT_TD_TEE_TCB_SVN = 0,       /* 16 bytes */
    TACIT_TD_MRSEAM = 16,           /* 48 */
    TACIT_TD_MRSIGNERSEAM = 64,     /* 48 */
    TACIT_TD_SEAM_ATTRIBUTES = 112, /* 8 */
    TACIT_TD_ATTRIBUTES = 120,      /* 8; the first byte not zero: not to be trusted */
    TACIT_TD_XFAM = 128,            /* 8 */
    TACIT_TD_MRTD = 136,            /* 48, as the next three */
    TACIT_TD_MRCONFIGID = 184,
    TACIT_TD_MROWNER = 232,
    TACIT_TD_MROWNERCONFIG = 280,
    TACIT_TD_RTMR0 = 328,        /* 4 x 48 */
    TACIT_TD_REPORT_DATA = 520,  /* 64 */
    TACIT_TD_TEE_TCB_SVN2 = 584, /* 16; TDX 1.5, as the next */
    TACIT_TD_MRSERVICETD = 600   /* 48 */
};

/*  A body of either size. Everything in it is read by offset.  */
typedef struct tacit_td_report {
    tacit_span_t bytes; /* TACIT_TD_REPORT_SIZE or TACIT_TD_REPORT_15_SIZE; borrowed */
} tacit_td_report_t;

/*  SVNs of the TDX module as it was when the domain began: [0] its ISVSVN, [1] its version.  */
static inline const uint8_t *tacit_td_svn(const tacit_td_report_t *report)
{
    return report->bytes.data + TACIT_TD_TEE_TCB_SVN;
}

/*  The same of the module that is loaded now; NULL before TDX 1.5.  */
static inline const uint8_t *tacit_td_svn2(const tacit_td_report_t *report)
{
    return report->bytes.size == TACIT_TD_REPORT_15_SIZE
               ? report->bytes.data + TACIT_TD_TEE_TCB_SVN2
               : NULL;
}

/*  The group TUD of the attributes: any bit means that the host may look inside.  */
static inline bool tacit_td_debug(const tacit_td_report_t *report)
{
    return report->bytes.data[TACIT_TD_ATTRIBUTES] != 0;
}

#endif
