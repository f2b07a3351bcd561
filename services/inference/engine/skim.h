/*  skim.h - an ONNX file without the elements of its large weights, and where those stand.

    protobuf-c copies every field. What remains of a file once its weights are left out is small;
   the weights are read from the file itself. The file was walked before (decode.c): its fields are
    sound.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_SKIM_H
#define TACIT_SERVICES_INFERENCE_ENGINE_SKIM_H

#include "services/inference/engine/memory.h"

#include "enclave/span.h"

enum { TACIT_SKIM_SIZE_MIN = 4096 /* bytes of raw elements that are worth leaving out */ };

typedef struct tacit_skimmed {
    uint8_t *rest; /* the file without them; owned */
    size_t rest_size;
    tacit_span_t *elements; /* of each initializer, in their order; empty: in the rest; owned */
    size_t count;
} tacit_skimmed_t;

TACIT_MUST_CHECK tacit_status_t tacit_skim(tacit_span_t onnx, tacit_budget_t *budget,
                                           tacit_skimmed_t *ret_skimmed, tacit_error_t *error);

/*  Wipes and frees.  */
void tacit_skimmed_clear(tacit_skimmed_t *skimmed);

#endif
