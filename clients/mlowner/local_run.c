/*  local_run.c - see local_run.h. Inputs are read where their files are mapped; what is made of
   them here is wiped, as the engine wipes its own.  */

#include "clients/mlowner/local_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/output_npy.h"
#include "enclave/clock.h"
#include "enclave/whole_file.h"

tacit_status_t tacit_invocation_number(const tacit_invocation_t *invocation, const char *name,
                                       uint32_t fallback, uint32_t most, uint32_t *ret_number,
                                       tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(invocation, name);
    char *end = NULL;
    errno = 0;
    unsigned long number = text != NULL ? strtoul(text, &end, 10) : fallback;
    if (text != NULL && (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
                         number < 1 || number > most)) {
        return tacit_usage_error(invocation, ret_error, "--%s takes a number from 1 to %u", name,
                                 most);
    }
    *ret_number = (uint32_t)number;
    return TACIT_OK;
}

tacit_status_t tacit_invocation_precision(const tacit_invocation_t *invocation,
                                          tacit_precision_t *ret_precision,
                                          tacit_error_t *ret_error)
{
    const char *name = tacit_invocation_value(invocation, "precision");
    *ret_precision = TACIT_PRECISION_FP32;
    return name == NULL || tacit_precision_from_name(name, ret_precision)
               ? TACIT_OK
               : tacit_usage_error(invocation, ret_error, "--precision is fp32, bf16 or int8");
}

/*  The whole file into memory that goes as it is read; its size is known by now.  */
static tacit_status_t s_read_model(int file, uint8_t *bytes, size_t size, tacit_error_t *ret_error)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(file, bytes + done, size - done);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT, "it cannot be read: %s",
                                   got == 0 ? "it shrank meanwhile" : strerror(errno));
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return TACIT_OK;
}

static tacit_status_t s_load_model(int file, const tacit_engine_options_t *options,
                                   tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    struct stat about;
    tacit_engine_text_t *text = NULL;
    if (file < 0 || fstat(file, &about) != 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "it cannot be opened: %s",
                               strerror(errno));
    }
    if (!S_ISREG(about.st_mode) || about.st_size <= 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "not a regular file, or an empty one");
    }
    if (about.st_size > TACIT_ENGINE_MODEL_SIZE_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "a model has at most %d bytes",
                               TACIT_ENGINE_MODEL_SIZE_MAX);
    }
    tacit_status_t status = tacit_engine_text_new((size_t)about.st_size, false, &text, ret_error);
    if (!status) {
        status = s_read_model(file, tacit_engine_text_data(text), (size_t)about.st_size, ret_error);
    }
    if (!status) {
        return tacit_engine_load_text(&text, options, ret_engine, ret_error);
    }
    tacit_engine_text_destroy(&text);
    return status;
}

tacit_status_t tacit_local_load(const char *path, const tacit_engine_options_t *options,
                                tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_error_t error = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tacit_status_t status = s_load_model(file, options, ret_engine, &error);
    if (file >= 0) {
        (void)close(file);
    }
    if (status && ret_error != NULL) {
        bool file_error = error.claim[0] == '\0';
        *ret_error = error;
        if (file_error) {
            tacit_error_about(ret_error, path);
        }
    }
    return status;
}

tacit_status_t tacit_local_check(const char *path, tacit_precision_t precision,
                                 tacit_error_t *ret_error)
{
    tacit_engine_t *engine = NULL;
    tacit_engine_options_t options = {.portable = true, .precision = precision};
    tacit_status_t status = tacit_local_load(path, &options, &engine, ret_error);
    tacit_engine_destroy(&engine);
    return status;
}

/*  --- inputs ---------------------------------------------------------------------------------- */

static void s_take(const tacit_npy_view_t *view, const char *name, tacit_engine_tensor_t *ret_item)
{
    *ret_item = (tacit_engine_tensor_t){.name = tacit_span_string(name),
                                        .dtype = (tacit_dtype_t)view->dtype,
                                        .rank = view->rank,
                                        .data = view->elements};
    memcpy(ret_item->dims, view->dims, view->rank * sizeof(int64_t));
}

/*  The files of an option, one for each input; or one archive for all.  */
static tacit_status_t s_open(const tacit_invocation_t *invocation, const char *option,
                             size_t declared, tacit_local_arrays_t *arrays,
                             tacit_error_t *ret_error)
{
    size_t given = tacit_invocation_count(invocation, option);
    tacit_status_t status = TACIT_OK;
    if (given > TACIT_ENGINE_INPUTS_MAX) {
        return tacit_usage_error(invocation, ret_error, "--%s was given too often", option);
    }
    for (size_t i = 0; !status && i < given; i++) {
        status = tacit_array_file_open(tacit_invocation_nth(invocation, option, i),
                                       &arrays->files[arrays->file_count], ret_error);
        arrays->file_count += !status;
    }
    bool one = given == 1 && !status && tacit_array_file_is_archive(arrays->files[0]);
    return status || given == declared || one
               ? status
               : tacit_usage_error(invocation, ret_error,
                                   "the model has %zu inputs, and --%s was given %zu time%s",
                                   declared, option, given, given == 1 ? "" : "s");
}

tacit_status_t tacit_local_arrays(const tacit_invocation_t *invocation, const char *option,
                                  const tacit_engine_t *engine, tacit_local_arrays_t *ret_arrays,
                                  tacit_error_t *ret_error)
{
    size_t declared = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &declared);
    tacit_status_t status = s_open(invocation, option, declared, ret_arrays, ret_error);
    for (size_t i = 0; !status && i < declared; i++) {
        tacit_npy_view_t view = {.rank = 0};
        const tacit_array_file_t *file = ret_arrays->files[ret_arrays->file_count > 1 ? i : 0];
        status = tacit_array_file_read(file, values[i].name, &view, ret_error);
        if (!status) {
            s_take(&view, values[i].name, &ret_arrays->items[ret_arrays->count++]);
        }
    }
    return status;
}

/*  They are rows of somebody's data: wiped before they go.  */
static void s_drop_narrowed(tacit_local_arrays_t *arrays, size_t i)
{
    if (arrays->narrowed[i] != NULL) {
        sodium_memzero(arrays->narrowed[i], arrays->narrowed_sizes[i]);
        free(arrays->narrowed[i]);
        arrays->narrowed[i] = NULL;
        arrays->narrowed_sizes[i] = 0;
    }
}

void tacit_local_arrays_release(tacit_local_arrays_t *arrays)
{
    for (size_t i = 0; i < TACIT_ENGINE_INPUTS_MAX; i++) {
        tacit_array_file_close(&arrays->files[i]);
        s_drop_narrowed(arrays, i);
    }
}

tacit_status_t tacit_local_rows(tacit_local_arrays_t *arrays, const tacit_engine_t *engine,
                                size_t from, size_t rows, size_t all,
                                tacit_engine_tensor_t *ret_items, tacit_error_t *ret_error)
{
    size_t declared = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &declared);
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; !status && i < arrays->count; i++) {
        tacit_engine_tensor_t item = arrays->items[i];
        if (all > 0) {
            size_t each = item.data.size / all;
            item.dims[0] = (int64_t)rows;
            item.data = tacit_span(item.data.data + from * each, rows * each);
        }
        if (item.dtype == TACIT_DTYPE_FLOAT64 && values[i].dtype == TACIT_DTYPE_FLOAT32) {
            size_t size = item.data.size / 2;
            if (size > arrays->narrowed_sizes[i]) {
                s_drop_narrowed(arrays, i);
                arrays->narrowed[i] = calloc(size + 1, 1);
                arrays->narrowed_sizes[i] = arrays->narrowed[i] != NULL ? size : 0;
            }
            status = arrays->narrowed[i] != NULL
                         ? tacit_npy_narrow(item.data, arrays->narrowed[i], ret_error)
                         : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
            item.dtype = TACIT_DTYPE_FLOAT32;
            item.data = tacit_span(arrays->narrowed[i], size);
        }
        ret_items[i] = item;
    }
    return status;
}

/*  --- runs ------------------------------------------------------------------------------------ */

static int s_compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/*  What the steps took until now.  */
static tacit_status_t s_note_steps(const tacit_engine_t *engine, tacit_local_run_t *run,
                                   tacit_error_t *ret_error)
{
    size_t count = tacit_engine_profile(engine, NULL, 0);
    tacit_engine_step_t *steps = calloc(count + 1, sizeof *steps);
    run->before = calloc(count + 1, sizeof *run->before);
    run->before_count =
        steps != NULL && run->before != NULL ? tacit_engine_profile(engine, steps, count) : 0;
    for (size_t i = 0; i < run->before_count; i++) {
        run->before[i] = steps[i].nanoseconds;
    }
    bool noted = steps != NULL && run->before != NULL;
    free(steps);
    return noted ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
}

/*  The first run prepares a plan and is not timed where there are more.  */
static tacit_status_t s_run_all(tacit_engine_t *engine, const tacit_engine_tensor_t *items,
                                size_t count, double *times, tacit_local_run_t *run,
                                tacit_engine_result_t **ret_result, tacit_error_t *ret_error)
{
    size_t repeat = run->repeat;
    tacit_status_t status = TACIT_OK;
    for (size_t i = repeat > 1 ? 0 : 1; !status && i <= repeat; i++) {
        tacit_engine_result_destroy(ret_result);
        double start = (double)tacit_monotonic_ns() / 1e6;
        status = tacit_engine_run(engine, items, count, ret_result, ret_error);
        times[i > 0 ? i - 1 : 0] = (double)tacit_monotonic_ns() / 1e6 - start;
        if (!status && i == 0) {
            status = s_note_steps(engine, run, ret_error);
        }
    }
    return status;
}

/*  --- outputs --------------------------------------------------------------------------------- */

static tacit_status_t s_write(const char *folder, size_t number,
                              const tacit_engine_tensor_t *output, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    char head[TACIT_NPY_HEAD_MAX];
    size_t size = 0;
    tacit_status_t status = tacit_npy_head((tacit_inference_dtype_t)output->dtype, output->rank,
                                           output->dims, head, &size, ret_error);
    if (status) {
        return status;
    }
    uint8_t *file = malloc(size + output->data.size);
    if (file == NULL) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(file, head, size);
    if (output->data.size > 0) {
        memcpy(file + size, output->data.data, output->data.size);
    }
    (void)snprintf(path, sizeof path, "%s/output_%zu.npy", folder, number);
    status = tacit_whole_file_replace(path, tacit_span(file, size + output->data.size), 0600);
    if (status) {
        (void)tacit_error_set(ret_error, status, "%s cannot be written", path);
    }
    sodium_memzero(file, size + output->data.size);
    free(file);
    return status;
}

static tacit_status_t s_write_all(const char *folder, const tacit_engine_result_t *result,
                                  size_t *ret_count, tacit_error_t *ret_error)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s cannot be made: %s", folder,
                               strerror(errno));
    }
    struct stat about;
    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no folder", folder);
    }
    const tacit_engine_tensor_t *outputs = tacit_engine_result_tensors(result, ret_count);
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; !status && i < *ret_count; i++) {
        status = s_write(folder, i, &outputs[i], ret_error);
    }
    return status;
}

tacit_status_t tacit_local_run(const tacit_invocation_t *invocation, tacit_engine_t *engine,
                               tacit_local_run_t *ret_run, tacit_error_t *ret_error)
{
    const char *folder = tacit_invocation_value(invocation, "out");
    tacit_local_arrays_t inputs = {.count = 0};
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_result_t *result = NULL;
    double *times = NULL;
    uint32_t repeat = 1;
    tacit_status_t status = tacit_invocation_number(invocation, "repeat", 1,
                                                    TACIT_LOCAL_RUN_REPEAT_MAX, &repeat, ret_error);
    if (status) {
        return status;
    }
    times = calloc(repeat, sizeof *times);
    if (times == NULL) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    status = tacit_local_arrays(invocation, "run", engine, &inputs, ret_error);
    if (!status) {
        status = tacit_local_rows(&inputs, engine, 0, 0, 0, items, ret_error);
    }
    tacit_local_run_t run = {.repeat = repeat};
    if (!status) {
        status = s_run_all(engine, items, inputs.count, times, &run, &result, ret_error);
    }
    if (!status) {
        qsort(times, repeat, sizeof *times, s_compare);
        run.median_ms = (times[(repeat - 1) / 2] + times[repeat / 2]) / 2;
        status = s_write_all(folder, result, &run.outputs, ret_error);
    }
    if (!status) {
        *ret_run = run;
    } else {
        tacit_local_run_release(&run);
    }
    tacit_engine_result_destroy(&result);
    tacit_local_arrays_release(&inputs);
    free(times);
    return status;
}

void tacit_local_run_release(tacit_local_run_t *run)
{
    free(run->before);
    run->before = NULL;
    run->before_count = 0;
}
