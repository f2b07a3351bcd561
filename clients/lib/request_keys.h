/*  request_keys.h - the key ring of a data owner: what requests to a model are sealed under.

        IDENTITY/request-keys/OWNER/NAME/MEASUREMENT.json

    Who picks the worker is the gateway, so that all workers that a user accepts at a moment share
    one key, kept under each of their measurements. When one of them is no longer accepted, a new
    key is made: code of the past does not open requests of the future.  */

#ifndef TACIT_CLIENTS_REQUEST_KEYS_H
#define TACIT_CLIENTS_REQUEST_KEYS_H

#include "enclave/error.h"
#include "enclave/secret.h"

enum { TACIT_REQUEST_KEYS_MAX = 64 /* measurements accepted at a time */ };

/*  The key for exactly these measurements (1..TACIT_REQUEST_KEYS_MAX, 32 bytes each), made where
    there is none yet; durable before it is returned. ret_fresh[i] tells whether measurement i is
    new to it, so that the key service has to be told.  */
TACIT_MUST_CHECK tacit_status_t tacit_request_keys_open(const char *identity,
                                                        const uint8_t owner[32], const char *name,
                                                        const uint8_t (*measurements)[32],
                                                        size_t count, tacit_secret_t **ret_key,
                                                        bool *ret_fresh, tacit_error_t *ret_error);

#endif
