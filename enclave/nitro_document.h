/*  nitro_document.h - an AWS Nitro attestation document taken apart.

    COSE_Sign1 (tag 18 or none): [protected {1: -35}, unprotected, payload, signature], where the
    payload is a map of module_id, digest, timestamp, pcrs, certificate, cabundle, public_key,
    user_data and nonce. Parsing borrows from the document and checks form only, no signature.  */

#ifndef TACIT_ENCLAVE_NITRO_DOCUMENT_H
#define TACIT_ENCLAVE_NITRO_DOCUMENT_H

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_NITRO_DOCUMENT_MAX = 32 * 1024, /* bytes of one document */
    TACIT_NITRO_PCRS = 32,
    TACIT_NITRO_PCR_SIZE = 48,      /* SHA-384 */
    TACIT_NITRO_FIELD_MAX = 1024,   /* bytes of public_key, user_data and nonce each */
    TACIT_NITRO_MODULE_MAX = 256,   /* bytes of module_id */
    TACIT_NITRO_BUNDLE_MAX = 8,     /* certificates in cabundle */
    TACIT_NITRO_SIGNATURE_SIZE = 96 /* r || s */
};

/*  Spans borrow from the document; those of absent or null fields have data NULL.  */
typedef struct tacit_nitro_document {
    bool tagged;
    tacit_span_t protected_header;               /* as encoded, without its byte string's head */
    tacit_span_t payload;                        /* the same */
    const uint8_t *signature;                    /* TACIT_NITRO_SIGNATURE_SIZE */
    tacit_span_t module_id;                      /* text */
    uint64_t timestamp_ms;                       /* Unix ms */
    const uint8_t *pcrs[TACIT_NITRO_PCRS];       /* TACIT_NITRO_PCR_SIZE each; NULL: absent */
    tacit_span_t certificate;                    /* DER, as the next */
    tacit_span_t bundle[TACIT_NITRO_BUNDLE_MAX]; /* root first */
    size_t bundle_count;
    tacit_span_t public_key;
    tacit_span_t user_data;
    tacit_span_t nonce;
} tacit_nitro_document_t;

/*  EVIDENCE_MALFORMED, TOO_LARGE, UNSUPPORTED (another algorithm or digest).  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_document_parse(tacit_span_t bytes,
                                                           tacit_nitro_document_t *ret_document,
                                                           tacit_error_t *ret_error);

#endif
