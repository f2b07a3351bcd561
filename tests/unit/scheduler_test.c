/*  scheduler_test.c - who gets what, when workers come, ask, leave and die.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/inference/scheduler.h"

enum { S_EVENTS_MAX = 1024, S_START = 1000000 };

typedef enum { S_GIVE, S_LOST, S_GONE } s_kind_t;

/*  What the scheduler said, in order: of which worker (its number) and job.  */
static struct {
    s_kind_t kind;
    unsigned worker;
    uint64_t job;
} s_events[S_EVENTS_MAX];
static size_t s_event_count;
static tacit_scheduler_t *s_scheduler;
static bool s_end_when_given;
static int s_context;

static void s_key(unsigned number, uint8_t ret_key[32])
{
    memset(ret_key, 0, 32);
    memcpy(ret_key, &number, sizeof number);
}

static unsigned s_number(const tacit_worker_t *worker)
{
    unsigned number = 0;
    memcpy(&number, worker->key, sizeof number);
    return number;
}

static void s_say(s_kind_t kind, unsigned worker, uint64_t job)
{
    assert_true(s_event_count < S_EVENTS_MAX);
    s_events[s_event_count].kind = kind;
    s_events[s_event_count].worker = worker;
    s_events[s_event_count++].job = job;
}

static void s_on_give(void *context, tacit_worker_t *worker, tacit_job_t *job)
{
    assert_ptr_equal(context, &s_context);
    assert_ptr_equal(job->worker, worker);
    assert_false(worker->idle);
    s_say(S_GIVE, s_number(worker), job->id);
    if (s_end_when_given) {
        tacit_scheduler_end(s_scheduler, job, false);
    }
}

static void s_on_lost(void *context, tacit_job_t *job)
{
    assert_ptr_equal(context, &s_context);
    s_say(S_LOST, 0, job->id);
}

static void s_on_gone(void *context, tacit_worker_t *worker)
{
    assert_ptr_equal(context, &s_context);
    s_say(S_GONE, s_number(worker), 0);
}

static int s_setup(void **state)
{
    (void)state;
    static const tacit_scheduler_events_t events = {s_on_give, s_on_lost, s_on_gone};
    s_event_count = 0;
    s_end_when_given = false;
    s_scheduler = tacit_scheduler_new(&events, &s_context);
    return s_scheduler ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_scheduler_destroy(&s_scheduler);
    tacit_scheduler_destroy(&s_scheduler);
    return 0;
}

/*  --- the other side -------------------------------------------------------------------------- */

static tacit_status_t s_register(unsigned number, uint64_t now_ms)
{
    uint8_t key[32];
    s_key(number, key);
    return tacit_scheduler_register(s_scheduler, key, key, now_ms);
}

/*  The worker, seen at that time; NULL where it is not registered.  */
static tacit_worker_t *s_seen(unsigned number, uint64_t now_ms)
{
    uint8_t key[32];
    s_key(number, key);
    return tacit_scheduler_seen(s_scheduler, key, now_ms);
}

static void s_ask(unsigned number, uint64_t now_ms)
{
    tacit_scheduler_ask(s_scheduler, s_seen(number, now_ms), now_ms);
}

/*  Registered and idle.  */
static void s_enter(unsigned number, uint64_t now_ms)
{
    assert_int_equal(s_register(number, now_ms), TACIT_OK);
    s_ask(number, now_ms);
}

static tacit_model_id_t s_model(const char *name, uint32_t version)
{
    tacit_model_id_t model = {.version = version};
    snprintf(model.name, sizeof model.name, "%s", name);
    return model;
}

static void s_hold(unsigned number, const char *name, uint32_t version)
{
    tacit_worker_t *worker = s_seen(number, S_START);
    worker->residents[worker->resident_count++] = s_model(name, version);
}

static tacit_status_t s_submit_of(unsigned user, const char *name, uint32_t version,
                                  uint64_t now_ms)
{
    uint8_t key[32];
    tacit_job_t *job = NULL;
    const tacit_model_id_t model = s_model(name, version);
    s_key(user, key);
    tacit_status_t status = tacit_scheduler_submit(s_scheduler, &model, key, now_ms, NULL, &job);
    assert_true(status || job);
    return status;
}

static void s_submit(const char *name, uint32_t version, uint64_t now_ms)
{
    assert_int_equal(s_submit_of(1, name, version, now_ms), TACIT_OK);
}

static void s_finish(unsigned number)
{
    tacit_worker_t *worker = s_seen(number, S_START);
    tacit_scheduler_end(s_scheduler, worker->job, true);
}

/*  The next event is the last one, and is this.  */
static void s_last_is(s_kind_t kind, unsigned worker, uint64_t job)
{
    assert_true(s_event_count > 0);
    assert_int_equal(s_events[s_event_count - 1].kind, kind);
    assert_int_equal(s_events[s_event_count - 1].worker, worker);
    assert_int_equal(s_events[s_event_count - 1].job, job);
}

/*  --- matching -------------------------------------------------------------------------------- */

static void without_workers_nothing_is_taken(void **state)
{
    (void)state;
    assert_int_equal(s_submit_of(1, "m", 1, S_START), TACIT_NOT_FOUND);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
}

static void an_idle_worker_gets_a_request_at_once(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 1, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
    tacit_job_t *job = tacit_scheduler_job(s_scheduler, s_seen(1, S_START), 1);
    assert_non_null(job);
    assert_int_equal(job->started_ms, S_START);
    assert_null(tacit_scheduler_job(s_scheduler, s_seen(1, S_START), 2));
}

static void a_worker_that_has_not_asked_gets_nothing(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    s_submit("m", 1, S_START);
    assert_int_equal(s_event_count, 0);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 1);
    s_ask(1, S_START);
    s_last_is(S_GIVE, 1, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
}

static void requests_are_given_in_order(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        s_submit("m", 1, S_START);
    }
    for (uint64_t i = 1; i <= 3; i++) {
        s_ask(1, S_START);
        s_last_is(S_GIVE, 1, i);
        s_finish(1);
    }
    assert_int_equal(s_seen(1, S_START)->answered, 3);
}

static void the_worker_that_holds_the_model_comes_first(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        s_enter(i, S_START);
    }
    s_hold(2, "m", 1);
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 2, 1);
}

static void holding_is_of_owner_name_and_version(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t version;
        unsigned worker;
    } rows[] = {{"m", 1, 2}, {"m", 2, 1}, {"n", 1, 1}, {"m", 0, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(s_setup(state), 0);
        s_enter(1, S_START);
        s_enter(2, S_START);
        s_hold(2, "m", 1);
        s_submit(rows[i].name, rows[i].version, S_START);
        s_last_is(S_GIVE, rows[i].worker, 1);
        assert_int_equal(s_teardown(state), 0);
    }
    assert_int_equal(s_setup(state), 0);
    s_enter(1, S_START);
    s_enter(2, S_START);
    s_hold(2, "m", 1);
    s_seen(2, S_START)->residents[0].owner[31] = 1; /* another owner's m */
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 1, 1);
}

static void else_the_worker_that_holds_least(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_enter(2, S_START);
    s_enter(3, S_START);
    s_hold(1, "a", 1);
    s_hold(3, "a", 1);
    s_hold(3, "b", 1);
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 2, 1);
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 1, 2);
}

/*  A worker takes what it holds before what is older, until the older one has waited enough.  */
static void patience_has_an_end(void **state)
{
    (void)state;
    static const struct {
        uint64_t after_ms;
        uint64_t job;
    } rows[] = {{0, 2}, {TACIT_SCHEDULER_PATIENCE_MS - 1, 2}, {TACIT_SCHEDULER_PATIENCE_MS, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(s_setup(state), 0);
        assert_int_equal(s_register(1, S_START), TACIT_OK);
        s_hold(1, "held", 1);
        s_submit("other", 1, S_START);
        s_submit("held", 1, S_START);
        s_ask(1, S_START + rows[i].after_ms);
        s_last_is(S_GIVE, 1, rows[i].job);
        assert_int_equal(s_teardown(state), 0);
    }
    assert_int_equal(s_setup(state), 0);
}

static void who_holds_nothing_that_waits_takes_the_oldest(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    s_hold(1, "held", 1);
    s_submit("a", 1, S_START);
    s_submit("b", 1, S_START);
    s_ask(1, S_START);
    s_last_is(S_GIVE, 1, 1);
}

/*  --- asking ---------------------------------------------------------------------------------- */

static void asking_twice_is_asking_once(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_ask(1, S_START);
    s_submit("m", 1, S_START);
    s_submit("m", 1, S_START);
    assert_int_equal(s_event_count, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 1);
}

static void asking_while_at_work_gives_nothing_then_nor_later(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_ask(1, S_START);
    assert_false(s_seen(1, S_START)->idle);
    s_finish(1);
    s_submit("m", 1, S_START); /* the worker waits for nothing now */
    assert_int_equal(s_event_count, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 1);
}

static void a_question_that_ended_gets_nothing(void **state)
{
    (void)state;
    s_enter(1, S_START);
    tacit_scheduler_unask(s_scheduler, s_seen(1, S_START));
    s_submit("m", 1, S_START);
    assert_int_equal(s_event_count, 0);
    s_ask(1, S_START);
    s_last_is(S_GIVE, 1, 1);
}

static void a_job_may_end_while_it_is_given(void **state)
{
    (void)state;
    s_end_when_given = true;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 1, 1);
    assert_null(s_seen(1, S_START)->job);
    assert_int_equal(s_seen(1, S_START)->failed, 1);
    s_submit("m", 1, S_START);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 1);
    s_ask(1, S_START);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
}

/*  --- limits ---------------------------------------------------------------------------------- */

static void workers_are_limited(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= TACIT_SCHEDULER_WORKERS_MAX; i++) {
        assert_int_equal(s_register(i, S_START), TACIT_OK);
    }
    assert_int_equal(s_register(TACIT_SCHEDULER_WORKERS_MAX + 1, S_START), TACIT_BUSY);
    assert_int_equal(s_register(1, S_START), TACIT_OK); /* is in already */
    tacit_scheduler_leave(s_scheduler, s_seen(1, S_START));
    assert_int_equal(s_register(TACIT_SCHEDULER_WORKERS_MAX + 1, S_START), TACIT_OK);
}

static void requests_of_a_user_are_limited(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    for (size_t i = 0; i < TACIT_SCHEDULER_USER_QUEUE_MAX; i++) {
        assert_int_equal(s_submit_of(7, "m", 1, S_START), TACIT_OK);
    }
    assert_int_equal(s_submit_of(7, "m", 1, S_START), TACIT_BUSY);
    assert_int_equal(s_submit_of(8, "m", 1, S_START), TACIT_OK);
    s_ask(1, S_START); /* takes one of the queue */
    assert_int_equal(s_submit_of(7, "m", 1, S_START), TACIT_OK);
    assert_int_equal(s_submit_of(7, "m", 1, S_START), TACIT_BUSY);
}

/*  Fills the queue, for enough users.  */
static void s_fill_queue(void)
{
    for (unsigned i = 0; i < TACIT_SCHEDULER_QUEUE_MAX; i++) {
        assert_int_equal(s_submit_of(100 + i / TACIT_SCHEDULER_USER_QUEUE_MAX, "m", 1, S_START),
                         TACIT_OK);
    }
}

static void the_queue_is_limited(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    s_fill_queue();
    assert_int_equal(tacit_scheduler_queued(s_scheduler), TACIT_SCHEDULER_QUEUE_MAX);
    assert_int_equal(s_submit_of(99, "m", 1, S_START), TACIT_BUSY);
    s_ask(1, S_START);
    assert_int_equal(s_submit_of(99, "m", 1, S_START), TACIT_OK);
    assert_int_equal(s_submit_of(99, "m", 1, S_START), TACIT_BUSY);
}

/*  What lost workers give back is queued above the limits; that must not lift them.  */
static void a_queue_above_its_limit_is_full(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_fill_queue();
    assert_int_equal(s_register(2, later), TACIT_OK);
    tacit_scheduler_tick(s_scheduler, later);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), TACIT_SCHEDULER_QUEUE_MAX + 1);
    assert_int_equal(s_submit_of(99, "m", 1, later), TACIT_BUSY);
    s_ask(2, later);
    assert_int_equal(s_submit_of(99, "m", 1, later), TACIT_BUSY);
    s_finish(2);
    s_ask(2, later);
    assert_int_equal(s_submit_of(99, "m", 1, later), TACIT_OK);
}

static void a_user_above_the_limit_is_at_it(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    for (size_t i = 0; i < TACIT_SCHEDULER_USER_QUEUE_MAX + 1; i++) {
        assert_int_equal(s_submit_of(7, "m", 1, S_START), TACIT_OK);
    }
    assert_int_equal(s_register(2, later), TACIT_OK);
    tacit_scheduler_tick(s_scheduler, later);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), TACIT_SCHEDULER_USER_QUEUE_MAX + 1);
    assert_int_equal(s_submit_of(7, "m", 1, later), TACIT_BUSY);
    assert_int_equal(s_submit_of(8, "m", 1, later), TACIT_OK);
}

/*  --- ends of workers ------------------------------------------------------------------------- */

static void a_silent_worker_is_lost_at_its_time(void **state)
{
    (void)state;
    s_enter(1, S_START);
    tacit_scheduler_tick(s_scheduler, S_START + TACIT_SCHEDULER_LIVENESS_MS - 1);
    assert_int_equal(s_event_count, 0);
    tacit_scheduler_tick(s_scheduler, S_START + TACIT_SCHEDULER_LIVENESS_MS);
    s_last_is(S_GONE, 1, 0);
    assert_null(s_seen(1, S_START));
    assert_null(tacit_scheduler_workers(s_scheduler));
}

static void the_job_of_a_lost_worker_goes_to_another_first(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_submit("m", 1, S_START);
    assert_int_equal(s_register(2, later), TACIT_OK);
    tacit_scheduler_tick(s_scheduler, later);
    s_last_is(S_GONE, 1, 0);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 2);
    assert_int_equal(tacit_scheduler_queue(s_scheduler)->id, 1);
    assert_int_equal(tacit_scheduler_queue(s_scheduler)->started_ms, 0);
    s_ask(2, later);
    s_last_is(S_GIVE, 2, 1);
}

static void a_worker_that_asks_again_gives_its_job_back(void **state)
{
    (void)state;
    s_enter(1, S_START);
    tacit_scheduler_reclaim(s_scheduler, s_seen(1, S_START)); /* it has none */
    s_submit("m", 1, S_START);
    s_last_is(S_GIVE, 1, 1);
    tacit_scheduler_reclaim(s_scheduler, s_seen(1, S_START));
    assert_int_equal(tacit_scheduler_queue(s_scheduler)->id, 1);
    assert_null(tacit_scheduler_job(s_scheduler, s_seen(1, S_START), 1));
    for (unsigned try = 2; try <= TACIT_SCHEDULER_TRIES_MAX; try++) {
        s_ask(1, S_START);
        s_last_is(S_GIVE, 1, 1);
        tacit_scheduler_reclaim(s_scheduler, s_seen(1, S_START));
    }
    s_last_is(S_LOST, 0, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
}

static void an_idle_worker_gets_the_job_in_the_same_tick(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_enter(2, later);
    tacit_scheduler_tick(s_scheduler, later);
    assert_int_equal(s_event_count, 3);
    s_last_is(S_GIVE, 2, 1);
}

static void a_job_is_given_up_after_its_tries(void **state)
{
    (void)state;
    uint64_t now = S_START;
    s_enter(1, now);
    s_submit("m", 1, now);
    for (unsigned try = 1; try <= TACIT_SCHEDULER_TRIES_MAX; try++) {
        s_last_is(S_GIVE, try, 1);
        now += TACIT_SCHEDULER_LIVENESS_MS;
        s_enter(try + 1, now);
        tacit_scheduler_tick(s_scheduler, now);
    }
    s_last_is(S_LOST, 0, 1);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 0);
    s_submit("m", 1, now); /* whoever is left works on */
    s_last_is(S_GIVE, TACIT_SCHEDULER_TRIES_MAX + 1, 2);
}

static void a_lost_worker_that_comes_back_is_a_new_one(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    tacit_scheduler_tick(s_scheduler, later);
    assert_null(s_seen(1, later));
    assert_int_equal(s_register(1, later), TACIT_OK);
    assert_null(tacit_scheduler_job(s_scheduler, s_seen(1, later), 1)); /* its former job */
    s_ask(1, later);
    s_last_is(S_GIVE, 1, 1);
}

static void a_worker_that_leaves_is_gone_at_once_when_it_has_no_job(void **state)
{
    (void)state;
    s_enter(1, S_START);
    tacit_scheduler_leave(s_scheduler, s_seen(1, S_START));
    s_last_is(S_GONE, 1, 0);
    assert_int_equal(s_submit_of(1, "m", 1, S_START), TACIT_NOT_FOUND);
}

static void a_worker_that_leaves_finishes_its_job(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    assert_int_equal(s_register(2, S_START), TACIT_OK);
    tacit_scheduler_leave(s_scheduler, s_seen(1, S_START));
    s_ask(1, S_START);
    s_submit("m", 1, S_START);
    assert_int_equal(s_event_count, 1); /* the second is not for it */
    assert_non_null(tacit_scheduler_job(s_scheduler, s_seen(1, S_START), 1));
    s_finish(1);
    s_last_is(S_GONE, 1, 0);
    assert_null(s_seen(1, S_START));
}

static void workers_that_all_leave_take_nothing_new(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    tacit_scheduler_leave(s_scheduler, s_seen(1, S_START));
    assert_int_equal(s_submit_of(1, "m", 1, S_START), TACIT_NOT_FOUND);
}

static void a_leaving_worker_may_die(void **state)
{
    (void)state;
    uint64_t later = S_START + TACIT_SCHEDULER_LIVENESS_MS;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    tacit_scheduler_leave(s_scheduler, s_seen(1, S_START));
    tacit_scheduler_tick(s_scheduler, later);
    s_last_is(S_GONE, 1, 0);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 1);
    s_enter(2, later);
    s_last_is(S_GIVE, 2, 1);
}

/*  --- ends of jobs ---------------------------------------------------------------------------- */

static void a_waiting_job_may_end(void **state)
{
    (void)state;
    assert_int_equal(s_register(1, S_START), TACIT_OK);
    for (size_t i = 0; i < 3; i++) {
        s_submit("m", 1, S_START);
    }
    tacit_scheduler_end(s_scheduler, tacit_scheduler_queue(s_scheduler)->next, false);
    assert_int_equal(tacit_scheduler_queued(s_scheduler), 2);
    s_ask(1, S_START);
    s_last_is(S_GIVE, 1, 1);
    s_finish(1);
    s_ask(1, S_START);
    s_last_is(S_GIVE, 1, 3);
}

static void answers_and_failures_are_counted(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    tacit_worker_t *worker = s_seen(1, S_START);
    tacit_scheduler_end(s_scheduler, worker->job, false);
    s_ask(1, S_START);
    s_submit("m", 1, S_START);
    tacit_scheduler_end(s_scheduler, worker->job, true);
    assert_int_equal(worker->failed, 1);
    assert_int_equal(worker->answered, 1);
}

static void what_is_left_is_freed(void **state)
{
    (void)state;
    s_enter(1, S_START);
    s_submit("m", 1, S_START);
    s_submit("m", 1, S_START);
    tacit_scheduler_destroy(&s_scheduler);
    assert_null(s_scheduler);
    assert_int_equal(s_setup(state), 0);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(without_workers_nothing_is_taken),
        S_CASE(a_worker_that_asks_again_gives_its_job_back),
        S_CASE(an_idle_worker_gets_a_request_at_once),
        S_CASE(a_worker_that_has_not_asked_gets_nothing),
        S_CASE(requests_are_given_in_order),
        S_CASE(the_worker_that_holds_the_model_comes_first),
        cmocka_unit_test_teardown(holding_is_of_owner_name_and_version, s_teardown),
        S_CASE(else_the_worker_that_holds_least),
        cmocka_unit_test_teardown(patience_has_an_end, s_teardown),
        S_CASE(who_holds_nothing_that_waits_takes_the_oldest),
        S_CASE(asking_twice_is_asking_once),
        S_CASE(asking_while_at_work_gives_nothing_then_nor_later),
        S_CASE(a_question_that_ended_gets_nothing),
        S_CASE(a_job_may_end_while_it_is_given),
        S_CASE(workers_are_limited),
        S_CASE(requests_of_a_user_are_limited),
        S_CASE(the_queue_is_limited),
        S_CASE(a_queue_above_its_limit_is_full),
        S_CASE(a_user_above_the_limit_is_at_it),
        S_CASE(a_silent_worker_is_lost_at_its_time),
        S_CASE(the_job_of_a_lost_worker_goes_to_another_first),
        S_CASE(an_idle_worker_gets_the_job_in_the_same_tick),
        S_CASE(a_job_is_given_up_after_its_tries),
        S_CASE(a_lost_worker_that_comes_back_is_a_new_one),
        S_CASE(a_worker_that_leaves_is_gone_at_once_when_it_has_no_job),
        S_CASE(a_worker_that_leaves_finishes_its_job),
        S_CASE(workers_that_all_leave_take_nothing_new),
        S_CASE(a_leaving_worker_may_die),
        S_CASE(a_waiting_job_may_end),
        S_CASE(answers_and_failures_are_counted),
        S_CASE(what_is_left_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
