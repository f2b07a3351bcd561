/*  prepare.h - changes to a draft that keep what it computes, before it is quantized.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_PREPARE_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_PREPARE_H

#include "services/inference/quantizer/calibrate.h"

/*  The opset from which DequantizeLinear has a scale per feature.  */
enum { TACIT_PREPARE_OPSET = 13 };

/*  Raise a lower opset to that. UNSUPPORTED for a node that it would change and that is not known
    here how.  */
TACIT_MUST_CHECK tacit_status_t tacit_prepare_opset(tacit_draft_t *draft,
                                                    const tacit_quantizer_options_t *options,
                                                    const tacit_quantizer_rows_t *rows,
                                                    tacit_error_t *error);

/*  Nodes that hand on what they get (Identity, Dropout) go.  */
TACIT_MUST_CHECK tacit_status_t tacit_prepare_idle(tacit_draft_t *draft, tacit_error_t *error);

/*  What is a constant turned (Transpose) becomes one.  */
TACIT_MUST_CHECK tacit_status_t tacit_prepare_constants(tacit_draft_t *draft, tacit_error_t *error);

/*  BatchNormalization, Mul and Add of a constant for each feature go into the Conv before them; a
   MatMul of matrices and the bias that is added to it become a Gemm.  */
TACIT_MUST_CHECK tacit_status_t tacit_prepare_normalizations(tacit_draft_t *draft,
                                                             tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit_prepare_products(tacit_draft_t *draft,
                                                       const tacit_quantizer_options_t *options,
                                                       const tacit_quantizer_rows_t *rows,
                                                       tacit_error_t *error);

#endif
