/*  upload_stream.h - models.push: a resumable stream into an upload that is kept.

    Whoever pushes a manifest whose upload another connection is at takes it over: the other one
    was lost, or is told TACIT_MODELS_TAKEN_OVER. While what came there is being synced that is
    refused with BUSY.  */

#ifndef TACIT_SERVICES_MODELS_UPLOAD_STREAM_H
#define TACIT_SERVICES_MODELS_UPLOAD_STREAM_H

#include "rpc/call_stream.h"
#include "services/models/upload_keeper.h"

/*  The handler's work: PENDING, and the call is finished when the stream has ended; else why not.
    The keeper must outlive the server.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_stream_begin(tacit_upload_keeper_t *keeper,
                                                          tacit_call_t *call, tacit_span_t manifest,
                                                          tacit_span_t signature);

#endif
