/*  remote_model.c - see remote_model.h.

    What goes wrong on the way is told apart by a table: what is worth another attempt, and what has
    to be done before it.  */

#include "clients/lib/remote_model.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "clients/lib/answer_proof.h"
#include "enclave/clock.h"
#include "idl/keys.h"
#include "rpc/codec.h"
#include "rpc/shared_bytes.h"

enum {
    S_LEASE_MS = 1000,    /* workers go on with keys they have for less than that */
    S_PAUSE_MS = 200,     /* between two attempts at what should come back soon */
    S_PATIENCE_MS = 8000, /* with that: a service restarts, attests and is found in less */
    S_ENCODE_SLACK = 8192 /* bytes of a request beside its elements */
};

typedef struct s_pending {
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
} s_pending_t;

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
    s_pending_t pending[TACIT_REMOTE_CALLS_MAX];
    size_t pending_count;
};

static uint64_t s_now_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void s_pause(uint32_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/*  --- keys ------------------------------------------------------------------------------------ */

static bool s_accepts(const tacit_remote_model_t *self, const uint8_t measurement[32])
{
    for (size_t i = 0; i < self->measurement_count; i++) {
        if (memcmp(self->measurements[i], measurement, 32) == 0) {
            return true;
        }
    }
    return false;
}

/*  Adds what runs now; the key stays the same, as requests under it are on their way.  */
static tacit_status_t s_add_workers(tacit_remote_model_t *self, tacit_error_t *ret_error)
{
    uint8_t found[TACIT_REQUEST_KEYS_MAX][32];
    size_t count = 0;
    tacit_status_t status = tacit_user_workers(self->user, found, TACIT_REQUEST_KEYS_MAX, &count,
                                               &self->workers, ret_error);
    bool accepted = false;
    for (size_t i = 0; i < count && !status; i++) {
        bool known = s_accepts(self, found[i]);
        if (!known && !self->pinned && self->measurement_count < TACIT_REQUEST_KEYS_MAX) {
            memcpy(self->measurements[self->measurement_count++], found[i], 32);
            known = true;
        }
        accepted = accepted || known;
    }
    if (!status && !accepted) {
        status = TACIT_INFERENCE_NO_WORKER;
        tacit_error_set_named(ret_error, status, "no_worker",
                              "no worker of an accepted measurement is attested");
        tacit_error_remedy(ret_error, "verify lists what runs; --measurement accepts it");
    }
    return status;
}

static tacit_status_t s_put_key(const tacit_remote_model_t *self, tacit_client_t *keys,
                                const uint8_t measurement[32], tacit_error_t *ret_error)
{
    tacit_keys_put_request_key_args_t args = {
        .owner = tacit_span(self->reference.owner, 32),
        .name = tacit_span_string(self->reference.name),
        .measurement = tacit_span(measurement, 32),
        .request_key = tacit_secret_span(self->request_key),
    };
    tacit_keys_put_request_key_result_t result = {0};
    tacit_status_t status = tacit_keys_put_request_key_call(keys, &args, &result, ret_error);
    if (status == TACIT_KEYS_NOT_ENROLLED) {
        tacit_error_remedy(ret_error, "run init with this identity");
    }
    return status;
}

/*  Loads or makes the key, and tells the key service what is new to it; again: everything.  */
static tacit_status_t s_share_key(tacit_remote_model_t *self, bool again, tacit_error_t *ret_error)
{
    bool fresh[TACIT_REQUEST_KEYS_MAX] = {false};
    bool any = again;
    tacit_client_t *keys = NULL;
    tacit_secret_destroy(&self->request_key);
    tacit_status_t status =
        tacit_request_keys_open(self->identity, self->reference.owner, self->reference.name,
                                (const uint8_t(*)[32])self->measurements, self->measurement_count,
                                &self->request_key, fresh, ret_error);
    for (size_t i = 0; i < self->measurement_count; i++) {
        any = any || fresh[i];
    }
    if (status || !any) {
        return status;
    }
    status = tacit_user_connect(self->user, TACIT_ROLE_KEYS, &keys, ret_error);
    for (size_t i = 0; i < self->measurement_count && !status; i++) {
        if (again || fresh[i]) {
            status = s_put_key(self, keys, self->measurements[i], ret_error);
        }
    }
    tacit_client_destroy(&keys);
    return status;
}

/*  --- opening --------------------------------------------------------------------------------- */

tacit_status_t tacit_remote_model_open(tacit_user_t *user, const char *identity,
                                       const tacit_model_reference_t *reference,
                                       const uint8_t (*measurements)[32], size_t count,
                                       tacit_remote_model_t **ret_model, tacit_error_t *ret_error)
{
    if (count > TACIT_REQUEST_KEYS_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "at most %d measurements",
                               TACIT_REQUEST_KEYS_MAX);
    }
    tacit_remote_model_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->user = user;
    self->identity = identity;
    self->reference = *reference;
    self->pinned = count > 0;
    self->measurement_count = count;
    if (count > 0) {
        memcpy(self->measurements, measurements, count * 32);
    }
    tacit_status_t status = s_add_workers(self, ret_error);
    if (!status) {
        status = s_share_key(self, false, ret_error);
    }
    if (!status) {
        status = tacit_user_connect(user, TACIT_ROLE_GATEWAY, &self->gateway, ret_error);
    }
    if (status) {
        tacit_remote_model_destroy(&self);
        return status;
    }
    *ret_model = self;
    return TACIT_OK;
}

void tacit_remote_model_destroy(tacit_remote_model_t **model)
{
    if (model && *model) {
        tacit_remote_model_t *self = *model;
        for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX; i++) {
            tacit_shared_bytes_release(self->pending[i].sealed, NULL);
        }
        tacit_client_destroy(&self->gateway);
        tacit_secret_destroy(&self->request_key);
        free(self);
        *model = NULL;
    }
}

size_t tacit_remote_model_width(const tacit_remote_model_t *model)
{
    size_t workers = model->workers ? model->workers : 1;
    return workers < TACIT_REMOTE_CALLS_MAX ? workers : TACIT_REMOTE_CALLS_MAX;
}

size_t tacit_remote_model_pending(const tacit_remote_model_t *model)
{
    return model->pending_count;
}

/*  --- sending --------------------------------------------------------------------------------- */

static tacit_status_t s_send(tacit_remote_model_t *self, s_pending_t *pending,
                             tacit_error_t *ret_error)
{
    tacit_inference_infer_args_t args = {
        .owner = tacit_span(pending->envelope.owner, 32),
        .name = tacit_span_string(pending->envelope.name),
        .version = pending->envelope.version,
        .request_id = tacit_span(pending->envelope.request_id, TACIT_REQUEST_ID_SIZE),
    };
    pending->attempts++;
    pending->call = 0;
    if (!self->gateway) {
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, "no gateway answers");
    }
    const tacit_request_t request = {
        .method = &tacit_inference_infer,
        .args = &args,
        .bulk = tacit_span(pending->sealed, pending->sealed_size),
        .free_bulk = tacit_shared_bytes_release,
        .deadline_ms = tacit_user_deadline(self->user, &tacit_inference_infer),
    };
    tacit_shared_bytes_hold(pending->sealed);
    return tacit_client_start_request(self->gateway, &request, &pending->call, ret_error);
}

/*  The plaintext of a request, in memory that is locked before anything is written to it.  */
static tacit_status_t s_encode(const tacit_inference_tensor_t *inputs, size_t count,
                               tacit_buffer_t *ret_plain, tacit_error_t *ret_error)
{
    size_t size = S_ENCODE_SLACK;
    for (size_t i = 0; i < count; i++) {
        size += inputs[i].data.size;
    }
    tacit_inference_request_t request = {.has_padding = false};
    request.inputs.items = (tacit_inference_tensor_t *)inputs;
    request.inputs.count = count;
    tacit_buffer_init(ret_plain, tacit_inference_request_record.encoded_max);
    if (tacit_buffer_reserve(ret_plain, size) ||
        sodium_mlock(ret_plain->data, ret_plain->capacity) != 0) {
        tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l) or send less "
                                      "at a time (--batch)");
        return TACIT_NO_MEMORY;
    }
    return tacit_codec_encode(&tacit_inference_request_record, &request, NULL, ret_plain,
                              ret_error);
}

static tacit_status_t s_seal(tacit_remote_model_t *self, const tacit_inference_tensor_t *inputs,
                             size_t count, s_pending_t *pending, tacit_error_t *ret_error)
{
    tacit_buffer_t plain = {.data = NULL};
    tacit_status_t status = s_encode(inputs, count, &plain, ret_error);
    if (!status) {
        pending->sealed_size = plain.size + TACIT_SEAL_OVERHEAD;
        pending->sealed = tacit_shared_bytes_new(pending->sealed_size);
        status = pending->sealed ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!status) {
        tacit_envelope_seal(&pending->envelope, TACIT_DIRECTION_REQUEST, self->request_key->data,
                            tacit_buffer_span(&plain), pending->sealed);
    }
    if (plain.data) {
        (void)sodium_munlock(plain.data, plain.capacity); /* wipes, too */
    }
    tacit_buffer_free(&plain);
    return status;
}

static void s_forget(tacit_remote_model_t *self, s_pending_t *pending)
{
    tacit_shared_bytes_release(pending->sealed, NULL);
    *pending = (s_pending_t){.used = false};
    self->pending_count--;
}

tacit_status_t tacit_remote_model_start(tacit_remote_model_t *model,
                                        const tacit_inference_tensor_t *inputs, size_t count,
                                        uint64_t tag, tacit_error_t *ret_error)
{
    s_pending_t *pending = NULL;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !pending; i++) {
        pending = model->pending[i].used ? NULL : &model->pending[i];
    }
    if (!pending) {
        return tacit_error_set(ret_error, TACIT_BUSY, "%d requests are on their way",
                               TACIT_REMOTE_CALLS_MAX);
    }
    *pending = (s_pending_t){.used = true, .tag = tag, .started_us = s_now_us()};
    model->pending_count++;
    pending->envelope.version = model->reference.version;
    randombytes_buf(pending->envelope.request_id, TACIT_REQUEST_ID_SIZE);
    memcpy(pending->envelope.user, model->user->identity->public_key, 32);
    memcpy(pending->envelope.owner, model->reference.owner, 32);
    memcpy(pending->envelope.name, model->reference.name, sizeof pending->envelope.name);
    tacit_status_t status = s_seal(model, inputs, count, pending, ret_error);
    pending->seal_us = s_now_us() - pending->started_us;
    if (status) {
        s_forget(model, pending);
        return status;
    }
    /*  A connection that is over shows in next, which makes a new one and sends again.  */
    (void)s_send(model, pending, NULL);
    return TACIT_OK;
}

/*  --- what went wrong on the way -------------------------------------------------------------- */

static tacit_status_t s_resend_all(tacit_remote_model_t *self, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !status; i++) {
        if (self->pending[i].used) {
            status = s_send(self, &self->pending[i], ret_error);
        }
    }
    return status;
}

static bool s_may_come_back(tacit_status_t status)
{
    return status == TACIT_UNREACHABLE || status == TACIT_WRONG_SERVER_KEY ||
           status == TACIT_DEADLINE_EXCEEDED || status == TACIT_NO_SESSION ||
           status == TACIT_SESSION_EXPIRED;
}

/*  The session or the service behind it ended: everything from the attestation service on anew.  */
static tacit_status_t s_reconnect(tacit_remote_model_t *self, s_pending_t *pending,
                                  tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (;;) {
        tacit_client_destroy(&self->gateway);
        status = tacit_user_renew(self->user, ret_error);
        if (!status) {
            status = tacit_user_connect(self->user, TACIT_ROLE_GATEWAY, &self->gateway, ret_error);
        }
        if (!s_may_come_back(status) || s_now_us() >= pending->until_us) {
            break;
        }
        s_pause(S_PAUSE_MS);
    }
    return status ? status : s_resend_all(self, ret_error);
}

/*  The worker has no key of ours, or one from before: workers of new code may have come.  */
static tacit_status_t s_share_again(tacit_remote_model_t *self, s_pending_t *pending,
                                    tacit_error_t *ret_error)
{
    tacit_status_t status = s_add_workers(self, ret_error);
    if (!status) {
        status = s_share_key(self, true, ret_error);
    }
    return status ? status : s_send(self, pending, ret_error);
}

static tacit_status_t s_share_and_wait(tacit_remote_model_t *self, s_pending_t *pending,
                                       tacit_error_t *ret_error)
{
    s_pause(S_LEASE_MS);
    return s_share_again(self, pending, ret_error);
}

static tacit_status_t s_send_later(tacit_remote_model_t *self, s_pending_t *pending,
                                   tacit_error_t *ret_error)
{
    s_pause(S_PAUSE_MS);
    return s_send(self, pending, ret_error);
}

typedef struct s_repair {
    tacit_status_t status;
    unsigned attempts_max; /* 0: as long as patience lasts */
    tacit_status_t (*repair)(tacit_remote_model_t *self, s_pending_t *pending,
                             tacit_error_t *ret_error);
} s_repair_t;

static const s_repair_t s_repairs[] = {
    {TACIT_UNREACHABLE, 0, s_reconnect},          {TACIT_NO_SESSION, 0, s_reconnect},
    {TACIT_SESSION_EXPIRED, 0, s_reconnect},      {TACIT_KEYS_NO_REQUEST_KEY, 2, s_share_again},
    {TACIT_CORRUPT, 2, s_share_and_wait},         {TACIT_INFERENCE_QUEUE_FULL, 0, s_send_later},
    {TACIT_INFERENCE_NO_WORKER, 0, s_send_later}, {TACIT_INFERENCE_WORKER_LOST, 3, s_send_later},
};

static const s_repair_t *s_find_repair(const s_pending_t *pending, tacit_status_t status)
{
    for (size_t i = 0; i < sizeof s_repairs / sizeof *s_repairs; i++) {
        const s_repair_t *row = &s_repairs[i];
        bool again = row->attempts_max ? pending->attempts < row->attempts_max
                                       : s_now_us() < pending->until_us;
        if (row->status == status) {
            return again ? row : NULL;
        }
    }
    return NULL;
}

/*  TACIT_OK where another attempt is under way; else why it ends.  */
static tacit_status_t s_repair(tacit_remote_model_t *self, s_pending_t *pending,
                               const tacit_error_t *why, tacit_error_t *ret_error)
{
    uint32_t patience_ms = S_PATIENCE_MS;
    if (self->user->timeout_ms > 0 && self->user->timeout_ms < patience_ms) {
        patience_ms = self->user->timeout_ms;
    }
    if (pending->until_us == 0) {
        pending->until_us = s_now_us() + (uint64_t)patience_ms * 1000;
    }
    const s_repair_t *row = s_find_repair(pending, why->code);
    if (row) {
        return row->repair(self, pending, ret_error);
    }
    if (ret_error) {
        *ret_error = *why;
    }
    return why->code;
}

/*  --- the answer ------------------------------------------------------------------------------ */

/*  Fills the answer's proof.  */
static tacit_status_t s_verify(const tacit_remote_model_t *self, const s_pending_t *pending,
                               const tacit_inference_infer_result_t *reply, tacit_span_t response,
                               tacit_answer_t *answer, tacit_error_t *ret_error)
{
    const tacit_question_t question = {
        .envelope = &pending->envelope,
        .request = tacit_span(pending->sealed, pending->sealed_size),
        .measurements = (const uint8_t(*)[32])self->measurements,
        .measurement_count = self->measurement_count,
        .issuer = tacit_mesh_result_key(self->user->mesh),
        .mesh_id = tacit_mesh_id(self->user->mesh),
    };
    tacit_status_t status = tacit_answer_prove(&question, reply->receipt, reply->result, response,
                                               &answer->receipt, ret_error);
    if (!status) {
        memcpy(answer->receipt_bytes, reply->receipt.data, sizeof answer->receipt_bytes);
        memcpy(answer->result_bytes, reply->result.data, sizeof answer->result_bytes);
    }
    return status;
}

static tacit_status_t s_open(const tacit_remote_model_t *self, const s_pending_t *pending,
                             tacit_span_t response, tacit_answer_t *answer,
                             tacit_error_t *ret_error)
{
    tacit_secret_t *plain = NULL;
    tacit_envelope_t envelope = pending->envelope;
    envelope.version = answer->receipt.envelope.version;
    if (response.size <= TACIT_SEAL_OVERHEAD) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the sealed answer is too short");
    }
    tacit_status_t status = tacit_secret_new(response.size - TACIT_SEAL_OVERHEAD, &plain);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l)");
        return status;
    }
    status = tacit_envelope_open(&envelope, TACIT_DIRECTION_RESPONSE, self->request_key->data,
                                 response, plain->data);
    if (status) {
        tacit_error_set(ret_error, status, "the sealed answer does not open");
    } else {
        status = tacit_answer_decode(tacit_secret_span(plain), answer, ret_error);
    }
    tacit_secret_destroy(&plain);
    return status;
}

static tacit_status_t s_accept(const tacit_remote_model_t *self, s_pending_t *pending,
                               const tacit_reply_t *reply, tacit_answer_t *answer,
                               tacit_error_t *ret_error)
{
    const tacit_inference_infer_result_t *result = reply->result;
    uint64_t received_us = s_now_us();
    if (!result || reply->bulk.size == 0) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the gateway sent no answer");
    }
    answer->phases = (tacit_phases_t){
        .seal_us = pending->seal_us,
        .queued_us = result->queued_us,
        .worker_us = result->worker_us,
        .answer_us = result->answer_us,
        .receipt_us = result->receipt_us,
    };
    tacit_status_t status = s_verify(self, pending, result, reply->bulk, answer, ret_error);
    if (!status) {
        status = s_open(self, pending, reply->bulk, answer, ret_error);
    }
    if (!status) {
        answer->sealed_response = malloc(reply->bulk.size);
        status =
            answer->sealed_response ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!status) {
        memcpy(answer->sealed_response, reply->bulk.data, reply->bulk.size);
        answer->sealed_response_size = reply->bulk.size;
        answer->sealed_request = pending->sealed;
        answer->sealed_request_size = pending->sealed_size;
        pending->sealed = NULL;
        answer->phases.verify_us = s_now_us() - received_us;
        answer->phases.total_us = s_now_us() - pending->started_us;
    }
    return status;
}

static s_pending_t *s_find(tacit_remote_model_t *self, uint64_t call)
{
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX; i++) {
        if (self->pending[i].used && self->pending[i].call == call) {
            return &self->pending[i];
        }
    }
    return NULL;
}

/*  Any of those on their way.  */
static s_pending_t *s_any(tacit_remote_model_t *self)
{
    s_pending_t *found = NULL;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !found; i++) {
        found = self->pending[i].used ? &self->pending[i] : NULL;
    }
    return found;
}

/*  One reply, of whatever kind, and whose it is: NULL where it is none of ours.  */
static s_pending_t *s_receive(tacit_remote_model_t *self, tacit_reply_t *ret_reply)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = TACIT_DEADLINE_EXCEEDED;
    if (self->gateway) {
        status = tacit_client_next(self->gateway, UINT32_MAX / 2, ret_reply, &error);
    }
    if (!status) {
        return s_find(self, ret_reply->call);
    }
    if (status == TACIT_DEADLINE_EXCEEDED) {
        /*  Nothing is outstanding there: what was to be sent found no connection.  */
        status = tacit_error_set(&error, TACIT_UNREACHABLE, NULL);
    }
    *ret_reply = (tacit_reply_t){.status = status, .error = error};
    return s_any(self);
}

tacit_status_t tacit_remote_model_next(tacit_remote_model_t *model, tacit_answer_t *ret_answer,
                                       tacit_error_t *ret_error)
{
    tacit_reply_t reply = {.call = 0};
    memset(ret_answer, 0, sizeof *ret_answer);
    while (model->pending_count > 0) {
        s_pending_t *pending = s_receive(model, &reply);
        if (!pending) {
            continue;
        }
        ret_answer->tag = pending->tag;
        tacit_status_t status = reply.status
                                    ? s_repair(model, pending, &reply.error, ret_error)
                                    : s_accept(model, pending, &reply, ret_answer, ret_error);
        if (status || !reply.status) {
            s_forget(model, pending);
            return status;
        }
    }
    return tacit_error_set(ret_error, TACIT_NOT_FOUND, "no request is on its way");
}

tacit_status_t tacit_remote_model_bundle(const tacit_remote_model_t *model,
                                         const tacit_answer_t *answer,
                                         tacit_receipt_bundle_t *ret_bundle)
{
    const tacit_mesh_t *mesh = model->user->mesh;
    return tacit_receipt_bundle_make(answer->receipt_bytes, answer->result_bytes,
                                     tacit_mesh_nonce(mesh), tacit_mesh_introduction(mesh),
                                     answer->receipt.time_ms, ret_bundle);
}
