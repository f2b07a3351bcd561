/*  quantizer.h - makes an 8-bit model of a float32 one, by what its values hold over the owner's
    rows.

    Static quantization, as ONNX Runtime's quantizer writes it: QuantizeLinear and DequantizeLinear
    around operators, activations uint8 with one scale and zero point, weights int8 with a scale per
    output feature, biases int32. Names, inputs, outputs and metadata stay; opsets below 13 are
    raised. The model is foreign: it must load before, and all limits of the engine hold.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_QUANTIZER_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_QUANTIZER_H

#include "services/inference/engine/engine.h"

/*  The rows to look at, in batches that the model takes.  */
typedef struct tacit_quantizer_rows {
    void *self;
    size_t batches;
    size_t batch; /* rows of each but the last */

    /*  The inputs of a batch, in the model's order; valid until the next call. What it refuses ends
        the whole, with its error. Batches may be asked for more than once, in any order.  */
    tacit_status_t (*take)(void *self, size_t batch,
                           tacit_engine_tensor_t ret_items[TACIT_ENGINE_INPUTS_MAX],
                           size_t *ret_count, tacit_error_t *ret_error);

    /*  So much is done; may be NULL.  */
    void (*tell)(void *self, uint64_t done, uint64_t total);
} tacit_quantizer_rows_t;

typedef struct tacit_quantizer_options {
    double percent;      /* above 0: of each value's numbers that its grid must hold; 100: all */
    unsigned threads;    /* of a run; 0: 1 */
    size_t memory_limit; /* bytes for rewriting, and as many for running; 0: the engine's default */
} tacit_quantizer_options_t;

typedef struct tacit_quantized tacit_quantized_t;

/*  UNSUPPORTED where the model is quantized already, has nothing to quantize, or an operator that
    another opset would change; BAD_INPUT where rows do not fit, or hold NaN or infinity, or make
    them, with the row's number. TOO_LARGE, MALFORMED, NO_MEMORY as the engine says. onnx is not
    needed afterwards.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantize(tacit_span_t onnx,
                                               const tacit_quantizer_options_t *options,
                                               const tacit_quantizer_rows_t *rows,
                                               tacit_quantized_t **ret_quantized,
                                               tacit_error_t *ret_error);

/*  The model's file; the quantized's, as the counts are.  */
tacit_span_t tacit_quantized_model(const tacit_quantized_t *quantized);

/*  How nodes compute in a worker, operator by operator, in the order of first use.  */
typedef struct tacit_quantized_count {
    const char *op; /* as in the float32 model where the engine knows it so */
    size_t bytes;   /* nodes over 8-bit numbers */
    size_t real;    /* nodes over float32 */
} tacit_quantized_count_t;

const tacit_quantized_count_t *tacit_quantized_counts(const tacit_quantized_t *quantized,
                                                      size_t *ret_count);

/*  Wipes and frees. NULL-safe; *quantized becomes NULL.  */
void tacit_quantized_destroy(tacit_quantized_t **quantized);

#endif
