/*  channel_route.c - a channel's connections: dialed, kept, renewed, retired.

    A client that was lost or replaced is retired: its calls are settled first, then it goes.  */

#include <sys/epoll.h>

#include "rpc/channel_internal.h"

enum {
    S_LOOK_AGAIN_MS = 100 /* least between two looks, when a connection broke */
};

/*  --- files to wait for ----------------------------------------------------------------------- */

static void s_watch_file(const tacit_channel_t *self, void *socket, int operation)
{
    int file = -1;
    size_t size = sizeof file;
    struct epoll_event event = {.events = EPOLLIN};
    if (zmq_getsockopt(socket, ZMQ_FD, &file, &size) == 0) {
        (void)epoll_ctl(self->poll, operation, file, &event);
    }
}

/*  A lane that ends takes its files with it.  */
static void s_watch(const tacit_channel_t *self, tacit_client_t *client, int operation)
{
    const tacit_endpoint_t *endpoints[] = {client->endpoint, client->lane.endpoint};
    client->lane.polled = true; /* a lane that came later would have nobody who waits for it */
    for (size_t i = 0; i < 2; i++) {
        if (endpoints[i]) {
            s_watch_file(self, tacit_endpoint_socket(endpoints[i]), operation);
            s_watch_file(self, tacit_endpoint_monitor(endpoints[i]), operation);
        }
    }
}

/*  --- retired clients ------------------------------------------------------------------------- */

static void s_orphan(tacit_work_t *work, const tacit_client_t *client)
{
    static const tacit_attempt_t none = {.slot = NULL};
    for (size_t i = 0; i <= TACIT_WORK_ATTEMPTS; i++) {
        tacit_attempt_t *attempt = i < TACIT_WORK_ATTEMPTS ? &work->attempts[i] : &work->winner;
        if (attempt->slot && attempt->client == client) {
            *attempt = none;
            tacit_error_set(&work->error, TACIT_UNREACHABLE, "the connection was replaced");
        }
    }
}

/*  Where there is no room its calls are orphans: their answers are lost, as with a connection.  */
static void s_retire(tacit_channel_t *self, tacit_client_t *client)
{
    for (size_t i = 0; i < TACIT_RETIRED_MAX; i++) {
        if (!self->retired[i]) {
            self->retired[i] = client;
            return;
        }
    }
    for (size_t i = 0; i < self->work_end; i++) {
        s_orphan(&self->works[i], client);
    }
    s_watch(self, client, EPOLL_CTL_DEL);
    tacit_client_destroy(&client);
}

static bool s_turn_retired(tacit_channel_t *self, uint64_t now)
{
    bool any = false;
    for (size_t i = 0; i < TACIT_RETIRED_MAX; i++) {
        tacit_client_t *client = self->retired[i];
        if (!client) {
            continue;
        }
        if (client->lost.code == TACIT_OK) {
            any = tacit_client_pump(client) || any;
            (void)tacit_outstanding_expire(&client->calls, now);
        }
        if (client->calls.count == 0 && client != self->delivered) {
            s_watch(self, client, EPOLL_CTL_DEL);
            tacit_client_destroy(&self->retired[i]);
        }
    }
    return any;
}

/*  --- a route's life -------------------------------------------------------------------------- */

static void s_dial(tacit_channel_t *self, size_t index, uint64_t now)
{
    tacit_route_t *route = &self->routes[index];
    bool begun = tacit_dialer_begin(self->dialer, index, &route->target);
    if (route->state == TACIT_ROUTE_READY) {
        route->renewing = begun;
        route->renew_ms = now + TACIT_REDIAL_CAP_MS; /* where this comes to nothing */
    } else if (begun) {
        route->state = TACIT_ROUTE_DIALING;
    } else {
        tacit_error_set(&route->error, TACIT_NO_MEMORY, "no thread to connect on");
        route->state = TACIT_ROUTE_WAITING;
        route->next_ms = now + TACIT_REDIAL_CAP_MS;
    }
}

static void s_look_soon(tacit_channel_t *self, uint64_t now)
{
    if (self->look_failures == 0 && self->look_ms > now + S_LOOK_AGAIN_MS) {
        self->look_ms = now + S_LOOK_AGAIN_MS;
    }
}

/*  The next try: at once the first time, more or less.  */
static void s_wait(tacit_channel_t *self, tacit_route_t *route, uint64_t now)
{
    route->state = TACIT_ROUTE_WAITING;
    route->next_ms =
        now + tacit_backoff_ms(TACIT_REDIAL_BASE_MS, TACIT_REDIAL_CAP_MS, route->failures);
    route->failures++;
    s_look_soon(self, now);
}

void tacit_channel_break(tacit_channel_t *self, tacit_route_t *route, uint64_t now)
{
    s_retire(self, route->client);
    route->client = NULL;
    if (route->renewing) {
        route->renewing = false;
        route->state = TACIT_ROUTE_DIALING; /* under way already */
    } else if (route->gone) {
        *route = (tacit_route_t){.state = TACIT_ROUTE_FREE};
        s_look_soon(self, now);
    } else {
        s_wait(self, route, now);
    }
}

static void s_connected(tacit_channel_t *self, tacit_route_t *route, uint64_t now)
{
    tacit_client_t *client = self->dialed.client;
    if (route->client) {
        tacit_lane_reopen_inherit(&client->lane.reopen, &route->client->lane.reopen, now);
        s_retire(self, route->client);
    }
    s_watch(self, client, EPOLL_CTL_ADD);
    route->client = client;
    route->state = TACIT_ROUTE_READY;
    route->renewing = false;
    route->next_ms = 0;
    route->renew_ms = UINT64_MAX;
    if (client->session && client->session_end_ms > now) {
        route->renew_ms = now + (client->session_end_ms - now) / 4 * 3;
    }
    tacit_client_metrics_connected(self->config.metrics, TACIT_OK);
}

static bool s_take_dialed(tacit_channel_t *self, size_t index, uint64_t now)
{
    tacit_route_t *route = &self->routes[index];
    tacit_dialed_t *dialed = &self->dialed;
    if (!tacit_dialer_end(self->dialer, index, dialed)) {
        return false;
    }
    if (dialed->status == TACIT_OK) {
        s_connected(self, route, now);
        return true;
    }
    tacit_client_metrics_connected(self->config.metrics, dialed->status);
    route->error = dialed->error;
    if (route->state == TACIT_ROUTE_READY) {
        route->renewing = false; /* what there is serves as long as it lasts */
    } else if (route->gone) {
        *route = (tacit_route_t){.state = TACIT_ROUTE_FREE};
    } else {
        s_wait(self, route, now);
    }
    return true;
}

static bool s_turn_route(tacit_channel_t *self, size_t index, uint64_t now)
{
    tacit_route_t *route = &self->routes[index];
    bool any = s_take_dialed(self, index, now);
    if (route->state == TACIT_ROUTE_READY) {
        any = tacit_client_pump(route->client) || any;
        (void)tacit_outstanding_expire(&route->client->calls, now);
        if (route->client->lost.code != TACIT_OK) {
            tacit_client_metrics_lost(self->config.metrics);
            route->error = route->client->lost;
            tacit_channel_break(self, route, now);
            return true;
        }
        /*  A lane that was lost comes back with another connection, made in the background.  */
        bool renew = now >= route->renew_ms ||
                     (self->config.source.lane && tacit_client_lane_lacks(route->client));
        if (renew && !route->renewing && !route->gone) {
            s_dial(self, index, now);
        }
    } else if (route->state == TACIT_ROUTE_WAITING && now >= route->next_ms) {
        s_dial(self, index, now);
    }
    return any;
}

/*  --- endpoints ------------------------------------------------------------------------------- */

static bool s_is_among(const tacit_target_t *target, const tacit_dialed_t *looked)
{
    for (size_t i = 0; i < looked->target_count; i++) {
        const tacit_target_t *other = &looked->targets[i];
        if (strcmp(target->endpoint, other->endpoint) == 0 &&
            memcmp(target->server_key, other->server_key, sizeof target->server_key) == 0) {
            return true;
        }
    }
    return false;
}

static bool s_is_known(const tacit_channel_t *self, const tacit_target_t *target)
{
    tacit_dialed_t one = {.target_count = 1};
    one.targets[0] = *target;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        if (self->routes[i].state != TACIT_ROUTE_FREE &&
            s_is_among(&self->routes[i].target, &one)) {
            return true;
        }
    }
    return false;
}

static void s_add_route(tacit_channel_t *self, const tacit_target_t *target, uint64_t now)
{
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        if (self->routes[i].state == TACIT_ROUTE_FREE) {
            self->routes[i] = (tacit_route_t){.target = *target, .state = TACIT_ROUTE_WAITING};
            s_dial(self, i, now);
            return;
        }
    }
}

static void s_take_targets(tacit_channel_t *self, uint64_t now)
{
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        tacit_route_t *route = &self->routes[i];
        route->gone =
            route->state != TACIT_ROUTE_FREE && !s_is_among(&route->target, &self->dialed);
        if (route->gone && route->state == TACIT_ROUTE_WAITING) {
            *route = (tacit_route_t){.state = TACIT_ROUTE_FREE};
        }
    }
    for (size_t i = 0; i < self->dialed.target_count; i++) {
        if (!s_is_known(self, &self->dialed.targets[i])) {
            s_add_route(self, &self->dialed.targets[i], now);
        }
    }
}

static bool s_turn_look(tacit_channel_t *self, uint64_t now)
{
    if (self->looking) {
        if (!tacit_dialer_end(self->dialer, TACIT_DIALER_LOOK, &self->dialed)) {
            return false;
        }
        self->looking = false;
        if (self->dialed.status == TACIT_OK) {
            self->look_failures = 0;
            self->looked = true;
            self->look_ms = now + TACIT_CHANNEL_RESOLVE_MS;
            s_take_targets(self, now);
        } else {
            self->look_error = self->dialed.error;
            self->look_ms = now + tacit_backoff_ms(TACIT_REDIAL_BASE_MS, TACIT_REDIAL_CAP_MS,
                                                   self->look_failures++);
        }
        return true;
    }
    if (now >= self->look_ms) {
        self->looking = tacit_dialer_begin(self->dialer, TACIT_DIALER_LOOK, NULL);
        self->look_ms = now + TACIT_REDIAL_CAP_MS; /* where no thread was to be had */
    }
    return false;
}

bool tacit_channel_turn_routes(tacit_channel_t *channel, uint64_t now_ms)
{
    bool any = s_turn_look(channel, now_ms);
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        any = s_turn_route(channel, i, now_ms) || any;
    }
    return s_turn_retired(channel, now_ms) || any;
}

uint64_t tacit_channel_routes_wake(const tacit_channel_t *channel, uint64_t now_ms)
{
    uint64_t wake = channel->looking ? UINT64_MAX : channel->look_ms;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        const tacit_route_t *route = &channel->routes[i];
        uint64_t at = UINT64_MAX;
        if (route->state == TACIT_ROUTE_WAITING) {
            at = route->next_ms;
        } else if (route->state == TACIT_ROUTE_READY && !route->renewing && !route->gone) {
            at = route->renew_ms;
        }
        if (route->state == TACIT_ROUTE_READY && route->next_ms > now_ms && route->next_ms < at) {
            at = route->next_ms;
        }
        wake = at < wake ? at : wake;
    }
    return wake;
}
