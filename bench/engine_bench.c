/*  engine_bench.c - tacit-bench-engine: how long a model takes.

    tacit-bench-engine MODEL.onnx [--repeat N] [--threads N] [--batch N] [--backend NAME]
    tacit-bench-engine MODEL.onnx --serve INPUT.bin --shape D,D.. [--threads N] [--backend NAME]

    Inputs are a fixed ramp; dynamic dimensions become the batch. Prints load, first run, median and
    fastest of N runs, and memory, one "name value unit" per line.

    The portable backend runs as it does in a worker: no memory becomes executable any more.

    --cpu counts the processor's time of the one thread instead, for busy machines; --profile adds a
    line for each step: its mean, and its fastest time.

    --serve is for engine.py: the one input's elements are in the file. It says "load MS MB", MB
    being what was resident before, then answers lines: a number N with the median milliseconds of N
    runs, "save FILE" with the first output's elements in FILE, "peak" with the most megabytes that
    were ever resident.  */

#include "enclave/no_code.h"
#include "enclave/secret.h"
#include "services/inference/engine/engine.h"
#include "services/inference/engine/portable/vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { INPUTS_MAX = 16, REPEAT_DEFAULT = 100, REPEAT_MAX = 1000000, RAMP = 251, LINE_SIZE = 4096 };

typedef struct s_options {
    const char *model;
    const char *serve, *shape; /* NULL: measure once */
    unsigned long repeat, batch;
    tacit_engine_options_t engine;
} s_options_t;

static clockid_t s_clock = CLOCK_MONOTONIC;

static double s_now(void)
{
    struct timespec now;
    (void)clock_gettime(s_clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool s_number(const char *text, unsigned long *ret_number)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number == 0 || number > REPEAT_MAX) {
        return false;
    }
    *ret_number = number;
    return true;
}

/*  The instruction set of the plain and portable kernels; false where there is none of this name,
   or the processor has it not.  */
static bool s_choose(const char *name)
{
    static const char *const names[TACIT_ISAS] = {"baseline", "avx2", "avx512", "vnni"};
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        if (strcmp(names[isa], name) == 0) {
            return tacit_vector_choose((tacit_isa_t)isa);
        }
    }
    return false;
}

static bool s_parse(int argc, char **argv, s_options_t *options)
{
    bool fine = true;
    for (int i = 1; fine && i < argc; i++) {
        unsigned long threads = 1;
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--backend") == 0) {
            options->engine.portable = strcmp(next, "portable") == 0;
            fine = options->engine.portable || strcmp(next, "onednn") == 0;
            i++;
        } else if (strcmp(argv[i], "--precision") == 0) {
            fine = tacit_precision_from_name(next, &options->engine.precision);
            i++;
        } else if (strcmp(argv[i], "--isa") == 0) {
            fine = s_choose(next);
            i++;
        } else if (strcmp(argv[i], "--cpu") == 0) {
            s_clock = CLOCK_THREAD_CPUTIME_ID;
        } else if (strcmp(argv[i], "--profile") == 0) {
            options->engine.profile = true;
        } else if (strcmp(argv[i], "--serve") == 0) {
            options->serve = next;
            i++;
        } else if (strcmp(argv[i], "--shape") == 0) {
            options->shape = next;
            i++;
        } else if (strcmp(argv[i], "--repeat") == 0) {
            fine = s_number(next, &options->repeat);
            i++;
        } else if (strcmp(argv[i], "--batch") == 0) {
            fine = s_number(next, &options->batch);
            i++;
        } else if (strcmp(argv[i], "--threads") == 0) {
            fine = s_number(next, &threads);
            options->engine.threads = (unsigned)threads;
            i++;
        } else {
            fine = options->model == NULL;
            options->model = argv[i];
        }
    }
    return fine && options->model != NULL && (options->serve == NULL) == (options->shape == NULL);
}

/*  As a worker has it: the bytes go while they are read.  */
static tacit_engine_text_t *s_read_model(const char *path)
{
    struct stat status;
    tacit_engine_text_t *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0 ||
        tacit_engine_text_new((size_t)status.st_size, false, &text, NULL) != TACIT_OK) {
        perror(path);
        exit(1);
    }
    (void)setvbuf(file, NULL, _IONBF, 0);
    size_t got = fread(tacit_engine_text_data(text), 1, (size_t)status.st_size, file);
    (void)fclose(file);
    if (got != (size_t)status.st_size) {
        perror(path);
        exit(1);
    }
    return text;
}

static uint8_t *s_read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        exit(1);
    }
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    *ret_size = bytes != NULL ? fread(bytes, 1, (size_t)status.st_size, file) : 0;
    (void)fclose(file);
    return bytes;
}

/*  An input of the declared shape; the caller frees its data.  */
static tacit_engine_tensor_t s_make_input(const tacit_engine_value_t *value, size_t batch)
{
    tacit_engine_tensor_t tensor = {
        .name = tacit_span_string(value->name), .dtype = value->dtype, .rank = value->rank};
    size_t count = 1;
    for (size_t i = 0; i < value->rank; i++) {
        tensor.dims[i] = value->dims[i] < 0 ? (int64_t)batch : value->dims[i];
        count *= (size_t)tensor.dims[i];
    }
    size_t size = count * tacit_dtype_size(value->dtype);
    uint8_t *data = calloc(size + 1, 1);
    for (size_t i = 0; data != NULL && value->dtype == TACIT_DTYPE_FLOAT32 && i < count; i++) {
        float number = (float)(i % RAMP) / RAMP - 0.5F;
        memcpy(data + i * sizeof(number), &number, sizeof(number));
    }
    tensor.data = tacit_span(data, size);
    return tensor;
}

static double s_run(tacit_engine_t *engine, const tacit_engine_tensor_t *inputs, size_t count)
{
    tacit_error_t error = {0};
    tacit_engine_result_t *result = NULL;
    double start = s_now();
    if (tacit_engine_run(engine, inputs, count, &result, &error) != TACIT_OK) {
        (void)fprintf(stderr, "%s (%s: expected %s, got %s)\n", error.message, error.claim,
                      error.expected, error.got);
        exit(1);
    }
    double took = s_now() - start;
    tacit_engine_result_destroy(&result);
    return took;
}

static int s_compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/*  A step's time of all runs, of those before the last one, and of the fastest.  */
typedef struct s_watch {
    uint64_t before, fastest;
} s_watch_t;

/*  The engine adds up; the fastest time is found from run to run.  */
static void s_watch(const tacit_engine_t *engine, tacit_engine_step_t *steps, size_t count,
                    s_watch_t *watches)
{
    (void)tacit_engine_profile(engine, steps, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t took = steps[i].nanoseconds - watches[i].before;
        bool first = watches[i].before == 0;
        watches[i].fastest = first || took < watches[i].fastest ? took : watches[i].fastest;
        watches[i].before = steps[i].nanoseconds;
    }
}

/*  Each step with its mean and its fastest time, in microseconds.  */
static void s_profile(tacit_engine_t *engine, const s_options_t *options,
                      const tacit_engine_tensor_t *inputs, size_t input_count)
{
    size_t count = tacit_engine_profile(engine, NULL, 0);
    tacit_engine_step_t *steps = calloc(count + 1, sizeof(*steps));
    s_watch_t *watches = calloc(count + 1, sizeof(*watches));
    for (size_t i = 0; steps != NULL && watches != NULL && i < options->repeat; i++) {
        (void)s_run(engine, inputs, input_count);
        s_watch(engine, steps, count, watches);
    }
    for (size_t i = 0; steps != NULL && watches != NULL && i < count; i++) {
        (void)printf("%10.2f us %10.2f us  %-18s %-24s %s\n",
                     (double)steps[i].nanoseconds / 1e3 / (double)(2 * options->repeat + 1),
                     (double)watches[i].fastest / 1e3, steps[i].op, steps[i].how, steps[i].node);
    }
    free(watches);
    free(steps);
}

static void s_measure(tacit_engine_t *engine, const s_options_t *options)
{
    tacit_engine_tensor_t inputs[INPUTS_MAX];
    size_t count = 0;
    const tacit_engine_value_t *declared = tacit_engine_inputs(engine, &count);
    count = count < INPUTS_MAX ? count : INPUTS_MAX;
    for (size_t i = 0; i < count; i++) {
        inputs[i] = s_make_input(&declared[i], options->batch);
    }
    double *times = calloc(options->repeat, sizeof(double));
    if (times != NULL) {
        (void)printf("first_run %.3f ms\n", s_run(engine, inputs, count) * 1e3);
        for (size_t i = 0; i < options->repeat; i++) {
            times[i] = s_run(engine, inputs, count);
        }
        qsort(times, options->repeat, sizeof(double), s_compare);
        (void)printf("median %.4f ms\n", times[options->repeat / 2] * 1e3);
        (void)printf("fastest %.4f ms\n", times[0] * 1e3);
    }
    free(times);
    if (options->engine.profile) {
        s_profile(engine, options, inputs, count);
    }
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)inputs[i].data.data);
    }
}

/* --- serving ---------------------------------------------------------------------------------- */

/*  A line of /proc/self/status, in megabytes.  */
static double s_resident(const char *key)
{
    char line[LINE_SIZE];
    double kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kilobytes = strtod(line + strlen(key) + 1, NULL);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kilobytes / 1024;
}

static tacit_engine_tensor_t s_served_input(const tacit_engine_value_t *value,
                                            const s_options_t *options)
{
    tacit_engine_tensor_t tensor = {.name = tacit_span_string(value->name), .dtype = value->dtype};
    const char *at = options->shape;
    char *end = NULL;
    while (*at != '\0' && tensor.rank < TACIT_ENGINE_RANK_MAX) {
        tensor.dims[tensor.rank++] = strtoll(at, &end, 10);
        at = *end == ',' ? end + 1 : "";
    }
    size_t size = 0;
    const uint8_t *data = s_read_file(options->serve, &size);
    tensor.data = tacit_span(data, size);
    return tensor;
}

static void s_save(tacit_engine_t *engine, const tacit_engine_tensor_t *input, const char *path)
{
    tacit_error_t error = {0};
    tacit_engine_result_t *result = NULL;
    FILE *file = fopen(path, "wb");
    if (file != NULL && tacit_engine_run(engine, input, 1, &result, &error) == TACIT_OK) {
        size_t count = 0;
        const tacit_engine_tensor_t *output = tacit_engine_result_tensors(result, &count);
        (void)fwrite(output->data.data, 1, output->data.size, file);
    }
    tacit_engine_result_destroy(&result);
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)printf("%s\n", error.code == TACIT_OK ? "saved" : error.message);
}

static double s_median(tacit_engine_t *engine, const tacit_engine_tensor_t *input, size_t runs)
{
    double *times = calloc(runs + 1, sizeof(double));
    for (size_t i = 0; times != NULL && i < runs; i++) {
        times[i] = s_run(engine, input, 1);
    }
    if (times == NULL) {
        return 0;
    }
    qsort(times, runs, sizeof(double), s_compare);
    double median = times[runs / 2];
    free(times);
    return median;
}

static void s_serve(tacit_engine_t *engine, const s_options_t *options)
{
    size_t count = 0;
    tacit_engine_tensor_t input = s_served_input(tacit_engine_inputs(engine, &count), options);
    char line[LINE_SIZE];
    while (fflush(stdout) == 0 && fgets(line, sizeof(line), stdin) != NULL) {
        unsigned long runs = 0;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "peak") == 0) {
            (void)printf("%.1f\n", s_resident("VmHWM:"));
        } else if (strncmp(line, "save ", 5) == 0) {
            s_save(engine, &input, line + 5);
        } else if (s_number(line, &runs)) {
            (void)printf("%.5f\n", s_median(engine, &input, runs) * 1e3);
        }
    }
    free((void *)(uintptr_t)input.data.data);
}

static void s_usage(FILE *stream)
{
    (void)fputs("usage: tacit-bench-engine MODEL.onnx [--repeat N] [--threads N] [--batch N] "
                "[--backend onednn|portable] [--precision fp32|bf16|int8] [--profile] [--cpu] "
                "[--isa baseline|avx2|avx512|vnni]\n    "
                "   tacit-bench-engine "
                "MODEL.onnx --serve "
                "INPUT.bin --shape D,D..  (for engine.py)\n\nLoad time, and first, median and "
                "fastest of N runs (100).\n",
                stream);
}

int main(int argc, char **argv)
{
    s_options_t options = {.repeat = REPEAT_DEFAULT, .batch = 1};
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        s_usage(stdout);
        return 0;
    }
    if (!s_parse(argc, argv, &options)) {
        s_usage(stderr);
        return 2;
    }
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    double before = s_resident("VmRSS:");
    double start = s_now();
    if (options.engine.portable &&
        (tacit_process_init() != TACIT_OK || tacit_process_forbid_code(&error) != TACIT_OK)) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    tacit_engine_text_t *model = s_read_model(options.model);
    if (tacit_engine_load_text(&model, &options.engine, &engine, &error) != TACIT_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    double load = (s_now() - start) * 1e3;
    if (options.serve != NULL) {
        (void)printf("load %.3f %.1f\n", load, before);
        s_serve(engine, &options);
    } else {
        (void)printf("load %.3f ms\n", load);
        s_measure(engine, &options);
        (void)printf("memory %.1f MB\n", (double)tacit_engine_memory(engine) / 1e6);
    }
    tacit_engine_destroy(&engine);
    return 0;
}
