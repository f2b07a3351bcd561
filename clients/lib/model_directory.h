/*  model_directory.h - the models that the store lists: of one owner or of all.  */

#ifndef TACIT_CLIENTS_MODEL_DIRECTORY_H
#define TACIT_CLIENTS_MODEL_DIRECTORY_H

#include "clients/lib/model_reference.h"
#include "clients/lib/user.h"

enum { TACIT_DIRECTORY_MAX = 65536 /* versions */ };

typedef struct tacit_model_entry {
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version;
    uint64_t size;       /* plaintext bytes */
    uint64_t created_ms; /* Unix ms */
    uint8_t content_sha256[32];
} tacit_model_entry_t;

typedef struct tacit_model_directory {
    tacit_model_entry_t *entries; /* owned; as the store orders them */
    size_t count;
} tacit_model_directory_t;

/*  Everything of an owner (NULL: of all) over a connection to the store. Entries whose name is
    none are left out. TOO_LARGE beyond TACIT_DIRECTORY_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_directory_load(tacit_client_t *models,
                                                           const uint8_t *owner,
                                                           tacit_model_directory_t *ret_directory,
                                                           tacit_error_t *ret_error);
void tacit_model_directory_release(tacit_model_directory_t *directory);

/*  The newest version of a name, or 0.  */
uint32_t tacit_model_directory_newest(const tacit_model_directory_t *directory, const char *name);

/*  Makes an abbreviated owner whole by what the store lists; asks nobody where it is whole.
    NOT_FOUND where no such model is listed.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_directory_resolve(tacit_user_t *user,
                                                              tacit_model_reference_t *reference,
                                                              tacit_error_t *ret_error);

#endif
