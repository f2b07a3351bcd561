/*  sigstruct.h - the signature file of an enclave, SIGSTRUCT (Intel SDM volume 3D, section 38.13):
    1808 bytes with the signer's RSA-3072 key, the measurement, product id and version.

    The layout is Intel's to the byte, q1 and q2 included, so that tools for SGX can read it; what
    is measured differs (measurement.h). The signer's identity, MRSIGNER, is SHA-256 of the modulus,
    little-endian.  */

#ifndef TACIT_ENCLAVE_SIGSTRUCT_H
#define TACIT_ENCLAVE_SIGSTRUCT_H

#include <openssl/evp.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_SIGSTRUCT_SIZE = 1808, TACIT_SIGNER_BITS = 3072, TACIT_SIGNER_EXPONENT = 3 };

typedef struct tacit_sigstruct {
    uint8_t mrenclave[32];
    uint8_t mrsigner[32]; /* set when verified; ignored when signing */
    uint16_t product_id;
    uint16_t svn;
    bool debug;    /* DEBUG in the attributes, which the mask makes binding */
    uint32_t date; /* binary-coded decimal, 0xYYYYMMDD */
} tacit_sigstruct_t;

/*  Encode and sign. key is RSA of TACIT_SIGNER_BITS with exponent 3 (BAD_INPUT otherwise).  */
TACIT_MUST_CHECK tacit_status_t tacit_sigstruct_sign(const tacit_sigstruct_t *sigstruct,
                                                     EVP_PKEY *key,
                                                     uint8_t ret_bytes[TACIT_SIGSTRUCT_SIZE]);

/*  Decode and check everything: constants, reserved bytes, key, signature, q1 and q2.
    PLATFORM_REFUSED where the form is wrong, SIGNATURE_INVALID where the signature is.  */
TACIT_MUST_CHECK tacit_status_t tacit_sigstruct_verify(tacit_span_t bytes,
                                                       tacit_sigstruct_t *ret_sigstruct,
                                                       tacit_error_t *ret_error);

#endif
