/*  onnx_fuzz.c - models: any bytes are refused with an error that says why, or make an engine that
    runs on zeros. Little memory bounds the work of a run; one input in eight goes to oneDNN.  */

#include "services/inference/engine/engine.h"

#include <stdlib.h>

enum { MEMORY_LIMIT = 768 * 1024, BATCH = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*  Zeros in the declared shape; false where it is too large to be tried.  */
static bool s_make_input(const tacit_engine_value_t *value, tacit_engine_tensor_t *ret_input)
{
    tacit_engine_tensor_t input = {
        .name = tacit_span_string(value->name), .dtype = value->dtype, .rank = value->rank};
    size_t size = tacit_dtype_size(value->dtype);
    for (size_t i = 0; i < value->rank; i++) {
        input.dims[i] = value->dims[i] < 0 ? BATCH : value->dims[i];
        size *= (size_t)input.dims[i];
        if (size > MEMORY_LIMIT) {
            return false;
        }
    }
    uint8_t *zeros = calloc(size + 1, 1);
    input.data = tacit_span(zeros, size);
    *ret_input = input;
    return zeros != NULL;
}

static void s_run(tacit_engine_t *engine)
{
    static tacit_engine_tensor_t inputs[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    size_t count = 0;
    size_t made = 0;
    const tacit_engine_value_t *declared = tacit_engine_inputs(engine, &count);
    while (made < count && s_make_input(&declared[made], &inputs[made])) {
        made++;
    }
    tacit_status_t status = tacit_engine_run(engine, inputs, made, &result, &error);
    if (status == TACIT_OK ? result == NULL : error.code != status || result != NULL) {
        abort();
    }
    tacit_engine_result_destroy(&result);
    for (size_t i = 0; i < made; i++) {
        free((void *)(uintptr_t)inputs[i].data.data);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_engine_options_t options = {.memory_limit = MEMORY_LIMIT, .portable = size % 8 != 0};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_engine_t *engine = NULL;
    tacit_status_t status = tacit_engine_load(tacit_span(data, size), &options, &engine, &error);
    if (status == TACIT_OK ? engine == NULL : error.code != status || engine != NULL) {
        abort();
    }
    if (engine != NULL) {
        s_run(engine);
        tacit_engine_destroy(&engine);
    }
    return 0;
}
