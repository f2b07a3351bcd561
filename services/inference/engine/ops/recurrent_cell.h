/*  recurrent_cell.h - one step of an RNN, a GRU or an LSTM, for one of several sequences.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_RECURRENT_CELL_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_RECURRENT_CELL_H

#include "services/inference/engine/ops/matrix_rows.h"
#include "services/inference/engine/ops/ops.h"

enum { TACIT_RNN = 1, TACIT_GRU = 3, TACIT_LSTM = 4, TACIT_CELL_FUNCTIONS = 3 };

/*  The weights of a direction, and the states of sequences side by side.  */
typedef struct tacit_cell {
    tacit_matrix_rows_t from_input, from_state, from_reset;
    const float *peepholes; /* may be NULL */
    size_t functions[TACIT_CELL_FUNCTIONS];
    float alpha[TACIT_CELL_FUNCTIONS], beta[TACIT_CELL_FUNCTIONS];
    float clip;   /* 0: none */
    bool linear;  /* GRU: linear_before_reset */
    bool coupled; /* LSTM: input_forget */
    size_t gates, hidden;
    float *x, *gate;      /* gates * hidden each: of AHEAD steps of a sequence, of a sequence */
    float *h, *c, *other; /* hidden of each sequence */
} tacit_cell_t;

/*  Whether all functions that the node names are known.  */
bool tacit_cell_knows(const tacit_graph_node_t *node);

/*  The functions of a direction, `per` of each, with their numbers.  */
void tacit_cell_choose(const tacit_graph_node_t *node, size_t direction, size_t per,
                       tacit_cell_t *cell);

/*  Of a GRU, before the step: the gates, and what the reset leaves of the state.  */
void tacit_cell_reset(const tacit_cell_t *cell, size_t b, const float *x);

/*  The step of sequence b: x is the input's part of its gates; the state's stands in `gate`.  */
void tacit_cell_step(const tacit_cell_t *cell, size_t b, const float *x);

#endif
