/*  tdx_forge.h - Intel quotes of versions 4 and 5, and the collateral of TDX, of a simulated
   vendor, in order or with one thing wrong.  */

#ifndef TACIT_TESTS_EVIDENCE_TDX_FORGE_H
#define TACIT_TESTS_EVIDENCE_TDX_FORGE_H

#include "enclave/dcap_quote.h"
#include "services/platform/pki.h"
#include "tests/evidence/forge.h"

typedef struct tdx_class {
    const char *name;
    tacit_status_t expected;
    tacit_tcb_status_t merged; /* of what is genuine */
} tdx_class_t;

typedef struct tdx_sample {
    tacit_pki_t *pki;              /* owned */
    tacit_collateral_t collateral; /* borrows from it */
    uint8_t root_sha256[32];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size;
} tdx_sample_t;

extern const tdx_class_t tdx_classes[];
extern const size_t tdx_class_count;

void tdx_forge_open(const tdx_class_t *class, tdx_sample_t *ret_sample);
void tdx_forge_close(tdx_sample_t *sample);

#endif
