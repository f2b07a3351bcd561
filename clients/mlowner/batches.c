/*  batches.c - see batches.h. Rows are read where their files are mapped.  */

#include "clients/mlowner/batches.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/mlowner/label_file.h"

/*  Rows of an input that leaves open how many: -1 where it has no rows.  */
static int64_t s_declared_rows(const tacit_engine_value_t *value)
{
    return !value->ranked ? -1 : value->rank > 0 ? value->dims[0] : 0;
}

/*  Whether the model takes some inputs row by row, and others as they are.  */
static bool s_is_mixed(const tacit_engine_t *engine)
{
    size_t count = 0;
    size_t open = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &count);
    for (size_t i = 0; i < count; i++) {
        open += s_declared_rows(&values[i]) < 0;
    }
    return open > 0 && open < count;
}

/*  All inputs have as many rows; or some are none, and all is one batch.  */
static tacit_status_t s_count_rows(tacit_batches_t *batches, const tacit_engine_t *engine,
                                   tacit_error_t *ret_error)
{
    size_t count = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &count);
    bool mixed = s_is_mixed(engine);
    for (size_t i = 0; i < batches->inputs.count; i++) {
        const tacit_engine_tensor_t *item = &batches->inputs.items[i];
        size_t rows = item->rank > 0 ? (size_t)item->dims[0] : 0;
        if (mixed && s_declared_rows(&values[i]) >= 0) {
            batches->whole = true;
            continue;
        }
        batches->rows = batches->rows == 0 ? rows : batches->rows;
        if (rows == 0 || rows != batches->rows) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                   "input %s has no rows, or not one for each of the first input's",
                                   values[i].name);
        }
    }
    return TACIT_OK;
}

/*  Large rows go one by one.  */
static size_t s_rows_at_once(const tacit_batches_t *batches)
{
    size_t each = 1;
    for (size_t i = 0; i < batches->inputs.count; i++) {
        const tacit_engine_tensor_t *item = &batches->inputs.items[i];
        size_t numbers = item->data.size / tacit_dtype_size(item->dtype) / batches->rows;
        each = numbers > each ? numbers : each;
    }
    size_t rows = TACIT_BATCHES_NUMBERS / each;
    return rows < 1 ? 1 : rows > TACIT_BATCHES_ROWS ? TACIT_BATCHES_ROWS : rows;
}

/*  A model that was exported for a number of rows takes them alone.  */
static tacit_status_t s_divide(tacit_batches_t *batches, const tacit_engine_t *engine,
                               tacit_error_t *ret_error)
{
    size_t count = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &count);
    int64_t declared = count > 0 && !batches->whole ? s_declared_rows(&values[0]) : -1;
    batches->batch = batches->whole ? batches->rows
                     : declared > 0 ? (size_t)declared
                                    : s_rows_at_once(batches);
    batches->count = (batches->rows + batches->batch - 1) / batches->batch;
    return declared <= 0 || batches->rows % batches->batch == 0
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "the model takes %zu rows at once, and %zu are no multiple of "
                                 "that",
                                 batches->batch, batches->rows);
}

tacit_status_t tacit_batches_open(const tacit_invocation_t *invocation,
                                  const tacit_engine_t *engine, tacit_batches_t *ret_batches,
                                  tacit_error_t *ret_error)
{
    tacit_status_t status =
        tacit_local_arrays(invocation, "data", engine, &ret_batches->inputs, ret_error);
    if (!status) {
        status = s_count_rows(ret_batches, engine, ret_error);
    }
    const char *labels = tacit_invocation_value(invocation, "labels");
    if (!status && labels != NULL) {
        status = tacit_label_file_read(labels, tacit_engine_labels(engine), ret_batches->rows,
                                       &ret_batches->labels, ret_error);
    }
    return status ? status : s_divide(ret_batches, engine, ret_error);
}

void tacit_batches_release(tacit_batches_t *batches)
{
    tacit_local_arrays_release(&batches->inputs);
    if (batches->labels != NULL) {
        sodium_memzero(batches->labels, batches->rows * sizeof *batches->labels);
        free(batches->labels);
        batches->labels = NULL;
    }
}

tacit_status_t tacit_batches_take(tacit_batches_t *batches, const tacit_engine_t *engine,
                                  size_t number, tacit_engine_tensor_t *ret_items, size_t *ret_rows,
                                  tacit_error_t *ret_error)
{
    size_t from = number * batches->batch;
    size_t left = batches->rows - from;
    *ret_rows = left < batches->batch ? left : batches->batch;
    return tacit_local_rows(&batches->inputs, engine, from, *ret_rows,
                            batches->whole ? 0 : batches->rows, ret_items, ret_error);
}
