/*  worker_pool_test.c - jobs in threads: all run, bounded, taken back, and an end in time.  */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "enclave/clock.h"
#include "rpc/limits.h"
#include "rpc/worker_pool.h"

enum { S_JOBS = 64 };

typedef struct {
    tacit_job_t job;
    atomic_bool *open; /* it waits until that is true; NULL: it does not */
    _Atomic int runs;
    atomic_bool masked;
} s_job_t;

static void s_sleep(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void s_run(tacit_job_t *job)
{
    s_job_t *self = (s_job_t *)job;
    sigset_t masked;
    pthread_sigmask(SIG_BLOCK, NULL, &masked);
    self->masked = sigismember(&masked, SIGTERM) == 1;
    while (self->open && !atomic_load(self->open)) {
        s_sleep(1);
    }
    self->runs++;
}

typedef struct {
    tacit_worker_pool_t *pool;
    int wake;
    s_job_t jobs[S_JOBS];
    atomic_bool open;
} s_fixture_t;

static void s_open(s_fixture_t *self, uint32_t threads, size_t jobs_max)
{
    memset(self, 0, sizeof *self);
    self->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(tacit_worker_pool_new(threads, jobs_max, self->wake, &self->pool), TACIT_OK);
    for (size_t i = 0; i < S_JOBS; i++) {
        self->jobs[i].job.run = s_run;
    }
}

static void s_close(s_fixture_t *self)
{
    assert_true(tacit_worker_pool_stop(self->pool, 5000, NULL));
    tacit_worker_pool_destroy(&self->pool);
    tacit_worker_pool_destroy(&self->pool);
    close(self->wake);
}

static s_job_t *s_take(s_fixture_t *self)
{
    uint64_t end = tacit_now_ms() + 5000;
    tacit_job_t *job = NULL;
    while (!(job = tacit_worker_pool_take(self->pool)) && tacit_now_ms() < end) {
        s_sleep(1);
    }
    assert_non_null(job);
    return (s_job_t *)job;
}

static void runs_every_job_once_and_gives_it_back(void **state)
{
    (void)state;
    s_fixture_t self;
    s_open(&self, 3, S_JOBS);
    for (size_t i = 0; i < S_JOBS; i++) {
        assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[i].job), TACIT_OK);
    }
    for (size_t i = 0; i < S_JOBS; i++) {
        (void)s_take(&self);
    }
    assert_null(tacit_worker_pool_take(self.pool));
    uint64_t woken = 0;
    assert_int_equal(read(self.wake, &woken, sizeof woken), sizeof woken);
    for (size_t i = 0; i < S_JOBS; i++) {
        assert_int_equal(self.jobs[i].runs, 1);
        assert_true(self.jobs[i].masked);
    }
    s_close(&self);
}

static void takes_no_more_than_its_bound(void **state)
{
    (void)state;
    s_fixture_t self;
    s_open(&self, 1, 2);
    self.jobs[0].open = &self.open;
    assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[0].job), TACIT_OK);
    assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[1].job), TACIT_OK);
    assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[2].job), TACIT_BUSY);
    atomic_store(&self.open, true);
    assert_ptr_equal(s_take(&self), &self.jobs[0]);
    assert_ptr_equal(s_take(&self), &self.jobs[1]);
    assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[2].job), TACIT_OK);
    assert_ptr_equal(s_take(&self), &self.jobs[2]);
    s_close(&self);
}

static void has_as_many_threads_as_it_is_told(void **state)
{
    (void)state;
    tacit_worker_pool_t *pool = NULL;
    assert_int_equal(tacit_worker_pool_new(0, 1, -1, &pool), TACIT_BAD_INPUT);
    assert_int_equal(tacit_worker_pool_new(TACIT_POOL_THREADS_MAX + 1, 1, -1, &pool),
                     TACIT_BAD_INPUT);
    assert_null(pool);
    s_fixture_t self;
    s_open(&self, TACIT_POOL_THREADS_MAX, S_JOBS);
    for (size_t i = 0; i < S_JOBS; i++) { /* they end only once the last one runs */
        self.jobs[i].open = i + 1 < S_JOBS ? &self.open : NULL;
        assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[i].job), TACIT_OK);
    }
    assert_ptr_equal(s_take(&self), &self.jobs[S_JOBS - 1]);
    atomic_store(&self.open, true);
    s_close(&self);
}

static void stops_with_what_runs_and_gives_back_what_did_not(void **state)
{
    (void)state;
    s_fixture_t self;
    tacit_job_t *left = NULL;
    s_open(&self, 1, 3);
    self.jobs[0].open = &self.open;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[i].job), TACIT_OK);
    }
    uint64_t start = tacit_now_ms();
    while (!self.jobs[0].masked && tacit_now_ms() < start + 5000) {
        s_sleep(1);
    }
    start = tacit_now_ms();
    assert_false(tacit_worker_pool_stop(self.pool, 50, &left)); /* one is stuck */
    assert_in_range(tacit_now_ms() - start, 40, 2000);
    assert_ptr_equal(left, &self.jobs[1].job);
    assert_ptr_equal(left->next, &self.jobs[2].job);
    assert_null(left->next->next);
    assert_int_equal(tacit_worker_pool_submit(self.pool, &self.jobs[3].job), TACIT_BUSY);
    atomic_store(&self.open, true);
    assert_true(tacit_worker_pool_stop(self.pool, 5000, &left));
    assert_null(left);
    assert_ptr_equal(s_take(&self), &self.jobs[0]);
    assert_int_equal(self.jobs[1].runs, 0);
    s_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_job_once_and_gives_it_back),
        cmocka_unit_test(takes_no_more_than_its_bound),
        cmocka_unit_test(has_as_many_threads_as_it_is_told),
        cmocka_unit_test(stops_with_what_runs_and_gives_back_what_did_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
