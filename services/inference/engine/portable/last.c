/*  last.c - maps of bytes whose channels lie side by side: their layout, and turning them.  */

#include "services/inference/engine/portable/last.h"

#include "services/inference/engine/portable/maps.h"
#include "services/inference/engine/portable/portable.h"

#include <string.h>

dnnl_memory_desc_t tacit_last_layout(const tacit_shape_t *shape, tacit_dtype_t dtype)
{
    return tacit_onednn_retyped(tacit_onednn_channels_last(shape), dtype);
}

bool tacit_last_is(const tacit_planner_t *planner, int slot)
{
    const tacit_tensor_t *tensor = tacit_planner_tensor(planner, slot);
    if (tensor->shape.rank < 3 || tacit_planner_is_plain(planner, slot)) {
        return false;
    }
    dnnl_memory_desc_t last = tacit_last_layout(&tensor->shape, tensor->dtype);
    return dnnl_memory_desc_equal(tacit_planner_layout(planner, slot), &last) != 0;
}

int tacit_last_slot(tacit_planner_t *planner, int slot)
{
    const tacit_tensor_t *tensor = tacit_planner_tensor(planner, slot);
    dnnl_memory_desc_t last = tacit_last_layout(&tensor->shape, tensor->dtype);
    return tacit_planner_arrange(planner, slot, NULL, &last);
}

int tacit_last_new(tacit_planner_t *planner, tacit_dtype_t dtype, const tacit_shape_t *shape)
{
    dnnl_memory_desc_t last = tacit_last_layout(shape, dtype);
    return tacit_planner_new_slot(planner, dtype, shape, &last);
}

/* --- reorders --------------------------------------------------------------------------------- */

/*  Bytes that one unit of work turns, so that threads can share large maps.  */
enum { STRETCH = 1024 };

static const char *s_turn(const tacit_tensor_t *x, const tacit_tensor_t *y, bool last)
{
    size_t channels = (size_t)x->shape.dims[1];
    size_t area = tacit_shape_span(&x->shape, 2, x->shape.rank);
    size_t stretches = (area + STRETCH - 1) / STRETCH;
    const uint8_t *from = x->data;
    uint8_t *to = y->data;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < (size_t)x->shape.dims[0] * stretches; n++) {
        size_t map = n / stretches * channels * area;
        size_t first = n % stretches * STRETCH;
        size_t count = area - first < STRETCH ? area - first : STRETCH;
        if (last) {
            tacit_maps()->turn(from + map + first, channels, area, count,
                               to + map + first * channels, channels);
        } else {
            tacit_maps()->turn(from + map + first * channels, count, channels, channels,
                               to + map + first, area);
        }
    }
    return NULL;
}

static const char *s_to_last(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)input_count, (void)output_count;
    return s_turn(inputs, outputs, true);
}

static const char *s_from_last(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                               size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)input_count, (void)output_count;
    return s_turn(inputs, outputs, false);
}

static const char *s_copy(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                          size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)input_count, (void)output_count;
    memcpy(outputs[0].data, inputs[0].data, inputs[0].count);
    return NULL;
}

tacit_status_t tacit_last_reorder(tacit_planner_t *planner, int from, int to)
{
    int slots[] = {from, to};
    bool before = tacit_last_is(planner, from);
    bool after = tacit_last_is(planner, to);
    return tacit_planner_kernel(planner,
                                before == after ? s_copy
                                : after         ? s_to_last
                                                : s_from_last,
                                "reorder", NULL, slots, 1, 1, 0);
}
