/*  load.h - one driver for every peer of `./run bench rpc`, so that all are loaded and timed alike.

    A peer is a program with a table: a server that gives back what it got, and a client of it. The
    driver makes its command line:

        PEER serve    prints READY and the address, serves until it is killed
        PEER calls    calls for some time: p50, calls a second, processor time of both ends
        PEER connects connects, calls once and disconnects, one after the other
        PEER stream   fetches bytes in chunks
        PEER idle     keeps many connections until its input ends

    and prints one line of JSON. Whatever fails ends the program: there is no wrong figure. C++
    includes this too.  */

#ifndef TACIT_BENCH_LOAD_H
#define TACIT_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LOAD_SIZE_MAX = 16 * 1024 * 1024, /* bytes of a payload */
    LOAD_OUTSTANDING_MAX = 64,        /* calls under way */
    LOAD_WAIT_MS = 20 * 1000          /* an answer that takes longer does not come */
};

typedef struct load_options {
    const char *address;    /* as the peer's server printed it */
    const char *folder;     /* certificates of both ends; the platform's socket */
    const char *variant;    /* which of the peer's ways to serve or to connect; "": its first */
    size_t size;            /* of a payload, or of a stream's chunk */
    size_t outstanding;     /* calls under way at once */
    uint64_t amount;        /* bytes of a stream; connections */
    uint64_t ms;            /* how long to call */
    int server;             /* the server's process, for its processor time; 0: not asked for */
    const uint8_t *payload; /* size bytes */
} load_options_t;

typedef struct load_peer {
    const char *name;
    void (*serve)(const load_options_t *options);
    void *(*connect)(const load_options_t *options); /* options stay where they are */
    void (*disconnect)(void *connection);
    void (*call)(void *connection);  /* one payload there and back */
    void (*start)(void *connection); /* the same in halves, up to options->outstanding */
    void (*next)(void *connection);
    void (*pull)(void *connection); /* options->amount bytes in chunks; NULL: has no streams */
} load_peer_t;

int load_main(int argc, char **argv, const load_peer_t *peer);

/*  For a server that listens now.  */
void load_ready(const char *address);

/*  Ends the program, the other one unless all is fine.  */
__attribute__((noreturn)) void load_fail(const char *what);

static inline void load_check(bool fine, const char *what)
{
    if (!fine) {
        load_fail(what);
    }
}

/*  The answer is what was sent: its size, its beginning and its end.  */
void load_answer(const load_options_t *options, const void *data, size_t size);

uint64_t load_now_ns(void);

bool load_is(const load_options_t *options, const char *variant);

#ifdef __cplusplus
}
#endif

#endif
