/*  quoting.h - the simulated quoting enclave: Intel ECDSA quotes over what the platform measured,
    v3 of SGX enclaves or v4 of TDX domains, as the vendor is.  */

#ifndef TACIT_PLATFORM_QUOTING_H
#define TACIT_PLATFORM_QUOTING_H

#include "enclave/platform.h"
#include "enclave/sgx_quote.h"
#include "services/platform/pki.h"

typedef struct tacit_quoting tacit_quoting_t;

/*  pki is borrowed and must outlive it.  */
TACIT_MUST_CHECK tacit_status_t tacit_quoting_new(const tacit_pki_t *pki,
                                                  tacit_quoting_t **ret_quoting);
void tacit_quoting_destroy(tacit_quoting_t **quoting);

/*  The quoting enclave's own report: that it holds the attestation key. auth follows the key in
    what the report commits to.  */
void tacit_quoting_report(const tacit_pki_t *pki, const uint8_t attestation_key[64],
                          tacit_span_t auth, uint8_t ret_report[TACIT_REPORT_SIZE]);

/*  A quote: that self, as its signature file has it, runs on this platform and committed to
   report_data. Writes at most TACIT_QUOTE_MAX bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_quoting_quote(const tacit_quoting_t *quoting,
                                                    const tacit_self_t *self,
                                                    const uint8_t report_data[64],
                                                    uint8_t *ret_quote, size_t *ret_size);

#endif
