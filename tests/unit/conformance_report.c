/*  conformance_report.c - counts by operator, and the list of refusals.  */

#include "tests/unit/conformance_report.h"

#include "services/inference/engine/engine.h"

#include "onnx/onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATORS_MAX = 512, NAMES_MAX = 2048, NAME_SIZE = 192 };

typedef struct s_row {
    char name[NAME_SIZE];
    unsigned outcomes[CONFORMANCE_OUTCOMES];
} s_row_t;

struct conformance_report {
    s_row_t rows[OPERATORS_MAX]; /* by name */
    size_t row_count;
    char listed[NAMES_MAX][NAME_SIZE]; /* known refusals */
    bool met[NAMES_MAX];               /* and whether they were refused */
    size_t listed_count;
    char news[NAMES_MAX][NAME_SIZE]; /* refusals that are not listed */
    size_t news_count;
    size_t eligible, eligible_passed;
};

conformance_report_t *conformance_report_new(const char *refusals)
{
    FILE *file = fopen(refusals, "r");
    conformance_report_t *report = file != NULL ? calloc(1, sizeof(*report)) : NULL;
    char line[NAME_SIZE];
    while (report != NULL && report->listed_count < NAMES_MAX &&
           fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, " #\n")] = '\0';
        if (line[0] != '\0') {
            (void)snprintf(report->listed[report->listed_count++], NAME_SIZE, "%s", line);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return report;
}

static void s_count(conformance_report_t *report, const char *operator,
                    conformance_outcome_t outcome)
{
    size_t i = 0;
    while (i < report->row_count && strcmp(report->rows[i].name, operator) < 0) {
        i++;
    }
    if (i == report->row_count || strcmp(report->rows[i].name, operator) != 0) {
        if (report->row_count == OPERATORS_MAX) {
            return;
        }
        memmove(&report->rows[i + 1], &report->rows[i],
                (report->row_count++ - i) * sizeof(s_row_t));
        report->rows[i] = (s_row_t){.name = ""};
        (void)snprintf(report->rows[i].name, NAME_SIZE, "%s", operator);
    }
    report->rows[i].outcomes[outcome]++;
}

static void s_count_operators(conformance_report_t *report, const Onnx__GraphProto *graph,
                              conformance_outcome_t outcome)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++) {
            before |= strcmp(graph->node[k]->op_type, graph->node[i]->op_type) == 0;
        }
        if (!before) {
            s_count(report, graph->node[i]->op_type, outcome);
        }
    }
}

static void s_check_list(conformance_report_t *report, const char *name,
                         conformance_outcome_t outcome)
{
    for (size_t i = 0; i < report->listed_count; i++) {
        if (strcmp(report->listed[i], name) == 0) {
            report->met[i] |= outcome == CONFORMANCE_REFUSED;
            return;
        }
    }
    if (outcome == CONFORMANCE_REFUSED && report->news_count < NAMES_MAX) {
        (void)snprintf(report->news[report->news_count++], NAME_SIZE, "%s", name);
    }
}

/* --- what is eligible ------------------------------------------------------------------------- */

static bool s_types_fit(Onnx__ValueInfoProto *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Onnx__TypeProto *type = values[i]->type;
        if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
            type->tensor_type->elem_type == TACIT_DTYPE_FLOAT64 ||
            tacit_dtype_size((tacit_dtype_t)type->tensor_type->elem_type) == 0) {
            return false;
        }
    }
    return true;
}

static bool s_eligible(const Onnx__GraphProto *graph)
{
    static const char *const others[] = {"If",
                                         "Loop",
                                         "Scan",
                                         "DFT",
                                         "STFT",
                                         "RandomNormal",
                                         "RandomUniform",
                                         "RandomNormalLike",
                                         "Multinomial",
                                         "Bernoulli",
                                         "RandomUniformLike",
                                         "Adagrad",
                                         "Adam",
                                         "Momentum",
                                         "Gradient",
                                         "OptionalGetElement",
                                         "StringNormalizer",
                                         "OptionalHasElement",
                                         "Optional"};
    bool fits = s_types_fit(graph->input, graph->n_input) &&
                s_types_fit(graph->output, graph->n_output) &&
                s_types_fit(graph->value_info, graph->n_value_info);
    for (size_t i = 0; fits && i < graph->n_node; i++) {
        fits = strstr(graph->node[i]->op_type, "Sequence") == NULL;
        for (size_t k = 0; fits && k < sizeof(others) / sizeof(others[0]); k++) {
            fits = strcmp(graph->node[i]->op_type, others[k]) != 0;
        }
    }
    return fits;
}

void conformance_report_add(conformance_report_t *report, const char *name, const uint8_t *model,
                            size_t size, conformance_outcome_t outcome)
{
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, size, model);
    s_check_list(report, name, outcome);
    if (proto == NULL || proto->graph == NULL) {
        return;
    }
    s_count_operators(report, proto->graph, outcome);
    if (strncmp(name, "node/", 5) == 0 && s_eligible(proto->graph)) {
        report->eligible++;
        report->eligible_passed += outcome == CONFORMANCE_PASSED ? 1 : 0;
    }
    onnx__model_proto__free_unpacked(proto, NULL);
}

void conformance_report_eligible(const conformance_report_t *report, size_t *ret_passed,
                                 size_t *ret_count)
{
    *ret_passed = report->eligible_passed;
    *ret_count = report->eligible;
}

size_t conformance_report_print(const conformance_report_t *report)
{
    size_t deviations = report->news_count;
    printf("\n%-30s %7s %8s %6s\n", "operator", "passed", "refused", "wrong");
    for (size_t i = 0; i < report->row_count; i++) {
        const unsigned *outcomes = report->rows[i].outcomes;
        printf("%-30s %7u %8u %6u\n", report->rows[i].name, outcomes[CONFORMANCE_PASSED],
               outcomes[CONFORMANCE_REFUSED], outcomes[CONFORMANCE_WRONG]);
    }
    for (size_t i = 0; i < report->news_count; i++) {
        printf("refused, but not in the list of refusals: %s\n", report->news[i]);
    }
    for (size_t i = 0; i < report->listed_count; i++) {
        if (!report->met[i]) {
            printf("in the list of refusals, but not refused (take it out): %s\n",
                   report->listed[i]);
            deviations++;
        }
    }
    return deviations;
}

void conformance_report_destroy(conformance_report_t **report)
{
    free(*report);
    *report = NULL;
}
