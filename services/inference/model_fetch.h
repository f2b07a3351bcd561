/*  model_fetch.h - from the store to a loaded engine, trusting the store with nothing.

    The key service says which version is meant, who signs for its owner and which content it is;
    manifest, signature, content hash and every chunk are checked against that, so that an old
    version, another model or a flipped bit ends in a refusal. The plaintext exists in locked memory
    only, and goes while the engine reads it. It computes in the precision that the manifest names.
 */

#ifndef TACIT_SERVICES_INFERENCE_MODEL_FETCH_H
#define TACIT_SERVICES_INFERENCE_MODEL_FETCH_H

#include "rpc/channel.h"
#include "services/inference/engine/engine.h"
#include "services/inference/lease_cache.h"

/*  CORRUPT, SIGNATURE_INVALID, ROLLBACK_DETECTED or the store's own error; TACIT_INFERENCE_MODEL_
    REFUSED where the engine cannot run it.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_fetch(tacit_channel_t *models,
                                                  const tacit_lease_t *lease,
                                                  const tacit_engine_options_t *options,
                                                  tacit_engine_t **ret_engine,
                                                  tacit_error_t *ret_error);

#endif
