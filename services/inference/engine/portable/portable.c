/*  portable.c - who plans nodes of which operator.  */

#include "services/inference/engine/portable/portable.h"

#include <omp.h>
#include <string.h>

int tacit_portable_threads(void)
{
    return omp_get_max_threads();
}

typedef struct s_row {
    const char *name;
    tacit_accelerate_t plan;
} s_row_t;

static const s_row_t s_rows[] = {
    {"Conv", tacit_portable_convolution},
    {"Gemm", tacit_portable_gemm},
    {"MatMul", tacit_portable_matmul},
    {"Relu", tacit_portable_activation},
    {"LeakyRelu", tacit_portable_activation},
    {"Sigmoid", tacit_portable_activation},
    {"Tanh", tacit_portable_activation},
    {"Clip", tacit_portable_activation},
    {"Elu", tacit_portable_activation},
    {"HardSwish", tacit_portable_activation},
    {"Gelu", tacit_portable_activation},
    {"GeluTanh", tacit_portable_activation},
    {"Swish", tacit_portable_activation},
    {"Add", tacit_portable_sum},
    {"Mul", tacit_portable_gate},
    {"BatchNormalization", tacit_portable_batch_normalization},
    {"Concat", tacit_portable_concat},
    {"Spread", tacit_spread_blocks},
    {"MaxPool", tacit_portable_max_pool},
    {"GlobalMaxPool", tacit_portable_max_pool},
    {"AveragePool", tacit_portable_average_pool},
    {"GlobalAveragePool", tacit_portable_average_pool},
};

tacit_accelerate_t tacit_portable_find(const char *name)
{
    for (size_t i = 0; i < sizeof(s_rows) / sizeof(s_rows[0]); i++) {
        if (strcmp(s_rows[i].name, name) == 0) {
            return s_rows[i].plan;
        }
    }
    return NULL;
}
