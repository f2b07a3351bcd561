/*  resume.c - open, carry on, lose, wait, open again.  */

#include "rpc/resume.h"

#include <czmq.h>

#include "rpc/client_internal.h"
#include "rpc/retry.h"

enum { S_WAIT_MS = 200, S_NAP_MS = 50 };

/*  One transfer.  */
typedef struct {
    const tacit_resume_t *with;
    const tacit_method_t *method;
    const void *args;
    void *result;      /* the caller's; may be NULL */
    uint64_t until_ms; /* monotonic */
    uint64_t done;     /* bytes that the receiver has */
    unsigned tries;    /* openings since it got on */
    bool opened;       /* once at least */
    bool fatal;        /* what failed was here: no opening helps */
    uint64_t call;
    uint64_t size; /* sending: of all */
    uint64_t at;   /* sending: what goes next */
    uint8_t *room; /* sending: of a chunk */
    tacit_resume_source_t *source;
    tacit_resume_sink_t *sink;
    void *context;
} s_transfer_t;

static uint32_t s_left(const s_transfer_t *self)
{
    uint64_t now = tacit_client_now();
    return now < self->until_ms ? (uint32_t)(self->until_ms - now) : 0;
}

static bool s_stopped(const s_transfer_t *self)
{
    return self->with->stop && atomic_load(self->with->stop);
}

static void s_tell(s_transfer_t *self, uint64_t bytes, bool resumed, const tacit_error_t *why)
{
    if (self->with->progress) {
        self->with->progress(self->with->self, bytes, resumed, why);
    }
}

/*  The receiver has more than before: whatever comes next is a first failure.  */
static void s_get_on(s_transfer_t *self, uint64_t bytes)
{
    if (bytes > self->done) {
        self->done = bytes;
        self->tries = 0;
        s_tell(self, bytes, false, NULL);
    }
}

/*  --- what to do about a failure -------------------------------------------------------------- */

/*  Would another opening get another answer?  */
static bool s_is_passing(tacit_status_t status)
{
    switch (status) {
    case TACIT_UNREACHABLE:
    case TACIT_INTERRUPTED:
    case TACIT_BUSY:
    case TACIT_DRAINING:
    case TACIT_BULK_LOST:
    case TACIT_DEADLINE_EXCEEDED:
    case TACIT_NO_SESSION:
    case TACIT_SESSION_EXPIRED:
    case TACIT_WRONG_SERVER_KEY: /* restarted: the attestation service names the new one */
    case TACIT_RESULT_EXPIRED:
        return true;
    default:
        return false;
    }
}

static tacit_status_t s_nap(const s_transfer_t *self, uint64_t delay_ms, tacit_error_t *ret_error)
{
    uint64_t end = tacit_client_now() + delay_ms;
    while (tacit_client_now() < end && !s_stopped(self)) {
        uint64_t left = end - tacit_client_now();
        zclock_sleep((int)(left < S_NAP_MS ? left + 1 : S_NAP_MS));
    }
    return s_stopped(self) ? tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL) : TACIT_OK;
}

/*  OK where another opening is to be tried, after a delay; else the failure.  */
static tacit_status_t s_again(s_transfer_t *self, const tacit_error_t *why,
                              tacit_error_t *ret_error)
{
    uint32_t most = self->with->tries_max ? self->with->tries_max : TACIT_RESUME_TRIES_MAX;
    uint64_t delay = tacit_backoff_ms(TACIT_RESUME_BASE_MS, TACIT_RESUME_CAP_MS, self->tries);
    uint32_t asked = why->code == TACIT_BUSY ? why->retry_after_ms : 0;
    asked = asked < TACIT_RESUME_BUSY_MAX ? asked : TACIT_RESUME_BUSY_MAX;
    delay = delay < asked ? asked : delay;
    if (self->fatal || !s_is_passing(why->code) || ++self->tries >= most || delay >= s_left(self)) {
        if (ret_error) {
            *ret_error = *why;
        }
        return why->code;
    }
    s_tell(self, self->done, false, why);
    if (why->code != TACIT_BUSY) {
        tacit_client_destroy(self->with->client);
    }
    return s_nap(self, delay, ret_error);
}

/*  --- opening --------------------------------------------------------------------------------- */

/*  The arguments with where the stream begins, in room that the caller frees.  */
static tacit_status_t s_args(const s_transfer_t *self, void **ret_room, tacit_error_t *ret_error)
{
    void *room = malloc(self->method->args->size);
    if (!room) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(room, self->args, self->method->args->size);
    if (self->sink) {
        memcpy((uint8_t *)room + self->method->stream_out.offset_place, &self->done,
               sizeof self->done);
    }
    *ret_room = room;
    return TACIT_OK;
}

static tacit_status_t s_open(s_transfer_t *self, tacit_error_t *ret_error)
{
    tacit_client_t **client = self->with->client;
    void *room = NULL;
    tacit_status_t status = TACIT_OK;
    if (s_stopped(self)) {
        self->fatal = true;
        return tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL);
    }
    if (!*client) {
        status = self->with->connect(self->with->self, client, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_args(self, &room, ret_error);
    }
    if (status == TACIT_OK) {
        uint32_t left = s_left(self);
        uint32_t most = self->method->deadline_ms;
        status = tacit_client_start(*client, self->method, room, tacit_span(NULL, 0),
                                    left < most ? left : most, &self->call, ret_error);
    }
    free(room);
    return status;
}

/*  The call's answer, however the stream ended.  */
static tacit_status_t s_finish(s_transfer_t *self, tacit_error_t *ret_error)
{
    tacit_reply_t reply;
    tacit_status_t status = tacit_client_finish(*self->with->client, self->call, &reply, ret_error);
    if (status == TACIT_OK && reply.status != TACIT_OK) {
        if (ret_error) {
            *ret_error = reply.error;
        }
        return reply.status;
    }
    if (status == TACIT_OK && self->result) {
        memcpy(self->result, reply.result, self->method->result->size);
    }
    return status;
}

/*  --- sending --------------------------------------------------------------------------------- */

/*  What the service keeps, waited for where it has not said it yet.  */
static tacit_status_t s_begin_at(s_transfer_t *self, tacit_error_t *ret_error)
{
    uint64_t kept = 0;
    tacit_status_t status = TACIT_PENDING;
    while (status == TACIT_PENDING) {
        status = s_stopped(self) ? tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL)
                                 : tacit_client_kept(*self->with->client, self->call, S_WAIT_MS,
                                                     &kept, ret_error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    if (kept > self->size) {
        self->fatal = true;
        return tacit_error_set(ret_error, TACIT_CORRUPT, "the service keeps more than there is");
    }
    bool resumed = self->opened || kept > 0;
    self->opened = true;
    self->at = kept;
    s_get_on(self, kept);
    if (resumed) {
        s_tell(self, kept, true, NULL);
    }
    return TACIT_OK;
}

static tacit_status_t s_send_next(s_transfer_t *self, tacit_error_t *ret_error)
{
    uint64_t left = self->size - self->at;
    uint32_t most = self->method->stream_in.chunk_max;
    size_t size = left < most ? (size_t)left : most;
    tacit_status_t status = self->source(self->context, self->at, self->room, size, ret_error);
    if (status != TACIT_OK) {
        self->fatal = true;
        return status;
    }
    status =
        tacit_client_send(*self->with->client, self->call, self->room, size, NULL, NULL, ret_error);
    self->at += status == TACIT_OK ? size : 0;
    return status;
}

static tacit_status_t s_send_all(s_transfer_t *self, tacit_error_t *ret_error)
{
    tacit_client_t *client = *self->with->client;
    tacit_status_t status = s_begin_at(self, ret_error);
    while (status == TACIT_OK && self->at < self->size) {
        uint64_t kept = 0;
        if (s_stopped(self)) {
            self->fatal = true;
            return tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL);
        }
        status = s_send_next(self, ret_error);
        if (status == TACIT_OK) {
            status = tacit_client_kept(client, self->call, 0, &kept, ret_error);
            s_get_on(self, status == TACIT_OK ? kept : 0);
        }
    }
    return status == TACIT_OK ? tacit_client_end(client, self->call, ret_error) : status;
}

/*  --- receiving ------------------------------------------------------------------------------- */

static tacit_status_t s_receive_all(s_transfer_t *self, tacit_error_t *ret_error)
{
    tacit_span_t chunk = tacit_span(NULL, 0);
    if (self->opened) {
        s_tell(self, self->done, true, NULL);
    }
    self->opened = true;
    for (;;) {
        tacit_status_t status =
            tacit_client_receive(*self->with->client, self->call, S_WAIT_MS, &chunk, ret_error);
        if (s_stopped(self)) {
            self->fatal = true;
            return tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL);
        }
        if (status == TACIT_PENDING) {
            continue;
        }
        if (status != TACIT_OK || !chunk.data) {
            return status;
        }
        status = self->sink(self->context, chunk, ret_error);
        if (status != TACIT_OK) {
            self->fatal = true;
            return status;
        }
        s_get_on(self, self->done + chunk.size);
    }
}

/*  --- all of it ------------------------------------------------------------------------------- */

static tacit_status_t s_try(s_transfer_t *self, tacit_error_t *ret_error)
{
    tacit_status_t status = s_open(self, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = self->sink ? s_receive_all(self, ret_error) : s_send_all(self, ret_error);
    if (status == TACIT_OK) {
        status = s_finish(self, ret_error);
        s_get_on(self, status == TACIT_OK ? self->size : 0);
        return status;
    }
    tacit_client_cancel(*self->with->client, self->call);
    return status;
}

static tacit_status_t s_carry(s_transfer_t *self, tacit_error_t *ret_error)
{
    const tacit_resume_t *with = self->with;
    tacit_error_t why;
    tacit_status_t status;
    self->until_ms =
        tacit_client_now() + (with->deadline_ms ? with->deadline_ms : TACIT_RESUME_DEADLINE_MS);
    for (;;) {
        tacit_error_set(&why, TACIT_INTERNAL, NULL);
        status = s_try(self, &why);
        if (status == TACIT_OK) {
            return TACIT_OK;
        }
        status = s_again(self, &why, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
    }
}

tacit_status_t tacit_resume_send(const tacit_resume_t *resume, const tacit_method_t *method,
                                 const void *args, uint64_t size, tacit_resume_source_t *source,
                                 void *context, void *ret_result, tacit_error_t *ret_error)
{
    if (!method->stream_in.resumable) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s cannot be resumed", method->name);
    }
    s_transfer_t self = {.with = resume,
                         .method = method,
                         .args = args,
                         .result = ret_result,
                         .size = size,
                         .source = source,
                         .context = context,
                         .room = malloc(method->stream_in.chunk_max)};
    tacit_status_t status =
        self.room ? s_carry(&self, ret_error) : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    free(self.room);
    return status;
}

tacit_status_t tacit_resume_receive(const tacit_resume_t *resume, const tacit_method_t *method,
                                    const void *args, tacit_resume_sink_t *sink, void *context,
                                    void *ret_result, tacit_error_t *ret_error)
{
    if (!method->stream_out.resumable) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s cannot be resumed", method->name);
    }
    s_transfer_t self = {.with = resume,
                         .method = method,
                         .args = args,
                         .result = ret_result,
                         .sink = sink,
                         .context = context};
    memcpy(&self.done, (const uint8_t *)args + method->stream_out.offset_place, sizeof self.done);
    return s_carry(&self, ret_error);
}
