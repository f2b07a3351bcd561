/*  choice.c - If. The planner chooses (graph_choice.c): there is nothing to infer or to compute. */

#include "services/inference/engine/ops/ops.h"

/* clang-format off */
TACIT_OPERATORS(choice) = {
    {"If", 1, 17, ANY, "b|", 1, "", 1 << 0, CHOICE, NULL, NULL, NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
