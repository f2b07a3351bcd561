/*  dialer.c - threads of one errand each. A client that one of them made is handed over by joining
    it: libzmq's sockets may change their thread where a full fence lies between.  */

#include "rpc/dialer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    tacit_dialer_t *dialer;
    pthread_t thread;
    bool busy;
    atomic_bool done;
    bool look;
    tacit_target_t target;
    tacit_dialed_t dialed;
} s_errand_t;

struct tacit_dialer {
    tacit_channel_source_t source;
    int file;
    atomic_bool stop;
    s_errand_t errands[TACIT_DIALER_PLACES];
};

tacit_dialer_t *tacit_dialer_new(const tacit_channel_source_t *source)
{
    tacit_dialer_t *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    self->file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->file < 0) {
        free(self);
        return NULL;
    }
    self->source = *source;
    atomic_init(&self->stop, false);
    for (size_t i = 0; i < TACIT_DIALER_PLACES; i++) {
        self->errands[i].dialer = self;
        atomic_init(&self->errands[i].done, false);
    }
    return self;
}

void tacit_dialer_destroy(tacit_dialer_t **dialer)
{
    tacit_dialer_t *self = dialer ? *dialer : NULL;
    if (!self) {
        return;
    }
    atomic_store(&self->stop, true);
    for (size_t i = 0; i < TACIT_DIALER_PLACES; i++) {
        if (self->errands[i].busy) {
            pthread_join(self->errands[i].thread, NULL);
            tacit_client_destroy(&self->errands[i].dialed.client);
        }
    }
    if (self->source.destroy) {
        self->source.destroy(self->source.self);
    }
    close(self->file);
    free(self);
    *dialer = NULL;
}

int tacit_dialer_file(const tacit_dialer_t *dialer)
{
    return dialer->file;
}

void tacit_dialer_clear(const tacit_dialer_t *dialer)
{
    eventfd_t count;
    (void)!eventfd_read(dialer->file, &count);
}

static void *s_run(void *argument)
{
    s_errand_t *errand = argument;
    tacit_dialer_t *self = errand->dialer;
    tacit_dialed_t *dialed = &errand->dialed;
    dialed->status =
        errand->look
            ? self->source.resolve(self->source.self, dialed->targets, TACIT_CHANNEL_ROUTES_MAX,
                                   &dialed->target_count, &dialed->error)
            : self->source.connect(self->source.self, &errand->target, &self->stop, &dialed->client,
                                   &dialed->error);
    if (dialed->status == TACIT_OK && dialed->client && self->source.lane) {
        (void)!tacit_client_open_lane(dialed->client, NULL); /* it serves without one, too */
    }
    atomic_store(&errand->done, true);
    (void)!eventfd_write(self->file, 1);
    return NULL;
}

/*  Signals are the main thread's.  */
static bool s_start_thread(s_errand_t *errand)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&errand->thread, NULL, s_run, errand);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

bool tacit_dialer_begin(tacit_dialer_t *dialer, size_t place, const tacit_target_t *target)
{
    s_errand_t *errand = &dialer->errands[place];
    if (errand->busy) {
        return false;
    }
    memset(&errand->dialed, 0, sizeof errand->dialed);
    atomic_store(&errand->done, false);
    errand->look = !target;
    if (target) {
        errand->target = *target;
    }
    errand->busy = s_start_thread(errand);
    return errand->busy;
}

bool tacit_dialer_end(tacit_dialer_t *dialer, size_t place, tacit_dialed_t *ret_dialed)
{
    s_errand_t *errand = &dialer->errands[place];
    if (!errand->busy || !atomic_load(&errand->done)) {
        return false;
    }
    pthread_join(errand->thread, NULL);
    errand->busy = false;
    *ret_dialed = errand->dialed;
    errand->dialed.client = NULL;
    return true;
}
