/*  recurrent.c - RNN, GRU, LSTM: both directions, sequence lengths, initial states, peepholes.

    Sequences go side by side, step by step, each at its own place, in single precision: one product
    of all their states by the weights, packed at the start. The input's part of the gates is
    computed some steps ahead.  */

#include "services/inference/engine/ops/recurrent_cell.h"

enum { X = 0, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };

/* --- shapes ----------------------------------------------------------------------------------- */

typedef struct s_sizes {
    size_t gates, directions, steps, batch, features, hidden;
    bool batch_first;
} s_sizes_t;

static size_t s_gates(const tacit_graph_node_t *node)
{
    return strcmp(node->op->name, "RNN") == 0
               ? TACIT_RNN
               : (strcmp(node->op->name, "GRU") == 0 ? TACIT_GRU : TACIT_LSTM);
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
    return known && tacit_cell_knows(node) && s->directions == (both ? 2 : 1) &&
           tacit_graph_node_integer(node, "hidden_size", (int64_t)s->hidden) == (int64_t)s->hidden;
}

/*  Sequences that go side by side, and steps whose inputs are multiplied at once.  */
enum { TOGETHER = 64, AHEAD = 16 };

static size_t s_together(const s_sizes_t *s)
{
    return s->batch < TOGETHER ? s->batch : TOGETHER;
}

/*  Rows of R that are multiplied by the state; the rest, of a GRU, by what the reset leaves.  */
static size_t s_first_rows(const s_sizes_t *s)
{
    return (s->gates == TACIT_GRU ? 2 : s->gates) * s->hidden;
}

/*  Floats that a run needs beside: packed weights, states, gates.  */
static size_t s_room(const s_sizes_t *s)
{
    size_t rows = s->gates * s->hidden;
    size_t first = s_first_rows(s);
    return tacit_matrix_rows_room(rows, s->features) + tacit_matrix_rows_room(first, s->hidden) +
           tacit_matrix_rows_room(rows - first, s->hidden) +
           s_together(s) * (3 * s->hidden + (AHEAD + 1) * rows);
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
    size_t count = 0; /* steps of no features, whose outputs nobody wants, would have no bounds */
    if (!tacit_shape_count(&all, TACIT_DTYPE_FLOAT32, &count)) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "all its states are too large");
    }
    for (size_t i = 0; i < node->output_count; i++) {
        inference->outputs[i].shape = i == 0 ? all : last;
    }
    inference->parameters->node.node = node;
    *inference->scratch = s_room(&s) * sizeof(float);
    return TACIT_OK;
}

/* --- all sequences ---------------------------------------------------------------------------- */

static const float *s_part(const tacit_tensor_t *inputs, size_t count, size_t i, size_t offset)
{
    return tacit_given(inputs, count, i) ? (const float *)inputs[i].data + offset : NULL;
}

static tacit_cell_t s_cell(const tacit_graph_node_t *node, const s_sizes_t *s,
                           const tacit_tensor_t *inputs, size_t count, size_t direction,
                           float *scratch)
{
    size_t n = s->hidden;
    size_t rows = s->gates * n;
    size_t first = s_first_rows(s);
    const float *w = s_part(inputs, count, W, direction * rows * s->features);
    const float *r = s_part(inputs, count, R, direction * rows * n);
    const float *bias = s_part(inputs, count, B, direction * 2 * rows);
    const float *after = bias != NULL ? bias + rows : NULL;
    tacit_cell_t cell = {.peepholes = s_part(inputs, count, PEEPHOLES, direction * 3 * n),
                         .clip = tacit_graph_node_real(node, "clip", 0.0F),
                         .linear = tacit_graph_node_integer(node, "linear_before_reset", 0) != 0,
                         .coupled = tacit_graph_node_integer(node, "input_forget", 0) != 0,
                         .gates = s->gates,
                         .hidden = n};
    cell.from_input = tacit_matrix_rows_pack(w, bias, rows, s->features, scratch);
    scratch += tacit_matrix_rows_room(rows, s->features);
    cell.from_state = tacit_matrix_rows_pack(r, after, first, n, scratch);
    scratch += tacit_matrix_rows_room(first, n);
    cell.from_reset = tacit_matrix_rows_pack(r + first * n, after != NULL ? after + first : NULL,
                                             rows - first, n, scratch);
    scratch += tacit_matrix_rows_room(rows - first, n);
    cell.h = scratch;
    cell.c = cell.h + s_together(s) * n;
    cell.other = cell.c + s_together(s) * n;
    cell.gate = cell.other + s_together(s) * n;
    cell.x = cell.gate + s_together(s) * rows;
    tacit_cell_choose(node, direction, s->gates == TACIT_RNN ? 1 : (s->gates == TACIT_GRU ? 2 : 3),
                      &cell);
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

/*  Sequences side by side, in one direction.  */
typedef struct s_group {
    size_t direction, first, count; /* the first sequence, and how many */
    bool reverse;
    const float *x;
    const tacit_tensor_t *lengths; /* NULL: all steps */
    tacit_tensor_t *outputs;
    size_t output_count;
} s_group_t;

static size_t s_length(const s_sizes_t *s, const s_group_t *group, size_t b)
{
    return group->lengths == NULL ? s->steps
                                  : (size_t)tacit_element_integer(group->lengths, group->first + b);
}

/*  The input's part of the gates, for the next steps.  */
static size_t s_look_ahead(const s_sizes_t *s, const tacit_cell_t *cell, const s_group_t *group,
                           size_t b, size_t step)
{
    size_t length = s_length(s, group, b);
    size_t rows = s->gates * s->hidden;
    size_t count = length > step ? length - step : 0;
    count = count < AHEAD ? count : AHEAD;
    size_t t = group->reverse ? length - step - count : step;
    size_t batch = group->first + b;
    size_t row = s->batch_first ? batch * s->steps + t : t * s->batch + batch;
    size_t pace = s->batch_first ? s->features : s->batch * s->features;
    if (count > 0) {
        tacit_matrix_rows_run(&cell->from_input, group->x + row * s->features, pace, count,
                              cell->x + b * AHEAD * rows, rows);
    }
    return count;
}

static void s_step(const s_sizes_t *s, const tacit_cell_t *cell, const s_group_t *group,
                   size_t step, const size_t *counts)
{
    size_t n = s->hidden;
    size_t rows = s->gates * n;
    size_t first = s_first_rows(s);
    const float *x[TOGETHER] = {NULL};
    tacit_matrix_rows_run(&cell->from_state, cell->h, n, group->count, cell->gate, rows);
    for (size_t b = 0; b < group->count; b++) {
        size_t at = step % AHEAD;
        if (at < counts[b]) {
            x[b] = cell->x + (b * AHEAD + (group->reverse ? counts[b] - 1 - at : at)) * rows;
        }
        if (x[b] != NULL && s->gates == TACIT_GRU) {
            tacit_cell_reset(cell, b, x[b]);
        }
    }
    tacit_matrix_rows_run(&cell->from_reset, cell->linear ? cell->h : cell->other, n, group->count,
                          cell->gate + first, rows);
    for (size_t b = 0; b < group->count; b++) {
        if (x[b] == NULL) {
            continue;
        }
        tacit_cell_step(cell, b, x[b]);
        size_t t = group->reverse ? s_length(s, group, b) - 1 - step : step;
        size_t batch = group->first + b;
        size_t to = s->batch_first ? (batch * s->steps + t) * s->directions + group->direction
                                   : (t * s->directions + group->direction) * s->batch + batch;
        s_store(group->outputs, group->output_count, 0, to * n, cell->h + b * n, n);
    }
}

static void s_run(const s_sizes_t *s, const tacit_cell_t *cell, const s_group_t *group)
{
    size_t counts[TOGETHER] = {0};
    for (size_t step = 0; step < s->steps; step++) {
        for (size_t b = 0; step % AHEAD == 0 && b < group->count; b++) {
            counts[b] = s_look_ahead(s, cell, group, b, step);
        }
        s_step(s, cell, group, step, counts);
    }
}

static void s_run_group(const s_sizes_t *s, const tacit_cell_t *cell, const tacit_tensor_t *inputs,
                        size_t input_count, const s_group_t *group)
{
    size_t n = s->hidden;
    memset(cell->other, 0, s_together(s) * n * sizeof(float));
    for (size_t b = 0; b < group->count; b++) {
        size_t state = s_state_at(s, group->direction, group->first + b);
        s_load(cell->h + b * n, s_part(inputs, input_count, INITIAL_H, 0), state, n);
        s_load(cell->c + b * n, s_part(inputs, input_count, INITIAL_C, 0), state, n);
    }
    s_run(s, cell, group);
    for (size_t b = 0; b < group->count; b++) {
        size_t state = s_state_at(s, group->direction, group->first + b);
        s_store(group->outputs, group->output_count, 1, state, cell->h + b * n, n);
        s_store(group->outputs, group->output_count, 2, state, cell->c + b * n, n);
    }
}

static bool s_lengths_fit(const s_sizes_t *s, const tacit_tensor_t *lengths)
{
    bool fit = true;
    for (size_t i = 0; lengths != NULL && i < s->batch; i++) {
        int64_t length = tacit_element_integer(lengths, i);
        fit &= length >= 0 && length <= (int64_t)s->steps;
    }
    return fit;
}

TACIT_KERNEL(recurrent)
{
    const tacit_graph_node_t *node = parameters->node.node;
    s_sizes_t s = s_sizes(node, inputs);
    bool reverse = strcmp(tacit_graph_node_text(node, "direction", "forward"), "reverse") == 0;
    bool given = tacit_given(inputs, input_count, LENGTHS);
    if (outputs[0].data != NULL) {
        memset(outputs[0].data, 0, tacit_tensor_size(&outputs[0]));
    }
    if (!s_lengths_fit(&s, given ? &inputs[LENGTHS] : NULL)) {
        return "a sequence is longer than its input";
    }
    for (size_t direction = 0; s.hidden > 0 && direction < s.directions; direction++) {
        tacit_cell_t cell =
            s_cell(node, &s, inputs, input_count, direction, outputs[output_count].data);
        for (size_t first = 0; first < s.batch; first += TOGETHER) {
            size_t left = s.batch - first;
            s_group_t group = {.direction = direction,
                               .first = first,
                               .count = left < TOGETHER ? left : TOGETHER,
                               .reverse = reverse || direction == 1,
                               .x = inputs[X].data,
                               .lengths = given ? &inputs[LENGTHS] : NULL,
                               .outputs = outputs,
                               .output_count = output_count};
            s_run_group(&s, &cell, inputs, input_count, &group);
        }
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
