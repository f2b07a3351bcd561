/*  scheme.h - which nodes of a model are to compute in bytes, and which values get a grid for that.

    What multiplies by constant weights does (Conv, Gemm, MatMul). What only moves, joins, adds up,
    pools or bends numbers does where they come in bytes anyway and go on so: chains stay in bytes,
    and what lies between float32 stays as exact as it is. A value that no node changes keeps the
    grid of what it was made from.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_SCHEME_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_SCHEME_H

#include "services/inference/quantizer/draft.h"
#include "services/inference/quantizer/grid.h"

typedef enum tacit_role {
    TACIT_ROLE_REAL, /* stays in float32 */
    TACIT_ROLE_CONV,
    TACIT_ROLE_GEMM,   /* may make float32 of bytes, as the next */
    TACIT_ROLE_MATMUL, /* by constant weights */
    TACIT_ROLE_PAIR,   /* Add, Mul */
    TACIT_ROLE_JOIN,   /* Concat */
    TACIT_ROLE_MOVE,   /* its numbers are those of its first input */
    TACIT_ROLE_POOL,   /* averages */
    TACIT_ROLE_CLIP,   /* Relu, Clip */
    TACIT_ROLE_CURVE   /* one number of each, by a curve */
} tacit_role_t;

typedef struct tacit_scheme {
    tacit_draft_t *draft;
    tacit_role_t *roles; /* by node */
    int *parents;        /* by value: one with the same grid, itself for one of them; or none */
    bool *implied;       /* by value: others say what its grid must hold */
    tacit_grid_t *grids; /* by value, of those that are their own parent: calibrate.h */
    size_t products;     /* Conv, Gemm and MatMul in bytes */
} tacit_scheme_t;

/*  All of it belongs to the draft, which must not change its nodes meanwhile.  */
TACIT_MUST_CHECK tacit_status_t tacit_scheme_new(tacit_draft_t *draft, tacit_scheme_t *ret_scheme,
                                                 tacit_error_t *error);

/*  The value whose grid this one has; or none.  */
int tacit_scheme_root(const tacit_scheme_t *scheme, int value);

/*  How many of a node's first inputs are numbers in bytes; 0 where it stays real.  */
size_t tacit_scheme_data(const tacit_scheme_t *scheme, size_t node);

/*  The Relu or Clip that alone follows the node's output, and is part of it then; or none.  */
int tacit_scheme_clip(const tacit_scheme_t *scheme, size_t node);

/*  The bounds of a Relu or Clip; false where they are not known.  */
bool tacit_scheme_bounds(const tacit_scheme_t *scheme, const Onnx__NodeProto *node, float *ret_low,
                         float *ret_high);

#endif
