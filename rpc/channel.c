/*  channel.c - a channel's life, and what its owner calls. See channel_internal.h for turns.  */

#include "rpc/channel.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "enclave/seal.h"
#include "rpc/channel_internal.h"

/*  --- life ------------------------------------------------------------------------------------ */

static bool s_watch_file(const tacit_channel_t *self, int file)
{
    struct epoll_event event = {.events = EPOLLIN};
    return file >= 0 && epoll_ctl(self->poll, EPOLL_CTL_ADD, file, &event) == 0;
}

static bool s_open(tacit_channel_t *self)
{
    self->poll = epoll_create1(EPOLL_CLOEXEC);
    self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    self->arena = tacit_arena_new();
    if (tacit_secret_new(TACIT_KEY_SIZE, &self->own_key) || !self->arena || self->poll < 0) {
        return false;
    }
    randombytes_buf(self->own_key->data, TACIT_KEY_SIZE);
    return s_watch_file(self, self->timer) && s_watch_file(self, tacit_dialer_file(self->dialer));
}

static void s_give_source_back(const tacit_channel_source_t *source)
{
    if (source->destroy) {
        source->destroy(source->self);
    }
}

tacit_status_t tacit_channel_new(const tacit_channel_config_t *config,
                                 tacit_channel_t **ret_channel, tacit_error_t *ret_error)
{
    tacit_channel_t *self = calloc(1, sizeof *self);
    if (!self) {
        s_give_source_back(&config->source);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->poll = -1;
    self->timer = -1;
    self->config = *config;
    if (self->config.attempts_max == 0) {
        self->config.attempts_max = TACIT_CHANNEL_ATTEMPTS_MAX;
    }
    tacit_retry_budget_init(&self->budget, tacit_client_now());
    self->dialer = tacit_dialer_new(&config->source);
    if (!self->dialer) {
        s_give_source_back(&config->source);
    }
    if (!self->dialer || !s_open(self)) {
        tacit_channel_destroy(&self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, "no memory or files for a channel");
    }
    (void)tacit_channel_turn_routes(self, tacit_client_now()); /* looks for its endpoints */
    *ret_channel = self;
    return TACIT_OK;
}

void tacit_channel_destroy(tacit_channel_t **channel)
{
    tacit_channel_t *self = channel ? *channel : NULL;
    if (!self) {
        return;
    }
    for (size_t i = 0; i < TACIT_CHANNEL_CALLS_MAX; i++) {
        if (self->works[i].state != TACIT_WORK_FREE) {
            tacit_channel_forget(self, &self->works[i]);
        }
    }
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        tacit_client_destroy(&self->routes[i].client);
    }
    for (size_t i = 0; i < TACIT_RETIRED_MAX; i++) {
        tacit_client_destroy(&self->retired[i]);
    }
    tacit_dialer_destroy(&self->dialer);
    tacit_secret_destroy(&self->own_key);
    tacit_arena_destroy(&self->arena);
    free(self->args);
    close(self->poll);
    close(self->timer);
    free(self);
    *channel = NULL;
}

int tacit_channel_file(const tacit_channel_t *channel)
{
    return channel->poll;
}

size_t tacit_channel_ready(const tacit_channel_t *channel)
{
    size_t ready = 0;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        ready += channel->routes[i].state == TACIT_ROUTE_READY;
    }
    return ready;
}

/*  --- turns ----------------------------------------------------------------------------------- */

/*  What was held back to share messages goes out when nothing else is left to do.  */
static bool s_flush(tacit_channel_t *self)
{
    bool any = false;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        tacit_client_t *client = self->routes[i].client;
        if (client && client->held.count > 0) {
            tacit_client_flush(client);
            any = true;
        }
    }
    return any;
}

static bool s_turn(tacit_channel_t *self, uint64_t now)
{
    bool any = tacit_channel_turn_routes(self, now);
    for (size_t i = 0; i < self->work_end; i++) {
        any = tacit_channel_turn_work(self, &self->works[i], now) || any;
    }
    return any || s_flush(self);
}

/*  Sending may eat the event of what just came in: only a turn that did nothing says that there is
    nothing.  */
static void s_turns(tacit_channel_t *self)
{
    tacit_dialer_clear(self->dialer);
    while (s_turn(self, tacit_client_now())) {
    }
}

static void s_set_timer(tacit_channel_t *self, uint64_t wake_ms)
{
    struct itimerspec when = {.it_value = {.tv_sec = 0}};
    if (wake_ms == self->timer_ms) {
        return;
    }
    if (wake_ms != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(wake_ms / 1000);
        when.it_value.tv_nsec = (long)(wake_ms % 1000) * 1000000;
    }
    (void)timerfd_settime(self->timer, TFD_TIMER_ABSTIME, &when, NULL);
    self->timer_ms = wake_ms;
}

/*  When to look again even if nothing comes; the file becomes readable then, too.  */
static void s_rest(tacit_channel_t *self)
{
    uint64_t now = tacit_client_now();
    uint64_t wake = tacit_channel_routes_wake(self, now);
    for (size_t i = 0; i < self->work_end; i++) {
        if (self->works[i].state != TACIT_WORK_FREE) {
            uint64_t at = tacit_channel_work_wake(self, &self->works[i], now);
            wake = at < wake ? at : wake;
        }
    }
    s_set_timer(self, wake);
}

static void s_wait(tacit_channel_t *self, uint64_t until)
{
    struct epoll_event event;
    uint64_t now = tacit_client_now();
    uint64_t left = until > now ? until - now : 0;
    s_rest(self);
    (void)epoll_wait(self->poll, &event, 1, left > INT_MAX ? INT_MAX : (int)left);
    if (self->timer_ms <= tacit_client_now()) {
        s_set_timer(self, UINT64_MAX); /* which takes its event back */
    }
}

/*  --- calls ----------------------------------------------------------------------------------- */

/*  What the owner borrowed until now.  */
static void s_take_back(tacit_channel_t *self)
{
    if (self->delivered) {
        tacit_client_release_taken(self->delivered);
        self->delivered = NULL;
    }
}

tacit_status_t tacit_channel_call(tacit_channel_t *channel, const tacit_request_t *request,
                                  void *ret_result, tacit_span_t *ret_bulk,
                                  tacit_error_t *ret_error)
{
    tacit_work_t *work = NULL;
    tacit_reply_t reply;
    s_take_back(channel);
    tacit_status_t status = tacit_channel_begin(channel, request, &work, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    for (s_turns(channel); work->state != TACIT_WORK_ENDED; s_turns(channel)) {
        s_wait(channel, UINT64_MAX);
    }
    status = tacit_channel_deliver(channel, work, &reply, ret_error);
    if (status != TACIT_OK) {
        tacit_channel_forget(channel, work);
        return status;
    }
    if (reply.status != TACIT_OK) {
        if (ret_error) {
            *ret_error = reply.error;
        }
        return reply.status;
    }
    if (ret_result) {
        memcpy(ret_result, reply.result, request->method->result->size);
    }
    if (ret_bulk) {
        *ret_bulk = reply.bulk;
    }
    return TACIT_OK;
}

tacit_status_t tacit_channel_start(tacit_channel_t *channel, const tacit_request_t *request,
                                   uint64_t *ret_call, tacit_error_t *ret_error)
{
    tacit_work_t *work = NULL;
    s_take_back(channel);
    tacit_status_t status = tacit_channel_begin(channel, request, &work, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    uint64_t number = work->number;
    (void)tacit_channel_turn_work(channel, work, tacit_client_now());
    if (work->state == TACIT_WORK_ENDED) { /* it never left */
        status = work->error.code;
        if (ret_error) {
            *ret_error = work->error;
        }
    } else { /* any call may be refused by a service that drains, and goes elsewhere then */
        status = tacit_channel_keep(channel, work, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_channel_forget(channel, work);
        return status;
    }
    work->args = NULL;
    s_rest(channel);
    *ret_call = number;
    return TACIT_OK;
}

static tacit_work_t *s_first_ended(tacit_channel_t *self)
{
    tacit_work_t *first = NULL;
    for (size_t i = 0; i < self->work_end; i++) {
        tacit_work_t *work = &self->works[i];
        if (work->state == TACIT_WORK_ENDED && (!first || work->number < first->number)) {
            first = work;
        }
    }
    return first;
}

tacit_status_t tacit_channel_next(tacit_channel_t *channel, uint32_t timeout_ms,
                                  tacit_reply_t *ret_reply, tacit_error_t *ret_error)
{
    uint64_t until = tacit_client_now() + timeout_ms;
    tacit_work_t *work = NULL;
    s_take_back(channel);
    for (s_turns(channel); !(work = s_first_ended(channel)); s_turns(channel)) {
        if (channel->work_count == 0 || tacit_client_now() >= until) {
            s_rest(channel);
            return tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED, "no call has ended yet");
        }
        s_wait(channel, until);
    }
    return tacit_channel_deliver(channel, work, ret_reply, ret_error);
}

void tacit_channel_cancel(tacit_channel_t *channel, uint64_t call)
{
    s_take_back(channel);
    for (size_t i = 0; i < channel->work_end; i++) {
        tacit_work_t *work = &channel->works[i];
        if (work->state != TACIT_WORK_FREE && work->number == call) {
            tacit_channel_forget(channel, work);
            return;
        }
    }
}
