/*  vek.h - what the certificate of an AMD key (VCEK: a chip's, VLEK: a cloud's) says of its
    platform: the extensions below 1.3.6.1.4.1.3704.1.  */

#ifndef TACIT_ENCLAVE_VEK_H
#define TACIT_ENCLAVE_VEK_H

#include <openssl/x509.h>

#include "enclave/error.h"
#include "enclave/snp_report.h"

typedef struct tacit_vek {
    char product[TACIT_SNP_PRODUCT_MAX]; /* "Milan-B0" */
    uint8_t tcb[TACIT_SNP_TCB_SIZE];     /* SVNs where reported_tcb has them */
    bool has_chip_id;                    /* a VCEK */
    uint8_t chip_id[TACIT_SNP_CHIP_ID_SIZE];
} tacit_vek_t;

/*  Each extension once and in its form, else EVIDENCE_MALFORMED; others are skipped.  */
TACIT_MUST_CHECK tacit_status_t tacit_vek_parse(X509 *certificate, tacit_vek_t *ret_vek,
                                                tacit_error_t *ret_error);

#endif
