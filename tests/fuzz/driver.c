/*  driver.c - runs a libFuzzer target without libFuzzer: a bounded number of seeded mutations of
    the corpus, so that every compiler and every test run exercises it. Seconds are the processor's.

        NAME [--runs N] [--seconds N] [--seed N] [--keep FILE] PATH...

    PATHs are files, or folders of files. Every file is run as it is first. What brought the target
    down is kept in FILE (default: crash-input) and runs again when given as a PATH. Each input is
    a block of exactly its size, so that a sanitizer sees a read past its end. A target may have a
    mutator of its own, by libFuzzer's name, which then makes three inputs of four.  */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    S_FILES_MAX = 1024,
    S_INPUT_MAX = 1024 * 1024, /* bytes of an input */
    S_EDITS_MAX = 6,           /* changes to one input */
    S_RUN_SECONDS = 20,        /* longer is a hang */
    S_PATH_MAX = 4096
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
    __attribute__((weak));

/*  Where the sanitizers are linked they tell when they end the process.  */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

typedef struct {
    uint8_t *data;
    size_t size;
} s_input_t;

static s_input_t s_corpus[S_FILES_MAX];
static size_t s_corpus_size;
static uint64_t s_random_state;
static const char *s_keep = "crash-input";
/*  What runs now, for the handlers.  */
static const uint8_t *s_current;
static size_t s_current_size;

static uint64_t s_random(void)
{
    s_random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t mixed = s_random_state;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static size_t s_below(size_t limit)
{
    return limit ? (size_t)(s_random() % limit) : 0;
}

static void s_keep_current(void)
{
    static const char note[] = "the input that failed was kept\n";
    int file = open(s_keep, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file >= 0 && s_current) {
        bool kept = write(file, s_current, s_current_size) == (ssize_t)s_current_size;
        kept = kept && write(STDERR_FILENO, note, sizeof note - 1) > 0;
        (void)kept;
        close(file);
    }
}

static void s_on_signal(int number)
{
    s_keep_current();
    signal(number, SIG_DFL);
    raise(number);
}

static void s_watch(void)
{
    const int numbers[] = {SIGABRT, SIGALRM, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        signal(numbers[i], s_on_signal);
    }
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(s_keep_current);
    } else {
        signal(SIGSEGV, s_on_signal);
        signal(SIGBUS, s_on_signal);
    }
}

static void s_run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, data, size);
    s_current = exact;
    s_current_size = size;
    alarm(S_RUN_SECONDS);
    (void)LLVMFuzzerTestOneInput(exact, size);
    s_current = NULL;
    free(exact);
}

/*  --- mutation ------------------------------------------------------------------------------- */

/*  Where the input ends up and how large it may become.  */
typedef struct {
    uint8_t *data; /* S_INPUT_MAX bytes */
    size_t size;
} s_work_t;

static void s_flip_bit(s_work_t *work)
{
    if (work->size > 0) {
        work->data[s_below(work->size)] ^= (uint8_t)(1U << s_below(8));
    }
}

static void s_set_byte(s_work_t *work)
{
    if (work->size > 0) {
        work->data[s_below(work->size)] = (uint8_t)s_random();
    }
}

/*  An integer at the edge of a width, in either byte order.  */
static void s_set_integer(s_work_t *work)
{
    static const uint64_t edges[] = {0,          1,          0x7f,       0x80,       0xff,
                                     0x100,      0x7fff,     0x8000,     0xffff,     0x10000,
                                     0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, 0x10000000};
    size_t width = (size_t)1 << s_below(4);
    if (work->size < width) {
        return;
    }
    uint64_t value = edges[s_below(sizeof edges / sizeof *edges)];
    uint8_t *at = work->data + s_below(work->size - width + 1);
    size_t big = s_below(2);
    for (size_t i = 0; i < width; i++) {
        at[i] = (uint8_t)(value >> 8 * (big ? width - 1 - i : i));
    }
}

static void s_truncate(s_work_t *work)
{
    work->size = s_below(work->size + 1);
}

static void s_delete(s_work_t *work)
{
    size_t from = s_below(work->size + 1);
    size_t size = s_below(work->size - from < 16 ? work->size - from + 1 : 16);
    memmove(work->data + from, work->data + from + size, work->size - from - size);
    work->size -= size;
}

static void s_insert(s_work_t *work, const uint8_t *bytes, size_t size)
{
    size_t at = s_below(work->size + 1);
    if (size > S_INPUT_MAX - work->size) {
        return;
    }
    memmove(work->data + at + size, work->data + at, work->size - at);
    memcpy(work->data + at, bytes, size);
    work->size += size;
}

static void s_insert_random(s_work_t *work)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)s_random();
    }
    s_insert(work, bytes, 1 + s_below(sizeof bytes));
}

/*  A piece of some other input, at any place.  */
static void s_splice(s_work_t *work)
{
    const s_input_t *other = &s_corpus[s_below(s_corpus_size)];
    size_t from = s_below(other->size);
    size_t size = s_below(other->size - from + 1);
    s_insert(work, other->data + from, size);
}

static void s_repeat(s_work_t *work)
{
    uint8_t piece[32];
    size_t from = s_below(work->size);
    size_t size = s_below(work->size - from + 1);
    size = size > sizeof piece ? sizeof piece : size;
    memcpy(piece, work->data + from, size);
    s_insert(work, piece, size);
}

static void s_mutate(s_work_t *work)
{
    static void (*const edits[])(s_work_t *) = {s_flip_bit,      s_set_byte, s_set_byte,
                                                s_set_integer,   s_truncate, s_delete,
                                                s_insert_random, s_splice,   s_repeat};
    const s_input_t *start = &s_corpus[s_below(s_corpus_size)];
    memcpy(work->data, start->data, start->size);
    work->size = start->size;
    if (LLVMFuzzerCustomMutator && s_below(4) > 0) {
        work->size =
            LLVMFuzzerCustomMutator(work->data, work->size, S_INPUT_MAX, (unsigned int)s_random());
        return;
    }
    for (size_t i = 1 + s_below(S_EDITS_MAX); i > 0; i--) {
        edits[s_below(sizeof edits / sizeof *edits)](work);
    }
}

/*  --- corpus --------------------------------------------------------------------------------- */

static void s_fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(2);
}

static void s_add(const uint8_t *data, size_t size)
{
    if (s_corpus_size == S_FILES_MAX) {
        return;
    }
    s_input_t *input = &s_corpus[s_corpus_size++];
    input->data = malloc(size ? size : 1);
    if (!input->data) {
        s_fail("memory");
    }
    memcpy(input->data, data, size);
    input->size = size;
}

static void s_load_file(const char *path, uint8_t *scratch)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        s_fail(path);
    }
    size_t size = fread(scratch, 1, S_INPUT_MAX, file);
    fclose(file);
    s_add(scratch, size);
}

/*  By name, so that a seed means the same everywhere.  */
static void s_load_folder(const char *folder, uint8_t *scratch)
{
    struct dirent **entries = NULL;
    char path[S_PATH_MAX];
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        s_fail(folder);
    }
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            s_load_file(path, scratch);
        }
        free(entries[i]);
    }
    free(entries);
}

static void s_load(const char *path, uint8_t *scratch)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        s_fail(path);
    }
    if (S_ISDIR(about.st_mode)) {
        s_load_folder(path, scratch);
    } else {
        s_load_file(path, scratch);
    }
}

typedef struct {
    uint64_t runs;
    uint64_t seconds;
    uint64_t seed;
} s_options_t;

static int s_parse_options(int argc, char **argv, s_options_t *options)
{
    static const struct option names[] = {{"runs", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"keep", required_argument, NULL, 'k'},
                                          {NULL, 0, NULL, 0}};
    for (int letter = 0; (letter = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (letter) {
        case 'r':
            options->runs = strtoull(optarg, NULL, 10);
            break;
        case 't':
            options->seconds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'k':
            s_keep = optarg;
            break;
        default:
            exit(2);
        }
    }
    return optind;
}

/*  Of the processor: what a run on a busy machine tries is no less.  */
static uint64_t s_seconds(void)
{
    struct timespec now = {.tv_sec = 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec;
}

static uint64_t s_fuzz(const s_options_t *options, uint8_t *scratch)
{
    s_work_t work = {.data = scratch};
    uint64_t until = s_seconds() + options->seconds;
    uint64_t runs = 0;
    for (size_t i = 0; i < s_corpus_size; i++) {
        s_run(s_corpus[i].data, s_corpus[i].size);
    }
    while (runs < options->runs && s_seconds() < until) {
        s_mutate(&work);
        s_run(work.data, work.size);
        runs++;
    }
    return runs;
}

int main(int argc, char **argv)
{
    s_options_t options = {.runs = 100000, .seconds = 60, .seed = 1};
    static uint8_t scratch[S_INPUT_MAX];
    s_add(scratch, 0);
    for (int i = s_parse_options(argc, argv, &options); i < argc; i++) {
        s_load(argv[i], scratch);
    }
    s_random_state = options.seed;
    s_watch();
    uint64_t runs = s_fuzz(&options, scratch);
    printf("%zu inputs, %" PRIu64 " mutations, seed %" PRIu64 "\n", s_corpus_size, runs,
           options.seed);
    for (size_t i = 0; i < s_corpus_size; i++) {
        free(s_corpus[i].data);
    }
    return 0;
}
