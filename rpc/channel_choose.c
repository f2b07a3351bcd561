/*  channel_choose.c - which connection a call goes by, what its failures say of it, and when there
   is no hope of one.  */

#include "rpc/channel_internal.h"

enum {
    S_BLAME = 4,      /* what a failed call adds; a call under way counts one */
    S_BLAME_MAX = 64, /* of a route */
    S_FADE_MS = 2000, /* blame halves in so long */
};

/*  --- health ---------------------------------------------------------------------------------- */

static void s_fade(tacit_route_t *route, uint64_t now)
{
    while (route->blame > 0 && now - route->faded_ms >= S_FADE_MS) {
        route->blame /= 2;
        route->faded_ms += S_FADE_MS;
    }
    if (route->blame == 0) {
        route->faded_ms = now;
    }
}

size_t tacit_channel_choose(tacit_channel_t *channel, size_t avoid, bool only_other,
                            uint64_t now_ms)
{
    size_t best = TACIT_CHANNEL_ROUTES_MAX;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        size_t index = (channel->turn_of + i) % TACIT_CHANNEL_ROUTES_MAX;
        tacit_route_t *route = &channel->routes[index];
        if (route->state != TACIT_ROUTE_READY || route->client->lost.code != TACIT_OK ||
            route->client->calls.count >= TACIT_CLIENT_CALLS_MAX || now_ms < route->next_ms ||
            (only_other && index == avoid)) {
            continue;
        }
        s_fade(route, now_ms);
        uint64_t load = route->client->calls.count + route->blame;
        load += index == avoid ? S_BLAME_MAX + TACIT_CLIENT_CALLS_MAX : 0;
        if (load < least) {
            least = load;
            best = index;
        }
    }
    channel->turn_of = best < TACIT_CHANNEL_ROUTES_MAX ? best + 1 : channel->turn_of;
    return best;
}

void tacit_channel_blame(tacit_channel_t *channel, const tacit_attempt_t *attempt,
                         tacit_status_t status, uint32_t retry_after_ms, uint64_t now_ms)
{
    tacit_route_t *route = &channel->routes[attempt->route];
    if (route->client != attempt->client) {
        return; /* replaced meanwhile */
    }
    if (status == TACIT_OK) {
        route->failures = 0;
        return;
    }
    s_fade(route, now_ms);
    route->blame = route->blame + S_BLAME < S_BLAME_MAX ? route->blame + S_BLAME : S_BLAME_MAX;
    if ((status == TACIT_BUSY || status == TACIT_DRAINING) && retry_after_ms > 0) {
        route->next_ms = now_ms + retry_after_ms;
    } else if (status == TACIT_NO_SESSION || status == TACIT_SESSION_EXPIRED) {
        tacit_channel_break(channel, route, now_ms);
    }
}

/*  --- hopelessness ---------------------------------------------------------------------------- */

/*  Refusals that the same keys and endpoint will meet again.  */
static bool s_is_final(tacit_status_t status)
{
    return status == TACIT_WRONG_SERVER_KEY || status == TACIT_REFUSED_BY_ZAP ||
           status == TACIT_BAD_INPUT ||
           (status >= TACIT_EVIDENCE_MALFORMED && status <= TACIT_USER_REVOKED);
}

bool tacit_channel_hopeless(const tacit_channel_t *channel, const tacit_work_t *work,
                            uint64_t now_ms, tacit_error_t *ret_error)
{
    const tacit_error_t *why = &channel->look_error;
    bool refused = channel->config.source.fixed && channel->looked;
    for (size_t i = 0; i < TACIT_CHANNEL_ROUTES_MAX; i++) {
        const tacit_route_t *route = &channel->routes[i];
        if (route->state == TACIT_ROUTE_READY) {
            return false;
        }
        if (route->state != TACIT_ROUTE_FREE) {
            why = route->error.code != TACIT_OK ? &route->error : why;
            refused = refused && s_is_final(route->error.code);
        }
    }
    uint32_t patience = channel->config.patience_ms;
    bool late =
        now_ms >= work->deadline_ms || (patience > 0 && now_ms >= work->began_ms + patience);
    if (!refused && !late) {
        return false;
    }
    if (why->code == TACIT_OK) {
        tacit_error_set(ret_error, TACIT_UNREACHABLE, "no connection came up in time");
    } else {
        *ret_error = *why;
    }
    return true;
}
