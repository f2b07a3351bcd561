/*  upload_keeper.h - uploads that outlive their connection, their session and this process.

    What came is synced and written down (table `uploads` beside the index: manifest, signature,
    durable bytes, the hash's state after them) at every TACIT_UPLOAD_STEP and when its carrier is
    lost; only what is written down is told as kept. After a crash an upload is cut back to that.
    One thread only.  */

#ifndef TACIT_SERVICES_MODELS_UPLOAD_KEEPER_H
#define TACIT_SERVICES_MODELS_UPLOAD_KEEPER_H

#include "services/models/model_store.h"

enum { TACIT_UPLOAD_STEP = 4 * 1024 * 1024 /* bytes that a crash may cost, and a sync pays for */ };

typedef struct tacit_upload_keeper tacit_upload_keeper_t;

/*  With what a former life left; what of that does not hold together is removed. The store is
    borrowed.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_keeper_open(tacit_model_store_t *store,
                                                         tacit_upload_keeper_t **ret_keeper,
                                                         tacit_error_t *ret_error);
/*  Leaves every upload. NULL-safe.  */
void tacit_upload_keeper_destroy(tacit_upload_keeper_t **keeper);

/*  Whoever is at that manifest's upload now; NULL: nobody, or there is none.  */
void *tacit_upload_keeper_carrier(tacit_upload_keeper_t *keeper,
                                  const uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE]);

/*  The upload of that verified manifest for a carrier, which there must be no other of: a new one,
    or the one that is known, cut back to upload->kept. TACIT_MODELS_STALE_VERSION,
    TACIT_MODELS_QUOTA_EXCEEDED, ALREADY_EXISTS where exactly this model is stored.  */
TACIT_MUST_CHECK tacit_status_t
tacit_upload_keeper_begin(tacit_upload_keeper_t *keeper, const tacit_model_manifest_t *manifest,
                          const uint8_t *manifest_bytes, const uint8_t signature[64], void *carrier,
                          tacit_upload_t **ret_upload, tacit_error_t *ret_error);

/*  All that came is kept: upload->kept is upload->size.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_keeper_sync(tacit_upload_keeper_t *keeper,
                                                         tacit_upload_t *upload);

/*  Its carrier is gone; it waits for another one.  */
void tacit_upload_keeper_leave(tacit_upload_keeper_t *keeper, tacit_upload_t *upload);
/*  It comes to nothing.  */
void tacit_upload_keeper_drop(tacit_upload_keeper_t *keeper, tacit_upload_t *upload);

/*  All has come: checked, durable and visible when this returns TACIT_OK; over in any case.
    TACIT_MODELS_CONTENT_MISMATCH, TACIT_MODELS_STALE_VERSION.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_keeper_finish(tacit_upload_keeper_t *keeper,
                                                           tacit_upload_t *upload,
                                                           tacit_error_t *ret_error);

/*  Ends what nobody carried on for too long. Returns how many.  */
size_t tacit_upload_keeper_expire(tacit_upload_keeper_t *keeper);

#endif
