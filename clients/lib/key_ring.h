/*  key_ring.h - symmetric keys of an owner, a file each (0600) in a folder of its identity.

    Names are made by who stores: a model key is "models/NAME@VERSION", a request key
    "requests/OWNER-NAME-MEASUREMENT". What is stored is durable before it is used.  */

#ifndef TACIT_CLIENTS_KEY_RING_H
#define TACIT_CLIENTS_KEY_RING_H

#include "enclave/error.h"
#include "enclave/secret.h"

/*  NOT_FOUND where there is none of that name.  */
TACIT_MUST_CHECK tacit_status_t tacit_key_ring_load(const char *identity, const char *kind,
                                                    const char *name, tacit_secret_t **ret_key,
                                                    tacit_error_t *ret_error);

/*  A new random key under that name, in place of the one before.  */
TACIT_MUST_CHECK tacit_status_t tacit_key_ring_make(const char *identity, const char *kind,
                                                    const char *name, tacit_secret_t **ret_key,
                                                    tacit_error_t *ret_error);

/*  Forget it; nothing where there is none.  */
void tacit_key_ring_remove(const char *identity, const char *kind, const char *name);

#endif
