/*  byte_convolution.h - a convolution of bytes as the portable loops take it: what is known when it
    is planned, and running it.

    Maps are [batch, height, width, channels], but for an input that came row-major, and sums, which
    are given out so. A map is copied first where it has padding, int8, or another order.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_CONVOLUTION_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_CONVOLUTION_H

#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/ops/window.h"
#include "services/inference/engine/portable/byte_depth.h"
#include "services/inference/engine/portable/portable.h"

typedef struct tacit_byte_convolution {
    const tacit_operands_t *operands;
    tacit_frame_t frame; /* dimensions 1 and 2 are in use */
    tacit_blocked_t from, to;
    size_t groups, channels, features; /* of a group */
    bool depthwise;
    bool plain;                   /* the input is row-major */
    bool copy;                    /* it is copied first */
    bool flip;                    /* it is int8 */
    bool sums;                    /* they are the result */
    bool flat;                    /* a window of 1: the map is one row */
    size_t height, width;         /* of the input as it is read: with padding, where it is copied */
    tacit_byte_weights_t weights; /* of a group */
    tacit_byte_filters_t filters; /* if it is depthwise */
    const int8_t *packed;
} tacit_byte_convolution_t;

/*  Bytes of the packed weights of all groups, and beside a run; how to pack, how to run.  */
size_t tacit_byte_convolution_size(const tacit_byte_convolution_t *convolution);
size_t tacit_byte_convolution_scratch(const tacit_byte_convolution_t *convolution);
void tacit_byte_convolution_fill(const void *convolution, const void *source, void *ret_packed);
const char *tacit_byte_convolution_run(const tacit_parameters_t *parameters,
                                       const tacit_tensor_t *inputs, size_t input_count,
                                       tacit_tensor_t *outputs, size_t output_count);

#endif
