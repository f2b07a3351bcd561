/*  admission.c - callers in a ring, each with a part at every gate that it has calls at.

    Callers and parts exist while they have calls. A turn goes to the first caller of the ring that
    has a call which may run, and to its oldest one; the caller then goes to the ring's end.  */

#include "rpc/admission.h"

#include <sodium.h>
#include <stdlib.h>

enum { S_BUCKETS = 256, S_WEIGHT = 8 /* of the past, in the mean time of service */ };

typedef struct s_caller {
    tacit_connection_id_t id;
    struct tacit_part *parts;
    uint32_t waiting;
    struct s_caller *next;  /* in its bucket */
    struct s_caller *after; /* in the ring, where it has calls that wait */
    struct s_caller *before;
} s_caller_t;

typedef struct tacit_part {
    s_caller_t *caller;
    tacit_gate_t *gate;
    uint32_t running;
    uint32_t waiting;
    tacit_place_t *first; /* of those that wait */
    tacit_place_t *last;
    struct tacit_part *next;  /* of its caller */
    struct tacit_part *after; /* of its gate's, where it has calls that wait */
    struct tacit_part *before;
} tacit_part_t;

struct tacit_admission {
    uint32_t threads;
    uint32_t pooled;  /* calls that run on them */
    uint32_t waiting; /* calls at all gates */
    bool due;         /* some of them may run, and had no turn yet */
    s_caller_t *ring; /* whose turn is next */
    s_caller_t *buckets[S_BUCKETS];
    uint8_t key[crypto_shorthash_KEYBYTES]; /* so that nobody chooses a bucket */
};

tacit_admission_t *tacit_admission_new(uint32_t threads)
{
    tacit_admission_t *self = calloc(1, sizeof *self);
    if (self) {
        self->threads = threads;
        randombytes_buf(self->key, sizeof self->key);
    }
    return self;
}

static void s_free_caller(s_caller_t *caller)
{
    while (caller->parts) {
        tacit_part_t *part = caller->parts;
        caller->parts = part->next;
        free(part);
    }
    free(caller);
}

void tacit_admission_destroy(tacit_admission_t **admission)
{
    tacit_admission_t *self = admission ? *admission : NULL;
    for (size_t i = 0; self && i < S_BUCKETS; i++) {
        while (self->buckets[i]) {
            s_caller_t *caller = self->buckets[i];
            self->buckets[i] = caller->next;
            s_free_caller(caller);
        }
    }
    if (self) {
        free(self);
        *admission = NULL;
    }
}

/*  --- callers and their parts ----------------------------------------------------------------- */

static s_caller_t **s_bucket(tacit_admission_t *self, const tacit_connection_id_t *id)
{
    uint8_t hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const uint8_t *)id, sizeof *id, self->key);
    return &self->buckets[hash[0] % S_BUCKETS];
}

static s_caller_t *s_take_caller(tacit_admission_t *self, const tacit_connection_id_t *id)
{
    s_caller_t **bucket = s_bucket(self, id);
    s_caller_t *caller = *bucket;
    while (caller && memcmp(&caller->id, id, sizeof *id) != 0) {
        caller = caller->next;
    }
    if (!caller && (caller = calloc(1, sizeof *caller))) {
        caller->id = *id;
        caller->next = *bucket;
        *bucket = caller;
    }
    return caller;
}

static void s_give_caller(tacit_admission_t *self, s_caller_t *caller)
{
    if (caller->parts) {
        return;
    }
    s_caller_t **link = s_bucket(self, &caller->id);
    while (*link != caller) {
        link = &(*link)->next;
    }
    *link = caller->next;
    free(caller);
}

static tacit_part_t *s_take_part(tacit_admission_t *self, tacit_gate_t *gate,
                                 const tacit_connection_id_t *id)
{
    s_caller_t *caller = s_take_caller(self, id);
    tacit_part_t *part = caller ? caller->parts : NULL;
    while (part && part->gate != gate) {
        part = part->next;
    }
    if (caller && !part && (part = calloc(1, sizeof *part))) {
        part->caller = caller;
        part->gate = gate;
        part->next = caller->parts;
        caller->parts = part;
    }
    if (caller && !part) {
        s_give_caller(self, caller);
    }
    return part;
}

static void s_give_part(tacit_admission_t *self, tacit_part_t *part)
{
    if (part->running > 0 || part->waiting > 0) {
        return;
    }
    tacit_part_t **link = &part->caller->parts;
    while (*link != part) {
        link = &(*link)->next;
    }
    *link = part->next;
    s_give_caller(self, part->caller);
    free(part);
}

/*  --- the ring, and who waits ----------------------------------------------------------------- */

/*  At its end: before the one whose turn is next.  */
static void s_join_ring(tacit_admission_t *self, s_caller_t *caller)
{
    s_caller_t *head = self->ring ? self->ring : caller;
    caller->after = head;
    caller->before = self->ring ? head->before : caller;
    caller->before->after = caller;
    head->before = caller;
    self->ring = head;
}

static void s_leave_ring(tacit_admission_t *self, s_caller_t *caller)
{
    caller->before->after = caller->after;
    caller->after->before = caller->before;
    if (self->ring == caller) {
        self->ring = caller->after == caller ? NULL : caller->after;
    }
}

static void s_join_gate(tacit_gate_t *gate, tacit_part_t *part)
{
    part->before = NULL;
    part->after = gate->waiting;
    if (part->after) {
        part->after->before = part;
    }
    gate->waiting = part;
}

static void s_leave_gate(tacit_gate_t *gate, tacit_part_t *part)
{
    if (part->before) {
        part->before->after = part->after;
    } else {
        gate->waiting = part->after;
    }
    if (part->after) {
        part->after->before = part->before;
    }
}

static void s_wait(tacit_admission_t *self, tacit_part_t *part, tacit_place_t *place)
{
    if (part->waiting++ == 0) {
        s_join_gate(part->gate, part);
    }
    if (part->caller->waiting++ == 0) {
        s_join_ring(self, part->caller);
    }
    place->previous = part->last;
    place->next = NULL;
    *(part->last ? &part->last->next : &part->first) = place;
    part->last = place;
    part->gate->turns.waiting++;
    self->waiting++;
}

static void s_wait_no_more(tacit_admission_t *self, tacit_place_t *place)
{
    tacit_part_t *part = place->part;
    *(place->previous ? &place->previous->next : &part->first) = place->next;
    *(place->next ? &place->next->previous : &part->last) = place->previous;
    if (--part->waiting == 0) {
        s_leave_gate(part->gate, part);
    }
    if (--part->caller->waiting == 0) {
        s_leave_ring(self, part->caller);
    }
    part->gate->turns.waiting--;
    self->waiting--;
}

/*  --- running --------------------------------------------------------------------------------- */

static bool s_may_run(const tacit_admission_t *self, const tacit_part_t *part)
{
    const tacit_gate_t *gate = part->gate;
    return (gate->limit.all == 0 || gate->turns.running < gate->limit.all) &&
           (gate->limit.per_caller == 0 || part->running < gate->limit.per_caller) &&
           (!gate->pooled || self->pooled < self->threads);
}

static void s_begin(tacit_admission_t *self, tacit_place_t *place, uint64_t now_ns)
{
    tacit_part_t *part = place->part;
    place->runs = true;
    place->since_ns = now_ns;
    part->running++;
    part->gate->turns.running++;
    self->pooled += part->gate->pooled;
}

static void s_end(tacit_admission_t *self, tacit_place_t *place, uint64_t now_ns)
{
    tacit_gate_t *gate = place->part->gate;
    uint64_t taken = now_ns - place->since_ns;
    gate->service_ns =
        gate->service_ns == 0 ? taken : (gate->service_ns * (S_WEIGHT - 1) + taken) / S_WEIGHT;
    place->part->running--;
    gate->turns.running--;
    self->pooled -= gate->pooled;
}

/*  --- entering and leaving -------------------------------------------------------------------- */

/*  The part with the most calls that wait, where it has so many more than that one that a call less
    leaves it no fewer.  */
static tacit_part_t *s_yielding(const tacit_part_t *to)
{
    tacit_part_t *most = NULL;
    for (tacit_part_t *part = to->gate->waiting; part; part = part->after) {
        most = !most || part->waiting > most->waiting ? part : most;
    }
    return most && most->waiting > to->waiting + 1 ? most : NULL;
}

static tacit_status_t s_queue(tacit_admission_t *self, tacit_part_t *part, tacit_place_t *place,
                              tacit_place_t **ret_evicted)
{
    const tacit_gate_t *gate = part->gate;
    if (gate->queue.all == 0 ||
        (gate->queue.per_caller > 0 && part->waiting >= gate->queue.per_caller)) {
        return TACIT_BUSY;
    }
    if (gate->turns.waiting >= gate->queue.all) {
        tacit_part_t *yielding = s_yielding(part);
        if (!yielding) {
            return TACIT_BUSY;
        }
        *ret_evicted = yielding->last;
        (void)tacit_admission_leave(self, yielding->last, 0);
    }
    s_wait(self, part, place);
    return TACIT_PENDING;
}

tacit_status_t tacit_admission_enter(tacit_admission_t *admission, tacit_gate_t *gate,
                                     const tacit_connection_id_t *caller, uint64_t now_ns,
                                     tacit_place_t *place, tacit_place_t **ret_evicted)
{
    *ret_evicted = NULL;
    tacit_part_t *part = s_take_part(admission, gate, caller);
    if (!part) {
        return TACIT_NO_MEMORY;
    }
    *place = (tacit_place_t){.part = part, .since_ns = now_ns};
    /*  Nobody overtakes those whose turn has come.  */
    if (s_may_run(admission, part) && (!admission->due || gate->queue.all == 0)) {
        s_begin(admission, place, now_ns);
        return TACIT_OK;
    }
    tacit_status_t status = s_queue(admission, part, place, ret_evicted);
    if (status != TACIT_PENDING) {
        gate->turns.refused++;
        place->part = NULL;
        s_give_part(admission, part);
    }
    gate->turns.refused += *ret_evicted != NULL;
    return status;
}

bool tacit_admission_leave(tacit_admission_t *admission, tacit_place_t *place, uint64_t now_ns)
{
    tacit_part_t *part = place->part;
    if (!part) {
        return false;
    }
    bool ran = place->runs;
    if (ran) {
        s_end(admission, place, now_ns);
    } else {
        s_wait_no_more(admission, place);
    }
    place->part = NULL;
    place->runs = false;
    s_give_part(admission, part);
    admission->due |= ran && admission->waiting > 0;
    return admission->due;
}

/*  The oldest call of a caller that may run, or NULL.  */
static tacit_place_t *s_ready(const tacit_admission_t *self, const s_caller_t *caller)
{
    tacit_place_t *oldest = NULL;
    for (const tacit_part_t *part = caller->parts; part; part = part->next) {
        if (part->first && s_may_run(self, part) &&
            (!oldest || part->first->since_ns < oldest->since_ns)) {
            oldest = part->first;
        }
    }
    return oldest;
}

tacit_place_t *tacit_admission_next(tacit_admission_t *admission, uint64_t now_ns)
{
    s_caller_t *caller = admission->ring;
    tacit_place_t *place = NULL;
    while (caller && !(place = s_ready(admission, caller))) {
        caller = caller->after == admission->ring ? NULL : caller->after;
    }
    if (!place) {
        admission->due = false;
        return NULL;
    }
    s_wait_no_more(admission, place);
    s_begin(admission, place, now_ns);
    if (caller->waiting > 0) {
        s_leave_ring(admission, caller);
        s_join_ring(admission, caller);
    }
    return place;
}

/*  --- what can be told ------------------------------------------------------------------------ */

uint32_t tacit_admission_retry_ms(const tacit_admission_t *admission, const tacit_gate_t *gate)
{
    uint64_t ahead = gate->turns.running + gate->turns.waiting;
    uint64_t at_once = gate->limit.all > 0 ? gate->limit.all : gate->turns.running;
    if (gate->pooled && (at_once == 0 || admission->threads < at_once)) {
        at_once = admission->threads;
    }
    if (gate->service_ns == 0 || at_once == 0) {
        return TACIT_BUSY_RETRY_MS;
    }
    uint64_t ms = gate->service_ns / 1000000 * ahead / at_once;
    return ms < TACIT_BUSY_RETRY_MIN_MS   ? TACIT_BUSY_RETRY_MIN_MS
           : ms > TACIT_BUSY_RETRY_MAX_MS ? TACIT_BUSY_RETRY_MAX_MS
                                          : (uint32_t)ms;
}

uint32_t tacit_admission_pooled(const tacit_admission_t *admission)
{
    return admission->pooled;
}
