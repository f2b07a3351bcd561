/*  publish.h - from a model of the owner's to a version that the mesh can run, and to its next one.

    Order: the key goes to the local ring, the sealed content to the store, the key to the key
    service. A crash anywhere leaves at most a version without a key, which nobody can run; the next
    push carries it on where the content is the same (kept_package.h), else passes over it.  */

#ifndef TACIT_CLIENTS_PUBLISH_H
#define TACIT_CLIENTS_PUBLISH_H

#include "clients/lib/user.h"
#include "clients/mlowner/package.h"

/*  An owner with her connections.  */
typedef struct tacit_owner {
    const tacit_invocation_t *invocation;
    tacit_user_t user;
    tacit_client_t *keys;
    tacit_client_t *models;
} tacit_owner_t;

TACIT_MUST_CHECK tacit_status_t tacit_owner_open(const tacit_invocation_t *invocation,
                                                 tacit_owner_t *ret_owner,
                                                 tacit_error_t *ret_error);
void tacit_owner_close(tacit_owner_t *owner);

/*  "NAME" or "NAME@VERSION" of the owner's own; version 0 where none is given.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_parse(const char *text,
                                                  char ret_name[TACIT_MODEL_NAME_MAX + 1],
                                                  uint32_t *ret_version, tacit_error_t *ret_error);

/*  The newest version that store, key service or the local ring know; 0: none.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_newest(tacit_owner_t *owner, const char *name,
                                                   uint32_t *ret_version, tacit_error_t *ret_error);

/*  What is published: the source gives size bytes.  */
typedef struct tacit_publication {
    const char *name;
    uint64_t size;
    tacit_precision_t precision; /* for workers to compute in */
    bool anew;                   /* under a new key, whatever an earlier push left behind */
    tacit_chunk_source_t *source;
    void *context;
} tacit_publication_t;

/*  Seal it under a new key and publish it as the version after the newest; gives that. Or carry on
    what a push of the same content left behind.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_publish(tacit_owner_t *owner,
                                                    const tacit_publication_t *publication,
                                                    uint32_t *ret_version,
                                                    tacit_error_t *ret_error);

/*  Publish the newest version again, in its precision, under a new key, chunk by chunk from the
   store, checked and opened here; then remove the old one.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_rotate(tacit_owner_t *owner, const char *name,
                                                   uint32_t *ret_version, tacit_error_t *ret_error);

#endif
