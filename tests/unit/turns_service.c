/*  turns_service.c - see turns_service.h.  */

#include "tests/unit/turns_service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rpc/call_stream.h"
#include "rpc/zap.h"
#include "tests/unit/test_actor.h"
#include "tests/unit/test_service.h"

/*  --- in the pool ----------------------------------------------------------------------------- */

static void s_begin(turns_service_t *turns)
{
    turns->begun++;
    uint32_t running = ++turns->running;
    for (uint32_t most = turns->most;
         running > most && !atomic_compare_exchange_weak(&turns->most, &most, running);) {
    }
}

static tacit_status_t s_work(void *argument, tacit_call_t *call,
                             const tacit_turns_work_args_t *args,
                             tacit_turns_work_result_t *ret_result)
{
    turns_service_t *turns = argument;
    uint64_t end = (uint64_t)zclock_mono() + args->ms;
    s_begin(turns);
    while (tacit_call_alive(call) && (uint64_t)zclock_mono() < end) {
        zclock_sleep(1);
    }
    bool over = !tacit_call_alive(call);
    turns->over += over;
    ret_result->thread = (uint64_t)pthread_self();
    turns->running--;
    return over ? TACIT_INTERRUPTED : TACIT_OK;
}

static tacit_status_t s_deaf(void *argument, tacit_call_t *call,
                             const tacit_turns_deaf_args_t *args,
                             tacit_turns_deaf_result_t *ret_result)
{
    (void)ret_result;
    turns_service_t *turns = argument;
    s_begin(turns);
    zclock_sleep((int)args->ms);
    turns->over += atomic_load(tacit_call_over(call));
    turns->running--;
    return TACIT_OK;
}

static tacit_status_t s_crowd(void *argument, tacit_call_t *call,
                              const tacit_turns_crowd_args_t *args,
                              tacit_turns_crowd_result_t *ret_result)
{
    (void)ret_result;
    turns_service_t *turns = argument;
    zclock_sleep((int)args->ms);
    while (turns->shut && tacit_call_alive(call)) {
        zclock_sleep(1);
    }
    return TACIT_OK;
}

static tacit_status_t s_reverse(void *argument, tacit_call_t *call,
                                const tacit_turns_reverse_args_t *args,
                                tacit_turns_reverse_result_t *ret_result)
{
    (void)argument;
    tacit_span_t bulk = tacit_call_bulk(call);
    uint8_t *bytes = tacit_arena_alloc(tacit_call_arena(call), bulk.size + 1);
    if (!bytes || !tacit_call_session(call) ||
        memcmp(tacit_call_peer(call), tacit_call_session(call)->peer_curve, 32) != 0) {
        return TACIT_INTERNAL;
    }
    for (size_t i = 0; i < bulk.size; i++) {
        bytes[i] = bulk.data[bulk.size - 1 - i];
    }
    ret_result->has_note = args->has_note;
    ret_result->note = args->note;
    return tacit_call_copy_bulk(call, tacit_span(bytes, bulk.size));
}

static tacit_status_t s_fail(void *argument, tacit_call_t *call,
                             const tacit_turns_fail_args_t *args,
                             tacit_turns_fail_result_t *ret_result)
{
    (void)argument;
    const uint8_t nobody[32] = {0};
    switch (args->how) {
    case 0:
        return tacit_error_set_named(tacit_call_error(call), (tacit_status_t)TACIT_TURNS_REFUSED,
                                     "refused", "by %s", "turns");
    case 1:
        ret_result->text = tacit_span_string("beyond");
        return TACIT_OK;
    case 2:
        return TACIT_PENDING;
    case 3:
        ret_result->text = tacit_span_string("hand");
        tacit_call_finish(&call, TACIT_INTERNAL, NULL);
        return TACIT_OK;
    default:
        return tacit_call_revokes(call, nobody) ? TACIT_OK : TACIT_INTERNAL;
    }
}

/*  --- on the server's thread ------------------------------------------------------------------ */

static void s_forget(void *argument, tacit_call_t *call)
{
    turns_service_t *turns = argument;
    size_t i = 0;
    while (turns->held[i] != call) {
        i++;
    }
    memmove(&turns->held[i], &turns->held[i + 1], (--turns->held_count - i) * sizeof *turns->held);
    tacit_call_finish(&call, TACIT_INTERRUPTED, NULL);
}

static tacit_status_t s_hold(void *argument, tacit_call_t *call,
                             const tacit_turns_hold_args_t *args,
                             tacit_turns_hold_result_t *ret_result)
{
    turns_service_t *turns = argument;
    ret_result->number = args->number;
    assert_true(turns->held_count < TURNS_HELD_MAX);
    turns->held[turns->held_count++] = call;
    tacit_call_on_end(call, s_forget, turns);
    return TACIT_PENDING;
}

static tacit_status_t s_let_go(void *argument, tacit_call_t *call,
                               const tacit_turns_let_go_args_t *args,
                               tacit_turns_let_go_result_t *ret_result)
{
    (void)call;
    turns_service_t *turns = argument;
    for (uint32_t i = 0; i < args->most && turns->held_count > 0; i++) {
        tacit_call_t *held = turns->held[0];
        const tacit_turns_hold_result_t result = {.number = 1};
        memmove(turns->held, turns->held + 1, --turns->held_count * sizeof *turns->held);
        tacit_call_finish(&held, TACIT_OK, &result);
    }
    ret_result->held = (uint32_t)turns->held_count;
    return TACIT_OK;
}

static tacit_status_t s_told(void *argument, tacit_call_t *call,
                             const tacit_turns_told_args_t *args,
                             tacit_turns_told_result_t *ret_result)
{
    (void)call;
    (void)args;
    const turns_service_t *turns = argument;
    *ret_result =
        (tacit_turns_told_result_t){turns->begun, turns->running, turns->most, turns->over};
    return TACIT_OK;
}

static void s_on_flow(void *argument, tacit_call_t *call)
{
    (void)argument;
    tacit_span_t chunk = {.data = NULL};
    tacit_turns_flow_result_t result = {0};
    tacit_status_t status = TACIT_OK;
    while ((status = tacit_call_receive(call, &chunk)) == TACIT_OK && chunk.data) {
    }
    if (status != TACIT_PENDING) {
        tacit_call_finish(&call, status, &result);
    }
}

static tacit_status_t s_flow(void *argument, tacit_call_t *call,
                             const tacit_turns_flow_args_t *args,
                             tacit_turns_flow_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    tacit_status_t status = tacit_call_on_stream(call, s_on_flow, argument);
    return status ? status : TACIT_PENDING;
}

static void s_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

/*  --- in parts -------------------------------------------------------------------------------- */

typedef struct {
    turns_service_t *turns;
    const tacit_turns_parts_args_t *args;
    uint32_t rounds;
    uint64_t first;
} s_parts_t;

static tacit_status_t s_middle(void *context, tacit_call_t *call, void *ret_result)
{
    const s_parts_t *parts = context;
    tacit_turns_parts_result_t *result = ret_result;
    uint64_t end = (uint64_t)zclock_mono() + parts->args->ms;
    while (tacit_call_alive(call) && (uint64_t)zclock_mono() < end) {
        zclock_sleep(1);
    }
    result->middle = (uint64_t)pthread_self();
    return parts->args->fails ? tacit_error_set(tacit_call_error(call), TACIT_NOT_FOUND, "in parts")
                              : TACIT_OK;
}

static tacit_status_t s_last(void *context, tacit_call_t *call, tacit_status_t status,
                             void *ret_result)
{
    s_parts_t *parts = context;
    tacit_turns_parts_result_t *result = ret_result;
    if (parts->rounds++ < parts->args->again && tacit_call_alive(call)) {
        return TACIT_PENDING;
    }
    parts->turns->parts--;
    parts->turns->parts_ended++;
    result->first = parts->first;
    result->last = (uint64_t)pthread_self();
    return status;
}

static const tacit_call_part_t s_work_in_parts = {.work = s_middle, .done = s_last};

/*  Its end said that it goes on.  */
static void s_on_parts(void *context, tacit_call_t *call)
{
    s_parts_t *parts = context;
    if (!tacit_call_alive(call)) {
        parts->turns->parts--;
        parts->turns->parts_ended++;
        tacit_call_finish(&call, TACIT_INTERRUPTED, NULL);
    } else {
        assert_int_equal(tacit_call_work(call, &s_work_in_parts, parts), TACIT_PENDING);
        assert_int_equal(tacit_call_work(call, &s_work_in_parts, parts), TACIT_BAD_INPUT);
    }
}

static tacit_status_t s_first(void *argument, tacit_call_t *call,
                              const tacit_turns_parts_args_t *args,
                              tacit_turns_parts_result_t *ret_result)
{
    (void)ret_result;
    turns_service_t *turns = argument;
    s_parts_t *parts = tacit_arena_alloc(tacit_call_arena(call), sizeof *parts);
    assert_non_null(parts);
    *parts = (s_parts_t){.turns = turns, .args = args, .first = (uint64_t)pthread_self()};
    turns->parts++;
    tacit_call_on_end(call, s_on_parts, parts);
    return tacit_call_work(call, &s_work_in_parts, parts);
}

static tacit_status_t s_fill(void *context, tacit_call_t *call, void *ret_result)
{
    (void)ret_result;
    const tacit_turns_large_args_t *args = context;
    uint8_t *bytes = calloc(1, args->size);
    assert_non_null(bytes);
    zclock_sleep((int)args->ms);
    tacit_status_t status = tacit_call_take_bulk(call, bytes, args->size, s_free, NULL);
    if (status) {
        free(bytes);
    }
    return status;
}

static tacit_status_t s_filled(void *context, tacit_call_t *call, tacit_status_t status,
                               void *ret_result)
{
    (void)context;
    (void)call;
    (void)ret_result;
    return status;
}

static tacit_status_t s_large(void *argument, tacit_call_t *call,
                              const tacit_turns_large_args_t *args,
                              tacit_turns_large_result_t *ret_result)
{
    static const tacit_call_part_t part = {.work = s_fill, .done = s_filled};
    (void)argument;
    return args->ms > 0 ? tacit_call_work(call, &part, (void *)args)
                        : s_fill((void *)args, call, ret_result);
}

static const tacit_turns_handlers_t s_handlers = {
    .large = s_large,
    .parts = s_first,
    .work = s_work,
    .deaf = s_deaf,
    .crowd = s_crowd,
    .reverse = s_reverse,
    .fail = s_fail,
    .hold = s_hold,
    .let_go = s_let_go,
    .told = s_told,
    .flow = s_flow,
};

/*  --- life ------------------------------------------------------------------------------------ */

static void s_actor(zsock_t *pipe, void *argument)
{
    turns_service_t *self = argument;
    const tacit_server_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                                          .public_key = self->keys.public_key,
                                          .secret_key = self->keys.secret_key,
                                          .operator_key = self->operator_user.public_key,
                                          .zap_domain = "test.turns",
                                          .threads = TURNS_THREADS,
                                          .untaken = self->untaken,
                                          .party = &self->party};
    test_service_serve(pipe, &config, &tacit_turns_service, &s_handlers, self, self->endpoint,
                       sizeof self->endpoint);
}

void turns_start(turns_service_t *turns)
{
    turns_start_with(turns, &(tacit_untaken_limits_t){.hold = 0});
}

void turns_start_with(turns_service_t *turns, const tacit_untaken_limits_t *untaken)
{
    memset(turns, 0, sizeof *turns);
    turns->untaken = *untaken;
    tacit_zap_start();
    echo_make_keys(&turns->keys);
    echo_make_keys(&turns->operator_user);
    turns->party = (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = turns->keys.public_key};
    turns->actor = test_actor_new(s_actor, turns);
    assert_non_null(turns->actor);
}

void turns_stop(turns_service_t *turns)
{
    zactor_destroy(&turns->actor);
    tacit_zap_stop();
    assert_int_equal(turns->running, 0);
    assert_int_equal(turns->held_count, 0);
    assert_int_equal(turns->parts, 0);
}

/*  --- clients --------------------------------------------------------------------------------- */

static tacit_client_t *s_connect(const turns_service_t *turns, const echo_keys_t *keys,
                                 const tacit_party_t *party)
{
    tacit_client_t *client = NULL;
    tacit_client_config_t config = {.endpoint = turns->endpoint,
                                    .server_key = turns->keys.public_key,
                                    .public_key = keys->public_key,
                                    .secret_key = keys->secret_key,
                                    .peer_role = TACIT_ROLE_MESH,
                                    .party = party};
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    return client;
}

tacit_client_t *turns_connect(const turns_service_t *turns, const echo_keys_t *keys, bool bound)
{
    echo_keys_t fresh;
    if (!keys) {
        echo_make_keys(&fresh);
        keys = &fresh;
    }
    const tacit_party_t party = {.role = TACIT_ROLE_USER, .curve_public = keys->public_key};
    return s_connect(turns, keys, bound ? &party : NULL);
}

uint64_t turns_metric(const turns_service_t *turns, const char *name)
{
    const tacit_party_t party = {.role = TACIT_ROLE_OPERATOR,
                                 .curve_public = turns->operator_user.public_key};
    tacit_client_t *client = s_connect(turns, &turns->operator_user, &party);
    return test_service_metric(client, "turns", name);
}

void turns_await_metric(const turns_service_t *turns, const char *name, uint64_t number)
{
    for (int i = 0; i < 200 && turns_metric(turns, name) != number; i++) {
        zclock_sleep(10);
    }
    assert_int_equal(turns_metric(turns, name), number);
}
