/*  batches.c - see batches.h. Rows are read where their files are mapped.  */

#include "clients/mlowner/batches.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/mlowner/label_file.h"

/*  All inputs have as many rows.  */
static tacit_status_t s_count_rows(tacit_batches_t *batches, tacit_error_t *ret_error)
{
    for (size_t i = 0; i < batches->inputs.count; i++) {
        const tacit_engine_tensor_t *item = &batches->inputs.items[i];
        size_t rows = item->rank > 0 ? (size_t)item->dims[0] : 0;
        batches->rows = i == 0 ? rows : batches->rows;
        if (rows == 0 || rows != batches->rows) {
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

/*  A model that was exported for a number of rows takes them alone.  */
static tacit_status_t s_divide(tacit_batches_t *batches, const tacit_engine_t *engine, size_t most,
                               tacit_error_t *ret_error)
{
    size_t declared = 0;
    const tacit_engine_value_t *values = tacit_engine_inputs(engine, &declared);
    bool fixed = declared > 0 && values[0].ranked && values[0].rank > 0 && values[0].dims[0] > 0;
    batches->batch = fixed ? (size_t)values[0].dims[0] : most;
    batches->count = (batches->rows + batches->batch - 1) / batches->batch;
    return !fixed || batches->rows % batches->batch == 0
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "the model takes %zu rows at once, and %zu are no multiple of "
                                 "that",
                                 batches->batch, batches->rows);
}

tacit_status_t tacit_batches_open(const tacit_invocation_t *invocation,
                                  const tacit_engine_t *engine, size_t most,
                                  tacit_batches_t *ret_batches, tacit_error_t *ret_error)
{
    tacit_status_t status =
        tacit_local_arrays(invocation, "data", engine, &ret_batches->inputs, ret_error);
    if (!status) {
        status = s_count_rows(ret_batches, ret_error);
    }
    const char *labels = tacit_invocation_value(invocation, "labels");
    if (!status && labels != NULL) {
        status = tacit_label_file_read(labels, tacit_engine_labels(engine), ret_batches->rows,
                                       &ret_batches->labels, ret_error);
    }
    return status ? status : s_divide(ret_batches, engine, most, ret_error);
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
    return tacit_local_rows(&batches->inputs, engine, from, *ret_rows, batches->rows, ret_items,
                            ret_error);
}
