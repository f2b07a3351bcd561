/*  secret_field.h - one secret field by itself, for who encodes its messages elsewhere.

    The codec seals and opens the secret fields of C structs by itself; a binding of another
   language has its own msgpack and leaves to C what only one implementation should do.  */

#ifndef TACIT_RPC_SECRET_FIELD_H
#define TACIT_RPC_SECRET_FIELD_H

#include "rpc/codec.h"

enum { TACIT_SECRET_FIELD_MAX = 64 * 1024 /* bytes of plaintext */ };

/*  What stands in field number of that call: ret_sealed has room for plaintext.size +
    TACIT_SEAL_OVERHEAD. TOO_LARGE beyond TACIT_SECRET_FIELD_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_secret_field_seal(const tacit_secret_context_t *secrets,
                                                        uint32_t number, tacit_span_t plaintext,
                                                        uint8_t *ret_sealed,
                                                        tacit_error_t *ret_error);

/*  The plaintext, which has sealed.size - TACIT_SEAL_OVERHEAD bytes. CORRUPT where it was not
   sealed for this place.  */
TACIT_MUST_CHECK tacit_status_t tacit_secret_field_open(const tacit_secret_context_t *secrets,
                                                        uint32_t number, tacit_span_t sealed,
                                                        uint8_t *ret_plaintext,
                                                        tacit_error_t *ret_error);

#endif
