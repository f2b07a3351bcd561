/*  engine_bench.c - tacit-bench-engine: how long a model takes.

    tacit-bench-engine MODEL.onnx [--repeat N] [--threads N] [--batch N] [--portable]

    Inputs are a fixed ramp; dynamic dimensions become the batch. Prints load, first run, median and
    fastest of N runs, and memory, one "name value unit" per line.  */

#include "services/inference/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { INPUTS_MAX = 16, REPEAT_DEFAULT = 100, REPEAT_MAX = 1000000, RAMP = 251 };

typedef struct s_options {
    const char *model;
    unsigned long repeat, batch;
    tacit_engine_options_t engine;
} s_options_t;

static double s_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
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

static bool s_parse(int argc, char **argv, s_options_t *options)
{
    bool fine = true;
    for (int i = 1; fine && i < argc; i++) {
        unsigned long threads = 1;
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--portable") == 0) {
            options->engine.portable = true;
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
    return fine && options->model != NULL;
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
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)inputs[i].data.data);
    }
}

static void s_usage(FILE *stream)
{
    (void)fputs("usage: tacit-bench-engine MODEL.onnx [--repeat N] [--threads N] [--batch N] "
                "[--portable]\n\nLoad time, and first, median and fastest of N runs (100).\n",
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
    size_t size = 0;
    uint8_t *model = s_read_file(options.model, &size);
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    double start = s_now();
    if (tacit_engine_load(tacit_span(model, size), &options.engine, &engine, &error) != TACIT_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        free(model);
        return 1;
    }
    free(model);
    (void)printf("load %.3f ms\n", (s_now() - start) * 1e3);
    s_measure(engine, &options);
    (void)printf("memory %.1f MB\n", (double)tacit_engine_memory(engine) / 1e6);
    tacit_engine_destroy(&engine);
    return 0;
}
