/*  quantizer.c - see quantizer.h: one step after the other, and what came of it.  */

#include "services/inference/quantizer/quantizer.h"

#include <stdlib.h>
#include <string.h>

#include "services/inference/engine/operator.h"
#include "services/inference/engine/passes.h"
#include "services/inference/quantizer/prepare.h"
#include "services/inference/quantizer/rewrite.h"

struct tacit_quantized {
    tacit_budget_t budget; /* of all here */
    uint8_t *bytes;
    size_t size;
    tacit_graph_t *graph; /* as a worker computes it; names of operators */
    tacit_quantized_count_t *counts;
    size_t count;
};

/* --- what came of it -------------------------------------------------------------------------- */

/*  Whether some of the values are bytes with a grid: the model may have had others before.  */
static bool s_has_bytes(const tacit_graph_t *graph, const int *values, size_t count)
{
    bool bytes = false;
    for (size_t i = 0; i < count; i++) {
        const tacit_value_t *value = values[i] != TACIT_NO_VALUE ? &graph->values[values[i]] : NULL;
        bytes |= value != NULL && value->dtype == TACIT_DTYPE_UINT8 &&
                 strstr(value->name, TACIT_REWRITE_BYTES) != NULL;
    }
    return bytes;
}

/*  What the float32 model calls it.  */
static const char *s_plain_name(const char *op)
{
    static const char prefix[] = "QLinear";
    if (strcmp(op, "MatMulInteger") == 0) { /* with its way back to reals */
        return "MatMul";
    }
    if (strcmp(op, "QGemm") == 0) {
        return op + 1;
    }
    return strncmp(op, prefix, sizeof prefix - 1) == 0 ? op + sizeof prefix - 1 : op;
}

static void s_count(tacit_quantized_t *quantized, const tacit_graph_node_t *node)
{
    const tacit_graph_t *graph = quantized->graph;
    const char *op = s_plain_name(node->op->name);
    bool bytes = s_has_bytes(graph, node->inputs, node->input_count) ||
                 s_has_bytes(graph, node->outputs, node->output_count);
    bool real = graph->values[node->outputs[0]].dtype == TACIT_DTYPE_FLOAT32;
    bool pair = strcmp(op, "QuantizeLinear") == 0 || strcmp(op, "DequantizeLinear") == 0;
    size_t i = 0;
    if (pair || (!bytes && !real)) {
        return;
    }
    while (i < quantized->count && strcmp(quantized->counts[i].op, op) != 0) {
        i++;
    }
    quantized->counts[i].op = op;
    quantized->counts[i].bytes += bytes;
    quantized->counts[i].real += !bytes;
    quantized->count += i == quantized->count;
}

/*  The graph as workers with integer products make it of the model.  */
static tacit_status_t s_look_back(tacit_quantized_t *quantized, tacit_error_t *error)
{
    tacit_decoded_t *decoded = NULL;
    tacit_status_t status = tacit_decoded_new(tacit_span(quantized->bytes, quantized->size),
                                              &quantized->budget, &decoded, error);
    if (status == TACIT_OK) {
        status = tacit_graph_new(decoded, NULL, &quantized->budget, &quantized->graph, error);
    }
    tacit_decoded_destroy(&decoded);
    if (status == TACIT_OK) {
        status = tacit_pass_fold_normalization(quantized->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_fuse(quantized->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_quantize(quantized->graph, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    quantized->counts = tacit_pool_take(quantized->graph->pool, quantized->graph->node_count + 1,
                                        sizeof *quantized->counts, error);
    for (size_t n = 0; quantized->counts != NULL && n < quantized->graph->node_count; n++) {
        if (!quantized->graph->nodes[n].removed) {
            s_count(quantized, &quantized->graph->nodes[n]);
        }
    }
    return quantized->counts != NULL ? TACIT_OK : error->code;
}

/* --- steps ------------------------------------------------------------------------------------ */

static bool s_has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static tacit_status_t s_refuse_quantized(const tacit_draft_t *draft, tacit_error_t *error)
{
    static const char *const prefixes[] = {
        "QLinear",     "QGemm",         "QuantizeLinear",       "DequantizeLinear",
        "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"};
    for (size_t n = 0; n < draft->node_count; n++) {
        const char *op = draft->nodes[n]->op_type != NULL ? draft->nodes[n]->op_type : "";
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            if (s_has_prefix(op, prefixes[i])) {
                (void)tacit_error_set(error, TACIT_UNSUPPORTED,
                                      "the model is quantized already: it has %.40s", op);
                tacit_error_remedy(error, "push it with --precision int8 as it is");
                return TACIT_UNSUPPORTED;
            }
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_rewrite(tacit_draft_t *draft, const tacit_quantizer_options_t *options,
                                const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    tacit_scheme_t scheme = {.draft = draft};
    tacit_status_t status = s_refuse_quantized(draft, error);
    if (status == TACIT_OK) {
        status = tacit_prepare_opset(draft, options, rows, error);
    }
    if (status == TACIT_OK) {
        status = tacit_prepare_idle(draft, error);
    }
    if (status == TACIT_OK) {
        status = tacit_prepare_constants(draft, error);
    }
    if (status == TACIT_OK) {
        status = tacit_prepare_normalizations(draft, error);
    }
    if (status == TACIT_OK) {
        status = tacit_prepare_products(draft, options, rows, error);
    }
    if (status == TACIT_OK) {
        status = tacit_scheme_new(draft, &scheme, error);
    }
    if (status == TACIT_OK && scheme.products == 0) {
        (void)tacit_error_set(error, TACIT_UNSUPPORTED,
                              "nothing is quantized: no Conv, Gemm or MatMul by constant weights");
        tacit_error_remedy(error, "push it as it is, in fp32");
        return TACIT_UNSUPPORTED;
    }
    if (status == TACIT_OK) {
        status = tacit_calibrate(&scheme, options, rows, error);
    }
    return status == TACIT_OK ? tacit_rewrite(&scheme, error) : status;
}

/*  Whether the model takes such rows: that is found out before anything else.  */
static tacit_status_t s_try(tacit_span_t onnx, const tacit_quantizer_options_t *options,
                            const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    size_t count = 0;
    const tacit_engine_options_t plain = {.threads = options->threads,
                                          .memory_limit = options->memory_limit};
    if (rows->batches == 0) {
        return tacit_error_set(error, TACIT_BAD_INPUT, "there are no rows to look at");
    }
    tacit_status_t status = tacit_engine_load(onnx, &plain, &engine, error);
    if (status == TACIT_OK) {
        status = rows->take(rows->self, 0, items, &count, error);
    }
    if (status == TACIT_OK) {
        status = tacit_engine_run(engine, items, count, &result, error);
    }
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
    return status;
}

static tacit_status_t s_quantize(tacit_quantized_t *quantized, tacit_span_t onnx,
                                 const tacit_quantizer_options_t *options,
                                 const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    tacit_draft_t *draft = NULL;
    tacit_status_t status = s_try(onnx, options, rows, error);
    if (status == TACIT_OK) {
        status = tacit_draft_new(onnx, &quantized->budget, &draft, error);
    }
    if (status == TACIT_OK) {
        status = s_rewrite(draft, options, rows, error);
    }
    if (status == TACIT_OK) {
        status = tacit_draft_pack(draft, &quantized->bytes, &quantized->size, error);
    }
    tacit_draft_destroy(&draft);
    return status == TACIT_OK ? s_look_back(quantized, error) : status;
}

tacit_status_t tacit_quantize(tacit_span_t onnx, const tacit_quantizer_options_t *options,
                              const tacit_quantizer_rows_t *rows, tacit_quantized_t **ret_quantized,
                              tacit_error_t *ret_error)
{
    tacit_error_t own = {0};
    tacit_error_t *error = ret_error != NULL ? ret_error : &own;
    tacit_quantized_t *quantized = calloc(1, sizeof *quantized);
    if (quantized == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    quantized->budget.limit =
        options->memory_limit > 0 ? options->memory_limit : TACIT_ENGINE_MEMORY_DEFAULT;
    tacit_status_t status = s_quantize(quantized, onnx, options, rows, error);
    if (status != TACIT_OK) {
        tacit_quantized_destroy(&quantized);
        return status;
    }
    *ret_quantized = quantized;
    return TACIT_OK;
}

tacit_span_t tacit_quantized_model(const tacit_quantized_t *quantized)
{
    return tacit_span(quantized->bytes, quantized->size);
}

const tacit_quantized_count_t *tacit_quantized_counts(const tacit_quantized_t *quantized,
                                                      size_t *ret_count)
{
    *ret_count = quantized->count;
    return quantized->counts;
}

void tacit_quantized_destroy(tacit_quantized_t **quantized)
{
    tacit_quantized_t *self = *quantized;
    if (self == NULL) {
        return;
    }
    tacit_graph_destroy(&self->graph);
    tacit_memory_free(self->bytes);
    free(self);
    *quantized = NULL;
}
