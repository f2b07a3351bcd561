/*  comparison.c - see comparison.h.  */

#include "clients/mlowner/comparison.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clients/lib/progress.h"

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

/*  Infinite where one is NaN or infinite and the other is not so.  */
static double s_apart(float a, float b)
{
    double apart = fabs((double)a - (double)b);
    return a == b || (isnan(a) && isnan(b)) ? 0 : isnan(apart) ? HUGE_VAL : apart;
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
        double apart = s_apart(a, b);
        comparison->largest = apart > comparison->largest ? apart : comparison->largest;
        comparison->magnitude = fmax(comparison->magnitude, fabs((double)a));
        comparison->mean += apart; /* divided at last */
        comparison->numbers++;
    }
}

static tacit_status_t s_judge(const tacit_batches_t *batches, const tacit_engine_tensor_t *one,
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
        if (batches->labels != NULL) {
            int64_t label = batches->labels[from + row];
            comparison->right_fp32 += before == label;
            comparison->right += after == label;
        }
    }
    comparison->rows += rows;
    comparison->labelled = batches->labels != NULL && comparison->classes;
    return TACIT_OK;
}

static tacit_status_t s_compare_batch(tacit_batches_t *batches, size_t number,
                                      tacit_engine_t *engine, tacit_engine_t *reference,
                                      tacit_comparison_t *comparison, tacit_error_t *ret_error)
{
    tacit_engine_result_t *before = NULL;
    tacit_engine_result_t *after = NULL;
    size_t counts[2] = {0, 0};
    size_t rows = 0;
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    size_t count = batches->inputs.count;
    tacit_status_t status = tacit_batches_take(batches, engine, number, items, &rows, ret_error);
    if (!status) {
        status = tacit_engine_run(reference, items, count, &before, ret_error);
    }
    if (!status) {
        status = tacit_engine_run(engine, items, count, &after, ret_error);
    }
    if (!status) {
        const tacit_engine_tensor_t *one = tacit_engine_result_tensors(before, &counts[0]);
        const tacit_engine_tensor_t *other = tacit_engine_result_tensors(after, &counts[1]);
        status = s_judge(batches, one, other, number * batches->batch, rows, comparison, ret_error);
    }
    tacit_engine_result_destroy(&before);
    tacit_engine_result_destroy(&after);
    return status;
}

tacit_status_t tacit_compare_engines(tacit_batches_t *batches, tacit_engine_t *engine,
                                     tacit_engine_t *reference, tacit_comparison_t *ret_comparison,
                                     tacit_error_t *ret_error)
{
    tacit_comparison_t comparison = {.rows = 0};
    tacit_progress_t progress;
    tacit_status_t status = TACIT_OK;
    tacit_progress_start(&progress, stderr, "comparing", batches->count);
    for (size_t i = 0; !status && i < batches->count; i++) {
        status = s_compare_batch(batches, i, engine, reference, &comparison, ret_error);
        tacit_progress_update(&progress, i + 1);
    }
    tacit_progress_end(&progress);
    if (!status) {
        comparison.mean /= comparison.numbers > 0 ? (double)comparison.numbers : 1.0;
        *ret_comparison = comparison;
    }
    return status;
}

/*  --- all ------------------------------------------------------------------------------------- */

tacit_status_t tacit_compare_check(const tacit_invocation_t *invocation,
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

tacit_status_t tacit_compare(const tacit_invocation_t *invocation, tacit_engine_t *engine,
                             const tacit_engine_options_t *options,
                             tacit_comparison_t *ret_comparison, tacit_error_t *ret_error)
{
    const char *against = tacit_invocation_value(invocation, "against");
    tacit_batches_t batches = {.rows = 0};
    tacit_engine_t *reference = NULL;
    tacit_engine_options_t plain = *options;
    plain.precision = TACIT_PRECISION_FP32;
    plain.profile = false;
    if (tacit_invocation_count(invocation, "data") == 0) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_batches_open(invocation, engine, &batches, ret_error);
    if (!status) {
        status = tacit_local_load(against != NULL ? against : invocation->operands[0], &plain,
                                  &reference, ret_error);
    }
    if (!status) {
        status = tacit_compare_engines(&batches, engine, reference, ret_comparison, ret_error);
    }
    tacit_batches_release(&batches);
    tacit_engine_destroy(&reference);
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
    printf("\n%s beside %s, over %zu row%s\n", name, other, rows, rows == 1 ? "" : "s");
    printf("difference  at most %.6g, on average %.6g, of numbers up to %.6g\n",
           comparison->largest, comparison->mean, comparison->magnitude);
    if (comparison->classes) {
        printf("top-1       the same in %zu of them, %.2f %%\n", comparison->same,
               s_share(comparison->same, rows));
    }
    if (comparison->labelled) {
        printf("accuracy    %.2f %% in %s, %.2f %% in %s\n", s_share(comparison->right, rows), name,
               s_share(comparison->right_fp32, rows), other);
    }
}

/*  JSON has no infinity.  */
static json_t *s_json_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *tacit_comparison_json(const tacit_comparison_t *comparison)
{
    json_t *object = json_pack("{s:I, s:o, s:o, s:o}", "rows", (json_int_t)comparison->rows,
                               "largest_difference", s_json_number(comparison->largest),
                               "mean_difference", s_json_number(comparison->mean), "largest_number",
                               s_json_number(comparison->magnitude));
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
