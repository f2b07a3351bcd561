/*  calibrate.h - runs a model over rows and looks at its values: models that make those values,
    some at a time, are loaded by the engine like any other.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_CALIBRATE_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_CALIBRATE_H

#include "services/inference/quantizer/quantizer.h"
#include "services/inference/quantizer/scheme.h"

/*  Gives each value that needs one its grid.  */
TACIT_MUST_CHECK tacit_status_t tacit_calibrate(tacit_scheme_t *scheme,
                                                const tacit_quantizer_options_t *options,
                                                const tacit_quantizer_rows_t *rows,
                                                tacit_error_t *error);

/*  The ranks of values that nodes make, as they are in the first batch.  */
TACIT_MUST_CHECK tacit_status_t tacit_calibrate_ranks(tacit_draft_t *draft,
                                                      const tacit_quantizer_options_t *options,
                                                      const tacit_quantizer_rows_t *rows,
                                                      const int *values, size_t count,
                                                      size_t *ret_ranks, tacit_error_t *error);

#endif
