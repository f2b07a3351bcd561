#include "services/inference/engine/ops/ops.h"
TACIT_OPERATORS(ml_linear) = { TACIT_OPERATORS_END };
