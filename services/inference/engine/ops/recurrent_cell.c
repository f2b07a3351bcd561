/*  recurrent_cell.c - see recurrent_cell.h.  */

#include "services/inference/engine/ops/recurrent_cell.h"

#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <strings.h>

/* --- activations ------------------------------------------------------------------------------ */

typedef struct s_function {
    const char *name;
    size_t numbers;    /* it takes: none, alpha, alpha and beta */
    float alpha, beta; /* defaults */
} s_function_t;

static const s_function_t s_functions[] = {{"Sigmoid", 0, 0, 0},
                                           {"Tanh", 0, 0, 0},
                                           {"Relu", 0, 0, 0},
                                           {"HardSigmoid", 2, 0.2F, 0.5F},
                                           {"Affine", 2, 1, 0},
                                           {"LeakyRelu", 1, 0.01F, 0},
                                           {"Elu", 1, 1.0F, 0},
                                           {"Softsign", 0, 0, 0},
                                           {"Softplus", 0, 0, 0},
                                           {"ThresholdedRelu", 1, 1.0F, 0},
                                           {"ScaledTanh", 2, 1.0F, 1.0F}};

enum { FUNCTIONS = sizeof(s_functions) / sizeof(s_functions[0]) };

static float s_apply(size_t function, float a, float b, float x)
{
    switch (function) {
    case 0:
        return 1.0F / (1.0F + expf(-x));
    case 1:
        return tanhf(x);
    case 2:
        return x < 0 ? 0 : x;
    case 3:
        return fmaxf(0, fminf(1, a * x + b));
    case 4:
        return a * x + b;
    case 5:
        return x < 0 ? a * x : x;
    case 6:
        return x < 0 ? a * expm1f(x) : x;
    case 7:
        return x / (1 + fabsf(x));
    case 8:
        return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x));
    case 9:
        return x > a ? x : 0;
    default:
        return a * tanhf(b * x);
    }
}

/*  The function number `which` of all directions; FUNCTIONS where the name is unknown. Older
    exporters write the names in small letters.  */
static size_t s_function(const tacit_graph_node_t *node, size_t which, size_t fallback)
{
    const tacit_attribute_t *names = tacit_graph_node_attribute(node, "activations");
    if (names == NULL || which >= names->count) {
        return fallback;
    }
    size_t i = 0;
    while (i < FUNCTIONS && strcasecmp(s_functions[i].name, names->texts[which]) != 0) {
        i++;
    }
    return i;
}

/*  The next of a list, which names a number only for functions that take it.  */
static float s_number(const tacit_graph_node_t *node, const char *name, size_t i, float fallback)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    return list != NULL && i < list->count ? list->reals[i] : fallback;
}

/*  The functions of all directions up to this one, with their numbers: those of this one stay.  */
void tacit_cell_choose(const tacit_graph_node_t *node, size_t direction, size_t per,
                       tacit_cell_t *cell)
{
    size_t alphas = 0;
    size_t betas = 0;
    for (size_t which = 0; which < (direction + 1) * per; which++) {
        size_t i = which % per;
        size_t fallback = cell->gates != TACIT_RNN && i == 0 ? 0 : 1;
        cell->functions[i] = s_function(node, which, fallback);
        const s_function_t *function = &s_functions[cell->functions[i]];
        bool alpha = function->numbers > 0;
        bool beta = function->numbers > 1;
        cell->alpha[i] = alpha ? s_number(node, "activation_alpha", alphas++, function->alpha) : 0;
        cell->beta[i] = beta ? s_number(node, "activation_beta", betas++, function->beta) : 0;
    }
}

bool tacit_cell_knows(const tacit_graph_node_t *node)
{
    const tacit_attribute_t *names = tacit_graph_node_attribute(node, "activations");
    bool known = true;
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        known &= s_function(node, i, 0) < FUNCTIONS;
    }
    return known;
}

/* --- one step --------------------------------------------------------------------------------- */

static void s_activate(const tacit_cell_t *cell, size_t which, float *x, size_t count)
{
    const tacit_vector_t *vector = tacit_vector();
    size_t function = cell->functions[which];
    if (function <= 1) {
        vector->curve(function == 0 ? TACIT_CURVE_SIGMOID : TACIT_CURVE_TANH, 0, 0, x, x, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        x[i] = s_apply(function, cell->alpha[which], cell->beta[which], x[i]);
    }
}

static void s_activate_clipped(const tacit_cell_t *cell, size_t which, float *x, size_t count)
{
    for (size_t i = 0; cell->clip > 0 && i < count; i++) {
        x[i] = x[i] > cell->clip ? cell->clip : (x[i] < -cell->clip ? -cell->clip : x[i]);
    }
    s_activate(cell, which, x, count);
}

static void s_add(float *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] += x[i];
    }
}

static void s_add_product(float *y, const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] += a[i] * b[i];
    }
}

static void s_step_rnn(const tacit_cell_t *cell, size_t b, const float *x)
{
    float *h = cell->h + b * cell->hidden;
    memcpy(h, cell->gate + b * cell->hidden, cell->hidden * sizeof(float));
    s_add(h, x, cell->hidden);
    s_activate_clipped(cell, 0, h, cell->hidden);
}

/*  Gates: update, reset, hidden. The first two, and what the reset leaves of the state.  */
void tacit_cell_reset(const tacit_cell_t *cell, size_t b, const float *x)
{
    size_t n = cell->hidden;
    float *gate = cell->gate + b * 3 * n;
    s_add(gate, x, 2 * n);
    s_activate_clipped(cell, 0, gate, 2 * n);
    for (size_t i = 0; !cell->linear && i < n; i++) {
        cell->other[b * n + i] = gate[n + i] * cell->h[b * n + i];
    }
}

static void s_step_gru(const tacit_cell_t *cell, size_t b, const float *x)
{
    size_t n = cell->hidden;
    float *gate = cell->gate + b * 3 * n;
    float *fresh = gate + 2 * n;
    float *h = cell->h + b * n;
    for (size_t i = 0; i < n; i++) {
        fresh[i] = x[2 * n + i] + (cell->linear ? gate[n + i] * fresh[i] : fresh[i]);
    }
    s_activate_clipped(cell, 1, fresh, n);
    for (size_t i = 0; i < n; i++) {
        h[i] = (1.0F - gate[i]) * fresh[i] + gate[i] * h[i];
    }
}

/*  Gates: input, output, forget, cell; peepholes: input, output, forget.  */
static void s_step_lstm(const tacit_cell_t *cell, size_t b, const float *x)
{
    size_t n = cell->hidden;
    const float *p = cell->peepholes;
    float *in = cell->gate + b * 4 * n;
    float *out = in + n;
    float *forget = in + 2 * n;
    float *fresh = in + 3 * n;
    float *c = cell->c + b * n;
    float *h = cell->h + b * n;
    s_add(in, x, 4 * n);
    if (p != NULL) {
        s_add_product(in, p, c, n);
        s_add_product(forget, p + 2 * n, c, n);
    }
    s_activate_clipped(cell, 0, in, n);
    s_activate_clipped(cell, 0, forget, n);
    s_activate_clipped(cell, 1, fresh, n);
    for (size_t i = 0; i < n; i++) {
        c[i] = (cell->coupled ? 1.0F - in[i] : forget[i]) * c[i] + in[i] * fresh[i];
    }
    if (p != NULL) {
        s_add_product(out, p + n, c, n);
    }
    s_activate_clipped(cell, 0, out, n);
    memcpy(h, c, n * sizeof(float));
    s_activate(cell, 2, h, n);
    for (size_t i = 0; i < n; i++) {
        h[i] *= out[i];
    }
}

void tacit_cell_step(const tacit_cell_t *cell, size_t b, const float *x)
{
    if (cell->gates == TACIT_RNN) {
        s_step_rnn(cell, b, x);
    } else if (cell->gates == TACIT_GRU) {
        s_step_gru(cell, b, x);
    } else {
        s_step_lstm(cell, b, x);
    }
}
