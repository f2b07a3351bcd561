/*  upload.h - a sealed model on its way to the store, over as many connections as that takes.

    What is lost meanwhile (connection, session, the store itself) costs what the store had not
    kept: the same manifest again goes on from there.  */

#ifndef TACIT_CLIENTS_MLOWNER_UPLOAD_H
#define TACIT_CLIENTS_MLOWNER_UPLOAD_H

#include "clients/mlowner/kept_package.h"
#include "clients/mlowner/publish.h"

/*  Where this owner keeps what is on its way to this mesh. Borrows the owner.  */
tacit_package_place_t tacit_owner_place(const tacit_owner_t *owner);

/*  The whole of it is in the store, durably, when this returns TACIT_OK; also where it was there
    already. TACIT_MODELS_STALE_VERSION where a newer version is.  */
TACIT_MUST_CHECK tacit_status_t tacit_owner_upload(tacit_owner_t *owner,
                                                   const tacit_package_t *package,
                                                   tacit_error_t *ret_error);

#endif
