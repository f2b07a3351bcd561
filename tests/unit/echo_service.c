/*  echo_service.c - handlers of echo.idl, and the actor that serves them.  */

#include "tests/unit/echo_service.h"

#include "rpc/drain.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/server_internal.h"
#include "tests/unit/test_actor.h"
#include "tests/unit/test_service.h"

enum { S_PATIENCE_MS = 60 * 1000 }; /* for machines that stand still now and then */

/*  --- handlers -------------------------------------------------------------------------------- */

static tacit_status_t s_echo(void *self, tacit_call_t *call, const tacit_echo_echo_args_t *args,
                             tacit_echo_echo_result_t *ret_result)
{
    (void)self;
    (void)call;
    ret_result->text = args->text;
    return TACIT_OK;
}

static void s_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static tacit_status_t s_bulk(void *self, tacit_call_t *call, const tacit_echo_bulk_args_t *args,
                             tacit_echo_bulk_result_t *ret_result)
{
    (void)self;
    tacit_span_t bulk = tacit_call_bulk(call);
    ret_result->size = bulk.size;
    if (args->copy) {
        return tacit_call_copy_bulk(call, bulk);
    }
    uint8_t *own = malloc(bulk.size + 1);
    if (!own) {
        return TACIT_NO_MEMORY;
    }
    if (bulk.size > 0) {
        memcpy(own, bulk.data, bulk.size);
    }
    tacit_status_t status = tacit_call_take_bulk(call, own, bulk.size, s_free, NULL);
    if (status != TACIT_OK) {
        free(own);
    }
    return status;
}

static tacit_status_t s_narrow(void *self, tacit_call_t *call, const tacit_echo_narrow_args_t *args,
                               tacit_echo_narrow_result_t *ret_result)
{
    (void)self;
    (void)ret_result;
    uint8_t *bytes = tacit_arena_alloc(tacit_call_arena(call), args->size + 1);
    return tacit_call_copy_bulk(call, tacit_span(bytes, args->size));
}

static tacit_status_t s_fail(void *self, tacit_call_t *call, const tacit_echo_fail_args_t *args,
                             tacit_echo_fail_result_t *ret_result)
{
    (void)self;
    (void)call;
    if (args->how == 0) {
        return (tacit_status_t)TACIT_ECHO_BROKEN;
    }
    if (args->how == 1) {
        ret_result->text = tacit_span("too long", 8);
        return TACIT_OK;
    }
    tacit_error_claim(tacit_call_error(call), TACIT_NOT_FOUND, "text", "one", "none");
    return TACIT_NOT_FOUND;
}

static tacit_status_t s_keep(echo_service_t *echo, tacit_call_t *call)
{
    if (echo->held_count == ECHO_HELD_MAX) {
        return TACIT_BUSY;
    }
    echo->held[echo->held_count++] = call;
    return TACIT_PENDING;
}

static tacit_status_t s_hold(void *self, tacit_call_t *call, const tacit_echo_hold_args_t *args,
                             tacit_echo_hold_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_keep(self, call);
}

static tacit_status_t s_hold_user(void *self, tacit_call_t *call,
                                  const tacit_echo_hold_user_args_t *args,
                                  tacit_echo_hold_user_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_keep(self, call);
}

static tacit_status_t s_hold_keyed(void *self, tacit_call_t *call,
                                   const tacit_echo_hold_keyed_args_t *args,
                                   tacit_echo_hold_keyed_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_keep(self, call);
}

static tacit_status_t s_count(void *self, tacit_call_t *call, const tacit_echo_count_args_t *args,
                              tacit_echo_count_result_t *ret_result)
{
    (void)call;
    echo_service_t *echo = self;
    echo->counted += args->add;
    ret_result->count = echo->counted;
    return args->add > 0 ? TACIT_OK : (tacit_status_t)TACIT_ECHO_BROKEN;
}

static tacit_status_t s_release(void *self, tacit_call_t *call,
                                const tacit_echo_release_args_t *args,
                                tacit_echo_release_result_t *ret_result)
{
    (void)call;
    (void)args;
    echo_service_t *echo = self;
    for (size_t i = 0; i < echo->held_count; i++) {
        bool alive = tacit_call_alive(echo->held[i]);
        const tacit_echo_hold_result_t result = {.text = tacit_span_string("released"),
                                                 .alive = alive};
        ret_result->released++;
        ret_result->alive += alive;
        tacit_call_finish(&echo->held[i], TACIT_OK, &result);
    }
    echo->held_count = 0;
    return TACIT_OK;
}

static void s_on_end(void *self, tacit_call_t *call)
{
    echo_service_t *echo = self;
    assert_false(tacit_call_alive(call));
    echo->watching--;
    echo->ended++;
    tacit_call_finish(&call, TACIT_OK, NULL);
}

static tacit_status_t s_watch(void *self, tacit_call_t *call, const tacit_echo_watch_args_t *args,
                              tacit_echo_watch_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    echo_service_t *echo = self;
    echo->watching++;
    tacit_call_on_end(call, s_on_end, self);
    return TACIT_PENDING;
}

static tacit_status_t s_watched(void *self, tacit_call_t *call,
                                const tacit_echo_watched_args_t *args,
                                tacit_echo_watched_result_t *ret_result)
{
    (void)call;
    (void)args;
    const echo_service_t *echo = self;
    ret_result->open = echo->watching;
    ret_result->ended = echo->ended;
    return TACIT_OK;
}

static tacit_status_t s_at_once(void *self, tacit_call_t *call,
                                const tacit_echo_at_once_args_t *args,
                                tacit_echo_at_once_result_t *ret_result)
{
    (void)self;
    (void)ret_result;
    const tacit_echo_at_once_result_t result = {.text = args->text,
                                                .alive = tacit_call_alive(call)};
    tacit_call_finish(&call, TACIT_OK, &result);
    return TACIT_PENDING;
}

static tacit_status_t s_as_user(void *self, tacit_call_t *call,
                                const tacit_echo_as_user_args_t *args,
                                tacit_echo_as_user_result_t *ret_result)
{
    (void)self;
    (void)args;
    ret_result->peer = tacit_span(tacit_call_peer(call), 32);
    ret_result->role = (uint8_t)tacit_call_session(call)->peer_role;
    return TACIT_OK;
}

static tacit_status_t s_as_owner(void *self, tacit_call_t *call,
                                 const tacit_echo_as_owner_args_t *args,
                                 tacit_echo_as_owner_result_t *ret_result)
{
    (void)self;
    (void)call;
    (void)args;
    (void)ret_result;
    return TACIT_OK;
}

static tacit_status_t s_as_operator(void *self, tacit_call_t *call,
                                    const tacit_echo_as_operator_args_t *args,
                                    tacit_echo_as_operator_result_t *ret_result)
{
    (void)self;
    (void)call;
    (void)args;
    (void)ret_result;
    return TACIT_OK;
}

static tacit_status_t s_as_worker(void *self, tacit_call_t *call,
                                  const tacit_echo_as_worker_args_t *args,
                                  tacit_echo_as_worker_result_t *ret_result)
{
    (void)self;
    (void)args;
    ret_result->role = (uint8_t)tacit_call_session(call)->peer_result.role;
    return TACIT_OK;
}

static tacit_status_t s_as_keys(void *self, tacit_call_t *call,
                                const tacit_echo_as_keys_args_t *args,
                                tacit_echo_as_keys_result_t *ret_result)
{
    (void)self;
    (void)call;
    (void)args;
    (void)ret_result;
    return TACIT_OK;
}

static tacit_status_t s_secret(void *self, tacit_call_t *call, const tacit_echo_secret_args_t *args,
                               tacit_echo_secret_result_t *ret_result)
{
    (void)self;
    (void)call;
    ret_result->secret = args->secret;
    return TACIT_OK;
}

static tacit_status_t s_end_sessions(void *self, tacit_call_t *call,
                                     const tacit_echo_end_sessions_args_t *args,
                                     tacit_echo_end_sessions_result_t *ret_result)
{
    (void)call;
    (void)ret_result;
    const echo_service_t *echo = self;
    bool all = sodium_is_zero(args->peer.data, args->peer.size);
    tacit_server_end_sessions(echo->running, all ? NULL : args->peer.data);
    return TACIT_OK;
}

static const tacit_echo_handlers_t s_handlers = {
    .echo = s_echo,
    .bulk = s_bulk,
    .narrow = s_narrow,
    .fail = s_fail,
    .hold = s_hold,
    .hold_user = s_hold_user,
    .hold_keyed = s_hold_keyed,
    .count = s_count,
    .release = s_release,
    .watch = s_watch,
    .watched = s_watched,
    .at_once = s_at_once,
    .as_user = s_as_user,
    .as_owner = s_as_owner,
    .as_operator = s_as_operator,
    .as_worker = s_as_worker,
    .as_keys = s_as_keys,
    .secret = s_secret,
    .end_sessions = s_end_sessions,
};

/*  --- the actor ------------------------------------------------------------------------------- */

static tacit_status_t s_open(echo_service_t *echo, zloop_t *loop, tacit_error_t *error)
{
    tacit_server_config_t config = {
        .endpoint = echo->address,
        .public_key = echo->plaintext ? NULL : echo->server.public_key,
        .secret_key = echo->plaintext ? NULL : echo->server.secret_key,
        .party = echo->plaintext || echo->no_sessions ? NULL : &echo->party,
        .operator_key = echo->operator_user.public_key,
        .zap_domain = "test.echo",
    };
    tacit_status_t status = tacit_server_new(&config, &echo->running, error);
    if (status == TACIT_OK && echo->own_lane_times) {
        echo->running->lanes.table.idle_ms = echo->lane_idle_ms;
        echo->running->lanes.table.spare_ms = echo->lane_spare_ms;
        echo->running->lanes.recall_ms = echo->lane_recall_ms;
    }
    if (status == TACIT_OK) {
        status = tacit_server_add(echo->running, &tacit_echo_service, &s_handlers, echo);
    }
    return status == TACIT_OK ? tacit_server_attach(echo->running, loop) : status;
}

static void s_actor(zsock_t *pipe, void *argument)
{
    echo_service_t *echo = argument;
    tacit_error_t error = {.code = TACIT_OK};
    zloop_t *loop = zloop_new();
    zloop_set_nonstop(loop, true);
    tacit_status_t status = s_open(echo, loop, &error);
    if (status == TACIT_OK) {
        snprintf(echo->endpoint, sizeof echo->endpoint, "%s", tacit_server_endpoint(echo->running));
    } else {
        fprintf(stderr, "echo: %s\n", error.message);
    }
    tacit_drain_t drain = {.server = echo->running, .max_ms = echo->drain_ms};
    if (echo->drain_ms > 0) {
        tacit_drain_attach(&drain, pipe, loop);
    } else {
        zloop_reader(loop, pipe, test_service_on_pipe, NULL);
    }
    zsock_signal(pipe, status == TACIT_OK ? 0 : 1);
    zloop_start(loop);
    if (echo->running) {
        echo->stats = *tacit_server_stats(echo->running);
    }
    zloop_destroy(&loop);
    tacit_server_destroy(&echo->running);
    for (size_t i = 0; i < echo->held_count; i++) {
        assert_false(tacit_call_alive(echo->held[i]));
        tacit_call_finish(&echo->held[i], TACIT_OK, NULL);
    }
    echo->held_count = 0;
}

void echo_make_keys(echo_keys_t *ret_keys)
{
    crypto_box_keypair(ret_keys->public_key, ret_keys->secret_key);
}

void echo_init(echo_service_t *echo)
{
    memset(echo, 0, sizeof *echo);
    assert_true(sodium_init() >= 0);
    echo_make_keys(&echo->server);
    echo_make_keys(&echo->user);
    echo_make_keys(&echo->operator_user);
    echo->party = (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = echo->server.public_key};
    memset(echo->party.mesh_id, 7, sizeof echo->party.mesh_id);
    snprintf(echo->address, sizeof echo->address, "tcp://127.0.0.1:*");
}

void echo_start(echo_service_t *echo)
{
    echo->actor = test_actor_new(s_actor, echo);
    assert_non_null(echo->actor);
    assert_true(strlen(echo->endpoint) > 0);
}

void echo_stop(echo_service_t *echo)
{
    zactor_destroy(&echo->actor);
}

void echo_drain(echo_service_t *echo)
{
    assert_int_equal(zstr_send(echo->actor, "$TERM"), 0);
}

bool echo_ends_within(echo_service_t *echo, int milliseconds)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(echo->actor), .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, milliseconds) == 1;
}

tacit_client_config_t echo_config(const echo_service_t *echo, const echo_keys_t *keys)
{
    return (tacit_client_config_t){
        .endpoint = echo->endpoint,
        .server_key = echo->plaintext ? NULL : echo->server.public_key,
        .public_key = keys->public_key,
        .secret_key = keys->secret_key,
        .peer_role = echo->party.role,
        .connect_ms = 5000,
    };
}

tacit_party_t echo_party(const echo_service_t *echo, const echo_keys_t *keys, tacit_role_t role)
{
    tacit_party_t party = {.role = role, .curve_public = keys->public_key};
    memcpy(party.mesh_id, echo->party.mesh_id, sizeof party.mesh_id);
    return party;
}

static tacit_client_t *s_client(const tacit_client_config_t *config)
{
    tacit_client_t *client = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_client_new(config, &client, &error);
    if (status != TACIT_OK) {
        fail_msg("%s %s: %s (%s)", config->endpoint, error.name, error.message, error.claim);
    }
    return client;
}

tacit_client_t *echo_connect(const echo_service_t *echo, const echo_keys_t *keys)
{
    tacit_client_config_t config = echo_config(echo, keys);
    return s_client(&config);
}

tacit_client_t *echo_bind(const echo_service_t *echo, const echo_keys_t *keys, tacit_role_t role)
{
    tacit_client_config_t config = echo_config(echo, keys);
    tacit_party_t party = echo_party(echo, keys, role);
    config.party = &party;
    return s_client(&config);
}

/*  --- metrics --------------------------------------------------------------------------------- */

uint64_t echo_metric(const echo_service_t *echo, const char *name)
{
    tacit_client_t *client = echo_bind(echo, &echo->operator_user, TACIT_ROLE_OPERATOR);
    uint64_t number = test_service_metric(client, "echo", name);
    assert_int_not_equal(number, UINT64_MAX);
    return number;
}

void echo_await_metric(const echo_service_t *echo, const char *name, uint64_t number)
{
    int64_t until_ms = zclock_mono() + S_PATIENCE_MS;
    while (echo_metric(echo, name) != number && zclock_mono() < until_ms) {
        zclock_sleep(25);
    }
    assert_int_equal(echo_metric(echo, name), number);
}

/*  --- one for each test ----------------------------------------------------------------------- */

echo_service_t echo_of_test;

int echo_setup(void **state)
{
    (void)state;
    echo_init(&echo_of_test);
    echo_start(&echo_of_test);
    return 0;
}

int echo_teardown(void **state)
{
    (void)state;
    echo_stop(&echo_of_test);
    return 0;
}
