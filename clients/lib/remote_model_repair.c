/*  remote_model_repair.c - what goes wrong on the way is told apart by a table: what is worth
   another attempt, and what has to be done before it.

    Not a channel's work (rpc/channel.h): a session that ended takes the attestation service's
   result key along, by which answers are judged, so that everything is verified anew before a
   request is sent again; and most of what is mended here is no connection.  */

#include "clients/lib/remote_model_internal.h"
#include "idl/keys.h"

enum {
    S_LEASE_MS = 1000,   /* workers go on with keys they have for less than that */
    S_PAUSE_MS = 200,    /* between two attempts at what should come back soon */
    S_PATIENCE_MS = 8000 /* with that: a service restarts, attests and is found in less */
};

static void s_pause(uint32_t ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static tacit_status_t s_resend_all(tacit_remote_model_t *self, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !status; i++) {
        if (self->pending[i].used) {
            status = tacit_remote_send(self, &self->pending[i], ret_error);
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
static tacit_status_t s_reconnect(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                  tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (;;) {
        tacit_client_destroy(&self->gateway);
        status = tacit_user_renew(self->user, ret_error);
        if (!status) {
            status = tacit_user_connect(self->user, TACIT_ROLE_GATEWAY, &self->gateway, ret_error);
        }
        if (!s_may_come_back(status) || tacit_remote_now_us() >= pending->until_us) {
            break;
        }
        s_pause(S_PAUSE_MS);
    }
    return status ? status : s_resend_all(self, ret_error);
}

/*  The worker has no key of ours, or one from before: workers of new code may have come.  */
static tacit_status_t s_share_again(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                    tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_remote_add_workers(self, ret_error);
    if (!status) {
        status = tacit_remote_share_key(self, true, ret_error);
    }
    return status ? status : tacit_remote_send(self, pending, ret_error);
}

static tacit_status_t s_share_and_wait(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                       tacit_error_t *ret_error)
{
    s_pause(S_LEASE_MS);
    return s_share_again(self, pending, ret_error);
}

static tacit_status_t s_send_later(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                   tacit_error_t *ret_error)
{
    s_pause(S_PAUSE_MS);
    return tacit_remote_send(self, pending, ret_error);
}

typedef struct s_repair {
    tacit_status_t status;
    unsigned attempts_max; /* 0: as long as patience lasts */
    tacit_status_t (*repair)(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                             tacit_error_t *ret_error);
} s_repair_t;

static const s_repair_t s_repairs[] = {
    {TACIT_UNREACHABLE, 0, s_reconnect},          {TACIT_NO_SESSION, 0, s_reconnect},
    {TACIT_SESSION_EXPIRED, 0, s_reconnect},      {TACIT_KEYS_NO_REQUEST_KEY, 2, s_share_again},
    {TACIT_CORRUPT, 2, s_share_and_wait},         {TACIT_INFERENCE_QUEUE_FULL, 0, s_send_later},
    {TACIT_INFERENCE_NO_WORKER, 0, s_send_later}, {TACIT_INFERENCE_WORKER_LOST, 3, s_send_later},
    {TACIT_BULK_LOST, 3, s_send_later},
};

static const s_repair_t *s_find_repair(const tacit_remote_call_t *pending, tacit_status_t status)
{
    for (size_t i = 0; i < sizeof s_repairs / sizeof *s_repairs; i++) {
        const s_repair_t *row = &s_repairs[i];
        bool again = row->attempts_max ? pending->attempts < row->attempts_max
                                       : tacit_remote_now_us() < pending->until_us;
        if (row->status == status) {
            return again ? row : NULL;
        }
    }
    return NULL;
}

/*  TACIT_OK where another attempt is under way; else why it ends.  */
tacit_status_t tacit_remote_repair(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                   const tacit_error_t *why, tacit_error_t *ret_error)
{
    uint32_t patience_ms = S_PATIENCE_MS;
    if (self->user->timeout_ms > 0 && self->user->timeout_ms < patience_ms) {
        patience_ms = self->user->timeout_ms;
    }
    if (pending->until_us == 0) {
        pending->until_us = tacit_remote_now_us() + (uint64_t)patience_ms * 1000;
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
