/*  transposed.h - sizes of a ConvTranspose, for it and for what it is made into.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_TRANSPOSED_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_TRANSPOSED_H

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/window.h"

/*  The output's spatial dimensions and the pads: given pads decide the size, a given size decides
    the pads. false where they do not fit the first input.  */
bool tacit_transposed_sizes(const tacit_inference_t *inference, tacit_window_t *window,
                            int64_t *ret_output);

#endif
