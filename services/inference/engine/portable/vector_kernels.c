/*  vector_kernels.c - the loops of one instruction set (see vector.h), as a table.  */

#include "services/inference/engine/portable/tile_sizes.h"

#define TEXT2(a) #a
#define TEXT(a)  TEXT2(a)

const tacit_vector_t TACIT_OF_ISA(tacit_vector) = {
    .name = TEXT(TACIT_ISA_NAME),
    .blocks = BLOCKS,
    .wide = BLOCKS_WIDE,
    .narrow = TILE_WIDE,
    .convolve = TACIT_OF_ISA(tacit_convolve),
    .depthwise = TACIT_OF_ISA(tacit_depthwise),
    .curve = TACIT_OF_ISA(tacit_curve),
    .add = TACIT_OF_ISA(tacit_add),
    .affine = TACIT_OF_ISA(tacit_affine),
    .affine_rows = TACIT_OF_ISA(tacit_affine_rows),
    .softmax = TACIT_OF_ISA(tacit_softmax),
    .normalize = TACIT_OF_ISA(tacit_normalize),
    .largest = TACIT_OF_ISA(tacit_largest),
    .sum = TACIT_OF_ISA(tacit_sum),
    .into = TACIT_OF_ISA(tacit_into),
    .out_of = TACIT_OF_ISA(tacit_out_of),
    .columns = TACIT_OF_ISA(tacit_columns),
    .lines = TACIT_OF_ISA(tacit_lines),
    .weigh = TACIT_OF_ISA(tacit_weigh),
};
