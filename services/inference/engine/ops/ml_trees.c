#include "services/inference/engine/ops/ops.h"
TACIT_OPERATORS(ml_trees) = { TACIT_OPERATORS_END };
