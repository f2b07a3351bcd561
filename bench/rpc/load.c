/*  load.c - the driver's command line, its clocks and its five commands.  */

#include "bench/rpc/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    S_MS_MAX = 60 * 60 * 1000,
    S_TIMES_MAX = 1 << 20,
    S_ENDS = 16,
    S_WARM = 5 /* that part of the time before it counts */
};

typedef struct {
    uint64_t wall_ns;
    uint64_t client_ns; /* processor time */
    uint64_t server_ns;
} s_clock_t;

typedef struct {
    const load_peer_t *peer;
    load_options_t options;
    void *connection;
    uint32_t *times_ns; /* of single calls or connections, in a ring */
    uint64_t count;
} s_load_t;

void load_fail(const char *what)
{
    fprintf(stderr, "bench: %s (%s)\n", what, strerror(errno));
    _exit(1); /* threads may still run */
}

void load_ready(const char *address)
{
    printf("READY %s\n", address);
    fflush(stdout);
}

void load_answer(const load_options_t *options, const void *data, size_t size)
{
    size_t some = size < S_ENDS ? size : S_ENDS;
    load_check(
        size == options->size && memcmp(data, options->payload, some) == 0 &&
            memcmp((const uint8_t *)data + size - some, options->payload + size - some, some) == 0,
        "the answer is not what was sent");
}

bool load_is(const load_options_t *options, const char *variant)
{
    return strcmp(options->variant, variant) == 0;
}

/*  --- clocks ---------------------------------------------------------------------------------- */

static uint64_t s_now_ns(clockid_t clock)
{
    struct timespec now = {.tv_sec = 0};
    load_check(clock_gettime(clock, &now) == 0, "clock");
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t load_now_ns(void)
{
    return s_now_ns(CLOCK_MONOTONIC);
}

static s_clock_t s_now(const load_options_t *options)
{
    s_clock_t now = {.client_ns = s_now_ns(CLOCK_PROCESS_CPUTIME_ID)};
    if (options->server) {
        clockid_t clock;
        load_check(clock_getcpuclockid(options->server, &clock) == 0, "the server's clock");
        now.server_ns = s_now_ns(clock);
    }
    now.wall_ns = load_now_ns();
    return now;
}

static int s_compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a;
    uint32_t other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static void s_keep(s_load_t *load, uint64_t began_ns)
{
    load->times_ns[load->count++ % S_TIMES_MAX] = (uint32_t)(load_now_ns() - began_ns);
}

static void s_print(s_load_t *load, s_clock_t since, uint64_t bytes, bool each)
{
    s_clock_t now = s_now(&load->options);
    double seconds = (double)(now.wall_ns - since.wall_ns) / 1e9;
    size_t kept = load->count < S_TIMES_MAX ? load->count : S_TIMES_MAX;
    load_check(kept > 0 || !each, "nothing was done in that time");
    printf("{\"count\": %llu, \"seconds\": %.6f, \"rate\": %.3f, \"mb_s\": %.3f, "
           "\"client_cpu_us\": %.4f, \"server_cpu_us\": %.4f",
           (unsigned long long)load->count, seconds, (double)load->count / seconds,
           (double)bytes / 1e6 / seconds,
           (double)(now.client_ns - since.client_ns) / 1e3 / (double)load->count,
           (double)(now.server_ns - since.server_ns) / 1e3 / (double)load->count);
    if (each) {
        size_t half = kept / 2;
        size_t nearly_all = kept - 1 - kept / 100;
        qsort(load->times_ns, kept, sizeof *load->times_ns, s_compare);
        printf(", \"p50_us\": %.3f, \"p99_us\": %.3f", load->times_ns[half] / 1e3,
               load->times_ns[nearly_all] / 1e3);
    }
    printf("}\n");
    fflush(stdout);
}

/*  --- commands -------------------------------------------------------------------------------- */

static void s_connect(s_load_t *load)
{
    load->connection = load->peer->connect(&load->options);
    load_check(load->connection != NULL, "connect");
}

static void s_serve(s_load_t *load)
{
    load->peer->serve(&load->options);
}

/*  One after the other until that time.  */
static void s_single(s_load_t *load, uint64_t until_ns)
{
    load->count = 0;
    for (uint64_t now = 0; now < until_ns; now = load_now_ns()) {
        uint64_t began = load_now_ns();
        load->peer->call(load->connection);
        s_keep(load, began);
    }
}

/*  Several under way, which were started before, until that time.  */
static void s_several(s_load_t *load, uint64_t until_ns)
{
    load->count = 0;
    do {
        load->peer->next(load->connection);
        load->peer->start(load->connection);
        load->count++;
    } while (load_now_ns() < until_ns);
}

static void s_calls(s_load_t *load)
{
    const load_options_t *options = &load->options;
    bool single = options->outstanding == 1;
    void (*run)(s_load_t *, uint64_t) = single ? s_single : s_several;
    s_connect(load);
    for (size_t i = 0; !single && i < options->outstanding; i++) {
        load->peer->start(load->connection);
    }
    run(load, load_now_ns() + options->ms * 1000000 / S_WARM);
    s_clock_t since = s_now(options);
    run(load, since.wall_ns + options->ms * 1000000);
    s_print(load, since, load->count * options->size, single);
    for (size_t i = 0; !single && i < options->outstanding; i++) {
        load->peer->next(load->connection);
    }
    load->peer->disconnect(load->connection);
}

static void s_connects(s_load_t *load)
{
    s_clock_t since = s_now(&load->options);
    for (uint64_t i = 0; i < load->options.amount; i++) {
        uint64_t began = load_now_ns();
        s_connect(load);
        load->peer->call(load->connection);
        s_keep(load, began);
        load->peer->disconnect(load->connection);
    }
    s_print(load, since, 0, true);
}

static void s_stream(s_load_t *load)
{
    load_check(load->peer->pull != NULL, "this peer has no streams");
    s_connect(load);
    s_clock_t since = s_now(&load->options);
    load->peer->pull(load->connection);
    load->count = 1;
    s_print(load, since, load->options.amount, false);
    load->peer->disconnect(load->connection);
}

/*  As many connections, each of which called once; until who started this closes its input.  */
static void s_idle(s_load_t *load)
{
    for (uint64_t i = 0; i < load->options.amount; i++) {
        s_connect(load);
        load->peer->call(load->connection);
    }
    load_ready("");
    while (getchar() != EOF) {
    }
}

/*  --- command line ---------------------------------------------------------------------------- */

static uint64_t s_number(const char *text, uint64_t least, uint64_t most)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    load_check(*text && !*end && number >= least && number <= most, text);
    return number;
}

static void s_option(load_options_t *options, const char *name, const char *value)
{
    struct {
        const char *name;
        const char **text;
    } texts[] = {{"--address", &options->address},
                 {"--folder", &options->folder},
                 {"--variant", &options->variant}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].text = value;
            return;
        }
    }
    if (strcmp(name, "--size") == 0) {
        options->size = s_number(value, 1, LOAD_SIZE_MAX);
    } else if (strcmp(name, "--outstanding") == 0) {
        options->outstanding = s_number(value, 1, LOAD_OUTSTANDING_MAX);
    } else if (strcmp(name, "--amount") == 0) {
        options->amount = s_number(value, 1, (uint64_t)1 << 40);
    } else if (strcmp(name, "--ms") == 0) {
        options->ms = s_number(value, 1, S_MS_MAX);
    } else if (strcmp(name, "--server") == 0) {
        options->server = (int)s_number(value, 1, INT32_MAX);
    } else {
        load_check(false, name);
    }
}

/*  A connection takes some descriptors: as many as the system gives.  */
static void s_raise_files(void)
{
    struct rlimit limit = {.rlim_cur = 0};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int load_main(int argc, char **argv, const load_peer_t *peer)
{
    static const struct {
        const char *name;
        void (*run)(s_load_t *load);
    } commands[] = {{"serve", s_serve},
                    {"calls", s_calls},
                    {"connects", s_connects},
                    {"stream", s_stream},
                    {"idle", s_idle}};
    s_load_t load = {.peer = peer,
                     .options = {.address = "",
                                 .folder = ".",
                                 .variant = "",
                                 .size = 32,
                                 .outstanding = 1,
                                 .amount = 1,
                                 .ms = 500}};
    load_check(argc >= 2 && argc % 2 == 0,
               "usage: serve|calls|connects|stream|idle [--NAME VALUE]...");
    for (int i = 2; i < argc; i += 2) {
        s_option(&load.options, argv[i], argv[i + 1]);
    }
    s_raise_files();
    uint8_t *payload = malloc(load.options.size);
    load.times_ns = malloc(S_TIMES_MAX * sizeof *load.times_ns);
    load_check(payload && load.times_ns, "memory");
    for (size_t i = 0; i < load.options.size; i++) {
        payload[i] = (uint8_t)(i * 31 + 7);
    }
    load.options.payload = payload;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            commands[i].run(&load);
            _exit(0); /* libraries' threads may still run: nothing is left to clean up */
        }
    }
    load_check(false, argv[1]);
    return 1;
}
