/*  upload_stream.c - from chunks to an upload, and what is told of it.

    The disk is waited for in the pool: nobody else's call waits for an upload's syncs.  */

#include "services/models/upload_stream.h"

#include <stdlib.h>

#include "idl/models.h"
#include "rpc/log.h"

typedef struct {
    tacit_upload_keeper_t *keeper;
    tacit_call_t *call;
    tacit_upload_t *upload; /* NULL: the model is stored already */
    bool ended;             /* all has come */
    bool syncing;           /* the upload is the pool's */
    bool synced;            /* what came is durable, and has to be written down */
} s_carrier_t;

/*  However it goes, what the upload becomes was settled before.  */
static void s_end(s_carrier_t *self, tacit_status_t status)
{
    const tacit_models_push_result_t result = {0};
    tacit_call_t *call = self->call;
    free(self);
    tacit_call_finish(&call, status, &result);
}

static void s_log(const char *event, const tacit_upload_t *upload)
{
    char owner[17];
    sodium_bin2hex(owner, sizeof owner, upload->manifest.owner, 8);
    tacit_log(TACIT_LOG_INFO, event, "%s/%s version %u, %llu of %llu bytes", owner,
              upload->manifest.name, upload->manifest.version, (unsigned long long)upload->size,
              (unsigned long long)tacit_model_sealed_size(&upload->manifest));
}

static void s_lose(s_carrier_t *self, tacit_status_t status)
{
    if (self->upload) {
        s_log("upload_waits", self->upload);
        tacit_upload_keeper_leave(self->keeper, self->upload);
    }
    s_end(self, status);
}

static void s_finish(s_carrier_t *self)
{
    tacit_status_t status = TACIT_OK;
    if (self->upload) {
        tacit_upload_t before = *self->upload;
        status =
            tacit_upload_keeper_finish(self->keeper, self->upload, tacit_call_error(self->call));
        s_log(status ? "upload_refused" : "model_stored", &before);
    }
    s_end(self, status);
}

/*  Whether it could is known to the writer, which says it when it is asked again.  */
static tacit_status_t s_work(void *context, tacit_call_t *call, void *ret_result)
{
    (void)call;
    (void)ret_result;
    const s_carrier_t *self = context;
    return tacit_blob_sync(self->upload->writer);
}

static tacit_status_t s_worked(void *context, tacit_call_t *call, tacit_status_t status,
                               void *ret_result)
{
    (void)call;
    (void)status;
    (void)ret_result;
    s_carrier_t *self = context;
    self->syncing = false;
    self->synced = true;
    return TACIT_PENDING;
}

/*  Without the pool this thread does it.  */
static tacit_status_t s_sync(s_carrier_t *self)
{
    static const tacit_call_part_t work = {.work = s_work, .done = s_worked};
    self->syncing = true;
    if (tacit_call_work(self->call, &work, self) == TACIT_PENDING) {
        return TACIT_PENDING;
    }
    self->syncing = false;
    self->synced = true;
    return TACIT_NOT_FOUND;
}

static tacit_status_t s_keep(s_carrier_t *self)
{
    self->synced = false;
    tacit_status_t status = tacit_upload_keeper_sync(self->keeper, self->upload);
    if (!status) {
        status = tacit_call_kept(self->call, self->upload->kept);
        status = status == TACIT_UNREACHABLE ? TACIT_PENDING : status; /* ready sees that */
    }
    return status ? status : TACIT_NOT_FOUND;
}

/*  One step. NOT_FOUND: there may be another one. PENDING: there is none now. OK: all has come.  */
static tacit_status_t s_take(s_carrier_t *self)
{
    tacit_upload_t *upload = self->upload;
    tacit_span_t chunk;
    tacit_error_t *error = tacit_call_error(self->call);
    if (self->ended || self->synced) {
        return self->ended ? TACIT_OK : s_keep(self);
    }
    tacit_status_t status = tacit_call_receive(self->call, &chunk);
    if (!status && !chunk.data) {
        self->ended = true;
        return upload ? s_sync(self) : TACIT_OK;
    }
    if (!status) {
        status = upload ? tacit_upload_append(upload, chunk, error)
                        : tacit_error_claim(error, TACIT_MODELS_CONTENT_MISMATCH, "bytes",
                                            "none: all are stored", "more");
    }
    if (!status && upload && upload->size - upload->kept >= TACIT_UPLOAD_STEP) {
        return s_sync(self);
    }
    return status ? status : TACIT_NOT_FOUND;
}

static void s_on_news(void *context, tacit_call_t *call)
{
    s_carrier_t *self = context;
    tacit_status_t status = TACIT_NOT_FOUND; /* that is: no end yet */
    while (status == TACIT_NOT_FOUND && tacit_call_alive(call)) {
        status = s_take(self);
    }
    if (self->syncing) {
        return; /* and is told again */
    }
    if (!tacit_call_alive(call)) {
        s_lose(self, TACIT_INTERRUPTED);
    } else if (status == TACIT_OK) {
        s_finish(self);
    } else if (status != TACIT_PENDING) {
        if (self->upload) {
            tacit_upload_keeper_drop(self->keeper, self->upload);
        }
        s_end(self, status);
    }
}

/*  --- beginning ------------------------------------------------------------------------------- */

static tacit_status_t s_check_owner(const tacit_model_manifest_t *manifest,
                                    const tacit_session_t *session, tacit_error_t *ret_error)
{
    if (memcmp(manifest->owner, session->peer_curve, 32) == 0) {
        return TACIT_OK;
    }
    return tacit_error_claim(ret_error, TACIT_MODELS_NOT_OWNER, "manifest.owner",
                             "the caller's CURVE key", "another");
}

/*  Who was at it before ends first, so that what came there is kept.  */
static tacit_status_t s_attach(s_carrier_t *self, const tacit_model_manifest_t *manifest,
                               tacit_span_t bytes, tacit_span_t signature)
{
    s_carrier_t *former = tacit_upload_keeper_carrier(self->keeper, bytes.data);
    if (former && former->syncing) {
        return tacit_error_set(tacit_call_error(self->call), TACIT_BUSY,
                               "what came by another connection is being stored");
    }
    if (former) {
        s_lose(former, (tacit_status_t)TACIT_MODELS_TAKEN_OVER);
    }
    tacit_status_t status =
        tacit_upload_keeper_begin(self->keeper, manifest, bytes.data, signature.data, self,
                                  &self->upload, tacit_call_error(self->call));
    if (status == TACIT_ALREADY_EXISTS) {
        return tacit_call_kept(self->call, tacit_model_sealed_size(manifest));
    }
    if (!status && self->upload->kept > 0) {
        s_log("upload_resumed", self->upload);
    }
    if (!status) {
        status = tacit_call_kept(self->call, self->upload->kept);
        if (status) {
            tacit_upload_keeper_leave(self->keeper, self->upload);
        }
    }
    return status;
}

tacit_status_t tacit_upload_stream_begin(tacit_upload_keeper_t *keeper, tacit_call_t *call,
                                         tacit_span_t manifest, tacit_span_t signature)
{
    tacit_error_t *error = tacit_call_error(call);
    tacit_model_manifest_t verified;
    tacit_status_t status = tacit_model_manifest_verify(manifest, signature, &verified, error);
    if (!status) {
        status = s_check_owner(&verified, tacit_call_session(call), error);
    }
    if (status) {
        return status;
    }
    s_carrier_t *self = calloc(1, sizeof *self);
    if (!self) {
        return TACIT_NO_MEMORY;
    }
    self->keeper = keeper;
    self->call = call;
    status = s_attach(self, &verified, manifest, signature);
    if (!status) {
        status = tacit_call_on_stream(call, s_on_news, self);
    }
    if (status) {
        free(self);
        return status;
    }
    return TACIT_PENDING;
}
