/*  kept_package.h - a sealed model that outlives the process which uploads it.

    It lies in the owner's folder, IDENTITY/uploads/NAME (0600): the sealed chunks, then their
    manifest, its signature, and the mesh that they are for. Its key is in the ring beside it, as
    before and after. Whoever pushes the same content again carries that very upload on: the same
    bytes under the same key, so that nothing is sealed twice, and the store, which knows an upload
    by its manifest, goes on from what it has. It goes when the model is published, when it fits no
    more, and after a day, as the store's half does.

    The process that uploads it holds a lock on it. On a file system without files that have no
    name (O_TMPFILE) nothing is kept. One thread only.  */

#ifndef TACIT_CLIENTS_MLOWNER_KEPT_PACKAGE_H
#define TACIT_CLIENTS_MLOWNER_KEPT_PACKAGE_H

#include "clients/mlowner/package.h"

enum { TACIT_PACKAGE_KEPT_S = 24 * 60 * 60 };

/*  Whose package it is, and which mesh it is for.  */
typedef struct tacit_package_place {
    const char *identity; /* the owner's folder */
    uint8_t mesh_id[32];
    const uint8_t *signing_secret; /* the owner's Ed25519 keys */
    const uint8_t *signing_public;
} tacit_package_place_t;

/*  Gives what tacit_package_seal made its name, and removes what others left there longer than
    TACIT_PACKAGE_KEPT_S ago. Where that is not possible the package is not kept: package->kept.  */
void tacit_package_keep(tacit_package_t *package, const tacit_package_place_t *place);

/*  The package of that model that was kept there, locked; release it in any case. NOT_FOUND where
    there is none, or none of this mesh and owner (then it is gone); BUSY where another process is
    at it.  */
TACIT_MUST_CHECK tacit_status_t tacit_package_find(const char *name,
                                                   const tacit_package_place_t *place,
                                                   tacit_package_t *ret_package,
                                                   tacit_error_t *ret_error);

/*  Is it exactly what the source gives, sealed under the key? BAD_INPUT where the source has other
    bytes, CORRUPT where the package was altered; a failure of the source.  */
TACIT_MUST_CHECK tacit_status_t tacit_package_compare(const tacit_package_t *package,
                                                      const tacit_secret_t *key,
                                                      tacit_chunk_source_t *source, void *context,
                                                      tacit_error_t *ret_error);

/*  Removes it where it is kept. It can be read until it is released.  */
void tacit_package_forget(tacit_package_t *package, const tacit_package_place_t *place);

#endif
