/*  pck.h - what a PCK certificate says of its platform: the extension 1.2.840.113741.1.13.1.  */

#ifndef TACIT_ENCLAVE_PCK_H
#define TACIT_ENCLAVE_PCK_H

#include <openssl/x509.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_PCK_COMPONENTS = 16,
    TACIT_PPID_SIZE = 16,
    TACIT_CPUSVN_SIZE = 16,
    TACIT_PCEID_SIZE = 2,
    TACIT_FMSPC_SIZE = 6
};

typedef struct tacit_pck {
    uint8_t ppid[TACIT_PPID_SIZE];            /* the platform, for ever */
    uint8_t components[TACIT_PCK_COMPONENTS]; /* SVNs of the TCB's parts */
    uint16_t pcesvn;                          /* of the provisioning enclave */
    uint8_t cpusvn[TACIT_CPUSVN_SIZE];        /* as the CPU reports it */
    uint8_t pceid[TACIT_PCEID_SIZE];          /* which provisioning enclave */
    uint8_t fmspc[TACIT_FMSPC_SIZE];          /* family, model, stepping, platform, custom SKU */
} tacit_pck_t;

/*  Read the extension: each field once and of its exact size, else EVIDENCE_MALFORMED; fields that
    have no place above are skipped.  */
TACIT_MUST_CHECK tacit_status_t tacit_pck_parse(X509 *certificate, tacit_pck_t *ret_pck,
                                                tacit_error_t *ret_error);

#endif
