/*  remote_model.h - a model in the mesh, asked as if it were here.

    Each request is sealed for the workers that the user accepts, and each answer is taken only with
    a receipt for exactly the bytes that were sent and received, signed by such a worker. Several
    requests may be on their way, so that several workers are busy. What a session that ended, a
    restarted service or a new worker needs is done here, within seconds; the request's id stays the
    same, so that no second use is counted. One thread only.  */

#ifndef TACIT_CLIENTS_REMOTE_MODEL_H
#define TACIT_CLIENTS_REMOTE_MODEL_H

#include "clients/lib/answer.h"
#include "clients/lib/model_reference.h"
#include "clients/lib/receipt_bundle.h"
#include "clients/lib/request_keys.h"
#include "clients/lib/user.h"

enum { TACIT_REMOTE_CALLS_MAX = 8 /* requests on their way */ };

typedef struct tacit_remote_model tacit_remote_model_t;

/*  user and identity (its folder) are borrowed as long as it lives; the reference must be resolved.
    measurements are the workers' that the user accepts; count 0: those attested now. Puts the
    request key at the key service where that does not have it.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_model_open(tacit_user_t *user, const char *identity,
                                                        const tacit_model_reference_t *reference,
                                                        const uint8_t (*measurements)[32],
                                                        size_t count,
                                                        tacit_remote_model_t **ret_model,
                                                        tacit_error_t *ret_error);
void tacit_remote_model_destroy(tacit_remote_model_t **model);

/*  How many requests are worth having on their way: one per attested worker, at most
    TACIT_REMOTE_CALLS_MAX.  */
size_t tacit_remote_model_width(const tacit_remote_model_t *model);

/*  Requests on their way.  */
size_t tacit_remote_model_pending(const tacit_remote_model_t *model);

/*  Seals and sends; nothing of the inputs is needed afterwards. BUSY at TACIT_REMOTE_CALLS_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_model_start(tacit_remote_model_t *model,
                                                         const tacit_inference_tensor_t *inputs,
                                                         size_t count, uint64_t tag,
                                                         tacit_error_t *ret_error);

/*  Waits for one answer, whichever comes first, and verifies it. A failure is that of the request
    with the tag in ret_answer. NOT_FOUND where none is on its way. Release the answer in any case.
 */
TACIT_MUST_CHECK tacit_status_t tacit_remote_model_next(tacit_remote_model_t *model,
                                                        tacit_answer_t *ret_answer,
                                                        tacit_error_t *ret_error);

/*  The answer's receipt with what proves it; release it.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_model_bundle(const tacit_remote_model_t *model,
                                                          const tacit_answer_t *answer,
                                                          tacit_receipt_bundle_t *ret_bundle);

#endif
