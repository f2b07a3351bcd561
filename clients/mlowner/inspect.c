/*  inspect.c - tacit-mlowner inspect: whether Tacit runs a model, what is in it, and what it
   answers here, before anything is uploaded. The engine is the worker's own.  */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/table.h"
#include "clients/mlowner/commands.h"
#include "clients/mlowner/comparison.h"
#include "clients/mlowner/local_run.h"
#include "enclave/isolation.h"
#include "enclave/no_code.h"

enum { S_SHAPE_SIZE = 192 };

/*  How the model is to run: as workers of that isolation and backend run it.  */
typedef struct {
    tacit_isolation_t isolation;
    tacit_backend_t backend;
    tacit_engine_options_t options;
} s_setup_t;

static tacit_status_t s_isolation(const tacit_invocation_t *invocation, s_setup_t *setup,
                                  tacit_error_t *ret_error)
{
    const char *level = tacit_invocation_value(invocation, "isolation");
    const char *name = tacit_invocation_value(invocation, "backend");
    setup->isolation = level ? tacit_isolation_from_name(level) : TACIT_ISOLATION_STANDARD;
    setup->backend =
        name ? tacit_backend_from_name(name) : tacit_isolation_backend(setup->isolation);
    if (!setup->isolation || !setup->backend) {
        return tacit_usage_error(invocation, ret_error,
                                 !setup->isolation ? "--isolation is standard or strict"
                                                   : "--backend is onednn or portable");
    }
    return tacit_isolation_allows(setup->isolation, setup->backend)
               ? TACIT_OK
               : tacit_usage_error(invocation, ret_error,
                                   "--isolation strict needs the portable backend");
}

static tacit_status_t s_options(const tacit_invocation_t *invocation, s_setup_t *setup,
                                tacit_error_t *ret_error)
{
    tacit_engine_options_t *ret_options = &setup->options;
    uint32_t threads = 1;
    tacit_status_t status = s_isolation(invocation, setup, ret_error);
    if (status) {
        return status;
    }
    tacit_precision_t precision = TACIT_PRECISION_FP32;
    status = tacit_invocation_number(invocation, "threads", 1, TACIT_ENGINE_THREADS_MAX, &threads,
                                     ret_error);
    if (!status) {
        status = tacit_invocation_precision(invocation, &precision, ret_error);
    }
    *ret_options =
        (tacit_engine_options_t){.threads = threads,
                                 .precision = precision,
                                 .portable = setup->backend == TACIT_BACKEND_PORTABLE,
                                 .profile = tacit_invocation_count(invocation, "profile") > 0};
    static const char *const of_runs[] = {"profile", "out", "repeat"};
    for (size_t i = 0; !status && i < sizeof of_runs / sizeof of_runs[0]; i++) {
        if (tacit_invocation_count(invocation, of_runs[i]) > 0 &&
            tacit_invocation_count(invocation, "run") == 0) {
            return tacit_usage_error(invocation, ret_error, "--%s needs --run", of_runs[i]);
        }
    }
    if (!status && tacit_invocation_count(invocation, "run") > 0 &&
        tacit_invocation_count(invocation, "out") == 0) {
        return tacit_usage_error(invocation, ret_error, "--run needs --out, a folder for outputs");
    }
    if (!status && ret_options->portable) {
        status = tacit_process_forbid_code(ret_error);
    }
    return status;
}

/*  --- for programs ---------------------------------------------------------------------------- */

static json_t *s_json_values(const tacit_engine_value_t *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *shape = values[i].ranked ? json_array() : json_null();
        for (size_t k = 0; values[i].ranked && k < values[i].rank; k++) {
            json_array_append_new(shape, values[i].dims[k] < 0 ? json_null()
                                                               : json_integer(values[i].dims[k]));
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", values[i].name, "type",
                                              tacit_dtype_name(values[i].dtype), "shape", shape));
    }
    return list;
}

/*  The steps, in their order, with the time of all runs that were timed.  */
static tacit_engine_step_t *s_steps(const tacit_engine_t *engine, const tacit_local_run_t *run,
                                    size_t *ret_count)
{
    size_t count = tacit_engine_profile(engine, NULL, 0);
    tacit_engine_step_t *steps = calloc(count + 1, sizeof(*steps));
    *ret_count = steps ? tacit_engine_profile(engine, steps, count) : 0;
    for (size_t i = 0; i < *ret_count && i < run->before_count; i++) {
        steps[i].nanoseconds -= run->before[i];
    }
    return steps;
}

static json_t *s_json_steps(const tacit_engine_t *engine, const tacit_local_run_t *run)
{
    size_t count = 0;
    tacit_engine_step_t *steps = s_steps(engine, run, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "node", steps[i].node,
                                              "operator", steps[i].op, "by", steps[i].how,
                                              "nanoseconds", (json_int_t)steps[i].nanoseconds));
    }
    free(steps);
    return list;
}

static void s_print_json(const s_setup_t *setup, const tacit_engine_t *engine,
                         const tacit_local_run_t *run, const tacit_comparison_t *comparison)
{
    size_t inputs = 0;
    size_t outputs = 0;
    size_t count = 0;
    const tacit_engine_value_t *in = tacit_engine_inputs(engine, &inputs);
    const tacit_engine_value_t *out = tacit_engine_outputs(engine, &outputs);
    const char *const *names = tacit_engine_operators(engine, &count);
    json_t *operators = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(operators, json_string(names[i]));
    }
    json_t *object = json_pack(
        "{s:b, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "runs", 1, "planned",
        tacit_engine_profile(engine, NULL, 0) > 0, "isolation",
        tacit_isolation_name(setup->isolation), "backend", tacit_backend_name(setup->backend),
        "opset", (json_int_t)tacit_engine_opset(engine), "parameters",
        (json_int_t)tacit_engine_parameter_count(engine), "memory_bytes",
        (json_int_t)tacit_engine_memory(engine), "arena_bytes",
        (json_int_t)tacit_engine_arena(engine), "operators", operators, "inputs",
        s_json_values(in, inputs), "outputs", s_json_values(out, outputs));
    if (tacit_engine_labels(engine)[0] != '\0') {
        /* left out where it is no text that JSON can hold */
        json_object_set_new(object, "labels", json_string(tacit_engine_labels(engine)));
    }
    if (run->outputs > 0) {
        json_object_set_new(object, "repeat", json_integer((json_int_t)run->repeat));
        json_object_set_new(object, "median_ms", json_real(run->median_ms));
    }
    json_object_set_new(object, "precision",
                        json_string(tacit_precision_name(setup->options.precision)));
    if (comparison->rows > 0) {
        json_object_set_new(object, "comparison", tacit_comparison_json(comparison));
    }
    if (run->profiled) {
        json_object_set_new(object, "steps", s_json_steps(engine, run));
    }
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

/*  --- for people ------------------------------------------------------------------------------ */

/*  "[N, 3, 224, 224]", with a question mark for what is dynamic.  */
static void s_shape(const tacit_engine_value_t *value, char ret_text[S_SHAPE_SIZE])
{
    size_t used = (size_t)snprintf(ret_text, S_SHAPE_SIZE, value->ranked ? "[" : "any");
    for (size_t i = 0; value->ranked && i < value->rank && used < S_SHAPE_SIZE; i++) {
        const char *comma = i > 0 ? "," : "";
        char *to = ret_text + used;
        size_t room = S_SHAPE_SIZE - used;
        used +=
            (size_t)(value->dims[i] < 0 ? snprintf(to, room, "%s?", comma)
                                        : snprintf(to, room, "%s%" PRId64, comma, value->dims[i]));
    }
    if (value->ranked && used < S_SHAPE_SIZE) {
        (void)snprintf(ret_text + used, S_SHAPE_SIZE - used, "]");
    }
}

static tacit_status_t s_add_values(tacit_table_t *table, const char *kind,
                                   const tacit_engine_value_t *values, size_t count)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; !status && i < count; i++) {
        char shape[S_SHAPE_SIZE];
        s_shape(&values[i], shape);
        const char *cells[] = {kind, values[i].name, tacit_dtype_name(values[i].dtype), shape};
        status = tacit_table_add(table, cells);
    }
    return status;
}

static tacit_status_t s_print_values(const tacit_engine_t *engine)
{
    static const tacit_column_t columns[] = {{"", TACIT_ALIGN_LEFT},
                                             {"NAME", TACIT_ALIGN_LEFT},
                                             {"TYPE", TACIT_ALIGN_LEFT},
                                             {"SHAPE", TACIT_ALIGN_LEFT}};
    tacit_table_t *table = NULL;
    size_t count = 0;
    tacit_status_t status = tacit_table_new(columns, 4, &table);
    if (!status) {
        const tacit_engine_value_t *values = tacit_engine_inputs(engine, &count);
        status = s_add_values(table, "input", values, count);
    }
    if (!status) {
        const tacit_engine_value_t *values = tacit_engine_outputs(engine, &count);
        status = s_add_values(table, "output", values, count);
    }
    if (!status) {
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    return status;
}

/*  Each step with its share of the time, in the order in which they run.  */
static tacit_status_t s_print_profile(const tacit_engine_t *engine, const tacit_local_run_t *run)
{
    static const tacit_column_t columns[] = {{"TIME", TACIT_ALIGN_RIGHT},
                                             {"OPERATOR", TACIT_ALIGN_LEFT},
                                             {"BY", TACIT_ALIGN_LEFT},
                                             {"NODE", TACIT_ALIGN_LEFT}};
    tacit_table_t *table = NULL;
    size_t count = 0;
    uint64_t total = 0;
    tacit_engine_step_t *steps = s_steps(engine, run, &count);
    tacit_status_t status = tacit_table_new(columns, 4, &table);
    for (size_t i = 0; i < count; i++) {
        total += steps[i].nanoseconds;
    }
    for (size_t i = 0; !status && i < count; i++) {
        char share[S_SHAPE_SIZE];
        (void)snprintf(share, sizeof share, "%.1f%%",
                       100.0 * (double)steps[i].nanoseconds / (double)(total > 0 ? total : 1));
        const char *cells[] = {share, steps[i].op, steps[i].how, steps[i].node};
        status = tacit_table_add(table, cells);
    }
    if (!status) {
        printf("\n");
        tacit_table_print(table, stdout);
    }
    tacit_table_destroy(&table);
    free(steps);
    return status;
}

static tacit_status_t s_print(const tacit_invocation_t *invocation, const s_setup_t *setup,
                              const tacit_engine_t *engine, const tacit_local_run_t *run,
                              const tacit_comparison_t *comparison)
{
    size_t count = 0;
    const char *const *names = tacit_engine_operators(engine, &count);
    bool planned = tacit_engine_profile(engine, NULL, 0) > 0;
    printf("Tacit runs this model.\n");
    if (!planned) {
        printf(
            "Its inputs leave shapes open: whether it takes yours, and in how much memory, is seen "
            "with --run.\n");
    }
    printf("\n");
    tacit_status_t status = s_print_values(engine);
    printf("\nisolation   %s, %s backend\nprecision   %s\n", tacit_isolation_name(setup->isolation),
           tacit_backend_name(setup->backend), tacit_precision_name(setup->options.precision));
    printf("opset       %" PRId64 "\nparameters  %" PRIu64 "\nmemory      %zu bytes, weights",
           tacit_engine_opset(engine), tacit_engine_parameter_count(engine),
           tacit_engine_memory(engine));
    if (planned) {
        printf(" and plan; %zu of them for all activations of a run", tacit_engine_arena(engine));
    }
    printf("\noperators  ");
    for (size_t i = 0; i < count; i++) {
        printf(" %s", names[i]);
    }
    printf("\n");
    if (run->outputs > 0) {
        printf("time        %.3f ms, median of %zu\n%zu output%s in %s\n", run->median_ms,
               run->repeat, run->outputs, run->outputs == 1 ? "" : "s",
               tacit_invocation_value(invocation, "out"));
    }
    if (comparison->rows > 0) {
        tacit_comparison_print(comparison, setup->options.precision,
                               tacit_invocation_value(invocation, "against"));
    }
    if (!status && run->profiled) {
        status = s_print_profile(engine, run);
    }
    return status;
}

tacit_status_t tacit_command_inspect(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    s_setup_t setup = {.options = {.threads = 0}};
    tacit_engine_t *engine = NULL;
    tacit_local_run_t run = {.outputs = 0};
    tacit_comparison_t comparison = {.rows = 0};
    tacit_status_t status = s_options(invocation, &setup, ret_error);
    if (!status) {
        status = tacit_local_load(invocation->operands[0], &setup.options, &engine, ret_error);
    }
    if (!status) {
        status = tacit_compare_check(invocation, setup.options.precision, ret_error);
    }
    if (!status) {
        status = tacit_compare(invocation, engine, &setup.options, &comparison, ret_error);
    }
    if (!status && tacit_invocation_count(invocation, "run") > 0) {
        /* at last: a profile is of the plan that ran last */
        status = tacit_local_run(invocation, engine, &run, ret_error);
    }
    run.profiled = setup.options.profile;
    if (!status && invocation->json) {
        s_print_json(&setup, engine, &run, &comparison);
    } else if (!status) {
        status = s_print(invocation, &setup, engine, &run, &comparison);
    }
    tacit_local_run_release(&run);
    tacit_engine_destroy(&engine);
    return status;
}
