/*  comparison.c - see comparison.h. Rows and labels are read where their files are mapped.  */

#include "clients/mlowner/comparison.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*  What is compared: rows for each input, classes, and the model beside.  */
typedef struct {
    tacit_local_arrays_t inputs;
    tacit_array_file_t *label_file;
    tacit_npy_view_t labels; /* no elements: none */
    size_t rows;
    size_t batch;
    tacit_engine_t *reference;
} s_work_t;

/*  --- files ----------------------------------------------------------------------------------- */

/*  All inputs have as many rows.  */
static tacit_status_t s_count_rows(s_work_t *work, tacit_error_t *ret_error)
{
    for (size_t i = 0; i < work->inputs.count; i++) {
        const tacit_engine_tensor_t *item = &work->inputs.items[i];
        size_t rows = item->rank > 0 ? (size_t)item->dims[0] : 0;
        work->rows = i == 0 ? rows : work->rows;
        if (rows == 0 || rows != work->rows) {
            char name[TACIT_ERROR_VALUE_MAX];
            (void)snprintf(name, sizeof name, "%.*s", (int)item->name.size,
                           (const char *)item->name.data);
            return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                   "input %s has no rows, or not one for each of the first input's",
                                   name);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_read_labels(s_work_t *work, const char *path, tacit_error_t *ret_error)
{
    if (path == NULL) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_array_file_open(path, &work->label_file, ret_error);
    if (!status) {
        status = tacit_array_file_read(work->label_file, "labels", &work->labels, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_dtype_t dtype = (tacit_dtype_t)work->labels.dtype;
    bool whole =
        dtype == TACIT_DTYPE_INT64 || dtype == TACIT_DTYPE_INT32 || dtype == TACIT_DTYPE_UINT8;
    return whole && work->labels.elements.size / tacit_dtype_size(dtype) == work->rows
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "%s has not one class for each row (int64, int32 or uint8)", path);
}

static int64_t s_label(const tacit_npy_view_t *labels, size_t row)
{
    const uint8_t *data = labels->elements.data;
    int64_t wide = 0;
    int32_t narrow = 0;
    switch ((tacit_dtype_t)labels->dtype) {
    case TACIT_DTYPE_INT64:
        memcpy(&wide, data + row * sizeof wide, sizeof wide);
        return wide;
    case TACIT_DTYPE_INT32:
        memcpy(&narrow, data + row * sizeof narrow, sizeof narrow);
        return narrow;
    default:
        return data[row];
    }
}

static void s_release(s_work_t *work)
{
    tacit_local_arrays_release(&work->inputs);
    tacit_array_file_close(&work->label_file);
    tacit_engine_destroy(&work->reference);
}

/*  --- runs ------------------------------------------------------------------------------------ */

/*  The class that a row's output names: its largest number, or itself.  */
static int64_t s_class(const tacit_engine_tensor_t *output, size_t row, size_t columns)
{
    if (output->dtype == TACIT_DTYPE_INT64) {
        int64_t number = 0;
        memcpy(&number, output->data.data + row * sizeof number, sizeof number);
        return number;
    }
    size_t best = 0;
    float most = 0;
    for (size_t i = 0; i < columns; i++) {
        float number = 0;
        memcpy(&number, output->data.data + (row * columns + i) * sizeof number, sizeof number);
        best = i == 0 || number > most ? i : best;
        most = i == 0 || number > most ? number : most;
    }
    return (int64_t)best;
}

static void s_count_differences(const tacit_engine_tensor_t *one,
                                const tacit_engine_tensor_t *other, tacit_comparison_t *comparison)
{
    if (one->dtype != TACIT_DTYPE_FLOAT32) {
        return;
    }
    for (size_t i = 0; i < one->data.size / sizeof(float); i++) {
        float a = 0;
        float b = 0;
        memcpy(&a, one->data.data + i * sizeof a, sizeof a);
        memcpy(&b, other->data.data + i * sizeof b, sizeof b);
        double apart = fabs((double)a - (double)b);
        comparison->largest = apart > comparison->largest ? apart : comparison->largest;
        comparison->magnitude = fmax(comparison->magnitude, fabs((double)a));
        comparison->mean += apart; /* divided at last */
        comparison->numbers++;
    }
}

static tacit_status_t s_judge(const s_work_t *work, const tacit_engine_tensor_t *one,
                              const tacit_engine_tensor_t *other, size_t from, size_t rows,
                              tacit_comparison_t *comparison, tacit_error_t *ret_error)
{
    bool fits = one->dtype == other->dtype && one->data.size == other->data.size && one->rank > 0 &&
                one->dims[0] == (int64_t)rows &&
                (one->dtype == TACIT_DTYPE_FLOAT32 || one->dtype == TACIT_DTYPE_INT64);
    if (!fits) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                               "the first outputs are not rows of float32 or int64 of one shape");
    }
    size_t columns = one->data.size / rows / tacit_dtype_size(one->dtype);
    comparison->classes =
        one->dtype == TACIT_DTYPE_INT64 ? columns == 1 : one->rank == 2 && columns > 1;
    s_count_differences(one, other, comparison);
    for (size_t row = 0; comparison->classes && row < rows; row++) {
        int64_t before = s_class(one, row, columns);
        int64_t after = s_class(other, row, columns);
        comparison->same += before == after;
        if (work->labels.elements.size > 0) {
            int64_t label = s_label(&work->labels, from + row);
            comparison->right_fp32 += before == label;
            comparison->right += after == label;
        }
    }
    comparison->rows += rows;
    comparison->labelled = work->labels.elements.size > 0 && comparison->classes;
    return TACIT_OK;
}

static tacit_status_t s_compare_rows(s_work_t *work, tacit_engine_t *engine, size_t from,
                                     size_t rows, tacit_comparison_t *comparison,
                                     tacit_error_t *ret_error)
{
    tacit_engine_result_t *before = NULL;
    tacit_engine_result_t *after = NULL;
    size_t counts[2] = {0, 0};
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    size_t count = work->inputs.count;
    tacit_status_t status =
        tacit_local_rows(&work->inputs, engine, from, rows, work->rows, items, ret_error);
    if (!status) {
        status = tacit_engine_run(work->reference, items, count, &before, ret_error);
    }
    if (!status) {
        status = tacit_engine_run(engine, items, count, &after, ret_error);
    }
    if (!status) {
        const tacit_engine_tensor_t *one = tacit_engine_result_tensors(before, &counts[0]);
        const tacit_engine_tensor_t *other = tacit_engine_result_tensors(after, &counts[1]);
        status = s_judge(work, one, other, from, rows, comparison, ret_error);
    }
    tacit_engine_result_destroy(&before);
    tacit_engine_result_destroy(&after);
    return status;
}

/*  --- all ------------------------------------------------------------------------------------- */

static tacit_status_t s_check_options(const tacit_invocation_t *invocation,
                                      tacit_precision_t precision, tacit_error_t *ret_error)
{
    bool against = tacit_invocation_count(invocation, "against") > 0;
    if (tacit_invocation_count(invocation, "data") == 0) {
        return against || tacit_invocation_count(invocation, "labels") > 0
                   ? tacit_usage_error(invocation, ret_error, "--labels and --against need --data")
                   : TACIT_OK;
    }
    return against || precision == TACIT_PRECISION_BF16
               ? TACIT_OK
               : tacit_usage_error(invocation, ret_error,
                                   "--data compares bf16 with fp32, or the model with the one that "
                                   "--against names");
}

static tacit_status_t s_prepare(const tacit_invocation_t *invocation, const tacit_engine_t *engine,
                                const tacit_engine_options_t *options, s_work_t *work,
                                tacit_error_t *ret_error)
{
    size_t declared = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &declared);
    const char *against = tacit_invocation_value(invocation, "against");
    tacit_engine_options_t plain = *options;
    plain.precision = TACIT_PRECISION_FP32;
    plain.profile = false;
    tacit_status_t status =
        tacit_local_arrays(invocation, "data", engine, &work->inputs, ret_error);
    if (!status) {
        status = s_count_rows(work, ret_error);
    }
    if (!status) {
        status = s_read_labels(work, tacit_invocation_value(invocation, "labels"), ret_error);
    }
    if (!status) {
        status = tacit_local_load(against != NULL ? against : invocation->operands[0], &plain,
                                  &work->reference, ret_error);
    }
    bool fixed = declared > 0 && values[0].ranked && values[0].rank > 0 && values[0].dims[0] > 0;
    work->batch = fixed ? (size_t)values[0].dims[0] : TACIT_COMPARISON_BATCH;
    if (!status && fixed && work->rows % work->batch != 0) {
        status =
            tacit_error_set(ret_error, TACIT_BAD_INPUT,
                            "the model takes %zu rows at once, and %zu are no multiple of that",
                            work->batch, work->rows);
    }
    return status;
}

tacit_status_t tacit_compare(const tacit_invocation_t *invocation, tacit_engine_t *engine,
                             const tacit_engine_options_t *options,
                             tacit_comparison_t *ret_comparison, tacit_error_t *ret_error)
{
    s_work_t work = {.rows = 0};
    tacit_comparison_t comparison = {.rows = 0};
    tacit_status_t status = s_check_options(invocation, options->precision, ret_error);
    if (status || tacit_invocation_count(invocation, "data") == 0) {
        return status;
    }
    status = s_prepare(invocation, engine, options, &work, ret_error);
    for (size_t from = 0; !status && from < work.rows; from += work.batch) {
        size_t left = work.rows - from;
        size_t rows = left < work.batch ? left : work.batch;
        status = s_compare_rows(&work, engine, from, rows, &comparison, ret_error);
    }
    s_release(&work);
    if (!status) {
        comparison.mean /= comparison.numbers > 0 ? (double)comparison.numbers : 1.0;
        *ret_comparison = comparison;
    }
    return status;
}

/*  --- telling --------------------------------------------------------------------------------- */

static double s_share(size_t part, size_t rows)
{
    return 100.0 * (double)part / (double)rows;
}

void tacit_comparison_print(const tacit_comparison_t *comparison, tacit_precision_t precision,
                            const char *against)
{
    const char *name = against != NULL ? "this model" : tacit_precision_name(precision);
    const char *other = against != NULL ? against : "fp32";
    size_t rows = comparison->rows;
    printf("\n%s beside %s, over %zu rows\n", name, other, rows);
    printf("difference  at most %.6g, on average %.6g, of numbers up to %.6g\n",
           comparison->largest, comparison->mean, comparison->magnitude);
    if (comparison->classes) {
        printf("top-1       the same in %zu rows, %.2f %%\n", comparison->same,
               s_share(comparison->same, rows));
    }
    if (comparison->labelled) {
        printf("accuracy    %.2f %% in %s, %.2f %% in %s\n", s_share(comparison->right, rows), name,
               s_share(comparison->right_fp32, rows), other);
    }
}

json_t *tacit_comparison_json(const tacit_comparison_t *comparison)
{
    json_t *object = json_pack("{s:I, s:f, s:f, s:f}", "rows", (json_int_t)comparison->rows,
                               "largest_difference", comparison->largest, "mean_difference",
                               comparison->mean, "largest_number", comparison->magnitude);
    if (object && comparison->classes) {
        (void)json_object_set_new(object, "same_class", json_integer((json_int_t)comparison->same));
    }
    if (object && comparison->labelled) {
        (void)json_object_set_new(object, "right", json_integer((json_int_t)comparison->right));
        (void)json_object_set_new(object, "right_fp32",
                                  json_integer((json_int_t)comparison->right_fp32));
    }
    return object;
}
