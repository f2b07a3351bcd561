/*  decode.h - the bytes of an ONNX file to protobuf-c's structures, within bounds.

    protobuf-c recurses, merges repeated messages and allocates as the file says. So the file is
    walked first without allocating: depth is limited, a message that may occur once occurs once,
    every length lies inside its parent. Then it is decoded, without its large weights (skim.h), by
    an allocator with a limit in proportion to the file. The file's bytes are borrowed until the
    end.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_DECODE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_DECODE_H

#include "services/inference/engine/engine.h"
#include "services/inference/engine/memory.h"

#include "enclave/span.h"
#include "onnx/onnx.pb-c.h"

typedef struct tacit_decoded tacit_decoded_t;

TACIT_MUST_CHECK tacit_status_t tacit_decoded_new(tacit_span_t onnx, tacit_budget_t *budget,
                                                  tacit_decoded_t **ret_decoded,
                                                  tacit_error_t *error);

/*  Never NULL, nor is its graph.  */
const Onnx__ModelProto *tacit_decoded_model(const tacit_decoded_t *decoded);

/*  The raw elements of the graph's initializer i, in the file, where they are not in the model;
   else an empty span.  */
tacit_span_t tacit_decoded_elements(const tacit_decoded_t *decoded, size_t i);

/*  Wipes and frees. NULL-safe.  */
void tacit_decoded_destroy(tacit_decoded_t **decoded);

#endif
