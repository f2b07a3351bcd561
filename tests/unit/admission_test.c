/*  admission_test.c - whose turn it is: limits, queues, turns between callers, who gives way.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "rpc/admission.h"

enum { S_PLACES = 1200, S_MS = 1000000 };

typedef struct {
    tacit_admission_t *admission;
    tacit_gate_t gate;
    tacit_place_t places[S_PLACES];
    tacit_place_t *evicted;
    uint64_t now_ns;
} s_fixture_t;

static int s_setup(void **state)
{
    s_fixture_t *self = calloc(1, sizeof *self);
    self->admission = tacit_admission_new(2);
    *state = self;
    return self->admission && sodium_init() >= 0 ? 0 : -1;
}

static int s_teardown(void **state)
{
    s_fixture_t *self = *state;
    tacit_admission_destroy(&self->admission);
    tacit_admission_destroy(&self->admission);
    free(self);
    return 0;
}

static tacit_status_t s_enter_at(s_fixture_t *self, tacit_gate_t *gate, uint8_t caller,
                                 size_t place)
{
    const tacit_connection_id_t id = {.peer = {caller}};
    return tacit_admission_enter(self->admission, gate, &id, self->now_ns++, &self->places[place],
                                 &self->evicted);
}

static tacit_status_t s_enter(s_fixture_t *self, uint8_t caller, size_t place)
{
    return s_enter_at(self, &self->gate, caller, place);
}

static bool s_leave(s_fixture_t *self, size_t place)
{
    return tacit_admission_leave(self->admission, &self->places[place], self->now_ns);
}

/*  The number of the place whose turn it is; -1: nobody's.  */
static int s_next(s_fixture_t *self)
{
    const tacit_place_t *place = tacit_admission_next(self->admission, self->now_ns);
    return place ? (int)(place - self->places) : -1;
}

static void s_assert_turns(const s_fixture_t *self, uint64_t running, uint64_t waiting,
                           uint64_t refused)
{
    assert_int_equal(self->gate.turns.running, running);
    assert_int_equal(self->gate.turns.waiting, waiting);
    assert_int_equal(self->gate.turns.refused, refused);
}

/*  --- bounds ---------------------------------------------------------------------------------- */

static void runs_at_the_limit_and_waits_above(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 2}, .queue = {.all = 2}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(s_enter(self, 1, 1), TACIT_OK);
    assert_int_equal(s_enter(self, 1, 2), TACIT_PENDING);
    assert_int_equal(s_enter(self, 1, 3), TACIT_PENDING);
    assert_int_equal(s_enter(self, 1, 4), TACIT_BUSY);
    assert_null(self->evicted);
    s_assert_turns(self, 2, 2, 1);
    assert_int_equal(s_next(self), -1);
    assert_true(s_leave(self, 0));
    assert_false(s_leave(self, 0)); /* it has no place any more, but there is one */
}

static void runs_at_a_callers_limit_and_waits_above(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.per_caller = 1}, .queue = {.all = 4, .per_caller = 2}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(s_enter(self, 1, 1), TACIT_PENDING);
    assert_int_equal(s_enter(self, 1, 2), TACIT_PENDING);
    assert_int_equal(s_enter(self, 1, 3), TACIT_BUSY);
    assert_int_equal(s_enter(self, 2, 4), TACIT_OK);
    s_assert_turns(self, 2, 2, 1);
    assert_true(s_leave(self, 4));
    assert_int_equal(s_next(self), -1); /* what waits is another's */
    assert_true(s_leave(self, 0));
    assert_int_equal(s_next(self), 1);
    assert_int_equal(s_next(self), -1);
}

static void refuses_at_once_without_a_queue(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 1}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(s_enter(self, 2, 1), TACIT_BUSY);
    assert_false(s_leave(self, 0));
    assert_int_equal(s_enter(self, 2, 1), TACIT_OK);
    s_assert_turns(self, 1, 0, 1);
}

static void threads_are_shared_by_all_gates_that_take_one(void **state)
{
    s_fixture_t *self = *state;
    tacit_gate_t other = {.pooled = true, .queue = {.all = 4}};
    self->gate = (tacit_gate_t){.pooled = true, .queue = {.all = 4}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(s_enter_at(self, &other, 1, 1), TACIT_OK);
    assert_int_equal(tacit_admission_pooled(self->admission), 2);
    assert_int_equal(s_enter(self, 1, 2), TACIT_PENDING);
    assert_int_equal(s_enter_at(self, &other, 1, 3), TACIT_PENDING);
    assert_true(s_leave(self, 1));
    assert_int_equal(s_next(self), 2); /* a caller's oldest, whatever its gate */
    assert_int_equal(s_next(self), -1);
    assert_true(s_leave(self, 0));
    assert_int_equal(s_next(self), 3);
}

/*  --- turns ----------------------------------------------------------------------------------- */

static void a_crowd_costs_another_caller_one_turn(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 1}, .queue = {.all = 1024}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    for (size_t i = 1; i <= 1000; i++) {
        assert_int_equal(s_enter(self, 1, i), TACIT_PENDING);
    }
    assert_int_equal(s_enter(self, 2, 1001), TACIT_PENDING);
    assert_true(s_leave(self, 0));
    assert_int_equal(s_next(self), 1); /* whose turn it was before the other came */
    assert_true(s_leave(self, 1));
    assert_int_equal(s_next(self), 1001);
    assert_true(s_leave(self, 1001));
    assert_int_equal(s_next(self), 2);
}

static void callers_take_turns_each_in_its_order(void **state)
{
    s_fixture_t *self = *state;
    const int order[] = {10, 20, 30, 11, 21, 31, 12, 13};
    self->gate = (tacit_gate_t){.limit = {.all = 1}, .queue = {.all = 64}};
    assert_int_equal(s_enter(self, 9, 0), TACIT_OK);
    const size_t counts[] = {4, 2, 2};
    for (uint8_t caller = 1; caller <= 3; caller++) {
        for (size_t i = 0; i < counts[caller - 1]; i++) {
            assert_int_equal(s_enter(self, caller, 10U * caller + i), TACIT_PENDING);
        }
    }
    size_t running = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        assert_true(s_leave(self, running));
        running = (size_t)s_next(self);
        assert_int_equal(running, order[i]);
        assert_int_equal(s_next(self), -1);
    }
    assert_false(s_leave(self, running));
    s_assert_turns(self, 0, 0, 0);
}

static void nobody_overtakes_whose_turn_has_come(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 1}, .queue = {.all = 4}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(s_enter(self, 1, 1), TACIT_PENDING);
    assert_true(s_leave(self, 0));
    assert_int_equal(s_enter(self, 2, 2), TACIT_PENDING); /* though there is room */
    assert_int_equal(s_next(self), 1);
    assert_int_equal(s_next(self), -1);
}

static void who_waits_may_leave(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 1}, .queue = {.all = 3}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(s_enter(self, 1, i), TACIT_PENDING);
    }
    assert_false(s_leave(self, 2)); /* of the middle */
    assert_false(s_leave(self, 1));
    assert_false(s_leave(self, 3));
    s_assert_turns(self, 1, 0, 0);
    assert_false(s_leave(self, 0));
    assert_int_equal(s_next(self), -1);
}

/*  --- who gives way --------------------------------------------------------------------------- */

static void the_longest_gives_way_with_its_newest(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 1}, .queue = {.all = 4}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    for (size_t i = 1; i <= 4; i++) {
        assert_int_equal(s_enter(self, 1, i), TACIT_PENDING);
    }
    assert_int_equal(s_enter(self, 1, 5), TACIT_BUSY); /* it is its own crowd */
    assert_int_equal(s_enter(self, 2, 6), TACIT_PENDING);
    assert_ptr_equal(self->evicted, &self->places[4]);
    assert_null(self->places[4].part);
    s_assert_turns(self, 1, 4, 2);
    assert_int_equal(s_enter(self, 2, 7), TACIT_PENDING); /* three and one: two and two */
    assert_ptr_equal(self->evicted, &self->places[3]);
    assert_int_equal(s_enter(self, 2, 8), TACIT_BUSY);
    assert_null(self->evicted);
    assert_int_equal(s_enter(self, 1, 9), TACIT_BUSY);
    assert_int_equal(s_enter(self, 3, 10), TACIT_PENDING); /* two, two and none */
    assert_non_null(self->evicted);
    assert_int_equal(s_enter(self, 4, 11), TACIT_PENDING);
    assert_int_equal(s_enter(self, 5, 12), TACIT_BUSY); /* one each */
    s_assert_turns(self, 1, 4, 8);
}

/*  --- what is told ---------------------------------------------------------------------------- */

static void tells_when_from_what_calls_took(void **state)
{
    s_fixture_t *self = *state;
    self->gate = (tacit_gate_t){.limit = {.all = 2}, .queue = {.all = 2}};
    assert_int_equal(s_enter(self, 1, 0), TACIT_OK);
    assert_int_equal(tacit_admission_retry_ms(self->admission, &self->gate), TACIT_BUSY_RETRY_MS);
    self->now_ns += 300 * (uint64_t)S_MS;
    assert_false(s_leave(self, 0));
    for (size_t i = 1; i <= 4; i++) {
        (void)s_enter(self, 1, i);
    }
    assert_in_range(tacit_admission_retry_ms(self->admission, &self->gate), 600, 602);
    self->gate.service_ns = 1;
    assert_int_equal(tacit_admission_retry_ms(self->admission, &self->gate),
                     TACIT_BUSY_RETRY_MIN_MS);
    self->gate.service_ns = 3600 * (uint64_t)1000 * S_MS;
    assert_int_equal(tacit_admission_retry_ms(self->admission, &self->gate),
                     TACIT_BUSY_RETRY_MAX_MS);
}

/*  --- any order ------------------------------------------------------------------------------- */

static uint32_t s_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*seed >> 33);
}

/*  Counted anew from the places: limits hold, and counts are what they say.  */
static void s_check(const s_fixture_t *self, const tacit_gate_t *gates, const uint8_t *gate_of,
                    const uint8_t *caller_of, size_t places)
{
    for (uint8_t g = 0; g < 2; g++) {
        uint64_t running = 0;
        uint64_t waiting = 0;
        uint32_t own[8] = {0};
        uint32_t queued[8] = {0};
        for (size_t i = 0; i < places; i++) {
            const tacit_place_t *place = &self->places[i];
            if (place->part && gate_of[i] == g) {
                running += place->runs;
                waiting += !place->runs;
                own[caller_of[i]] += place->runs;
                queued[caller_of[i]] += !place->runs;
            }
        }
        assert_int_equal(gates[g].turns.running, running);
        assert_int_equal(gates[g].turns.waiting, waiting);
        assert_true(running <= 2 && waiting <= gates[g].queue.all);
        for (size_t c = 0; c < 8; c++) {
            assert_true(!gates[g].limit.per_caller || own[c] <= gates[g].limit.per_caller);
            assert_true(!gates[g].queue.per_caller || queued[c] <= gates[g].queue.per_caller);
        }
    }
}

static void holds_its_bounds_in_any_order(void **state)
{
    enum { PLACES = 40, STEPS = 20000 };
    s_fixture_t *self = *state;
    tacit_gate_t gates[2] = {{.limit = {2, 1}, .queue = {8, 3}},
                             {.pooled = true, .queue = {.all = 5}}};
    uint8_t gate_of[PLACES] = {0};
    uint8_t caller_of[PLACES] = {0};
    uint64_t seed = 20;
    for (int step = 0; step < STEPS; step++) {
        size_t i = s_random(&seed) % PLACES;
        if (self->places[i].part) {
            (void)s_leave(self, i);
        } else {
            gate_of[i] = (uint8_t)(s_random(&seed) % 2);
            caller_of[i] = (uint8_t)(s_random(&seed) % 8);
            (void)s_enter_at(self, &gates[gate_of[i]], caller_of[i], i);
        }
        while (s_random(&seed) % 3 && s_next(self) >= 0) {
        }
        s_check(self, gates, gate_of, caller_of, PLACES);
    }
    for (size_t i = 0; i < PLACES; i++) {
        (void)s_leave(self, i);
    }
    assert_int_equal(s_next(self), -1);
    assert_int_equal(tacit_admission_pooled(self->admission), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_at_the_limit_and_waits_above, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(runs_at_a_callers_limit_and_waits_above, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(refuses_at_once_without_a_queue, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(threads_are_shared_by_all_gates_that_take_one, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(a_crowd_costs_another_caller_one_turn, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(callers_take_turns_each_in_its_order, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(nobody_overtakes_whose_turn_has_come, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(who_waits_may_leave, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(the_longest_gives_way_with_its_newest, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(tells_when_from_what_calls_took, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(holds_its_bounds_in_any_order, s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
