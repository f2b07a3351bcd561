/*  ml_svm.c - SVMClassifier and SVMRegressor, as libsvm computes them.

    A classifier with support vectors compares each pair of classes; votes decide, and where there
    are prob_a and prob_b, probabilities of all classes follow from those of the pairs (Wu, Lin and
    Weng 2004, method 2). Without support vectors it is linear.  */

#include "services/inference/engine/ops/ml.h"
#include "services/inference/engine/ops/ops.h"

#include <math.h>

/*  Products of one node: what hostile vectors may cost, as a kernel is not cancelled.  */
static const uint64_t s_products_max = (uint64_t)1 << 34;

enum { CLASSES_MAX = 1024, ITERATIONS_MAX = 100 };

typedef enum s_kernel { LINEAR, POLY, RBF, SIGMOID, KERNELS } s_kernel_t;

/*  A node's attributes, checked.  */
typedef struct s_machine {
    const tacit_graph_node_t *node;
    s_kernel_t kernel;
    double gamma, coef0, degree;
    size_t vectors;  /* 0: linear */
    size_t features; /* columns of the input */
    size_t classes;  /* 0: a regressor */
    size_t pairs;    /* of classes */
    bool likely;     /* probabilities */
    tacit_ml_reals_t coefficients, rho, support, prob_a, prob_b;
} s_machine_t;

static s_kernel_t s_kernel(const tacit_graph_node_t *node)
{
    static const char *const names[] = {
        [LINEAR] = "LINEAR", [POLY] = "POLY", [RBF] = "RBF", [SIGMOID] = "SIGMOID"};
    const char *name = tacit_graph_node_text(node, "kernel_type", "LINEAR");
    size_t i = 0;
    while (i < KERNELS && strcmp(name, names[i]) != 0) {
        i++;
    }
    return (s_kernel_t)i;
}

/*  The number of vectors of a classifier; false where a class has a wrong one.  */
static bool s_count_vectors(const tacit_graph_node_t *node, size_t classes, size_t *ret_vectors)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, "vectors_per_class");
    size_t sum = 0;
    bool fits = list == NULL || list->count == 0 || list->count == classes;
    for (size_t i = 0; fits && list != NULL && i < list->count; i++) {
        fits = list->integers[i] >= 0 && list->integers[i] <= TACIT_ATTRIBUTE_ITEMS_MAX;
        sum += fits ? (size_t)list->integers[i] : 0;
    }
    *ret_vectors = sum;
    return fits;
}

/*  Without a product, which foreign numbers could make overflow.  */
static bool s_fits_support(const s_machine_t *machine)
{
    return machine->support.count % machine->features == 0 &&
           machine->support.count / machine->features == machine->vectors;
}

static bool s_fits_classifier(const s_machine_t *machine)
{
    size_t n = machine->vectors;
    size_t pairs = machine->pairs;
    bool likely = machine->prob_a.count == machine->prob_b.count &&
                  (machine->prob_a.count == 0 || machine->prob_a.count >= pairs);
    if (machine->classes < 2 || machine->classes > CLASSES_MAX || !likely) {
        return false;
    }
    return n > 0 ? machine->coefficients.count == (machine->classes - 1) * n &&
                       machine->rho.count >= pairs && s_fits_support(machine)
                 : machine->coefficients.count == machine->classes * machine->features;
}

static bool s_fits_regressor(const s_machine_t *machine)
{
    size_t n = machine->vectors;
    return n > 0 ? machine->coefficients.count == n && s_fits_support(machine)
                 : machine->coefficients.count == machine->features;
}

/*  Read and check; false where the attributes do not fit each other and the columns.  */
static bool s_machine(const tacit_graph_node_t *node, size_t columns, bool classifier,
                      s_machine_t *ret_machine)
{
    tacit_ml_reals_t kernel = tacit_ml_reals(node, "kernel_params");
    s_machine_t machine = {.node = node,
                           .kernel = s_kernel(node),
                           .features = columns,
                           .classes = classifier ? tacit_ml_class_count(node) : 0,
                           .coefficients = tacit_ml_reals(node, "coefficients"),
                           .rho = tacit_ml_reals(node, "rho"),
                           .support = tacit_ml_reals(node, "support_vectors"),
                           .prob_a = tacit_ml_reals(node, "prob_a"),
                           .prob_b = tacit_ml_reals(node, "prob_b")};
    if (kernel.count == 3) {
        machine.gamma = (double)kernel.items[0];
        machine.coef0 = (double)kernel.items[1];
        machine.degree = (double)kernel.items[2];
    }
    int64_t supports = tacit_graph_node_integer(node, "n_supports", 0);
    bool counted = supports >= 0 && supports <= TACIT_ATTRIBUTE_ITEMS_MAX;
    machine.vectors = counted ? (size_t)supports : 0;
    if (classifier) {
        counted = s_count_vectors(node, machine.classes, &machine.vectors);
    }
    machine.pairs = machine.classes * (machine.classes - 1) / 2;
    machine.likely = machine.vectors > 0 && machine.prob_a.count > 0;
    machine.kernel = machine.vectors > 0 ? machine.kernel : LINEAR;
    *ret_machine = machine;
    return counted && columns > 0 && machine.kernel != KERNELS && machine.rho.count > 0 &&
           (kernel.count == 3 || kernel.count == 0) &&
           (classifier ? s_fits_classifier(&machine) : s_fits_regressor(&machine));
}

/*  What a row's scratch memory holds.  */
typedef struct s_work {
    double *products; /* of the row and each vector */
    double *scores;   /* of the pairs */
    double *pairs;    /* probability of class i against class j */
    double *q, *qp, *p;
    uint32_t *votes;
    float *unwanted; /* scores that nobody asked for */
} s_work_t;

static size_t s_work_size(const s_machine_t *machine)
{
    size_t c = machine->classes;
    size_t reals = machine->vectors + machine->pairs + 2 * c + (machine->likely ? 2 * c * c : 0);
    return reals * sizeof(double) + c * sizeof(uint32_t) + (machine->pairs + c) * sizeof(float);
}

static s_work_t s_work(const s_machine_t *machine, void *memory)
{
    size_t c = machine->classes;
    size_t square = machine->likely ? c * c : 0;
    s_work_t work = {.products = memory};
    work.scores = work.products + machine->vectors;
    work.pairs = work.scores + machine->pairs;
    work.q = work.pairs + square;
    work.qp = work.q + square;
    work.p = work.qp + c;
    work.votes = (uint32_t *)(work.p + c);
    work.unwanted = (float *)(work.votes + c);
    return work;
}

/*  Columns of the scores: one for each class, or for each pair where more than two compete.  */
static size_t s_columns(const s_machine_t *machine)
{
    bool pairs = machine->vectors > 0 && !machine->likely && machine->classes > 2;
    return pairs ? machine->pairs : machine->classes;
}

/* --- inference -------------------------------------------------------------------------------- */

static tacit_status_t s_infer_machine(const tacit_inference_t *inference, bool classifier)
{
    const tacit_graph_node_t *node = inference->node;
    s_machine_t machine;
    tacit_ml_table_t table;
    if (!tacit_ml_table(&inference->inputs[0], &table) ||
        !s_machine(node, table.columns, classifier, &machine) ||
        tacit_ml_transform_of(node) == TACIT_ML_TRANSFORMS) {
        return tacit_infer_refuse(inference, "its vectors, coefficients, classes or input do not "
                                             "fit each other");
    }
    uint64_t products = machine.support.count + machine.coefficients.count +
                        (machine.likely ? (uint64_t)machine.classes * machine.classes *
                                              machine.classes * ITERATIONS_MAX
                                        : 0);
    if (table.rows > s_products_max / products) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "it has too many vectors for so many rows");
    }
    int64_t rows = (int64_t)table.rows;
    inference->parameters->node.node = node;
    *inference->scratch = s_work_size(&machine);
    if (!classifier) {
        inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {rows, 1}};
        return TACIT_OK;
    }
    inference->outputs[0].shape = (tacit_shape_t){.rank = 1, .dims = {rows}};
    if (node->output_count > 1) {
        inference->outputs[1].shape =
            (tacit_shape_t){.rank = 2, .dims = {rows, (int64_t)s_columns(&machine)}};
    }
    return TACIT_OK;
}

TACIT_INFER(svm_classifier)
{
    return s_infer_machine(inference, true);
}

TACIT_INFER(svm_regressor)
{
    return s_infer_machine(inference, false);
}

/* --- kernels ---------------------------------------------------------------------------------- */

static double s_product(const s_machine_t *machine, const tacit_ml_table_t *table, size_t row,
                        const float *vector)
{
    double dot = 0;
    double distance = 0;
    for (size_t i = 0; i < machine->features; i++) {
        double x = (double)(float)tacit_element_real(table->tensor, row * table->columns + i);
        double v = (double)vector[i];
        dot += x * v;
        distance += (x - v) * (x - v);
    }
    switch (machine->kernel) {
    case POLY:
        return pow(machine->gamma * dot + machine->coef0, machine->degree);
    case RBF:
        return exp(-machine->gamma * distance);
    case SIGMOID:
        return tanh(machine->gamma * dot + machine->coef0);
    default:
        return dot;
    }
}

static void s_products(const s_machine_t *machine, const tacit_ml_table_t *table, size_t row,
                       double *ret_products)
{
    for (size_t i = 0; i < machine->vectors; i++) {
        ret_products[i] =
            s_product(machine, table, row, machine->support.items + i * machine->features);
    }
}

/*  Coefficients in line `line` times products, over the vectors of one class.  */
static double s_sum(const s_machine_t *machine, const double *products, size_t line, size_t first,
                    size_t count)
{
    const float *coefficients = machine->coefficients.items + line * machine->vectors;
    double sum = 0;
    for (size_t i = first; i < first + count; i++) {
        sum += (double)coefficients[i] * products[i];
    }
    return sum;
}

static void s_compare_pairs(const s_machine_t *machine, s_work_t *work)
{
    const int64_t *counts =
        tacit_graph_node_attribute(machine->node, "vectors_per_class")->integers;
    size_t pair = 0;
    size_t first_i = 0;
    memset(work->votes, 0, machine->classes * sizeof(uint32_t));
    for (size_t i = 0; i + 1 < machine->classes; i++) {
        size_t first_j = first_i + (size_t)counts[i];
        for (size_t j = i + 1; j < machine->classes; j++) {
            double sum = s_sum(machine, work->products, j - 1, first_i, (size_t)counts[i]) +
                         s_sum(machine, work->products, i, first_j, (size_t)counts[j]) +
                         (double)machine->rho.items[pair];
            work->scores[pair++] = sum;
            work->votes[sum > 0 ? i : j]++;
            first_j += (size_t)counts[j];
        }
        first_i += (size_t)counts[i];
    }
}

/*  One round over all classes; false when p has settled.  */
static bool s_improve(size_t c, const s_work_t *work)
{
    double *p = work->p;
    double *qp = work->qp;
    double pqp = 0;
    double error = 0;
    for (size_t i = 0; i < c; i++) {
        qp[i] = 0;
        for (size_t j = 0; j < c; j++) {
            qp[i] += work->q[i * c + j] * p[j];
        }
        pqp += p[i] * qp[i];
    }
    for (size_t i = 0; i < c; i++) {
        error = fmax(error, fabs(qp[i] - pqp));
    }
    if (error < 0.005 / (double)c) {
        return false;
    }
    for (size_t i = 0; i < c; i++) {
        double q = work->q[i * c + i];
        double change = (pqp - qp[i]) / q;
        p[i] += change;
        pqp = (pqp + change * (change * q + 2 * qp[i])) / (1 + change) / (1 + change);
        for (size_t j = 0; j < c; j++) {
            qp[j] = (qp[j] + change * work->q[i * c + j]) / (1 + change);
            p[j] /= 1 + change;
        }
    }
    return true;
}

/*  Probabilities of the classes from those of the pairs.  */
static void s_probabilities(size_t c, const s_work_t *work)
{
    const double *r = work->pairs;
    for (size_t i = 0; i < c; i++) {
        work->p[i] = 1.0 / (double)c;
        work->q[i * c + i] = 0;
        for (size_t j = 0; j < c; j++) {
            if (j != i) {
                work->q[i * c + i] += r[j * c + i] * r[j * c + i];
                work->q[i * c + j] = -r[j * c + i] * r[i * c + j];
            }
        }
    }
    for (size_t i = 0; i < ITERATIONS_MAX && s_improve(c, work); i++) {
    }
}

static void s_pair_probabilities(const s_machine_t *machine, const s_work_t *work)
{
    size_t c = machine->classes;
    size_t pair = 0;
    for (size_t i = 0; i < c; i++) {
        for (size_t j = i + 1; j < c; j++, pair++) {
            double x = work->scores[pair] * (double)machine->prob_a.items[pair] +
                       (double)machine->prob_b.items[pair];
            double likely = 1.0 - (double)tacit_ml_logistic((float)x);
            likely = fmin(fmax(likely, 1e-7), 1 - 1e-7);
            work->pairs[i * c + j] = likely;
            work->pairs[j * c + i] = 1 - likely;
        }
    }
    s_probabilities(c, work);
}

static size_t s_most_votes(const s_machine_t *machine, const s_work_t *work)
{
    size_t best = 0;
    for (size_t i = 1; i < machine->classes; i++) {
        best = work->votes[i] > work->votes[best] ? i : best;
    }
    return best;
}

/*  A row by its support vectors: the scores, and the class.  */
static size_t s_by_vectors(const s_machine_t *machine, const tacit_ml_table_t *table, size_t row,
                           s_work_t *work, float *to)
{
    tacit_ml_transform_t transform = tacit_ml_transform_of(machine->node);
    s_products(machine, table, row, work->products);
    s_compare_pairs(machine, work);
    if (machine->likely) {
        s_pair_probabilities(machine, work);
    }
    size_t columns = s_columns(machine);
    bool second = !machine->likely && machine->classes == 2;
    for (size_t i = 0; i < (second ? 1 : columns); i++) {
        to[i] = (float)(machine->likely ? work->p[i] : work->scores[i]);
    }
    if (second) {
        tacit_ml_second(transform,
                        transform == TACIT_ML_NONE ? TACIT_ML_OPPOSITE : TACIT_ML_COMPLEMENT, to);
    } else {
        tacit_ml_transform(transform, to, columns);
    }
    return s_most_votes(machine, work);
}

/*  A row without: the class with the largest score, or the second of two above 0.  */
static size_t s_by_matrix(const s_machine_t *machine, const tacit_ml_table_t *table, size_t row,
                          float *to)
{
    size_t best = 0;
    bool positive = true;
    for (size_t i = 0; i < machine->coefficients.count; i++) {
        positive &= machine->coefficients.items[i] >= 0.0F;
    }
    for (size_t i = 0; i < machine->classes; i++) {
        const float *line = machine->coefficients.items + i * machine->features;
        to[i] = (float)(s_product(machine, table, row, line) + (double)machine->rho.items[0]);
        best = to[i] > to[best] ? i : best;
    }
    if (machine->classes == 2 && to[best] >= (positive ? 0.5F : 0.0F) &&
        !(to[best] == 0.0F && !positive)) {
        best = 1;
    }
    tacit_ml_transform(tacit_ml_transform_of(machine->node), to, machine->classes);
    return best;
}

TACIT_KERNEL(svm_classifier)
{
    (void)input_count;
    const tacit_graph_node_t *node = parameters->node.node;
    tacit_ml_table_t table;
    s_machine_t machine;
    if (!tacit_ml_table(&inputs[0], &table) || !s_machine(node, table.columns, true, &machine)) {
        return "its vectors do not fit";
    }
    s_work_t work = s_work(&machine, outputs[output_count].data);
    bool wanted = output_count > 1 && outputs[1].dtype != TACIT_DTYPE_NONE;
    for (size_t row = 0; row < table.rows; row++) {
        float *to = wanted ? (float *)outputs[1].data + row * s_columns(&machine) : work.unwanted;
        size_t class = machine.vectors > 0 ? s_by_vectors(&machine, &table, row, &work, to)
                                           : s_by_matrix(&machine, &table, row, to);
        if (outputs[0].dtype != TACIT_DTYPE_NONE) {
            ((int64_t *)outputs[0].data)[row] = tacit_ml_label(node, class);
        }
    }
    return NULL;
}

TACIT_KERNEL(svm_regressor)
{
    (void)input_count;
    const tacit_graph_node_t *node = parameters->node.node;
    tacit_ml_table_t table;
    s_machine_t machine;
    if (!tacit_ml_table(&inputs[0], &table) || !s_machine(node, table.columns, false, &machine)) {
        return "its vectors do not fit";
    }
    s_work_t work = s_work(&machine, outputs[output_count].data);
    bool one_class = tacit_graph_node_integer(node, "one_class", 0) != 0;
    for (size_t row = 0; row < table.rows; row++) {
        double sum = 0;
        if (machine.vectors > 0) {
            s_products(&machine, &table, row, work.products);
            sum = s_sum(&machine, work.products, 0, 0, machine.vectors);
        } else {
            sum = s_product(&machine, &table, row, machine.coefficients.items);
        }
        sum += (double)machine.rho.items[0];
        double sign = sum > 0 ? 1 : -1;
        ((float *)outputs[0].data)[row] = (float)(one_class ? sign : sum);
    }
    return NULL;
}

#define COMMON                                                                                     \
    "coefficients:F kernel_params:F kernel_type:s post_transform:s rho:F support_vectors:F "

/* clang-format off */
TACIT_OPERATORS(ml_svm) = {
    {"SVMClassifier", 1, 4, NUMBER, "T|if", 1, COMMON "classlabels_ints:I classlabels_strings:S prob_a:F prob_b:F vectors_per_class:I", 0, ML | SPARSE, I(svm_classifier), K(svm_classifier), NULL},
    {"SVMRegressor", 1, 4, NUMBER, "T|f", 1, COMMON "n_supports:i one_class:i", 0, ML, I(svm_regressor), K(svm_regressor), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
