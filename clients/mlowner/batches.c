/*  batches.c - see batches.h. Rows and labels are read where their files are mapped.  */

#include "clients/mlowner/batches.h"

#include <stdio.h>
#include <string.h>

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

static tacit_status_t s_read_labels(tacit_batches_t *batches, const char *path,
                                    tacit_error_t *ret_error)
{
    if (path == NULL) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_array_file_open(path, &batches->label_file, ret_error);
    if (!status) {
        status = tacit_array_file_read(batches->label_file, "labels", &batches->labels, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_dtype_t dtype = (tacit_dtype_t)batches->labels.dtype;
    bool whole =
        dtype == TACIT_DTYPE_INT64 || dtype == TACIT_DTYPE_INT32 || dtype == TACIT_DTYPE_UINT8;
    return whole && batches->labels.elements.size / tacit_dtype_size(dtype) == batches->rows
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "%s has not one class for each row (int64, int32 or uint8)", path);
}

int64_t tacit_batches_label(const tacit_batches_t *batches, size_t row)
{
    const uint8_t *data = batches->labels.elements.data;
    int64_t wide = 0;
    int32_t narrow = 0;
    switch ((tacit_dtype_t)batches->labels.dtype) {
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
    if (!status) {
        status =
            s_read_labels(ret_batches, tacit_invocation_value(invocation, "labels"), ret_error);
    }
    return status ? status : s_divide(ret_batches, engine, most, ret_error);
}

void tacit_batches_release(tacit_batches_t *batches)
{
    tacit_local_arrays_release(&batches->inputs);
    tacit_array_file_close(&batches->label_file);
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
