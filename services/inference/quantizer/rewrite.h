/*  rewrite.h - writes a draft's quantized form, once its values have their grids.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_REWRITE_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_REWRITE_H

#include "services/inference/quantizer/scheme.h"

/*  What the name of a value in bytes has.  */
#define TACIT_REWRITE_BYTES "/bytes"

/*  Values keep their names as reals: what made one makes NAME/made now, of which a QuantizeLinear
    makes NAME/bytes, of which a DequantizeLinear makes it. The scheme ends with that.  */
TACIT_MUST_CHECK tacit_status_t tacit_rewrite(tacit_scheme_t *scheme, tacit_error_t *error);

#endif
