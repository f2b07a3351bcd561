/*  elements.c - what is done element by element: activations, sums of maps.  */

#include "services/inference/engine/portable/portable.h"

#include <math.h>

tacit_finish_t tacit_finish_of(const tacit_activation_t *activation)
{
    tacit_finish_t finish = {.low = -INFINITY, .high = INFINITY};
    switch (activation->alg) {
    case dnnl_eltwise_relu:
        finish.curved = activation->alpha != 0.0F;
        finish.low = finish.curved ? -INFINITY : 0.0F;
        finish.curve = TACIT_CURVE_LEAKY;
        finish.a = activation->alpha;
        break;
    case dnnl_eltwise_clip:
        finish.low = activation->alpha;
        finish.high = activation->beta;
        break;
    case dnnl_eltwise_logistic:
        finish.curved = true;
        finish.curve = TACIT_CURVE_SIGMOID;
        break;
    case dnnl_eltwise_tanh:
        finish.curved = true;
        finish.curve = TACIT_CURVE_TANH;
        break;
    case dnnl_eltwise_gelu_erf:
        finish.curved = true;
        finish.curve = TACIT_CURVE_GELU;
        break;
    case dnnl_eltwise_gelu_tanh:
        finish.curved = true;
        finish.curve = TACIT_CURVE_GELU_TANH;
        break;
    case dnnl_eltwise_swish:
        finish.curved = true;
        finish.curve = TACIT_CURVE_SWISH;
        break;
    case dnnl_eltwise_elu:
        finish.curved = true;
        finish.curve = TACIT_CURVE_ELU;
        finish.a = activation->alpha;
        break;
    case dnnl_eltwise_hardswish:
        finish.curved = true;
        finish.curve = TACIT_CURVE_HARD_SWISH;
        break;
    default:
        break;
    }
    return finish;
}

void tacit_finish_run(const tacit_finish_t *finish, float *y, size_t count)
{
    if (finish->curved) {
        tacit_vector()->curve(finish->curve, finish->a, finish->b, y, y, count);
    }
}

typedef struct s_flat {
    tacit_finish_t finish;
    size_t count; /* floats, those that fill up blocks included */
} s_flat_t;

static const char *s_run_activation(const tacit_parameters_t *parameters,
                                    const tacit_tensor_t *inputs, size_t input_count,
                                    tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_flat_t *flat = parameters->recipe;
    const tacit_finish_t *finish = &flat->finish;
    tacit_vector()->curve(finish->curved ? finish->curve : TACIT_CURVE_CLAMP,
                          finish->curved ? finish->a : finish->low,
                          finish->curved ? finish->b : finish->high, inputs[0].data,
                          outputs[0].data, flat->count);
    return NULL;
}

static const char *s_run_sum(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_flat_t *flat = parameters->recipe;
    const tacit_finish_t *finish = &flat->finish;
    float *y = outputs[0].data;
    tacit_vector()->add(inputs[0].data, inputs[1].data, y, flat->count);
    if (finish->low > -INFINITY || finish->high < INFINITY) {
        tacit_vector()->curve(TACIT_CURVE_CLAMP, finish->low, finish->high, y, y, flat->count);
    }
    tacit_finish_run(finish, y, flat->count);
    return NULL;
}

/*  A kernel over all elements of slots of one layout.  */
static tacit_status_t s_plan_flat(tacit_planner_t *planner, tacit_kernel_t kernel, const char *how,
                                  const tacit_finish_t *finish, const int *inputs, size_t count,
                                  int value)
{
    int slots[3] = {inputs[0], inputs[count - 1], TACIT_NO_SLOT};
    const tacit_shape_t shape = tacit_planner_tensor(planner, inputs[0])->shape;
    dnnl_memory_desc_t layout = *tacit_planner_layout(planner, inputs[0]);
    s_flat_t *flat = tacit_planner_room(planner, sizeof(*flat));
    slots[count] =
        tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &shape,
                               tacit_planner_is_plain(planner, inputs[0]) ? NULL : &layout);
    if (flat == NULL || slots[count] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *flat = (s_flat_t){.finish = *finish,
                       .count = tacit_planner_slot_size(planner, slots[0]) / sizeof(float)};
    tacit_planner_bind(planner, value, slots[count]);
    return tacit_planner_kernel(planner, kernel, how, flat, slots, count, 1, 0);
}

tacit_status_t tacit_portable_activation(tacit_planner_t *planner,
                                         const tacit_inference_t *inference, bool *ret_done)
{
    tacit_activation_t activation;
    if (!tacit_activation_of(planner, inference->node, &activation)) {
        return TACIT_OK;
    }
    *ret_done = true;
    tacit_finish_t finish = tacit_finish_of(&activation);
    int x = tacit_planner_slot(planner, inference->node->inputs[0]);
    return s_plan_flat(planner, s_run_activation, "vector", &finish, &x, 1,
                       inference->node->outputs[0]);
}

/*  An Add of two maps where one is in blocks already.  */
tacit_status_t tacit_portable_sum(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[2] = {tacit_planner_slot(planner, node->inputs[0]),
                    tacit_planner_slot(planner, node->inputs[1])};
    bool blocked = tacit_blocked_is(planner, slots[0]) || tacit_blocked_is(planner, slots[1]);
    if (!tacit_shape_equal(&inference->inputs[0].shape, &inference->inputs[1].shape)) {
        return TACIT_OK;
    }
    for (size_t i = 0; blocked && i < 2; i++) {
        slots[i] = tacit_blocked_slot(planner, slots[i]);
        if (slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    tacit_activation_t activation;
    int value = tacit_planner_merge_activation(planner, node->outputs[0], &activation);
    tacit_finish_t finish = tacit_finish_of(&activation);
    *ret_done = true;
    return s_plan_flat(planner, s_run_sum, blocked ? "blocked" : "vector", &finish, slots, 2,
                       value);
}
