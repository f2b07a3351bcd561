/*  worker_pool.c - two lists under one lock: jobs to run, jobs that have ended.  */

#include "rpc/worker_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rpc/limits.h"

typedef struct {
    tacit_job_t *first;
    tacit_job_t *last;
} s_list_t;

struct tacit_worker_pool {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* there is some, or it stops */
    pthread_cond_t idle;  /* a thread has ended */
    s_list_t to_run;
    s_list_t ended;
    size_t jobs; /* submitted and not taken */
    size_t jobs_max;
    bool stopped;
    uint32_t alive; /* threads */
    uint32_t joined;
    uint32_t threads;
    int wake;
    pthread_t ids[TACIT_POOL_THREADS_MAX];
};

static void s_append(s_list_t *list, tacit_job_t *job)
{
    job->next = NULL;
    *(list->last ? &list->last->next : &list->first) = job;
    list->last = job;
}

static tacit_job_t *s_remove(s_list_t *list)
{
    tacit_job_t *job = list->first;
    if (job) {
        list->first = job->next;
        list->last = list->first ? list->last : NULL;
    }
    return job;
}

/*  --- the threads ----------------------------------------------------------------------------- */

static void s_wake(int wake)
{
    const uint64_t one = 1;
    /*  It fails only where the number is at its end: then the owner is awake already.  */
    ssize_t written = write(wake, &one, sizeof one);
    (void)written;
}

/*  Under the lock, which it gives up while the job runs.  */
static void s_run(tacit_worker_pool_t *self, tacit_job_t *job)
{
    pthread_mutex_unlock(&self->lock);
    job->run(job);
    pthread_mutex_lock(&self->lock);
    bool first = !self->ended.first;
    s_append(&self->ended, job);
    if (first && !self->stopped) {
        s_wake(self->wake);
    }
}

static void *s_main(void *argument)
{
    tacit_worker_pool_t *self = argument;
    pthread_mutex_lock(&self->lock);
    while (!self->stopped) {
        tacit_job_t *job = s_remove(&self->to_run);
        if (job) {
            s_run(self, job);
        } else {
            pthread_cond_wait(&self->work, &self->lock);
        }
    }
    self->alive--;
    pthread_cond_signal(&self->idle);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/*  --- life ------------------------------------------------------------------------------------ */

static bool s_start(tacit_worker_pool_t *self, const pthread_attr_t *attributes)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* threads inherit it */
    pthread_mutex_lock(&self->lock);
    bool started = true;
    for (uint32_t i = 0; started && i < self->threads; i++) {
        started = pthread_create(&self->ids[i], attributes, s_main, self) == 0;
        self->alive += started;
    }
    self->threads = self->alive;
    pthread_mutex_unlock(&self->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static bool s_prepare(tacit_worker_pool_t *self)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    bool prepared = pthread_mutex_init(&self->lock, NULL) == 0 &&
                    pthread_cond_init(&self->work, NULL) == 0 &&
                    pthread_cond_init(&self->idle, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return prepared;
}

tacit_status_t tacit_worker_pool_new(uint32_t threads, size_t jobs_max, int wake,
                                     tacit_worker_pool_t **ret_pool)
{
    if (threads == 0 || threads > TACIT_POOL_THREADS_MAX) {
        return TACIT_BAD_INPUT;
    }
    pthread_attr_t attributes;
    tacit_worker_pool_t *self = calloc(1, sizeof *self);
    if (!self || !s_prepare(self) || pthread_attr_init(&attributes) != 0) {
        free(self);
        return TACIT_NO_MEMORY;
    }
    self->threads = threads;
    self->jobs_max = jobs_max;
    self->wake = wake;
    pthread_attr_setstacksize(&attributes, TACIT_POOL_STACK);
    bool started = s_start(self, &attributes);
    pthread_attr_destroy(&attributes);
    if (!started) {
        (void)tacit_worker_pool_stop(self, TACIT_POOL_STOP_MS, NULL);
        tacit_worker_pool_destroy(&self);
        return TACIT_NO_MEMORY;
    }
    *ret_pool = self;
    return TACIT_OK;
}

static struct timespec s_after(uint32_t ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

bool tacit_worker_pool_stop(tacit_worker_pool_t *pool, uint32_t timeout_ms,
                            tacit_job_t **ret_never_begun)
{
    const struct timespec end = s_after(timeout_ms);
    pthread_mutex_lock(&pool->lock);
    pool->stopped = true;
    if (ret_never_begun) {
        *ret_never_begun = pool->to_run.first;
    }
    pool->to_run = (s_list_t){NULL, NULL};
    pthread_cond_broadcast(&pool->work);
    while (pool->alive > 0 && pthread_cond_timedwait(&pool->idle, &pool->lock, &end) == 0) {
    }
    bool stopped = pool->alive == 0;
    pthread_mutex_unlock(&pool->lock);
    while (stopped && pool->joined < pool->threads) {
        pthread_join(pool->ids[pool->joined++], NULL);
    }
    return stopped;
}

void tacit_worker_pool_destroy(tacit_worker_pool_t **pool)
{
    tacit_worker_pool_t *self = pool ? *pool : NULL;
    if (!self) {
        return;
    }
    *pool = NULL;
    if (tacit_worker_pool_stop(self, 0, NULL)) {
        pthread_mutex_destroy(&self->lock);
        pthread_cond_destroy(&self->work);
        pthread_cond_destroy(&self->idle);
        free(self);
    }
}

/*  --- jobs ------------------------------------------------------------------------------------ */

tacit_status_t tacit_worker_pool_submit(tacit_worker_pool_t *pool, tacit_job_t *job)
{
    pthread_mutex_lock(&pool->lock);
    bool room = !pool->stopped && pool->jobs < pool->jobs_max;
    if (room) {
        pool->jobs++;
        s_append(&pool->to_run, job);
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return room ? TACIT_OK : TACIT_BUSY;
}

tacit_job_t *tacit_worker_pool_take(tacit_worker_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    tacit_job_t *job = s_remove(&pool->ended);
    pool->jobs -= job != NULL;
    pthread_mutex_unlock(&pool->lock);
    return job;
}
