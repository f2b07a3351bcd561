/*  sgx_extension.h - the SGX extension of a PCK certificate: which platform, which firmware.

    ASN.1 as in Intel's "SGX PCK Certificate and Certificate Revocation List Profile
    Specification": OID 1.2.840.113741.1.13.1.  */

#ifndef TACIT_PLATFORM_SGX_EXTENSION_H
#define TACIT_PLATFORM_SGX_EXTENSION_H

#include "enclave/span.h"

enum {
    TACIT_TCB_COMPONENTS = 16,
    TACIT_SGX_EXTENSION_MAX = 512 /* bytes; the largest has 453 or so */
};

typedef struct tacit_sgx_platform {
    uint8_t ppid[16];                         /* platform id */
    uint8_t components[TACIT_TCB_COMPONENTS]; /* TCB component SVNs */
    uint8_t cpusvn[16];
    uint8_t fmspc[6]; /* platform model */
    uint8_t pceid[2];
    uint16_t pcesvn;
} tacit_sgx_platform_t;

/*  Writes the DER value; returns its size.  */
size_t tacit_sgx_extension_encode(const tacit_sgx_platform_t *platform,
                                  uint8_t ret_der[TACIT_SGX_EXTENSION_MAX]);

#endif
