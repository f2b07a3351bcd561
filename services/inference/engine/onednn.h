/*  onednn.h - oneDNN's engine and stream, layouts, and weights packed once per layout.

    oneDNN picks its own layouts; packing copies a constant into the layout that a primitive wants
    and remembers it, so that plans for other shapes share it.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_ONEDNN_H
#define TACIT_SERVICES_INFERENCE_ENGINE_ONEDNN_H

#include "services/inference/engine/memory.h"
#include "services/inference/engine/tensor.h"

#include <oneapi/dnnl/dnnl.h>

typedef struct tacit_onednn tacit_onednn_t;

/*  false in programs that have portable/no_onednn.c in its place: UNSUPPORTED then.  */
bool tacit_onednn_is_linked(void);

TACIT_MUST_CHECK tacit_status_t tacit_onednn_new(tacit_budget_t *budget,
                                                 tacit_onednn_t **ret_onednn, tacit_error_t *error);

/*  NULL-safe. Wipes what was packed.  */
void tacit_onednn_destroy(tacit_onednn_t **onednn);

dnnl_engine_t tacit_onednn_engine(const tacit_onednn_t *onednn);
dnnl_stream_t tacit_onednn_stream(const tacit_onednn_t *onednn);

/*  The row-major layout of a float32 shape; a scalar has one dimension of 1.  */
dnnl_memory_desc_t tacit_onednn_plain(const tacit_shape_t *shape);

/*  A layout of rank dimensions with these strides; row-major where strides is NULL.  */
dnnl_memory_desc_t tacit_onednn_strided(size_t rank, const int64_t *dims, const int64_t *strides);

/*  The layout of maps (rank 3 and more) whose channels lie side by side.  */
dnnl_memory_desc_t tacit_onednn_channels_last(const tacit_shape_t *shape);

/*  The same dimensions, for oneDNN to choose the layout.  */
dnnl_memory_desc_t tacit_onednn_any(size_t rank, const int64_t *dims);

/*  The same layout for elements of another type. Which types oneDNN moves and computes: float32,
    bytes, int32.  */
dnnl_memory_desc_t tacit_onednn_retyped(dnnl_memory_desc_t layout, tacit_dtype_t dtype);
bool tacit_onednn_has_type(tacit_dtype_t dtype);

/*  Whether blocks of channels in that layout are as long as vectors are here, or there are none.
    Where they are not, oneDNN 2.6 loses its place in a sum of two tensors of that layout that has
    an activation merged.  */
bool tacit_onednn_fills_vectors(const dnnl_memory_desc_t *layout);

/*  Whether products of bytes are summed up exactly here: where the processor has no instruction for
    that, oneDNN takes one that saturates.  */
bool tacit_onednn_sums_bytes(void);

/*  Whether the processor has instructions for bfloat16 that oneDNN uses; and layouts of it.  */
bool tacit_onednn_has_bf16(void);
dnnl_memory_desc_t tacit_onednn_reduced(dnnl_memory_desc_t layout);
bool tacit_onednn_is_reduced(const dnnl_memory_desc_t *layout);

/*  Copy data from one layout into another, now.  */
TACIT_MUST_CHECK tacit_status_t tacit_onednn_reorder(tacit_onednn_t *onednn,
                                                     const dnnl_memory_desc_t *from,
                                                     const void *data, const dnnl_memory_desc_t *to,
                                                     void *ret_data, tacit_error_t *error);

/*  A constant (origin names it) that lives as long as this, in another layout; owned here. NULL
    with the error set where refused. data: NULL where only what was packed of it is left.  */
const void *tacit_onednn_pack(tacit_onednn_t *onednn, const void *origin,
                              const dnnl_memory_desc_t *from, const void *data,
                              const dnnl_memory_desc_t *to, tacit_error_t *error);

/*  The constant's elements as they were, of what was packed of it.  */
TACIT_MUST_CHECK tacit_status_t tacit_onednn_restore(tacit_onednn_t *onednn, const void *origin,
                                                     void *ret_data, tacit_error_t *error);

#endif
