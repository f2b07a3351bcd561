/*  fuse_hard_swish.c - x * clamp(x / 6 + 1/2, 0, 1), as exporters spell it for opsets that have no
    HardSwish.  */

#include "services/inference/engine/fuse.h"

#include <math.h>

/* --- x * clamp(x / 6 + 1/2, 0, 1), in three spellings ------------------------------------------
 */

static tacit_status_t s_make_hard_swish(tacit_graph_t *graph, tacit_graph_node_t *end, int x,
                                        tacit_error_t *error)
{
    return tacit_fuse_rewrite(graph, end, tacit_operator_find("HardSwish", 0, 14), &x, 1, error);
}

/*  x * HardSigmoid(x).  */
tacit_status_t tacit_fuse_hard_sigmoid(tacit_graph_t *graph, tacit_graph_node_t *sigmoid,
                                       tacit_error_t *error)
{
    int x = sigmoid->inputs[0];
    tacit_graph_node_t *product = tacit_fuse_used_by(graph, sigmoid->outputs[0], "Mul");
    if (product == NULL || tacit_fuse_other(product, sigmoid->outputs[0]) != x ||
        graph->values[x].dtype != TACIT_DTYPE_FLOAT32 ||
        fabsf(tacit_graph_node_real(sigmoid, "alpha", 0.2F) - 1.0F / 6.0F) > 1e-6F ||
        tacit_graph_node_real(sigmoid, "beta", 0.5F) != 0.5F) {
        return TACIT_OK;
    }
    sigmoid->removed = true;
    return s_make_hard_swish(graph, product, x, error);
}

/*  Bounds of a Clip, as attributes or inputs.  */
static bool s_is_clip6(const tacit_graph_t *graph, const tacit_graph_node_t *clip)
{
    if (clip->input_count == 1) {
        return tacit_graph_node_real(clip, "min", -INFINITY) == 0.0F &&
               tacit_graph_node_real(clip, "max", INFINITY) == 6.0F;
    }
    size_t count = 0;
    const float *low = tacit_fuse_constant(graph, clip->inputs[1], &count);
    return low != NULL && count == 1 && low[0] == 0.0F && clip->input_count == 3 &&
           tacit_fuse_is_number(graph, clip->inputs[2], 6.0F);
}

/*  The node that divides the value by 6, and nothing else uses it.  */
static tacit_graph_node_t *s_sixth(const tacit_graph_t *graph, int value)
{
    tacit_graph_node_t *division = tacit_fuse_used_by(graph, value, "Div");
    if (division != NULL) {
        bool fits =
            division->inputs[0] == value && tacit_fuse_is_number(graph, division->inputs[1], 6.0F);
        return fits ? division : NULL;
    }
    tacit_graph_node_t *product = tacit_fuse_used_by(graph, value, "Mul");
    bool fits = product != NULL &&
                tacit_fuse_is_number(graph, tacit_fuse_other(product, value), 1.0F / 6.0F);
    return fits ? product : NULL;
}

/*  x * (Clip(x + 3, 0, 6) / 6), and (x * Clip(x + 3, 0, 6)) / 6.  */
tacit_status_t tacit_fuse_clip(tacit_graph_t *graph, tacit_graph_node_t *clip, tacit_error_t *error)
{
    tacit_graph_node_t *sum = tacit_fuse_made_by(graph, clip->inputs[0], "Add");
    if (sum == NULL || !tacit_fuse_private(graph, clip->inputs[0], 1) || !s_is_clip6(graph, clip)) {
        return TACIT_OK;
    }
    size_t three = tacit_fuse_is_number(graph, sum->inputs[0], 3.0F) ? 0 : 1;
    int x = sum->inputs[1 - three];
    tacit_graph_node_t *sixth = s_sixth(graph, clip->outputs[0]);
    tacit_graph_node_t *product =
        tacit_fuse_used_by(graph, sixth != NULL ? sixth->outputs[0] : clip->outputs[0], "Mul");
    if (!tacit_fuse_is_number(graph, sum->inputs[three], 3.0F) || product == NULL ||
        graph->values[x].dtype != TACIT_DTYPE_FLOAT32 ||
        tacit_fuse_other(product, sixth != NULL ? sixth->outputs[0] : clip->outputs[0]) != x) {
        return TACIT_OK;
    }
    tacit_graph_node_t *end = sixth != NULL ? product : s_sixth(graph, product->outputs[0]);
    if (end == NULL) {
        return TACIT_OK;
    }
    tacit_graph_node_t *inner = sixth != NULL ? sixth : product;
    sum->removed = clip->removed = inner->removed = true;
    return s_make_hard_swish(graph, end, x, error);
}
