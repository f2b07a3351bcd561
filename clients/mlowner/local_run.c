/*  local_run.c - see local_run.h. Inputs and outputs are the owner's plaintext: they live in secret
    memory and in the engine, which wipes its own.  */

#include "clients/mlowner/local_run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/lib/file.h"
#include "clients/lib/input_npy.h"
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

tacit_status_t tacit_local_load(const char *path, const tacit_engine_options_t *options,
                                tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_ENGINE_MODEL_SIZE_MAX, &bytes, &size);
    if (status) {
        return tacit_error_set(ret_error, status == TACIT_TOO_LARGE ? status : TACIT_BAD_INPUT,
                               "%s: %s", path,
                               status == TACIT_NOT_FOUND   ? "there is no such file"
                               : status == TACIT_TOO_LARGE ? "a model has at most 1 GiB"
                                                           : "it cannot be read");
    }
    status = tacit_engine_load(tacit_span(bytes, size), options, ret_engine, ret_error);
    free(bytes);
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

/*  Put the file's name before the message.  */
static void s_name_file(tacit_error_t *error, const char *path)
{
    char message[TACIT_ERROR_MESSAGE_MAX];
    if (error != NULL) {
        memcpy(message, error->message, sizeof message);
        (void)snprintf(error->message, sizeof error->message, "%.120s: %.130s", path, message);
    }
}

tacit_status_t tacit_local_read(const char *path, tacit_dtype_t dtype, tacit_tensor_t *ret_tensor,
                                tacit_error_t *ret_error)
{
    tacit_npy_float64_t float64 = dtype == TACIT_DTYPE_FLOAT32   ? TACIT_NPY_FLOAT64_NARROWED
                                  : dtype == TACIT_DTYPE_FLOAT64 ? TACIT_NPY_FLOAT64_KEPT
                                                                 : TACIT_NPY_FLOAT64_REFUSED;
    tacit_secret_t *file = NULL;
    tacit_status_t status = tacit_file_read(path, TACIT_NPY_BYTES_MAX, &file, ret_error);
    if (!status) {
        status = tacit_npy_parse(tacit_secret_span(file), float64, ret_tensor, ret_error);
    }
    tacit_secret_destroy(&file);
    if (status) {
        s_name_file(ret_error, path);
    }
    return status;
}

/*  --- inputs ---------------------------------------------------------------------------------- */

typedef struct {
    tacit_tensor_t tensors[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    size_t count;
} s_inputs_t;

static void s_release(s_inputs_t *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        tacit_tensor_release(&inputs->tensors[i]);
    }
}

static tacit_status_t s_load(s_inputs_t *inputs, const char *path,
                             const tacit_engine_value_t *value, tacit_error_t *ret_error)
{
    tacit_tensor_t *tensor = &inputs->tensors[inputs->count];
    tacit_status_t status = tacit_local_read(path, value->dtype, tensor, ret_error);
    if (status) {
        return status;
    }
    tacit_engine_tensor_t *item = &inputs->items[inputs->count++];
    *item = (tacit_engine_tensor_t){.name = tacit_span_string(value->name),
                                    .dtype = (tacit_dtype_t)tensor->dtype,
                                    .rank = tensor->rank,
                                    .data = tacit_secret_span(tensor->data)};
    memcpy(item->dims, tensor->dims, tensor->rank * sizeof(int64_t));
    return TACIT_OK;
}

static tacit_status_t s_load_all(const tacit_invocation_t *invocation, const tacit_engine_t *engine,
                                 s_inputs_t *inputs, tacit_error_t *ret_error)
{
    size_t declared = 0;
    size_t given = tacit_invocation_count(invocation, "run");
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &declared);
    if (given != declared) {
        return tacit_usage_error(invocation, ret_error,
                                 "the model has %zu inputs, and --run was given %zu times",
                                 declared, given);
    }
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; !status && i < declared; i++) {
        status = s_load(inputs, tacit_invocation_nth(invocation, "run", i), &values[i], ret_error);
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

/*  The first run prepares a plan and is not timed where there are more.  */
static tacit_status_t s_run_all(tacit_engine_t *engine, const s_inputs_t *inputs, size_t repeat,
                                double *times, tacit_engine_result_t **ret_result,
                                tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = repeat > 1 ? 0 : 1; !status && i <= repeat; i++) {
        tacit_engine_result_destroy(ret_result);
        double start = (double)tacit_monotonic_ns() / 1e6;
        status = tacit_engine_run(engine, inputs->items, inputs->count, ret_result, ret_error);
        times[i > 0 ? i - 1 : 0] = (double)tacit_monotonic_ns() / 1e6 - start;
    }
    return status;
}

/*  --- outputs --------------------------------------------------------------------------------- */

static tacit_status_t s_write(const char *folder, size_t number,
                              const tacit_engine_tensor_t *output, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_tensor_t tensor = {.rank = 0};
    tacit_secret_t *file = NULL;
    tacit_status_t status = tacit_tensor_allocate((tacit_inference_dtype_t)output->dtype,
                                                  output->rank, output->dims, &tensor, ret_error);
    if (!status) {
        memcpy(tensor.data->data, output->data.data, output->data.size);
        status = tacit_npy_format(&tensor, &file, ret_error);
    }
    if (!status) {
        (void)snprintf(path, sizeof path, "%s/output_%zu.npy", folder, number);
        status = tacit_whole_file_replace(path, tacit_secret_span(file), 0600);
        if (status) {
            (void)tacit_error_set(ret_error, status, "%s cannot be written", path);
        }
    }
    tacit_secret_destroy(&file);
    tacit_tensor_release(&tensor);
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
    s_inputs_t inputs = {.count = 0};
    tacit_engine_result_t *result = NULL;
    double *times = NULL;
    uint32_t repeat = 1;
    if (folder == NULL) {
        return tacit_usage_error(invocation, ret_error, "--run needs --out, a folder for outputs");
    }
    tacit_status_t status = tacit_invocation_number(invocation, "repeat", 1,
                                                    TACIT_LOCAL_RUN_REPEAT_MAX, &repeat, ret_error);
    if (status) {
        return status;
    }
    times = calloc(repeat, sizeof *times);
    if (times == NULL) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    status = s_load_all(invocation, engine, &inputs, ret_error);
    if (!status) {
        status = s_run_all(engine, &inputs, repeat, times, &result, ret_error);
    }
    tacit_local_run_t run = {.repeat = repeat};
    if (!status) {
        qsort(times, repeat, sizeof *times, s_compare);
        run.median_ms = (times[(repeat - 1) / 2] + times[repeat / 2]) / 2;
        status = s_write_all(folder, result, &run.outputs, ret_error);
    }
    if (!status) {
        *ret_run = run;
    }
    tacit_engine_result_destroy(&result);
    s_release(&inputs);
    free(times);
    return status;
}
