/*  quantize.c - tacit-mlowner quantize: an 8-bit model of a float32 one, made and judged here.  */

#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/interrupts.h"
#include "clients/lib/progress.h"
#include "clients/mlowner/commands.h"
#include "clients/mlowner/comparison.h"
#include "enclave/whole_file.h"
#include "services/inference/quantizer/quantizer.h"

enum { S_FEW_ROWS = 32 /* fewer say little of how far values reach */ };

/*  Numbers beyond what this share of them reaches are seldom worth a coarser grid.  */
static const double s_percent = 99.99;

/*  Where fewer rows keep their class, something is said.  */
static const double s_same_share = 0.98;

typedef struct {
    const tacit_invocation_t *invocation;
    const char *from, *to;
    bool percentile;
    tacit_engine_options_t options;
    uint8_t *onnx; /* the file */
    size_t size;
    tacit_engine_t *before, *after;
    tacit_batches_t batches;
    tacit_quantized_t *quantized;
    tacit_progress_t progress;
    bool started; /* the progress */
    tacit_comparison_t comparison;
} s_work_t;

/*  --- before anything is done ----------------------------------------------------------------- */

static tacit_status_t s_options(s_work_t *work, tacit_error_t *ret_error)
{
    const tacit_invocation_t *invocation = work->invocation;
    const char *method = tacit_invocation_value(invocation, "method");
    uint32_t threads = 1;
    if (work->to == NULL || tacit_invocation_count(invocation, "data") == 0) {
        return tacit_usage_error(invocation, ret_error,
                                 work->to == NULL
                                     ? "--out names the file to write"
                                     : "--data names rows, as the model will see them");
    }
    work->percentile = method != NULL && strcmp(method, "percentile") == 0;
    if (method != NULL && !work->percentile && strcmp(method, "minmax") != 0) {
        return tacit_usage_error(invocation, ret_error, "--method is minmax or percentile");
    }
    tacit_status_t status = tacit_invocation_number(invocation, "threads", 1,
                                                    TACIT_ENGINE_THREADS_MAX, &threads, ret_error);
    work->options.threads = threads;
    return status;
}

/*  Whether the result could be written: that should not be found out at the end.  */
static tacit_status_t s_check_target(const s_work_t *work, tacit_error_t *ret_error)
{
    char copy[PATH_MAX];
    struct stat there;
    struct stat source;
    if ((size_t)snprintf(copy, sizeof copy, "%s", work->to) >= sizeof copy) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the name after --out is too long");
    }
    if (stat(work->to, &there) == 0) {
        bool same = stat(work->from, &source) == 0 && source.st_dev == there.st_dev &&
                    source.st_ino == there.st_ino;
        if (same || !S_ISREG(there.st_mode)) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is %s", work->to,
                                   same ? "the model itself" : "no regular file");
        }
        if (tacit_invocation_count(work->invocation, "force") == 0) {
            (void)tacit_error_set(ret_error, TACIT_ALREADY_EXISTS, "%s is there already", work->to);
            tacit_error_remedy(ret_error, "choose another name, or --force");
            return TACIT_ALREADY_EXISTS;
        }
    }
    return access(dirname(copy), W_OK | X_OK) == 0
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s cannot be written: %s", work->to,
                                 strerror(errno));
}

static tacit_status_t s_read(s_work_t *work, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_local_load(work->from, &work->options, &work->before, ret_error);
    if (!status) {
        status = tacit_whole_file_read(work->from, TACIT_ENGINE_MODEL_SIZE_MAX, &work->onnx,
                                       &work->size);
        if (status) {
            (void)tacit_error_set(ret_error, status, "%s cannot be read", work->from);
        }
    }
    return status;
}

/*  --- the work -------------------------------------------------------------------------------- */

static tacit_status_t s_take(void *self, size_t batch,
                             tacit_engine_tensor_t ret_items[TACIT_ENGINE_INPUTS_MAX],
                             size_t *ret_count, tacit_error_t *ret_error)
{
    s_work_t *work = self;
    size_t rows = 0;
    *ret_count = work->batches.inputs.count;
    return tacit_batches_take(&work->batches, work->before, batch, ret_items, &rows, ret_error);
}

static void s_tell(void *self, uint64_t done, uint64_t total)
{
    s_work_t *work = self;
    if (!work->started) {
        tacit_progress_start(&work->progress, stderr, "calibrating", total);
        work->started = true;
    }
    tacit_progress_update(&work->progress, done);
}

static tacit_status_t s_quantize(s_work_t *work, tacit_error_t *ret_error)
{
    const tacit_quantizer_options_t options = {.percent = work->percentile ? s_percent : 100,
                                               .threads = work->options.threads};
    const tacit_quantizer_rows_t rows = {.self = work,
                                         .batches = work->batches.count,
                                         .batch = work->batches.batch,
                                         .take = s_take,
                                         .tell = s_tell};
    tacit_status_t status = tacit_quantize(tacit_span(work->onnx, work->size), &options, &rows,
                                           &work->quantized, ret_error);
    if (work->started) {
        tacit_progress_end(&work->progress);
    }
    if (!status) {
        tacit_engine_options_t bytes = work->options;
        bytes.precision = TACIT_PRECISION_INT8;
        status = tacit_engine_load(tacit_quantized_model(work->quantized), &bytes, &work->after,
                                   ret_error);
    }
    return status;
}

static tacit_status_t s_write(const s_work_t *work, tacit_error_t *ret_error)
{
    bool force = tacit_invocation_count(work->invocation, "force") > 0;
    tacit_span_t model = tacit_quantized_model(work->quantized);
    struct stat about = {.st_mode = 0};
    mode_t mode = stat(work->from, &about) == 0 ? about.st_mode & 0666 : 0600;
    sigset_t before;
    tacit_interrupts_hold(&before);
    tacit_status_t status = force ? tacit_whole_file_replace(work->to, model, mode)
                                  : tacit_whole_file_create(work->to, model, mode);
    tacit_interrupts_allow(&before);
    if (status == TACIT_ALREADY_EXISTS) {
        (void)tacit_error_set(ret_error, status, "%s is there already", work->to);
    } else if (status) {
        (void)tacit_error_set(ret_error, status, "%s cannot be written", work->to);
    }
    return status;
}

/*  Not every model answers with rows that can be compared; it is quantized all the same.  */
static tacit_status_t s_compare(s_work_t *work, tacit_error_t *ret_error)
{
    tacit_error_t own = {0};
    tacit_status_t status =
        tacit_compare_engines(&work->batches, work->after, work->before, &work->comparison, &own);
    if (status && status != TACIT_UNSUPPORTED) {
        *ret_error = own;
        return status;
    }
    return TACIT_OK;
}

/*  --- telling --------------------------------------------------------------------------------- */

static void s_print_counts(const s_work_t *work, bool bytes, const char *label)
{
    size_t count = 0;
    const tacit_quantized_count_t *counts = tacit_quantized_counts(work->quantized, &count);
    bool any = false;
    printf("%-12s", label);
    for (size_t i = 0; i < count; i++) {
        size_t nodes = bytes ? counts[i].bytes : counts[i].real;
        if (nodes > 0) {
            printf("%s%zu %s", any ? ", " : "", nodes, counts[i].op);
            any = true;
        }
    }
    printf("%s\n", any ? "" : "nothing");
}

static void s_print_comparison(const s_work_t *work)
{
    const tacit_comparison_t *comparison = &work->comparison;
    tacit_comparison_print(comparison, TACIT_PRECISION_INT8, NULL);
    if (comparison->classes && (double)comparison->same < s_same_share * (double)comparison->rows) {
        printf("\nThat is much. More rows may help, or --method %s.\n",
               work->percentile ? "minmax" : "percentile");
    }
}

static void s_print(const s_work_t *work)
{
    size_t after = tacit_quantized_model(work->quantized).size;
    printf("%s: made of %s by %zu row%s.\n\n", work->to, work->from, work->batches.rows,
           work->batches.rows == 1 ? "" : "s");
    if (work->batches.rows < S_FEW_ROWS) {
        printf("So few rows say little: what reaches further is cut off. Some hundred are "
               "better.\n\n");
    }
    s_print_counts(work, true, "8 bits");
    s_print_counts(work, false, "float32");
    printf("size        %zu bytes, %.0f %% of %zu\n", after,
           100.0 * (double)after / (double)work->size, work->size);
    if (work->comparison.rows > 0) {
        s_print_comparison(work);
    } else {
        printf("\nIts answers are no rows of numbers: they were not compared.\n");
    }
}

static json_t *s_json_counts(const s_work_t *work, bool bytes)
{
    size_t count = 0;
    const tacit_quantized_count_t *counts = tacit_quantized_counts(work->quantized, &count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        size_t nodes = bytes ? counts[i].bytes : counts[i].real;
        if (nodes > 0) {
            json_object_set_new(object, counts[i].op, json_integer((json_int_t)nodes));
        }
    }
    return object;
}

static void s_print_json(const s_work_t *work)
{
    size_t after = tacit_quantized_model(work->quantized).size;
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "file", work->to, "method",
        work->percentile ? "percentile" : "minmax", "rows", (json_int_t)work->batches.rows,
        "bytes_before", (json_int_t)work->size, "bytes_after", (json_int_t)after, "nodes_int8",
        s_json_counts(work, true), "nodes_float32", s_json_counts(work, false));
    if (work->comparison.rows > 0) {
        json_object_set_new(object, "comparison", tacit_comparison_json(&work->comparison));
    }
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

/*  --- all ------------------------------------------------------------------------------------- */

static tacit_status_t s_run(s_work_t *work, tacit_error_t *ret_error)
{
    tacit_status_t status = s_options(work, ret_error);
    if (!status) {
        status = s_check_target(work, ret_error);
    }
    if (!status) {
        status = s_read(work, ret_error);
    }
    if (!status) {
        status = tacit_batches_open(work->invocation, work->before, &work->batches, ret_error);
    }
    if (!status) {
        status = s_quantize(work, ret_error);
    }
    if (!status) {
        status = s_write(work, ret_error);
    }
    return status ? status : s_compare(work, ret_error);
}

tacit_status_t tacit_command_quantize(const tacit_invocation_t *invocation,
                                      tacit_error_t *ret_error)
{
    s_work_t work = {.invocation = invocation,
                     .from = invocation->operands[0],
                     .to = tacit_invocation_value(invocation, "out")};
    tacit_status_t status = s_run(&work, ret_error);
    if (!status && invocation->json) {
        s_print_json(&work);
    } else if (!status) {
        s_print(&work);
    }
    tacit_engine_destroy(&work.before);
    tacit_engine_destroy(&work.after);
    tacit_quantized_destroy(&work.quantized);
    tacit_batches_release(&work.batches);
    if (work.onnx != NULL) {
        sodium_memzero(work.onnx, work.size);
        free(work.onnx);
    }
    return status;
}
