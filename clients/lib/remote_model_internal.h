/*  remote_model_internal.h - what the files of the remote model share: remote_model.c sends and
   waits, remote_model_keys.c shares the request key with workers, remote_model_repair.c decides
   what is worth another attempt, remote_model_answer.c verifies and opens.  */

#ifndef TACIT_CLIENTS_REMOTE_MODEL_INTERNAL_H
#define TACIT_CLIENTS_REMOTE_MODEL_INTERNAL_H

#include <time.h>

#include "clients/lib/remote_model.h"
#include "rpc/shared_bytes.h"

typedef struct tacit_remote_call {
    bool used;
    uint64_t call; /* at the gateway's client */
    uint64_t tag;
    tacit_envelope_t envelope;
    uint8_t *sealed; /* shared bytes: kept to be sent again, and to prove the answer */
    size_t sealed_size;
    uint64_t started_us;
    uint64_t seal_us;
    unsigned attempts;
    uint64_t until_us; /* patience with it ends; 0: nothing went wrong yet */
} tacit_remote_call_t;

struct tacit_remote_model {
    tacit_user_t *user;
    const char *identity;
    tacit_model_reference_t reference;
    bool pinned; /* only these measurements; else those of new workers are added */
    uint8_t measurements[TACIT_REQUEST_KEYS_MAX][32];
    size_t measurement_count;
    size_t workers;
    tacit_secret_t *request_key;
    tacit_client_t *gateway;
    tacit_remote_call_t pending[TACIT_REMOTE_CALLS_MAX];
    size_t pending_count;
};

static inline uint64_t tacit_remote_now_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*  Adds the workers that run now to those that are accepted, unless these are pinned. NO_WORKER
   (with a remedy) where none of them is.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_add_workers(tacit_remote_model_t *model,
                                                         tacit_error_t *ret_error);
/*  Loads or makes the request key, and tells the key service what is new to it; again: everything.
 */
TACIT_MUST_CHECK tacit_status_t tacit_remote_share_key(tacit_remote_model_t *model, bool again,
                                                       tacit_error_t *ret_error);

/*  Sends a sealed request, for the first time or again. Who starts one need not look: a connection
    that is over shows when the answer is waited for.  */
tacit_status_t tacit_remote_send(tacit_remote_model_t *model, tacit_remote_call_t *pending,
                                 tacit_error_t *ret_error);

/*  OK where another attempt is under way; else why it ends.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_repair(tacit_remote_model_t *model,
                                                    tacit_remote_call_t *pending,
                                                    const tacit_error_t *why,
                                                    tacit_error_t *ret_error);

/*  Verifies what the gateway passed on, and opens it.  */
TACIT_MUST_CHECK tacit_status_t tacit_remote_accept(const tacit_remote_model_t *model,
                                                    tacit_remote_call_t *pending,
                                                    const tacit_reply_t *reply,
                                                    tacit_answer_t *answer,
                                                    tacit_error_t *ret_error);

#endif
