/*  scheduler.c - short lists, searched in order: a few hundred workers and requests at most.  */

#include "services/inference/scheduler.h"

#include <stdlib.h>

struct tacit_scheduler {
    tacit_scheduler_events_t events;
    void *context;
    tacit_worker_t *workers;
    size_t worker_count;
    tacit_job_t *queue; /* waiting, oldest first */
    size_t queued;
    uint64_t last_id;
};

tacit_scheduler_t *tacit_scheduler_new(const tacit_scheduler_events_t *events, void *context)
{
    tacit_scheduler_t *self = calloc(1, sizeof *self);
    if (self) {
        self->events = *events;
        self->context = context;
    }
    return self;
}

void tacit_scheduler_destroy(tacit_scheduler_t **scheduler)
{
    tacit_scheduler_t *self = *scheduler;
    if (!self) {
        return;
    }
    while (self->workers) {
        tacit_worker_t *worker = self->workers;
        self->workers = worker->next;
        free(worker->job);
        free(worker);
    }
    while (self->queue) {
        tacit_job_t *job = self->queue;
        self->queue = job->next;
        free(job);
    }
    free(self);
    *scheduler = NULL;
}

/*  --- the queue ------------------------------------------------------------------------------- */

static void s_append(tacit_scheduler_t *self, tacit_job_t *job)
{
    tacit_job_t **end = &self->queue;
    while (*end) {
        end = &(*end)->next;
    }
    job->next = NULL;
    *end = job;
    self->queued++;
}

static void s_put_first(tacit_scheduler_t *self, tacit_job_t *job)
{
    job->next = self->queue;
    self->queue = job;
    self->queued++;
}

static void s_unqueue(tacit_scheduler_t *self, tacit_job_t *job)
{
    for (tacit_job_t **at = &self->queue; *at; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            job->next = NULL;
            self->queued--;
            return;
        }
    }
}

static size_t s_queued_of(const tacit_scheduler_t *self, const uint8_t user[32])
{
    size_t count = 0;
    for (const tacit_job_t *job = self->queue; job; job = job->next) {
        count += memcmp(job->user, user, 32) == 0;
    }
    return count;
}

/*  --- choosing -------------------------------------------------------------------------------- */

static bool s_holds(const tacit_worker_t *worker, const tacit_model_id_t *model)
{
    for (size_t i = 0; i < worker->resident_count; i++) {
        const tacit_model_id_t *held = &worker->residents[i];
        if (memcmp(held->owner, model->owner, 32) == 0 && strcmp(held->name, model->name) == 0 &&
            (model->version == 0 || held->version == model->version)) {
            return true;
        }
    }
    return false;
}

static bool s_is_ready(const tacit_worker_t *worker)
{
    return worker->idle && !worker->draining && !worker->job;
}

static tacit_worker_t *s_choose_worker(const tacit_scheduler_t *self, const tacit_model_id_t *model)
{
    tacit_worker_t *chosen = NULL;
    for (tacit_worker_t *worker = self->workers; worker; worker = worker->next) {
        if (s_is_ready(worker)) {
            if (s_holds(worker, model)) {
                return worker;
            }
            /*  The one that holds least has most room for another model.  */
            if (!chosen || worker->resident_count < chosen->resident_count) {
                chosen = worker;
            }
        }
    }
    return chosen;
}

static tacit_job_t *s_choose_job(const tacit_scheduler_t *self, const tacit_worker_t *worker,
                                 uint64_t now_ms)
{
    tacit_job_t *oldest = self->queue;
    if (!oldest || now_ms >= oldest->queued_ms + TACIT_SCHEDULER_PATIENCE_MS) {
        return oldest;
    }
    for (tacit_job_t *job = oldest; job; job = job->next) {
        if (s_holds(worker, &job->model)) {
            return job;
        }
    }
    return oldest;
}

static void s_give(tacit_scheduler_t *self, tacit_worker_t *worker, tacit_job_t *job,
                   uint64_t now_ms)
{
    worker->idle = false;
    worker->job = job;
    job->worker = worker;
    job->started_ms = now_ms;
    job->tries++;
    self->events.give(self->context, worker, job);
}

/*  --- workers --------------------------------------------------------------------------------- */

static tacit_worker_t *s_find_worker(const tacit_scheduler_t *self, const uint8_t key[32])
{
    tacit_worker_t *worker = self->workers;
    while (worker && memcmp(worker->key, key, 32) != 0) {
        worker = worker->next;
    }
    return worker;
}

tacit_status_t tacit_scheduler_register(tacit_scheduler_t *scheduler, const uint8_t key[32],
                                        const uint8_t measurement[32], uint64_t now_ms)
{
    if (tacit_scheduler_seen(scheduler, key, now_ms)) {
        return TACIT_OK;
    }
    if (scheduler->worker_count == TACIT_SCHEDULER_WORKERS_MAX) {
        return TACIT_BUSY;
    }
    tacit_worker_t *worker = calloc(1, sizeof *worker);
    if (!worker) {
        return TACIT_NO_MEMORY;
    }
    memcpy(worker->key, key, 32);
    memcpy(worker->measurement, measurement, 32);
    worker->seen_ms = now_ms;
    worker->next = scheduler->workers;
    scheduler->workers = worker;
    scheduler->worker_count++;
    return TACIT_OK;
}

tacit_worker_t *tacit_scheduler_seen(tacit_scheduler_t *scheduler, const uint8_t key[32],
                                     uint64_t now_ms)
{
    tacit_worker_t *worker = s_find_worker(scheduler, key);
    if (worker) {
        worker->seen_ms = now_ms;
    }
    return worker;
}

void tacit_scheduler_ask(tacit_scheduler_t *scheduler, tacit_worker_t *worker, uint64_t now_ms)
{
    if (worker->draining || worker->job) {
        return;
    }
    worker->idle = true;
    tacit_job_t *job = s_choose_job(scheduler, worker, now_ms);
    if (job) {
        s_unqueue(scheduler, job);
        s_give(scheduler, worker, job, now_ms);
    }
}

void tacit_scheduler_unask(tacit_scheduler_t *scheduler, tacit_worker_t *worker)
{
    (void)scheduler;
    worker->idle = false;
}

static void s_forget(tacit_scheduler_t *self, tacit_worker_t *worker)
{
    for (tacit_worker_t **at = &self->workers; *at; at = &(*at)->next) {
        if (*at == worker) {
            *at = worker->next;
            break;
        }
    }
    self->worker_count--;
    self->events.gone(self->context, worker);
    free(worker);
}

void tacit_scheduler_leave(tacit_scheduler_t *scheduler, tacit_worker_t *worker)
{
    worker->draining = true;
    worker->idle = false;
    if (!worker->job) {
        s_forget(scheduler, worker);
    }
}

/*  --- jobs ------------------------------------------------------------------------------------ */

static bool s_has_workers(const tacit_scheduler_t *self)
{
    const tacit_worker_t *worker = self->workers;
    while (worker && worker->draining) {
        worker = worker->next;
    }
    return worker != NULL;
}

tacit_status_t tacit_scheduler_submit(tacit_scheduler_t *scheduler, const tacit_model_id_t *model,
                                      const uint8_t user[32], uint64_t now_ms, void *context,
                                      tacit_job_t **ret_job)
{
    if (!s_has_workers(scheduler)) {
        return TACIT_NOT_FOUND;
    }
    /*  Above the limits too: what lost workers give back is queued without asking.  */
    tacit_worker_t *worker = s_choose_worker(scheduler, model);
    if (!worker && (scheduler->queued >= TACIT_SCHEDULER_QUEUE_MAX ||
                    s_queued_of(scheduler, user) >= TACIT_SCHEDULER_USER_QUEUE_MAX)) {
        return TACIT_BUSY;
    }
    tacit_job_t *job = calloc(1, sizeof *job);
    if (!job) {
        return TACIT_NO_MEMORY;
    }
    job->id = ++scheduler->last_id;
    job->model = *model;
    job->queued_ms = now_ms;
    job->context = context;
    memcpy(job->user, user, 32);
    *ret_job = job;
    if (worker) {
        s_give(scheduler, worker, job, now_ms);
    } else {
        s_append(scheduler, job);
    }
    return TACIT_OK;
}

tacit_job_t *tacit_scheduler_job(tacit_scheduler_t *scheduler, const tacit_worker_t *worker,
                                 uint64_t id)
{
    (void)scheduler;
    return worker->job && worker->job->id == id ? worker->job : NULL;
}

void tacit_scheduler_end(tacit_scheduler_t *scheduler, tacit_job_t *job, bool answered)
{
    tacit_worker_t *worker = job->worker;
    if (worker) {
        worker->job = NULL;
        worker->answered += answered;
        worker->failed += !answered;
        if (worker->draining) {
            s_forget(scheduler, worker);
        }
    } else {
        s_unqueue(scheduler, job);
    }
    free(job);
}

/*  --- time ------------------------------------------------------------------------------------ */

/*  A job without its worker: another try, or the end.  */
static void s_take_back(tacit_scheduler_t *self, tacit_job_t *job)
{
    job->worker = NULL;
    job->started_ms = 0;
    if (job->tries < TACIT_SCHEDULER_TRIES_MAX) {
        s_put_first(self, job);
    } else {
        self->events.lost(self->context, job);
        free(job);
    }
}

static void s_lose(tacit_scheduler_t *self, tacit_worker_t *worker)
{
    tacit_job_t *job = worker->job;
    worker->job = NULL;
    s_forget(self, worker);
    if (job) {
        s_take_back(self, job);
    }
}

void tacit_scheduler_reclaim(tacit_scheduler_t *scheduler, tacit_worker_t *worker)
{
    tacit_job_t *job = worker->job;
    worker->job = NULL;
    if (job) {
        s_take_back(scheduler, job);
    }
}

static void s_lose_silent(tacit_scheduler_t *self, uint64_t now_ms)
{
    tacit_worker_t *worker = self->workers;
    while (worker) {
        tacit_worker_t *next = worker->next;
        if (now_ms >= worker->seen_ms + TACIT_SCHEDULER_LIVENESS_MS) {
            s_lose(self, worker);
        }
        worker = next;
    }
}

void tacit_scheduler_tick(tacit_scheduler_t *scheduler, uint64_t now_ms)
{
    s_lose_silent(scheduler, now_ms);
    for (tacit_job_t *job = scheduler->queue; job; job = scheduler->queue) {
        tacit_worker_t *worker = s_choose_worker(scheduler, &job->model);
        if (!worker) {
            return;
        }
        s_unqueue(scheduler, job);
        s_give(scheduler, worker, job, now_ms);
    }
}

const tacit_worker_t *tacit_scheduler_workers(const tacit_scheduler_t *scheduler)
{
    return scheduler->workers;
}

tacit_job_t *tacit_scheduler_queue(const tacit_scheduler_t *scheduler)
{
    return scheduler->queue;
}

size_t tacit_scheduler_queued(const tacit_scheduler_t *scheduler)
{
    return scheduler->queued;
}
