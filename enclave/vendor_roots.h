/*  vendor_roots.h - the trust anchors of real hardware, pinned.

    By the SHA-256 of the certificate's DER, never by its name: anybody can issue a root of the same
    name, and pre-production ones exist. Meshes pin their own anchors in trust.json; these are for
    judging evidence from anywhere.  */

#ifndef TACIT_ENCLAVE_VENDOR_ROOTS_H
#define TACIT_ENCLAVE_VENDOR_ROOTS_H

#include "enclave/verdict.h"

/*  The vendor's pinned root that has this SHA-256; where it has none like that the first of its
    roots, which then refuses the chain. Never NULL.  */
const uint8_t *tacit_vendor_root(tacit_evidence_kind_t kind, const uint8_t sha256[32]);

#endif
