/*  quoting.h - the simulated quoting enclave: Intel ECDSA quotes v3 over what the platform
    measured.  */

#ifndef TACIT_PLATFORM_QUOTING_H
#define TACIT_PLATFORM_QUOTING_H

#include "enclave/platform.h"
#include "services/platform/pki.h"

typedef struct tacit_quoting tacit_quoting_t;

/*  pki is borrowed and must outlive it.  */
TACIT_MUST_CHECK tacit_status_t tacit_quoting_new(const tacit_pki_t *pki,
                                                  tacit_quoting_t **ret_quoting);
void tacit_quoting_destroy(tacit_quoting_t **quoting);

/*  A quote: that self runs on this platform and committed to report_data. Writes at most
    TACIT_QUOTE_MAX bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_quoting_quote(const tacit_quoting_t *quoting,
                                                    const tacit_self_t *self,
                                                    const uint8_t report_data[64],
                                                    uint8_t *ret_quote, size_t *ret_size);

#endif
