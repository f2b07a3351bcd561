/*  upload.c - see upload.h.  */

#include "clients/mlowner/upload.h"

#include <stdio.h>

#include "clients/lib/progress.h"
#include "idl/models.h"
#include "rpc/resume.h"

tacit_package_place_t tacit_owner_place(const tacit_owner_t *owner)
{
    const tacit_identity_t *identity = owner->user.identity;
    tacit_package_place_t place = {.identity = owner->invocation->identity,
                                   .signing_secret = identity->signing_secret->data,
                                   .signing_public = identity->signing_public};
    memcpy(place.mesh_id, tacit_mesh_id(owner->user.mesh), sizeof place.mesh_id);
    return place;
}

/*  An upload under way, and who watches it.  */
typedef struct {
    tacit_owner_t *owner;
    const tacit_package_t *package;
    tacit_progress_t progress;
} s_upload_t;

static const double s_mib = 1024.0 * 1024.0;

static tacit_status_t s_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size,
                             tacit_error_t *ret_error)
{
    const s_upload_t *upload = context;
    return tacit_package_read(upload->package, offset, ret_bytes, size, ret_error);
}

/*  What outlives a session outlives the one with the attestation service, too.  */
static tacit_status_t s_connect_again(tacit_user_t *user, tacit_role_t role,
                                      tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_user_connect(user, role, ret_client, ret_error);
    if (status == TACIT_NO_SESSION || status == TACIT_SESSION_EXPIRED ||
        status == TACIT_UNREACHABLE) {
        status = tacit_user_renew(user, ret_error);
        status = status ? status : tacit_user_connect(user, role, ret_client, ret_error);
    }
    return status;
}

static tacit_status_t s_connect_models(void *context, tacit_client_t **ret_client,
                                       tacit_error_t *ret_error)
{
    const s_upload_t *upload = context;
    return s_connect_again(&upload->owner->user, TACIT_ROLE_MODELS, ret_client, ret_error);
}

static void s_on_progress(void *context, uint64_t bytes, bool resumed, const tacit_error_t *why)
{
    s_upload_t *upload = context;
    bool tells = !upload->owner->invocation->json;
    if (tells && (resumed || why)) {
        tacit_progress_end(&upload->progress);
    }
    if (tells && why) {
        fprintf(stderr, "The upload was lost (%s); trying again.\n", tacit_status_name(why->code));
    }
    if (tells && resumed) {
        fprintf(stderr, "Resumed at %.1f MiB of %.1f MiB.\n", (double)bytes / s_mib,
                (double)tacit_package_size(upload->package) / s_mib);
    }
    tacit_progress_update(&upload->progress, bytes);
}

tacit_status_t tacit_owner_upload(tacit_owner_t *owner, const tacit_package_t *package,
                                  tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_manifest_sign(&package->manifest, owner->user.identity->signing_secret->data, bytes,
                              signature);
    const tacit_models_push_args_t args = {
        .manifest = tacit_span(bytes, sizeof bytes),
        .signature = tacit_span(signature, sizeof signature),
    };
    s_upload_t upload = {.owner = owner, .package = package};
    const tacit_resume_t resume = {
        .client = &owner->models,
        .connect = s_connect_models,
        .progress = s_on_progress,
        .self = &upload,
    };
    tacit_progress_start(&upload.progress, stderr, "pushing", tacit_package_size(package));
    tacit_status_t status =
        tacit_resume_send(&resume, &tacit_models_push, &args, tacit_package_size(package), s_read,
                          &upload, NULL, ret_error);
    tacit_progress_end(&upload.progress);
    return status;
}
