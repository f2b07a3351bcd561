/*  order_pass.c - attention's nodes stand together.

    Exporters may write a mask, or v, behind the product that makes the scores. What leads from that
    product to the last one is planned together once all that it needs is there: so it moves behind
    it, to before the last product. Nothing else reads what is in between, so nothing misses it.  */

#include "services/inference/engine/operator.h"
#include "services/inference/engine/passes.h"

#include <stdlib.h>
#include <string.h>

/*  Nodes before the last product: scores, scale, choice, sum, Softmax.  */
enum { CHAIN_MAX = 5 };

/*  What moves where.  */
typedef struct s_order {
    int *first; /* of each node: what goes before it; TACIT_NO_NODE */
    int *next;  /* of what moves: what goes behind it; TACIT_NO_NODE */
    bool *moves;
    int *places; /* new number of each node */
    tacit_graph_node_t *nodes;
    size_t count;
} s_order_t;

static bool s_is_between(const tacit_graph_node_t *node)
{
    return tacit_graph_node_is(node, "Mul") || tacit_graph_node_is(node, "Div") ||
           tacit_graph_node_is(node, "Where") || tacit_graph_node_is(node, "Add") ||
           tacit_graph_node_is(node, "Softmax");
}

/*  From a product to the next one, and how many nodes there are before that; TACIT_NO_NODE where it
    does not lead there.  */
static int s_follow(const tacit_graph_t *graph, int at, int chain[CHAIN_MAX], size_t *ret_count)
{
    for (size_t count = 0; count < CHAIN_MAX;) {
        const tacit_graph_node_t *node = &graph->nodes[at];
        const tacit_value_t *made = &graph->values[node->outputs[0]];
        if (made->consumers != 1 || made->output || node->output_count != 1) {
            return TACIT_NO_NODE;
        }
        chain[count++] = at;
        at = made->consumer;
        const tacit_graph_node_t *user = &graph->nodes[at];
        bool last = tacit_graph_node_is(node, "Softmax");
        if (user->guard != node->guard ||
            !(last ? tacit_graph_node_is(user, "MatMul") : s_is_between(user))) {
            return TACIT_NO_NODE;
        }
        if (last) {
            *ret_count = count;
            return at;
        }
    }
    return TACIT_NO_NODE;
}

static void s_find(const tacit_graph_t *graph, s_order_t *order)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        order->first[i] = order->next[i] = TACIT_NO_NODE;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const tacit_graph_node_t *node = &graph->nodes[i];
        int chain[CHAIN_MAX];
        size_t count = 0;
        /* What has something before it stays: it would take that along.  */
        int last = !node->removed && tacit_graph_node_is(node, "MatMul") &&
                           order->first[i] == TACIT_NO_NODE
                       ? s_follow(graph, (int)i, chain, &count)
                       : TACIT_NO_NODE;
        if (last == TACIT_NO_NODE || order->first[last] != TACIT_NO_NODE) {
            continue;
        }
        for (size_t k = count; k-- > 0;) {
            order->moves[chain[k]] = true;
            order->next[chain[k]] = order->first[last];
            order->first[last] = chain[k];
        }
    }
}

static void s_put(const tacit_graph_t *graph, s_order_t *order, size_t node)
{
    order->places[node] = (int)order->count;
    order->nodes[order->count++] = graph->nodes[node];
}

static void s_arrange(tacit_graph_t *graph, s_order_t *order)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        for (int n = order->first[i]; n != TACIT_NO_NODE; n = order->next[n]) {
            s_put(graph, order, (size_t)n);
        }
        if (!order->moves[i]) {
            s_put(graph, order, i);
        }
    }
    memcpy(graph->nodes, order->nodes, graph->node_count * sizeof(graph->nodes[0]));
    for (size_t i = 0; i < graph->value_count; i++) {
        int producer = graph->values[i].producer;
        graph->values[i].producer = producer != TACIT_NO_NODE ? order->places[producer] : producer;
    }
    tacit_graph_link(graph);
}

tacit_status_t tacit_pass_order(tacit_graph_t *graph, tacit_error_t *error)
{
    size_t count = graph->node_count + 1;
    s_order_t order = {.first = calloc(count, sizeof(int)),
                       .next = calloc(count, sizeof(int)),
                       .moves = calloc(count, sizeof(bool)),
                       .places = calloc(count, sizeof(int)),
                       .nodes = calloc(count, sizeof(graph->nodes[0]))};
    bool room = order.first != NULL && order.next != NULL && order.moves != NULL &&
                order.places != NULL && order.nodes != NULL;
    if (room) {
        s_find(graph, &order);
        s_arrange(graph, &order);
    }
    free(order.nodes);
    free(order.places);
    free(order.moves);
    free(order.next);
    free(order.first);
    return room ? TACIT_OK : tacit_error_set(error, TACIT_NO_MEMORY, NULL);
}
