/*  channel_attempt.c - a channel's calls: sent, settled, tried again, hedged.

    What may be sent again is decided in s_lose and s_retry alone.  */

#include "rpc/channel_internal.h"

/*  --- sending --------------------------------------------------------------------------------- */

static void s_end(tacit_work_t *work, const tacit_error_t *error)
{
    work->error = *error;
    work->state = TACIT_WORK_ENDED;
    for (size_t i = 0; i < TACIT_WORK_ATTEMPTS; i++) {
        if (work->attempts[i].slot) {
            tacit_client_abandon(work->attempts[i].client, work->attempts[i].slot);
            work->attempts[i] = (tacit_attempt_t){.slot = NULL};
        }
    }
}

static tacit_status_t s_send_message(tacit_channel_t *self, tacit_work_t *work,
                                     tacit_client_t *client, uint64_t now, tacit_slot_t **ret_slot,
                                     tacit_error_t *ret_error)
{
    tacit_request_t request = {
        .method = work->method,
        .deadline_ms = (uint32_t)(work->deadline_ms - now),
        .idempotency_key = tacit_span(work->key, work->key_size),
    };
    zmq_msg_t bulk;
    zmq_msg_init(&bulk);
    tacit_status_t status = tacit_channel_args(self, work, &request.args, ret_error);
    if (status == TACIT_OK && zmq_msg_copy(&bulk, &work->bulk) != 0) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (status == TACIT_OK) {
        tacit_trace_t before = tacit_trace_enter(&work->trace);
        status = tacit_client_start_message(client, &request, &bulk, ret_slot, ret_error);
        tacit_trace_enter(&before);
    }
    zmq_msg_close(&bulk);
    return status;
}

/*  One attempt over that route. A connection that takes none is no attempt: the call is as it was,
    and looks for another one. False where the call ended.  */
static bool s_attempt(tacit_channel_t *self, tacit_work_t *work, size_t index, bool hedge,
                      uint64_t now)
{
    tacit_client_t *client = self->routes[index].client;
    tacit_slot_t *slot = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = s_send_message(self, work, client, now, &slot, &error);
    tacit_attempt_t attempt = {.slot = slot, .client = client, .route = index, .hedge = hedge};
    if (status == TACIT_OK) {
        work->attempts[work->attempts[0].slot ? 1 : 0] = attempt;
        work->state = TACIT_WORK_SENT;
        work->sent++;
        return true;
    }
    if (client->lost.code == TACIT_OK && status != TACIT_BUSY && status != TACIT_SESSION_EXPIRED) {
        s_end(work, &error);
        return false;
    }
    tacit_channel_blame(self, &attempt, status, 1, now);
    return true;
}

static bool s_turn_queued(tacit_channel_t *self, tacit_work_t *work, uint64_t now)
{
    if (now < work->next_ms && now < work->deadline_ms) {
        return false;
    }
    size_t route = now < work->deadline_ms
                       ? tacit_channel_choose(self, work->last_route, false, now)
                       : TACIT_CHANNEL_ROUTES_MAX;
    if (route < TACIT_CHANNEL_ROUTES_MAX) {
        unsigned sent = work->sent;
        (void)s_attempt(self, work, route, false, now);
        if (work->sent > sent && sent > 0) {
            tacit_client_metrics_count(self->config.metrics, TACIT_COUNT_RETRY);
        }
        bool hedged = self->config.hedge_ms > 0 && work->repeatable;
        work->hedge_ms = hedged ? now + self->config.hedge_ms : UINT64_MAX;
        return true;
    }
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_channel_hopeless(self, work, now, &error)) {
        s_end(work, work->error.code != TACIT_OK ? &work->error : &error);
        return true;
    }
    if (now >= work->deadline_ms) {
        tacit_error_set(&error, TACIT_DEADLINE_EXCEEDED, "%s found no connection with room in time",
                        work->method->name);
        s_end(work, work->error.code != TACIT_OK ? &work->error : &error);
        return true;
    }
    return false;
}

/*  --- how attempts end ------------------------------------------------------------------------ */

/*  What a failure says: of the call, whether another try may go better; of the route.  */
static const struct {
    tacit_status_t status;
    bool again;
} s_failures[] = {
    {TACIT_UNREACHABLE, true}, {TACIT_BUSY, true},
    {TACIT_NO_SESSION, true},  {TACIT_SESSION_EXPIRED, true},
    {TACIT_NO_MEMORY, true},   {TACIT_DEADLINE_EXCEEDED, false},
    {TACIT_INTERNAL, false},   {TACIT_PROTOCOL_ERROR, true},
    {TACIT_INTERRUPTED, true}, /* its bulk lane ended, for one */
    {TACIT_DRAINING, true},    {TACIT_BULK_LOST, true},
};

/*  -1: no failure of the route's.  */
static int s_failure(tacit_status_t status)
{
    for (size_t i = 0; i < sizeof s_failures / sizeof *s_failures; i++) {
        if (s_failures[i].status == status) {
            return (int)i;
        }
    }
    return -1;
}

static bool s_retry_later(tacit_work_t *work, uint64_t delay_ms, uint64_t now)
{
    if (delay_ms >= work->deadline_ms - now) {
        return false;
    }
    work->state = TACIT_WORK_QUEUED;
    work->next_ms = now + delay_ms;
    return true;
}

/*  Whether the call is queued again.  */
static bool s_retry(tacit_channel_t *self, tacit_work_t *work, bool may_help, uint32_t after_ms,
                    uint64_t now)
{
    if (!may_help || !work->repeatable || work->sent >= self->config.attempts_max) {
        return false;
    }
    uint64_t delay =
        after_ms + tacit_backoff_ms(TACIT_RETRY_BASE_MS, TACIT_RETRY_CAP_MS, work->sent - 1);
    if (delay < work->deadline_ms - now && !tacit_retry_budget_spend(&self->budget, now)) {
        tacit_client_metrics_count(self->config.metrics, TACIT_COUNT_RETRY_REFUSED);
        return false;
    }
    return s_retry_later(work, delay, now);
}

/*  A call that a draining service refused did not run, whatever it is, and costs no budget: every
    endpoint that drains is asked once, and then avoided for as long as it wants. Elsewhere it goes
    at once. So does one whose bulk was lost with its lane.  */
static bool s_retry_drained(tacit_channel_t *self, tacit_work_t *work, uint32_t after_ms,
                            uint64_t now)
{
    if (work->sent >= self->config.attempts_max) {
        return false;
    }
    size_t other = tacit_channel_choose(self, work->last_route, true, now);
    return s_retry_later(work, other < TACIT_CHANNEL_ROUTES_MAX ? 0 : after_ms, now);
}

static void s_win(tacit_channel_t *self, tacit_work_t *work, tacit_attempt_t *attempt, uint64_t now)
{
    tacit_channel_blame(self, attempt, TACIT_OK, 0, now);
    if (attempt->hedge) {
        tacit_client_metrics_count(self->config.metrics, TACIT_COUNT_HEDGE_WON);
    }
    tacit_attempt_t winner = *attempt;
    const tacit_error_t none = {.code = TACIT_OK};
    attempt->slot = NULL;
    s_end(work, &none);
    work->winner = winner;
}

/*  An attempt that failed: another one may still win.  */
static void s_lose(tacit_channel_t *self, tacit_work_t *work, tacit_attempt_t *attempt,
                   uint64_t now)
{
    tacit_error_t error = attempt->slot->error;
    bool drained = error.code == TACIT_DRAINING || error.code == TACIT_BULK_LOST;
    uint32_t after_ms = drained || error.code == TACIT_BUSY ? error.retry_after_ms : 0;
    int failure = s_failure(error.code);
    tacit_attempt_t lost = *attempt;
    work->error = error;
    work->last_route = attempt->route;
    tacit_outstanding_release(&attempt->client->calls, attempt->slot);
    *attempt = (tacit_attempt_t){.slot = NULL};
    if (failure >= 0) {
        tacit_channel_blame(self, &lost, error.code, after_ms, now);
    }
    bool other = work->attempts[0].slot || work->attempts[1].slot;
    bool may_help = failure >= 0 && s_failures[failure].again;
    if (may_help && other) {
        return;
    }
    bool again =
        now < work->deadline_ms && (drained ? s_retry_drained(self, work, after_ms, now)
                                            : s_retry(self, work, may_help, after_ms, now));
    if (!again) {
        s_end(work, &error);
    }
}

/*  Its connection was given up in a way that left no slot to look at.  */
static void s_settle_orphan(tacit_channel_t *self, tacit_work_t *work, uint64_t now)
{
    tacit_error_t error = work->error;
    if (now >= work->deadline_ms || !s_retry(self, work, true, 0, now)) {
        s_end(work, &error);
    }
}

static bool s_hedge(tacit_channel_t *self, tacit_work_t *work, uint64_t now)
{
    const tacit_attempt_t *first = &work->attempts[0];
    work->hedge_ms = UINT64_MAX;
    if (work->attempts[1].slot || !first->slot || work->sent >= self->config.attempts_max ||
        now >= work->deadline_ms) {
        return false;
    }
    size_t route = tacit_channel_choose(self, first->route, true, now);
    if (route == TACIT_CHANNEL_ROUTES_MAX || !tacit_retry_budget_spend(&self->budget, now)) {
        return false;
    }
    if (s_attempt(self, work, route, true, now) && work->attempts[1].slot) {
        tacit_client_metrics_count(self->config.metrics, TACIT_COUNT_HEDGE);
    }
    return true;
}

static bool s_turn_sent(tacit_channel_t *self, tacit_work_t *work, uint64_t now)
{
    bool any = false;
    if (!work->attempts[0].slot && !work->attempts[1].slot) {
        s_settle_orphan(self, work, now);
        return true;
    }
    for (size_t i = 0; i < TACIT_WORK_ATTEMPTS && work->state == TACIT_WORK_SENT; i++) {
        tacit_attempt_t *attempt = &work->attempts[i];
        if (attempt->slot && attempt->slot->state == TACIT_SLOT_ENDED) {
            any = true;
            if (attempt->slot->error.code == TACIT_OK) {
                s_win(self, work, attempt, now);
            } else {
                s_lose(self, work, attempt, now);
            }
        }
    }
    if (work->state == TACIT_WORK_SENT && now >= work->hedge_ms) {
        any = s_hedge(self, work, now) || any;
    }
    return any;
}

bool tacit_channel_turn_work(tacit_channel_t *channel, tacit_work_t *work, uint64_t now_ms)
{
    switch (work->state) {
    case TACIT_WORK_QUEUED:
        return s_turn_queued(channel, work, now_ms);
    case TACIT_WORK_SENT:
        return s_turn_sent(channel, work, now_ms);
    default:
        return false;
    }
}

uint64_t tacit_channel_work_wake(const tacit_channel_t *channel, const tacit_work_t *work,
                                 uint64_t now_ms)
{
    uint64_t patient_ms = work->began_ms + channel->config.patience_ms;
    const uint64_t times[] = {
        work->state == TACIT_WORK_QUEUED ? work->next_ms : UINT64_MAX,
        work->state == TACIT_WORK_QUEUED ? patient_ms : UINT64_MAX,
        work->state == TACIT_WORK_SENT ? work->hedge_ms : UINT64_MAX,
    };
    uint64_t wake = work->state == TACIT_WORK_ENDED ? UINT64_MAX : work->deadline_ms;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        wake = times[i] > now_ms && times[i] < wake ? times[i] : wake;
    }
    return wake;
}
