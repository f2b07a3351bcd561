/*  engine.c - the engine as its users see it: loading, running, results.  */

#include "services/inference/engine/engine.h"

#include "services/inference/engine/graph.h"
#include "services/inference/engine/inputs.h"
#include "services/inference/engine/limits.h"
#include "services/inference/engine/passes.h"
#include "services/inference/engine/shelf.h"
#include "services/inference/engine/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/*  oneDNN's thread pool. Declared here as omp.h comes with one compiler only.  */
extern void omp_set_num_threads(int count);
extern int omp_get_max_threads(void);

enum { GUESSES_MAX = 24, GUESS_MAX = 4096 }; /* batches that a model is tried with at load */

struct tacit_engine {
    tacit_budget_t budget;
    tacit_engine_text_t *text; /* holds weights; NULL: they were copied */
    tacit_graph_t *graph;
    tacit_onednn_t *onednn; /* NULL: portable */
    tacit_packs_t *packs;
    int threads;
    uint32_t run_ms;
    tacit_precision_t precision;
    uint64_t runs;
    tacit_shelf_t shelf;
};

struct tacit_engine_result {
    tacit_engine_tensor_t tensors[TACIT_ENGINE_INPUTS_MAX];
    size_t count;
    uint8_t *data; /* of all tensors */
};

/* --- loading ---------------------------------------------------------------------------------- */

/*  The declared inputs with each dynamic batch dimension set to `batch`; false where another
    dimension is dynamic, or contents would be needed.  */
static bool s_guess_inputs(const tacit_graph_t *graph, int64_t batch, tacit_tensor_t *ret_inputs,
                           bool *ret_dynamic)
{
    bool possible = !graph->input_decides_shapes;
    *ret_dynamic = false;
    for (size_t i = 0; possible && i < graph->input_count; i++) {
        const tacit_engine_value_t *declared = &graph->inputs[i];
        tacit_tensor_t tensor = {.dtype = declared->dtype, .shape.rank = declared->rank};
        possible = declared->ranked;
        for (size_t k = 0; possible && k < declared->rank; k++) {
            bool dynamic = declared->dims[k] < 0;
            *ret_dynamic |= dynamic;
            possible = !dynamic || k == 0;
            tensor.shape.dims[k] = dynamic ? batch : declared->dims[k];
        }
        possible = possible && tacit_shape_count(&tensor.shape, tensor.dtype, &tensor.count);
        ret_inputs[i] = tensor;
    }
    return possible;
}

/*  Batches that a model may hold.  */
typedef struct s_guesses {
    int64_t items[GUESSES_MAX];
    size_t count;
} s_guesses_t;

static void s_guess(s_guesses_t *guesses, int64_t batch)
{
    bool known = batch < 2 || batch > GUESS_MAX || guesses->count == GUESSES_MAX;
    for (size_t i = 0; !known && i < guesses->count; i++) {
        known = guesses->items[i] == batch;
    }
    if (!known) {
        guesses->items[guesses->count++] = batch;
    }
}

/*  Exporters declare a free batch of models, too, that hold the one they were exported with: it is
    among the sizes in the graph, and the numbers of small constants, if it is not a usual one.  */
static s_guesses_t s_guesses(const tacit_graph_t *graph)
{
    s_guesses_t guesses = {.items = {2, 4, 8}, .count = 3};
    for (size_t i = 0; i < graph->input_count; i++) {
        for (size_t k = 0; k < graph->inputs[i].rank; k++) {
            s_guess(&guesses, graph->inputs[i].dims[k]);
        }
    }
    for (size_t i = 0; i < graph->value_count; i++) {
        const tacit_tensor_t *content = &graph->values[i].content;
        bool numbers = content->data != NULL && content->dtype == TACIT_DTYPE_INT64;
        for (size_t k = 0; content->data != NULL && k < content->shape.rank; k++) {
            s_guess(&guesses, content->shape.dims[k]);
        }
        for (size_t k = 0; numbers && k < content->count && k < TACIT_ENGINE_RANK_MAX; k++) {
            s_guess(&guesses, ((const int64_t *)content->data)[k]);
        }
    }
    return guesses;
}

/*  Plan now what can be planned, so that a model that does not run is refused when it is loaded.
    With a dynamic batch it must run for 1, or for one of the guesses; what is refused for 1 is the
    reason that is told.  */
static tacit_status_t s_try(tacit_engine_t *engine, tacit_error_t *error)
{
    tacit_tensor_t inputs[TACIT_ENGINE_INPUTS_MAX];
    bool dynamic = false;
    tacit_kept_t *kept = NULL;
    if (!s_guess_inputs(engine->graph, 1, inputs, &dynamic)) {
        return TACIT_OK;
    }
    bool careful = engine->graph->extreme_constants;
    tacit_status_t first = tacit_shelf_make(&engine->shelf, inputs, careful, &kept, error);
    if (first != TACIT_MALFORMED || !dynamic) {
        return first;
    }
    s_guesses_t guesses = s_guesses(engine->graph);
    tacit_status_t status = first;
    for (size_t i = 0; status == TACIT_MALFORMED && i < guesses.count &&
                       s_guess_inputs(engine->graph, guesses.items[i], inputs, &dynamic);
         i++) {
        tacit_error_t own = {0};
        status = tacit_shelf_make(&engine->shelf, inputs, careful, &kept, &own);
        *error = status == TACIT_MALFORMED ? *error : own;
    }
    return status;
}

bool tacit_engine_offers(tacit_precision_t precision, bool portable)
{
    bool reduced = precision == TACIT_PRECISION_BF16;
    return portable ? !reduced : tacit_onednn_is_linked() && (!reduced || tacit_onednn_has_bf16());
}

tacit_precision_t tacit_engine_precision(const tacit_engine_t *engine)
{
    return engine->precision;
}

/*  Whether a model computes with 8-bit numbers.  */
static bool s_has_bytes(const tacit_graph_t *graph)
{
    static const char *const names[] = {"QLinearConv",   "QLinearMatMul", "ConvInteger",
                                        "MatMulInteger", "QGemm",         "QuantizeLinear"};
    for (size_t i = 0; i < graph->operator_count; i++) {
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (strcmp(graph->operators[i], names[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static tacit_status_t s_check_precision(const tacit_engine_t *engine, bool portable,
                                        tacit_error_t *error)
{
    const char *name = tacit_precision_name(engine->precision);
    if (engine->precision == TACIT_PRECISION_BF16 &&
        !tacit_engine_offers(engine->precision, portable)) {
        (void)tacit_error_claim(error, TACIT_UNSUPPORTED, "precision",
                                "oneDNN on a processor with AVX-512 BF16 or AMX",
                                portable ? "the portable backend" : "a processor without");
        tacit_error_remedy(error, "compute in fp32");
        return TACIT_UNSUPPORTED;
    }
    if (engine->precision == TACIT_PRECISION_INT8 && !s_has_bytes(engine->graph)) {
        (void)tacit_error_claim(error, TACIT_UNSUPPORTED, "precision", name,
                                "a model without operators over 8-bit numbers");
        tacit_error_remedy(error, "quantize the model before it is pushed: tacit-mlowner quantize "
                                  "makes such a model of it");
        return TACIT_UNSUPPORTED;
    }
    return TACIT_OK;
}

/*  From the bytes to the graph. Of a text that is ours nothing is left then but large weights.  */
static tacit_status_t s_read(tacit_engine_t *engine, tacit_span_t onnx, tacit_error_t *error)
{
    tacit_decoded_t *decoded = NULL;
    tacit_status_t status = tacit_decoded_new(onnx, &engine->budget, &decoded, error);
    if (status == TACIT_OK) {
        status = tacit_graph_new(decoded, engine->text, &engine->budget, &engine->graph, error);
    }
    tacit_decoded_destroy(&decoded);
    if (engine->text != NULL) {
        engine->budget.spare = tacit_engine_text_end(engine->text);
    }
    return status;
}

static tacit_status_t s_load(tacit_engine_t *engine, tacit_span_t onnx, bool portable,
                             tacit_error_t *error)
{
    tacit_status_t status = s_read(engine, onnx, error);
    if (status == TACIT_OK) {
        status = s_check_precision(engine, portable, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_fold_normalization(engine->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_fuse(engine->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_order(engine->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_transposed(engine->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_pass_quantize(engine->graph, error);
    }
    if (status == TACIT_OK) {
        status = tacit_packs_new(&engine->budget, &engine->packs, error);
    }
    if (status == TACIT_OK && !portable) {
        status = tacit_onednn_new(&engine->budget, &engine->onednn, error);
    }
    engine->shelf.request.graph = engine->shelf.request.spends = engine->graph;
    engine->shelf.request.onednn = engine->onednn;
    engine->shelf.request.packs = engine->packs;
    engine->shelf.request.reduced = engine->precision == TACIT_PRECISION_BF16;
    tacit_budget_start(&engine->budget, engine->run_ms);
    status = status == TACIT_OK ? s_try(engine, error) : status;
    if (engine->budget.spare != NULL) {
        tacit_spare_give_back(engine->budget.spare);
    }
    return status;
}

static tacit_status_t s_load_new(tacit_span_t onnx, tacit_engine_text_t **text,
                                 const tacit_engine_options_t *options, tacit_engine_t **ret_engine,
                                 tacit_error_t *ret_error)
{
    tacit_error_t own = {0};
    tacit_error_t *error = ret_error != NULL ? ret_error : &own;
    tacit_engine_options_t chosen = options != NULL ? *options : (tacit_engine_options_t){0};
    if (chosen.threads > TACIT_ENGINE_THREADS_MAX) {
        return tacit_error_set(error, TACIT_BAD_INPUT, "an engine has at most %d threads",
                               TACIT_ENGINE_THREADS_MAX);
    }
    if (sodium_init() < 0) {
        return tacit_error_set(error, TACIT_INTERNAL, "libsodium does not start");
    }
    tacit_engine_t *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    engine->threads = chosen.threads > 0 ? (int)chosen.threads : 1;
    engine->run_ms = chosen.run_ms;
    engine->shelf.request.profiled = chosen.profile;
    engine->precision = chosen.precision;
    engine->budget.limit =
        chosen.memory_limit > 0 ? chosen.memory_limit : TACIT_ENGINE_MEMORY_DEFAULT;
    engine->text = *text;
    *text = NULL;
    int before = omp_get_max_threads();
    omp_set_num_threads(engine->threads);
    tacit_status_t status = s_load(engine, onnx, chosen.portable, error);
    omp_set_num_threads(before);
    if (status != TACIT_OK) {
        tacit_engine_destroy(&engine);
        return status;
    }
    *ret_engine = engine;
    return TACIT_OK;
}

tacit_status_t tacit_engine_load(tacit_span_t onnx, const tacit_engine_options_t *options,
                                 tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_engine_text_t *none = NULL;
    return s_load_new(onnx, &none, options, ret_engine, ret_error);
}

tacit_status_t tacit_engine_load_text(tacit_engine_text_t **text,
                                      const tacit_engine_options_t *options,
                                      tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_status_t status =
        s_load_new(tacit_engine_text_span(*text), text, options, ret_engine, ret_error);
    tacit_engine_text_destroy(text);
    return status;
}

void tacit_engine_destroy(tacit_engine_t **engine)
{
    tacit_engine_t *self = *engine;
    if (self == NULL) {
        return;
    }
    tacit_shelf_clear(&self->shelf);
    tacit_onednn_destroy(&self->onednn);
    tacit_packs_destroy(&self->packs);
    tacit_graph_destroy(&self->graph);
    tacit_engine_text_destroy(&self->text);
    free(self);
    *engine = NULL;
}

/* --- what a model declares -------------------------------------------------------------------- */

const tacit_engine_value_t *tacit_engine_inputs(const tacit_engine_t *engine, size_t *ret_count)
{
    *ret_count = engine->graph->input_count;
    return engine->graph->inputs;
}

const tacit_engine_value_t *tacit_engine_outputs(const tacit_engine_t *engine, size_t *ret_count)
{
    *ret_count = engine->graph->output_count;
    return engine->graph->outputs;
}

int64_t tacit_engine_opset(const tacit_engine_t *engine)
{
    return engine->graph->opset;
}

const char *tacit_engine_labels(const tacit_engine_t *engine)
{
    return engine->graph->labels;
}

uint64_t tacit_engine_parameter_count(const tacit_engine_t *engine)
{
    return engine->graph->parameters;
}

const char *const *tacit_engine_operators(const tacit_engine_t *engine, size_t *ret_count)
{
    *ret_count = engine->graph->operator_count;
    return engine->graph->operators;
}

size_t tacit_engine_memory(const tacit_engine_t *engine)
{
    return engine->budget.used;
}

size_t tacit_engine_profile(const tacit_engine_t *engine, tacit_engine_step_t *ret_steps,
                            size_t room)
{
    const tacit_plan_t *plan = tacit_shelf_last(&engine->shelf);
    return plan != NULL ? tacit_plan_profile(plan, ret_steps, room) : 0;
}

size_t tacit_engine_arena(const tacit_engine_t *engine)
{
    const tacit_plan_t *plan = tacit_shelf_last(&engine->shelf);
    return plan != NULL ? tacit_plan_arena(plan) : 0;
}

/* --- running ---------------------------------------------------------------------------------- */

static size_t s_rounded(size_t size)
{
    return (size + TACIT_MEMORY_ALIGNMENT - 1) & ~(size_t)(TACIT_MEMORY_ALIGNMENT - 1);
}

static tacit_status_t s_make_result(tacit_engine_t *engine, const tacit_plan_t *plan,
                                    tacit_engine_result_t **ret_result, tacit_error_t *error)
{
    size_t count = engine->graph->output_count;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += s_rounded(tacit_tensor_size(tacit_plan_output(plan, i)));
    }
    tacit_engine_result_t *result = tacit_memory_new(&engine->budget, sizeof(*result), error);
    if (result == NULL) {
        return error->code;
    }
    result->data = tacit_memory_new(&engine->budget, size, error);
    if (result->data == NULL) {
        tacit_memory_free(result);
        return error->code;
    }
    result->count = count;
    uint8_t *at = result->data;
    for (size_t i = 0; i < count; i++) {
        const tacit_tensor_t *output = tacit_plan_output(plan, i);
        tacit_engine_tensor_t *tensor = &result->tensors[i];
        *tensor = (tacit_engine_tensor_t){.name = tacit_span_string(engine->graph->outputs[i].name),
                                          .dtype = output->dtype,
                                          .rank = output->shape.rank,
                                          .data = tacit_span(at, tacit_tensor_size(output))};
        memcpy(tensor->dims, output->shape.dims, sizeof(tensor->dims));
        if (tensor->data.size > 0) {
            memcpy(at, output->data, tensor->data.size);
        }
        at += s_rounded(tensor->data.size);
    }
    *ret_result = result;
    return TACIT_OK;
}

static tacit_status_t s_run(tacit_engine_t *engine, const tacit_inputs_t *given,
                            tacit_engine_result_t **ret_result, tacit_error_t *error)
{
    tacit_kept_t *kept = tacit_shelf_find(&engine->shelf, given->tensors, given->extreme);
    bool reusable = !engine->graph->input_decides_shapes;
    tacit_status_t status = TACIT_OK;
    if (kept == NULL || !reusable) {
        status = tacit_shelf_make(&engine->shelf, given->tensors, given->extreme, &kept, error);
        error->code = status == TACIT_MALFORMED ? TACIT_BAD_INPUT : error->code;
    }
    if (status != TACIT_OK) {
        return status == TACIT_MALFORMED ? TACIT_BAD_INPUT : status;
    }
    kept->used = ++engine->runs;
    status = tacit_plan_run(kept->plan, given->data, error);
    if (status == TACIT_OK) {
        status = s_make_result(engine, kept->plan, ret_result, error);
    }
    tacit_plan_wipe(kept->plan);
    if (!reusable) {
        tacit_shelf_drop(kept); /* it holds contents of the inputs */
    }
    return status;
}

tacit_status_t tacit_engine_run(tacit_engine_t *engine, const tacit_engine_tensor_t *inputs,
                                size_t count, tacit_engine_result_t **ret_result,
                                tacit_error_t *ret_error)
{
    tacit_error_t own = {0};
    tacit_error_t *error = ret_error != NULL ? ret_error : &own;
    tacit_inputs_t given;
    tacit_status_t status = tacit_inputs_take(engine->graph, inputs, count, &given, error);
    if (status != TACIT_OK) {
        return status;
    }
    int before = omp_get_max_threads();
    omp_set_num_threads(engine->threads);
    tacit_budget_start(&engine->budget, engine->run_ms);
    status = s_run(engine, &given, ret_result, error);
    omp_set_num_threads(before);
    return status;
}

void tacit_engine_cancel(tacit_engine_t *engine)
{
    atomic_store(&engine->budget.cancelled, true);
}

const tacit_engine_tensor_t *tacit_engine_result_tensors(const tacit_engine_result_t *result,
                                                         size_t *ret_count)
{
    *ret_count = result->count;
    return result->tensors;
}

void tacit_engine_result_destroy(tacit_engine_result_t **result)
{
    tacit_engine_result_t *self = *result;
    if (self != NULL) {
        tacit_memory_free(self->data);
        tacit_memory_free(self);
        *result = NULL;
    }
}
