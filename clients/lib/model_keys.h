/*  model_keys.h - the key ring of a model's owner: one file per model version, below the identity.

        IDENTITY/model-keys/NAME/VERSION.json

    A key is made and durable here before anything is sealed under it, so that its owner never
    depends on the mesh to get a model back.  */

#ifndef TACIT_CLIENTS_MODEL_KEYS_H
#define TACIT_CLIENTS_MODEL_KEYS_H

#include "enclave/error.h"
#include "enclave/secret.h"

/*  A new random key for that version. ALREADY_EXISTS where there is one.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_keys_make(const char *identity, const char *name,
                                                      uint32_t version, tacit_secret_t **ret_key,
                                                      tacit_error_t *ret_error);

/*  The key of a version. NOT_FOUND, with a remedy, where it is not in this ring.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_keys_load(const char *identity, const char *name,
                                                      uint32_t version, tacit_secret_t **ret_key,
                                                      tacit_error_t *ret_error);

/*  Forgets the key of a version (0: of all of them). What is not there is no error.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_keys_remove(const char *identity, const char *name,
                                                        uint32_t version, tacit_error_t *ret_error);

/*  The highest version that this ring has a key for; 0 where it has none.  */
uint32_t tacit_model_keys_newest(const char *identity, const char *name);

#endif
