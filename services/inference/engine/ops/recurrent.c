/*  recurrent.c - RNN, GRU, LSTM: both directions, sequence lengths, initial states, peepholes.

    Every sequence is computed by itself, step by step, in single precision. The scratch memory
   holds the gates of one step and the states.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

enum { X = 0, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };
enum { RNN = 1, GRU = 3, LSTM = 4, ACTIVATIONS = 3 };

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

/* --- shapes ----------------------------------------------------------------------------------- */

typedef struct s_sizes {
    size_t gates, directions, steps, batch, features, hidden;
    bool batch_first;
} s_sizes_t;

static size_t s_gates(const tacit_graph_node_t *node)
{
    return strcmp(node->op->name, "RNN") == 0 ? RNN
                                              : (strcmp(node->op->name, "GRU") == 0 ? GRU : LSTM);
}

static s_sizes_t s_sizes(const tacit_graph_node_t *node, const tacit_tensor_t *inputs)
{
    bool batch_first = tacit_graph_node_integer(node, "layout", 0) != 0;
    const tacit_shape_t *x = &inputs[X].shape;
    const tacit_shape_t *r = &inputs[R].shape;
    return (s_sizes_t){.gates = s_gates(node),
                       .directions = (size_t)r->dims[0],
                       .steps = (size_t)x->dims[batch_first ? 1 : 0],
                       .batch = (size_t)x->dims[batch_first ? 0 : 1],
                       .features = (size_t)x->dims[2],
                       .hidden = (size_t)r->dims[2],
                       .batch_first = batch_first};
}

static bool s_fits(const tacit_tensor_t *inputs, size_t count, size_t i, size_t elements)
{
    return !tacit_given(inputs, count, i) || inputs[i].count == elements;
}

static bool s_all_fit(const s_sizes_t *s, const tacit_tensor_t *inputs, size_t count)
{
    const tacit_shape_t *w = &inputs[W].shape;
    const tacit_shape_t *r = &inputs[R].shape;
    size_t rows = s->gates * s->hidden;
    size_t states = s->directions * s->batch * s->hidden;
    return (size_t)w->dims[0] == s->directions && (size_t)w->dims[1] == rows &&
           (size_t)w->dims[2] == s->features && (size_t)r->dims[1] == rows &&
           s_fits(inputs, count, B, s->directions * 2 * rows) &&
           s_fits(inputs, count, LENGTHS, s->batch) && s_fits(inputs, count, INITIAL_H, states) &&
           s_fits(inputs, count, INITIAL_C, states) &&
           s_fits(inputs, count, PEEPHOLES, s->directions * 3 * s->hidden);
}

static bool s_attributes_fit(const tacit_graph_node_t *node, const s_sizes_t *s)
{
    const char *direction = tacit_graph_node_text(node, "direction", "forward");
    bool both = strcmp(direction, "bidirectional") == 0;
    bool known = both || strcmp(direction, "forward") == 0 || strcmp(direction, "reverse") == 0;
    const tacit_attribute_t *names = tacit_graph_node_attribute(node, "activations");
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        known &= s_function(node, i, 0) < FUNCTIONS;
    }
    return known && s->directions == (both ? 2 : 1) &&
           tacit_graph_node_integer(node, "hidden_size", (int64_t)s->hidden) == (int64_t)s->hidden;
}

TACIT_INFER(recurrent)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_tensor_t *inputs = inference->inputs;
    bool ranks =
        inputs[X].shape.rank == 3 && inputs[W].shape.rank == 3 && inputs[R].shape.rank == 3;
    s_sizes_t s = ranks ? s_sizes(node, inputs) : (s_sizes_t){0};
    if (!ranks || !s_all_fit(&s, inputs, node->input_count) || !s_attributes_fit(node, &s)) {
        return tacit_infer_refuse(inference, "its weights, states or attributes do not fit");
    }
    int64_t t = (int64_t)s.steps;
    int64_t d = (int64_t)s.directions;
    int64_t b = (int64_t)s.batch;
    int64_t h = (int64_t)s.hidden;
    tacit_shape_t all = {.rank = 4, .dims = {t, d, b, h}};
    tacit_shape_t last = {.rank = 3, .dims = {d, b, h}};
    if (s.batch_first) {
        all = (tacit_shape_t){.rank = 4, .dims = {b, t, d, h}};
        last = (tacit_shape_t){.rank = 3, .dims = {b, d, h}};
    }
    for (size_t i = 0; i < node->output_count; i++) {
        inference->outputs[i].shape = i == 0 ? all : last;
    }
    inference->parameters->node.node = node;
    *inference->scratch = (2 * s.gates + 3) * s.hidden * sizeof(float);
    return TACIT_OK;
}

/* --- one sequence ----------------------------------------------------------------------------- */

/*  The weights of a direction, the state of a sequence.  */
typedef struct s_cell {
    const float *w, *r, *bias, *peepholes; /* the last two may be NULL */
    size_t functions[ACTIVATIONS];
    float alpha[ACTIVATIONS], beta[ACTIVATIONS];
    float clip;   /* 0: none */
    bool linear;  /* GRU: linear_before_reset */
    bool coupled; /* LSTM: input_forget */
    size_t gates, features, hidden;
    float *from_x, *from_h; /* gates * hidden each */
    float *h, *c, *other;   /* hidden each */
} s_cell_t;

static float s_dot(const float *a, const float *b, size_t count)
{
    float sum = 0.0F;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static float s_free(const s_cell_t *cell, size_t which, float x)
{
    return s_apply(cell->functions[which], cell->alpha[which], cell->beta[which], x);
}

/*  What goes into gates is clipped; what an LSTM's cell holds is not, here as in ONNX Runtime.  */
static float s_act(const s_cell_t *cell, size_t which, float x)
{
    if (cell->clip > 0) {
        x = x > cell->clip ? cell->clip : (x < -cell->clip ? -cell->clip : x);
    }
    return s_free(cell, which, x);
}

static void s_gates_of(const s_cell_t *cell, const float *x)
{
    size_t rows = cell->gates * cell->hidden;
    for (size_t i = 0; i < rows; i++) {
        cell->from_x[i] = s_dot(cell->w + i * cell->features, x, cell->features);
        cell->from_h[i] = s_dot(cell->r + i * cell->hidden, cell->h, cell->hidden);
        if (cell->bias != NULL) {
            cell->from_x[i] += cell->bias[i];
            cell->from_h[i] += cell->bias[rows + i];
        }
    }
}

static void s_step_rnn(const s_cell_t *cell)
{
    for (size_t i = 0; i < cell->hidden; i++) {
        cell->h[i] = s_act(cell, 0, cell->from_x[i] + cell->from_h[i]);
    }
}

/*  Gates: update, reset, hidden.  */
static void s_step_gru(const s_cell_t *cell)
{
    size_t n = cell->hidden;
    const float *x = cell->from_x;
    const float *h = cell->from_h;
    for (size_t i = 0; i < n; i++) {
        cell->c[i] = s_act(cell, 0, x[n + i] + h[n + i]) * (cell->linear ? 1.0F : cell->h[i]);
    }
    for (size_t i = 0; i < n; i++) {
        float past = 0;
        if (cell->linear) {
            past = cell->c[i] * h[2 * n + i];
        } else {
            past = s_dot(cell->r + (2 * n + i) * n, cell->c, n) +
                   (cell->bias != NULL ? cell->bias[5 * n + i] : 0.0F);
        }
        float update = s_act(cell, 0, x[i] + h[i]);
        float fresh = s_act(cell, 1, x[2 * n + i] + past);
        cell->other[i] = (1.0F - update) * fresh + update * cell->h[i];
    }
    memcpy(cell->h, cell->other, n * sizeof(float));
}

/*  Gates: input, output, forget, cell; peepholes: input, output, forget.  */
static void s_step_lstm(const s_cell_t *cell)
{
    size_t n = cell->hidden;
    const float *p = cell->peepholes;
    for (size_t i = 0; i < n; i++) {
        float in = cell->from_x[i] + cell->from_h[i];
        float out = cell->from_x[n + i] + cell->from_h[n + i];
        float forget = cell->from_x[2 * n + i] + cell->from_h[2 * n + i];
        float fresh = s_act(cell, 1, cell->from_x[3 * n + i] + cell->from_h[3 * n + i]);
        in = s_act(cell, 0, in + (p != NULL ? p[i] * cell->c[i] : 0.0F));
        forget = cell->coupled
                     ? 1.0F - in
                     : s_act(cell, 0, forget + (p != NULL ? p[2 * n + i] * cell->c[i] : 0.0F));
        cell->c[i] = forget * cell->c[i] + in * fresh;
        out = s_act(cell, 0, out + (p != NULL ? p[n + i] * cell->c[i] : 0.0F));
        cell->h[i] = out * s_free(cell, 2, cell->c[i]);
    }
}

/* --- all sequences ---------------------------------------------------------------------------- */

/*  The next of a list, which names a number only for functions that take it.  */
static float s_number(const tacit_graph_node_t *node, const char *name, size_t i, float fallback)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    return list != NULL && i < list->count ? list->reals[i] : fallback;
}

/*  The functions of all directions up to this one, with their numbers: those of this one stay.  */
static void s_choose(const tacit_graph_node_t *node, size_t direction, size_t per, s_cell_t *cell)
{
    size_t alphas = 0;
    size_t betas = 0;
    for (size_t which = 0; which < (direction + 1) * per; which++) {
        size_t i = which % per;
        size_t fallback = cell->gates != RNN && i == 0 ? 0 : 1;
        cell->functions[i] = s_function(node, which, fallback);
        const s_function_t *function = &s_functions[cell->functions[i]];
        bool alpha = function->numbers > 0;
        bool beta = function->numbers > 1;
        cell->alpha[i] = alpha ? s_number(node, "activation_alpha", alphas++, function->alpha) : 0;
        cell->beta[i] = beta ? s_number(node, "activation_beta", betas++, function->beta) : 0;
    }
}

static const float *s_part(const tacit_tensor_t *inputs, size_t count, size_t i, size_t offset)
{
    return tacit_given(inputs, count, i) ? (const float *)inputs[i].data + offset : NULL;
}

static s_cell_t s_cell(const tacit_graph_node_t *node, const s_sizes_t *s,
                       const tacit_tensor_t *inputs, size_t count, size_t direction, float *scratch)
{
    size_t rows = s->gates * s->hidden;
    size_t per = s->gates == RNN ? 1 : (s->gates == GRU ? 2 : 3);
    s_cell_t cell = {.w = s_part(inputs, count, W, direction * rows * s->features),
                     .r = s_part(inputs, count, R, direction * rows * s->hidden),
                     .bias = s_part(inputs, count, B, direction * 2 * rows),
                     .peepholes = s_part(inputs, count, PEEPHOLES, direction * 3 * s->hidden),
                     .clip = tacit_graph_node_real(node, "clip", 0.0F),
                     .linear = tacit_graph_node_integer(node, "linear_before_reset", 0) != 0,
                     .coupled = tacit_graph_node_integer(node, "input_forget", 0) != 0,
                     .gates = s->gates,
                     .features = s->features,
                     .hidden = s->hidden,
                     .from_x = scratch,
                     .from_h = scratch + rows,
                     .h = scratch + 2 * rows,
                     .c = scratch + 2 * rows + s->hidden,
                     .other = scratch + 2 * rows + 2 * s->hidden};
    s_choose(node, direction, per, &cell);
    return cell;
}

/*  Where the state of a sequence stands among all.  */
static size_t s_state_at(const s_sizes_t *s, size_t direction, size_t batch)
{
    size_t at = s->batch_first ? batch * s->directions + direction : direction * s->batch + batch;
    return at * s->hidden;
}

static void s_load(float *state, const float *initial, size_t at, size_t count)
{
    memset(state, 0, count * sizeof(float));
    if (initial != NULL && count > 0) {
        memcpy(state, initial + at, count * sizeof(float));
    }
}

static void s_store(tacit_tensor_t *outputs, size_t output_count, size_t i, size_t at,
                    const float *state, size_t count)
{
    if (i < output_count && outputs[i].data != NULL && count > 0) {
        memcpy((float *)outputs[i].data + at, state, count * sizeof(float));
    }
}

static void s_run(const s_sizes_t *s, const s_cell_t *cell, const tacit_tensor_t *x, size_t length,
                  bool reverse, size_t direction, size_t batch, tacit_tensor_t *outputs,
                  size_t output_count)
{
    for (size_t i = 0; i < length; i++) {
        size_t t = reverse ? length - 1 - i : i;
        size_t row = s->batch_first ? batch * s->steps + t : t * s->batch + batch;
        size_t to = s->batch_first ? row * s->directions + direction
                                   : (t * s->directions + direction) * s->batch + batch;
        s_gates_of(cell, (const float *)x->data + row * s->features);
        if (s->gates == RNN) {
            s_step_rnn(cell);
        } else if (s->gates == GRU) {
            s_step_gru(cell);
        } else {
            s_step_lstm(cell);
        }
        s_store(outputs, output_count, 0, to * s->hidden, cell->h, s->hidden);
    }
}

TACIT_KERNEL(recurrent)
{
    const tacit_graph_node_t *node = parameters->node.node;
    s_sizes_t s = s_sizes(node, inputs);
    bool reverse = strcmp(tacit_graph_node_text(node, "direction", "forward"), "reverse") == 0;
    if (outputs[0].data != NULL) {
        memset(outputs[0].data, 0, tacit_tensor_size(&outputs[0]));
    }
    for (size_t n = 0; n < s.directions * s.batch; n++) {
        size_t direction = n / s.batch;
        size_t batch = n % s.batch;
        size_t state = s_state_at(&s, direction, batch);
        int64_t length = (int64_t)s.steps;
        if (tacit_given(inputs, input_count, LENGTHS)) {
            length = tacit_element_integer(&inputs[LENGTHS], batch);
        }
        if (length < 0 || length > (int64_t)s.steps) {
            return "a sequence is longer than its input";
        }
        s_cell_t cell =
            s_cell(node, &s, inputs, input_count, direction, outputs[output_count].data);
        s_load(cell.h, s_part(inputs, input_count, INITIAL_H, 0), state, s.hidden);
        s_load(cell.c, s_part(inputs, input_count, INITIAL_C, 0), state, s.hidden);
        s_run(&s, &cell, &inputs[X], (size_t)length, reverse || direction == 1, direction, batch,
              outputs, output_count);
        s_store(outputs, output_count, 1, state, cell.h, s.hidden);
        s_store(outputs, output_count, 2, state, cell.c, s.hidden);
    }
    return NULL;
}

/* clang-format off */
#define CELL "activations:S activation_alpha:F activation_beta:F clip:f direction:s hidden_size:i layout:i"
TACIT_OPERATORS(recurrent) = {
    {"RNN", 7, 17, FLOAT32, "TTTTdT|TT", 3, CELL, 0, SPARSE, I(recurrent), K(recurrent), NULL},
    {"GRU", 7, 17, FLOAT32, "TTTTdT|TT", 3, CELL " linear_before_reset:i", 0, SPARSE, I(recurrent), K(recurrent), NULL},
    {"LSTM", 7, 17, FLOAT32, "TTTTdTTT|TTT", 3, CELL " input_forget:i", 0, SPARSE, I(recurrent), K(recurrent), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
