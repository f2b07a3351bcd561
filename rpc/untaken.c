/*  untaken.c - an account for each connection, which its messages hold until libzmq frees them.  */

#include "rpc/untaken.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/clock.h"

enum { S_BUCKETS = 256, S_MS = 1000000 };

/*  What messages point to; lives as long as the owner or any of them.  */
typedef struct {
    atomic_size_t holders;
    atomic_uint_fast64_t bytes; /* of all connections */
    atomic_bool awaited;
    int file;
} s_shared_t;

typedef struct {
    atomic_size_t holders;
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t moved_ns; /* when it last took one, or had none */
} s_account_t;

typedef struct s_row {
    tacit_connection_id_t id;
    int fd;
    uint64_t cookie; /* of its socket: another one with the same number has another */
    s_account_t *account;
    struct s_row *next; /* in its bucket */
} s_row_t;

/*  A message within the one that libzmq has.  */
typedef struct {
    zmq_msg_t message;
    s_shared_t *shared;
    s_account_t *account;
    atomic_bool handed; /* orders what either thread does with it, whatever libzmq does */
} s_counted_t;

struct tacit_untaken {
    tacit_untaken_limits_t limits;
    bool pressed; /* somebody was held up by what all have */
    s_shared_t *shared;
    s_row_t *buckets[S_BUCKETS];
};

/*  --- what is shared with libzmq's threads ---------------------------------------------------- */

static void s_let_go_shared(s_shared_t *shared)
{
    if (shared && atomic_fetch_sub(&shared->holders, 1) == 1) {
        close(shared->file);
        free(shared);
    }
}

static void s_wake(const s_shared_t *shared)
{
    const uint64_t one = 1;
    (void)!write(shared->file, &one, sizeof one);
}

static void s_let_go_account(s_account_t *account)
{
    if (atomic_fetch_sub(&account->holders, 1) == 1) {
        free(account);
    }
}

/*  On any thread: the message is libzmq's no more.  */
static void s_taken(void *data, void *hint)
{
    (void)data;
    s_counted_t *counted = hint;
    (void)atomic_load(&counted->handed);
    s_shared_t *shared = counted->shared;
    s_account_t *account = counted->account;
    uint64_t size = zmq_msg_size(&counted->message);
    zmq_msg_close(&counted->message);
    free(counted);
    atomic_store(&account->moved_ns, tacit_monotonic_ns());
    atomic_fetch_sub(&account->bytes, size);
    atomic_fetch_sub(&shared->bytes, size);
    if (atomic_exchange(&shared->awaited, false)) {
        s_wake(shared);
    }
    s_let_go_account(account);
    s_let_go_shared(shared);
}

/*  --- life ------------------------------------------------------------------------------------ */

static s_shared_t *s_new_shared(void)
{
    s_shared_t *shared = calloc(1, sizeof *shared);
    if (shared) {
        atomic_init(&shared->holders, 1);
        shared->file = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    if (shared && shared->file < 0) {
        free(shared);
        return NULL;
    }
    return shared;
}

static uint64_t s_or(uint64_t limit, uint64_t otherwise)
{
    return limit > 0 ? limit : otherwise;
}

tacit_untaken_t *tacit_untaken_new(const tacit_untaken_limits_t *limits)
{
    tacit_untaken_t *self = calloc(1, sizeof *self);
    if (!self || !(self->shared = s_new_shared())) {
        free(self);
        return NULL;
    }
    self->limits = (tacit_untaken_limits_t){
        .hold = s_or(limits->hold, TACIT_UNTAKEN_HOLD),
        .most = s_or(limits->most, TACIT_UNTAKEN_MAX),
        .all = s_or(limits->all, TACIT_UNTAKEN_ALL),
        .all_most = s_or(limits->all_most, TACIT_UNTAKEN_ALL_MAX),
    };
    return self;
}

static void s_free_row(s_row_t *row)
{
    s_let_go_account(row->account);
    free(row);
}

void tacit_untaken_destroy(tacit_untaken_t **untaken)
{
    tacit_untaken_t *self = untaken ? *untaken : NULL;
    if (!self) {
        return;
    }
    for (size_t i = 0; i < S_BUCKETS; i++) {
        while (self->buckets[i]) {
            s_row_t *row = self->buckets[i];
            self->buckets[i] = row->next;
            s_free_row(row);
        }
    }
    s_let_go_shared(self->shared);
    free(self);
    *untaken = NULL;
}

/*  --- accounts -------------------------------------------------------------------------------- */

/*  libzmq counts routing ids up from a random number.  */
static size_t s_bucket(const tacit_connection_id_t *id)
{
    return id->routing[sizeof id->routing - 1] % S_BUCKETS;
}

static s_row_t *s_find(const tacit_untaken_t *self, const tacit_connection_id_t *id)
{
    s_row_t *row = self->buckets[s_bucket(id)];
    while (row && memcmp(&row->id, id, sizeof *id) != 0) {
        row = row->next;
    }
    return row;
}

/*  0 where there is none.  */
static uint64_t s_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

static s_row_t *s_take(tacit_untaken_t *self, const tacit_connection_id_t *id, int fd)
{
    s_row_t *row = s_find(self, id);
    if (row) {
        return row;
    }
    row = calloc(1, sizeof *row);
    s_account_t *account = row ? calloc(1, sizeof *account) : NULL;
    if (!account) {
        free(row);
        return NULL;
    }
    atomic_init(&account->holders, 1);
    *row = (s_row_t){.id = *id,
                     .fd = fd,
                     .cookie = s_cookie(fd),
                     .account = account,
                     .next = self->buckets[s_bucket(id)]};
    self->buckets[s_bucket(id)] = row;
    return row;
}

bool tacit_untaken_is_large(size_t size)
{
    return size >= TACIT_UNTAKEN_MESSAGE_MIN;
}

tacit_status_t tacit_untaken_count(tacit_untaken_t *untaken, const tacit_connection_id_t *id,
                                   int fd, zmq_msg_t *message)
{
    size_t size = zmq_msg_size(message);
    s_row_t *row = s_take(untaken, id, fd);
    s_counted_t *counted = row ? malloc(sizeof *counted) : NULL;
    if (!counted) {
        return TACIT_NO_MEMORY;
    }
    *counted = (s_counted_t){.shared = untaken->shared, .account = row->account};
    zmq_msg_init(&counted->message);
    zmq_msg_move(&counted->message, message);
    if (zmq_msg_init_data(message, zmq_msg_data(&counted->message), size, s_taken, counted) != 0) {
        zmq_msg_init(message);
        zmq_msg_move(message, &counted->message);
        free(counted);
        return TACIT_NO_MEMORY;
    }
    atomic_fetch_add(&untaken->shared->holders, 1);
    atomic_fetch_add(&row->account->holders, 1);
    if (atomic_fetch_add(&row->account->bytes, size) == 0) {
        atomic_store(&row->account->moved_ns, tacit_monotonic_ns());
    }
    atomic_fetch_add(&untaken->shared->bytes, size);
    atomic_store(&counted->handed, true);
    return TACIT_OK;
}

/*  --- what follows ---------------------------------------------------------------------------- */

uint64_t tacit_untaken_bytes(const tacit_untaken_t *untaken)
{
    return atomic_load(&untaken->shared->bytes);
}

uint64_t tacit_untaken_bytes_of(const tacit_untaken_t *untaken, const tacit_connection_id_t *id)
{
    const s_row_t *row = s_find(untaken, id);
    return row ? atomic_load(&row->account->bytes) : 0;
}

bool tacit_untaken_holds(tacit_untaken_t *untaken, const tacit_connection_id_t *id)
{
    uint64_t own = tacit_untaken_bytes_of(untaken, id);
    bool crowded = own > 0 && tacit_untaken_bytes(untaken) > untaken->limits.all;
    untaken->pressed |= crowded;
    return crowded || own > untaken->limits.hold;
}

bool tacit_untaken_fits(tacit_untaken_t *untaken, const tacit_connection_id_t *id, size_t size)
{
    const tacit_untaken_limits_t *limits = &untaken->limits;
    if (!tacit_untaken_is_large(size)) {
        return true;
    }
    uint64_t own = tacit_untaken_bytes_of(untaken, id);
    bool crowded = tacit_untaken_bytes(untaken) + size > (own > 0 ? limits->all : limits->all_most);
    untaken->pressed |= crowded;
    return !crowded && own + size <= limits->most;
}

int tacit_untaken_file(const tacit_untaken_t *untaken)
{
    return untaken->shared->file;
}

void tacit_untaken_await(tacit_untaken_t *untaken)
{
    atomic_store(&untaken->shared->awaited, true);
}

void tacit_untaken_wake(tacit_untaken_t *untaken)
{
    s_wake(untaken->shared);
}

static void s_forget_idle(tacit_untaken_t *self)
{
    for (size_t i = 0; i < S_BUCKETS; i++) {
        s_row_t **link = &self->buckets[i];
        while (*link) {
            s_row_t *row = *link;
            if (atomic_load(&row->account->bytes) == 0) {
                *link = row->next;
                s_free_row(row);
            } else {
                link = &row->next;
            }
        }
    }
}

/*  Whose connection could be cut.  */
static s_row_t *s_stillest(const tacit_untaken_t *self)
{
    s_row_t *stillest = NULL;
    for (size_t i = 0; i < S_BUCKETS; i++) {
        for (s_row_t *row = self->buckets[i]; row; row = row->next) {
            uint64_t moved = atomic_load(&row->account->moved_ns);
            if (row->cookie != 0 && atomic_load(&row->account->bytes) > 0 &&
                (!stillest || moved < atomic_load(&stillest->account->moved_ns))) {
                stillest = row;
            }
        }
    }
    return stillest;
}

/*  What it has, which is freed soon; 0: it was not cut.  */
static uint64_t s_cut(s_row_t *row, uint64_t now_ms)
{
    uint64_t bytes = atomic_load(&row->account->bytes);
    if (now_ms < atomic_load(&row->account->moved_ns) / S_MS + TACIT_UNTAKEN_STILL_MS) {
        return 0;
    }
    bool same = s_cookie(row->fd) == row->cookie;
    row->cookie = 0; /* once */
    return same && shutdown(row->fd, SHUT_RDWR) == 0 ? bytes : 0;
}

size_t tacit_untaken_sweep(tacit_untaken_t *untaken, uint64_t now_ms)
{
    s_forget_idle(untaken);
    size_t count = 0;
    uint64_t bytes = tacit_untaken_bytes(untaken);
    while (untaken->pressed || bytes > untaken->limits.all) {
        s_row_t *row = s_stillest(untaken);
        uint64_t cut = row ? s_cut(row, now_ms) : 0;
        untaken->pressed = false;
        if (cut == 0) {
            break;
        }
        bytes -= cut < bytes ? cut : bytes;
        count++;
    }
    return count;
}
