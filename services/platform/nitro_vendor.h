/*  nitro_vendor.h - the cloud of the simulated Nitro platform: a chain of P-384 certificates from
    its root to one instance, and documents of the programs that run there.

    As AWS's, a document's own certificate lives three hours. Its key is made when the platform
    starts, is never stored, and stays as long as the platform runs: the certificate alone is
    issued anew. Not thread-safe.  */

#ifndef TACIT_PLATFORM_NITRO_VENDOR_H
#define TACIT_PLATFORM_NITRO_VENDOR_H

#include "enclave/platform.h"

enum {
    TACIT_NITRO_STATE_MAX = 32 * 1024, /* bytes of tacit_nitro_vendor_export */
    TACIT_NITRO_LEAF_S = 3 * 3600,     /* life of a document's certificate */
    TACIT_NITRO_REFRESH_S = 2 * 3600,  /* issued anew when less is left */
    TACIT_NITRO_CERTIFICATE_S = 10 * 365 * 24 * 3600,
    TACIT_NITRO_ROOT_S = 20 * 365 * 24 * 3600,
    TACIT_NITRO_BACKDATE_S = 60 /* for clocks that lag behind */
};

typedef struct tacit_nitro_vendor tacit_nitro_vendor_t;

/*  New keys and certificates, in memory.  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_vendor_new(tacit_nitro_vendor_t **ret_vendor);
void tacit_nitro_vendor_destroy(tacit_nitro_vendor_t **vendor);

/*  Keys and certificates as PEM, secret; and back, with a leaf issued now.  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_vendor_export(const tacit_nitro_vendor_t *vendor,
                                                          tacit_secret_t **ret_state);
TACIT_MUST_CHECK tacit_status_t tacit_nitro_vendor_import(tacit_span_t state,
                                                          tacit_nitro_vendor_t **ret_vendor);

/*  Is such a state that of a Nitro platform?  */
bool tacit_nitro_vendor_is_state(tacit_span_t state);

/*  True when the leaf ends within TACIT_NITRO_REFRESH_S; and a new one for the same key.  */
bool tacit_nitro_vendor_due(const tacit_nitro_vendor_t *vendor, uint64_t now_s);
TACIT_MUST_CHECK tacit_status_t tacit_nitro_vendor_refresh(tacit_nitro_vendor_t *vendor);

tacit_span_t tacit_nitro_vendor_root_der(const tacit_nitro_vendor_t *vendor);

/*  A document: that self, as its signature file has it, runs on this instance and committed to
    report_data. Writes at most TACIT_QUOTE_MAX bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_vendor_document(const tacit_nitro_vendor_t *vendor,
                                                            const tacit_self_t *self,
                                                            const uint8_t report_data[64],
                                                            uint8_t *ret_document,
                                                            size_t *ret_size);

#endif
