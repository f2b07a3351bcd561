/*  fuse_curves.c - curves that exporters spell out: x * sigmoid(x), GELU by erf and by tanh.  */

#include "services/inference/engine/fuse.h"

#include <string.h>

/* --- x * sigmoid(x) --------------------------------------------------------------------------- */

tacit_status_t tacit_fuse_swish(tacit_graph_t *graph, tacit_graph_node_t *sigmoid,
                                tacit_error_t *error)
{
    int x = sigmoid->inputs[0];
    tacit_graph_node_t *product = tacit_fuse_used_by(graph, sigmoid->outputs[0], "Mul");
    if (product == NULL || tacit_fuse_other(product, sigmoid->outputs[0]) != x ||
        graph->values[x].dtype != TACIT_DTYPE_FLOAT32) {
        return TACIT_OK;
    }
    sigmoid->removed = true;
    return tacit_fuse_rewrite(graph, product, &tacit_operator_swish, &x, 1, error);
}

/* --- GELU: x (1 + erf(x / sqrt 2)) / 2, the factors in any order ------------------------------ */

/*  The x of what erf is taken of; TACIT_NO_VALUE.  */
static int s_gelu_of(const tacit_graph_t *graph, const tacit_graph_node_t *inside)
{
    bool divided = strcmp(inside->op->name, "Div") == 0;
    if (divided) {
        return tacit_fuse_is_number(graph, inside->inputs[1], 1.41421356F) ? inside->inputs[0]
                                                                           : TACIT_NO_VALUE;
    }
    for (size_t i = 0; i < 2; i++) {
        if (tacit_fuse_is_number(graph, inside->inputs[i], 0.70710678F)) {
            return inside->inputs[1 - i];
        }
    }
    return TACIT_NO_VALUE;
}

/*  The last node of the product of x, 1/2 and `grown`, the others being marked.  */
static tacit_graph_node_t *s_gelu_end(tacit_graph_t *graph, int x, int grown)
{
    tacit_graph_node_t *first = tacit_fuse_used_by(graph, grown, "Mul");
    if (first == NULL) {
        return NULL;
    }
    int other = tacit_fuse_other(first, grown);
    tacit_graph_node_t *half = tacit_fuse_made_by(graph, other, "Mul");
    if (half != NULL && tacit_fuse_private(graph, other, 1) &&
        ((half->inputs[0] == x && tacit_fuse_is_number(graph, half->inputs[1], 0.5F)) ||
         (half->inputs[1] == x && tacit_fuse_is_number(graph, half->inputs[0], 0.5F)))) {
        half->removed = true;
        return first;
    }
    tacit_graph_node_t *second = tacit_fuse_used_by(graph, first->outputs[0], "Mul");
    if (second == NULL) {
        return NULL;
    }
    int last = tacit_fuse_other(second, first->outputs[0]);
    bool fits = (other == x && tacit_fuse_is_number(graph, last, 0.5F)) ||
                (last == x && tacit_fuse_is_number(graph, other, 0.5F));
    first->removed = fits;
    return fits ? second : NULL;
}

tacit_status_t tacit_fuse_gelu(tacit_graph_t *graph, tacit_graph_node_t *erf, tacit_error_t *error)
{
    tacit_graph_node_t *inside = tacit_fuse_made_by(graph, erf->inputs[0], "Div");
    inside = inside != NULL ? inside : tacit_fuse_made_by(graph, erf->inputs[0], "Mul");
    tacit_graph_node_t *grown = tacit_fuse_used_by(graph, erf->outputs[0], "Add");
    if (inside == NULL || !tacit_fuse_private(graph, erf->inputs[0], 1) || grown == NULL ||
        !tacit_fuse_is_number(graph, tacit_fuse_other(grown, erf->outputs[0]), 1.0F)) {
        return TACIT_OK;
    }
    int x = s_gelu_of(graph, inside);
    if (x == TACIT_NO_VALUE || graph->values[x].dtype != TACIT_DTYPE_FLOAT32) {
        return TACIT_OK;
    }
    tacit_graph_node_t *end = s_gelu_end(graph, x, grown->outputs[0]);
    if (end == NULL) {
        return TACIT_OK;
    }
    inside->removed = erf->removed = grown->removed = true;
    return tacit_fuse_rewrite(graph, end, &tacit_operator_gelu, &x, 1, error);
}

/* --- GELU by tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 -----------------------------
 */

/*  The other factor of a product by that number, if only one node reads the product.  */
static int s_times(const tacit_graph_t *graph, int value, float number,
                   tacit_graph_node_t **ret_node)
{
    tacit_graph_node_t *node = tacit_fuse_made_by(graph, value, "Mul");
    if (node == NULL || !tacit_fuse_private(graph, value, 1)) {
        return TACIT_NO_VALUE;
    }
    *ret_node = node;
    for (size_t i = 0; i < 2; i++) {
        if (tacit_fuse_is_number(graph, node->inputs[i], number)) {
            return node->inputs[1 - i];
        }
    }
    return TACIT_NO_VALUE;
}

/*  The nodes that make x^3: Pow, or x (x x).  */
static bool s_is_cube(const tacit_graph_t *graph, int value, int x, tacit_graph_node_t *nodes[2])
{
    nodes[0] = tacit_fuse_made_by(graph, value, "Pow");
    if (nodes[0] != NULL) {
        return tacit_fuse_private(graph, value, 1) && nodes[0]->inputs[0] == x &&
               tacit_fuse_is_number(graph, nodes[0]->inputs[1], 3.0F);
    }
    nodes[0] = tacit_fuse_made_by(graph, value, "Mul");
    if (nodes[0] == NULL || !tacit_fuse_private(graph, value, 1) ||
        (nodes[0]->inputs[0] != x && nodes[0]->inputs[1] != x)) {
        return false;
    }
    int square = tacit_fuse_other(nodes[0], x);
    nodes[1] = tacit_fuse_made_by(graph, square, "Mul");
    return nodes[1] != NULL && tacit_fuse_private(graph, square, 1) && nodes[1]->inputs[0] == x &&
           nodes[1]->inputs[1] == x;
}

tacit_status_t tacit_fuse_gelu_tanh(tacit_graph_t *graph, tacit_graph_node_t *tanh,
                                    tacit_error_t *error)
{
    tacit_graph_node_t *inside = NULL;
    tacit_graph_node_t *part = NULL;
    tacit_graph_node_t *cube[2] = {NULL, NULL};
    int value = s_times(graph, tanh->inputs[0], 0.797884561F, &inside);
    tacit_graph_node_t *sum = tacit_fuse_made_by(graph, value, "Add");
    tacit_graph_node_t *grown = tacit_fuse_used_by(graph, tanh->outputs[0], "Add");
    if (inside == NULL || sum == NULL || !tacit_fuse_private(graph, value, 1) || grown == NULL ||
        !tacit_fuse_is_number(graph, tacit_fuse_other(grown, tanh->outputs[0]), 1.0F)) {
        return TACIT_OK;
    }
    int third = TACIT_NO_VALUE;
    int x = TACIT_NO_VALUE;
    for (size_t i = 0; third == TACIT_NO_VALUE && i < 2; i++) {
        x = sum->inputs[1 - i];
        third = s_times(graph, sum->inputs[i], 0.044715F, &part);
    }
    if (part == NULL || third == TACIT_NO_VALUE || !s_is_cube(graph, third, x, cube) ||
        graph->values[x].dtype != TACIT_DTYPE_FLOAT32) {
        return TACIT_OK;
    }
    tacit_graph_node_t *end = s_gelu_end(graph, x, grown->outputs[0]);
    if (end == NULL) {
        return TACIT_OK;
    }
    inside->removed = part->removed = sum->removed = tanh->removed = grown->removed = true;
    cube[0]->removed = true;
    if (cube[1] != NULL) {
        cube[1]->removed = true;
    }
    return tacit_fuse_rewrite(graph, end, &tacit_operator_gelu_tanh, &x, 1, error);
}
