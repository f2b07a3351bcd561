/*  pairwise.c - one loop over two tensors, run by run.  */

#include "services/inference/engine/ops/pairwise.h"

/*  The shape without dimensions of 1, neighbours joined where both operands run on.  */
typedef struct s_frame {
    size_t rank;
    size_t dims[TACIT_ENGINE_RANK_MAX];
    size_t a[TACIT_ENGINE_RANK_MAX]; /* strides, in elements */
    size_t b[TACIT_ENGINE_RANK_MAX];
} s_frame_t;

static s_frame_t s_frame(const tacit_shape_t *a, const tacit_shape_t *b, const tacit_shape_t *y)
{
    size_t strides_a[TACIT_ENGINE_RANK_MAX];
    size_t strides_b[TACIT_ENGINE_RANK_MAX];
    tacit_shape_strides(a, y, strides_a);
    tacit_shape_strides(b, y, strides_b);
    s_frame_t frame = {.rank = 0};
    for (size_t i = 0; i < y->rank; i++) {
        size_t dim = (size_t)y->dims[i];
        if (dim == 1) {
            continue;
        }
        size_t last = frame.rank > 0 ? frame.rank - 1 : 0;
        bool joins = frame.rank > 0 && frame.a[last] == strides_a[i] * dim &&
                     frame.b[last] == strides_b[i] * dim;
        if (!joins) {
            last = frame.rank++;
            frame.dims[last] = 1;
        }
        frame.dims[last] *= dim;
        frame.a[last] = strides_a[i];
        frame.b[last] = strides_b[i];
    }
    return frame;
}

void tacit_pairwise(tacit_loop_t loop, const tacit_tensor_t *a, const tacit_tensor_t *b,
                    tacit_tensor_t *output)
{
    s_frame_t frame = s_frame(&a->shape, &b->shape, &output->shape);
    size_t inner = frame.rank > 0 ? frame.rank - 1 : 0;
    size_t run = frame.rank > 0 ? frame.dims[inner] : 1;
    size_t step_a = frame.rank > 0 ? frame.a[inner] : 0;
    size_t step_b = frame.rank > 0 ? frame.b[inner] : 0;
    size_t size_a = tacit_dtype_size(a->dtype);
    size_t size_b = tacit_dtype_size(b->dtype);
    size_t size = tacit_dtype_size(output->dtype);
    size_t index[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at_a = 0;
    size_t at_b = 0;
    for (size_t done = 0; done < output->count; done += run) {
        loop((const uint8_t *)a->data + at_a * size_a, step_a,
             (const uint8_t *)b->data + at_b * size_b, step_b,
             (uint8_t *)output->data + done * size, run);
        for (size_t i = inner; i-- > 0;) {
            at_a += frame.a[i];
            at_b += frame.b[i];
            if (++index[i] < frame.dims[i]) {
                break;
            }
            at_a -= frame.a[i] * frame.dims[i];
            at_b -= frame.b[i] * frame.dims[i];
            index[i] = 0;
        }
    }
}
