/*  graph.h - a model's graph of our own, checked: what the planner works on.

    Values are numbered. Every node uses values that exist before it, every value is made once,
    every node has an operator of the table with attributes of the right types, every element type
    is known and fits. Shapes are the planner's, as they depend on the inputs.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_GRAPH_H
#define TACIT_SERVICES_INFERENCE_ENGINE_GRAPH_H

#include "services/inference/engine/decode.h"
#include "services/inference/engine/memory.h"
#include "services/inference/engine/tensor.h"

enum { TACIT_NO_VALUE = -1, TACIT_NO_NODE = -1, TACIT_ALWAYS = 0 /* a guard */ };

typedef struct tacit_operator tacit_operator_t;

typedef struct tacit_attribute {
    const char *name;
    char type;                    /* i f s t I F S, as in operator.h */
    int64_t integer;              /* i */
    float real;                   /* f */
    const char *text;             /* s */
    size_t count;                 /* of the lists below */
    const int64_t *integers;      /* I */
    const float *reals;           /* F */
    const char *const *texts;     /* S */
    const tacit_tensor_t *tensor; /* t */
} tacit_attribute_t;

typedef struct tacit_graph_node {
    const char *name;           /* never NULL; made up where the file has none */
    const tacit_operator_t *op; /* row of the table */
    const int *inputs;          /* values; TACIT_NO_VALUE where left out */
    size_t input_count;         /* trailing absent ones are cut */
    const int *outputs;         /* as inputs */
    size_t output_count;        /* at least 1 */
    const tacit_attribute_t *attributes;
    size_t attribute_count;
    const void *prepared; /* by tacit_operator_prepare; owned by the graph's pool */
    int guard;            /* when it runs: of the graph's; TACIT_ALWAYS outside of branches */
    bool removed;         /* a pass merged it into another node */
} tacit_graph_node_t;

/*  A branch of an If: its nodes are planned where the condition is as wanted, and the branch around
    them is planned.  */
typedef struct tacit_guard {
    int condition; /* value; none of TACIT_ALWAYS */
    bool wanted;
    int outer; /* guard */
} tacit_guard_t;

typedef struct tacit_value {
    const char *name;
    tacit_dtype_t dtype;
    int guard;              /* of the branch that makes it */
    int producer;           /* node, or TACIT_NO_NODE for inputs and constants */
    int consumer;           /* the only node that uses it, where consumers is 1 */
    size_t consumers;       /* uses by nodes */
    bool input;             /* given at run */
    bool output;            /* of the graph */
    bool labels;            /* positions of classes whose labels are text */
    bool map;               /* of ZipMap: scores that a file declares as a sequence of maps */
    bool decides_shapes;    /* its elements must be known to plan */
    bool spent;             /* a constant whose elements were let go: packed ones stand for them */
    tacit_tensor_t content; /* of a constant; data NULL otherwise */
} tacit_value_t;

typedef struct tacit_graph {
    tacit_budget_t *budget;    /* of the engine */
    tacit_pool_t *pool;        /* owns everything but the elements of constants */
    tacit_engine_text_t *text; /* where large ones stay; or NULL; borrowed */
    int64_t opset;
    int64_t opset_ml; /* of ai.onnx.ml; 0 where not imported */
    tacit_value_t *values;
    size_t value_count;
    size_t value_capacity;
    tacit_graph_node_t *nodes;
    size_t node_count;
    tacit_guard_t *guards; /* the first is TACIT_ALWAYS */
    size_t guard_count;
    void **owned; /* elements of constants, wiped at the end */
    size_t owned_count;
    size_t owned_capacity;
    tacit_engine_value_t *inputs; /* declared */
    int *input_values;
    size_t input_count;
    tacit_engine_value_t *outputs;
    int *output_values;
    size_t output_count;
    const char *labels; /* never NULL */
    uint64_t parameters;
    const char **operators; /* names in use */
    size_t operator_count;
    bool input_decides_shapes; /* some input does */
    bool extreme_constants;    /* an initializer holds NaN or infinity */
} tacit_graph_t;

/*  Check the decoded model and build its graph. text: what the bytes lie in, where large weights
    may stay; or NULL. It must outlive the graph then, and the bytes are not the model's any more.
 */
TACIT_MUST_CHECK tacit_status_t tacit_graph_new(tacit_decoded_t *decoded, tacit_engine_text_t *text,
                                                tacit_budget_t *budget, tacit_graph_t **ret_graph,
                                                tacit_error_t *error);

/*  Wipes and frees. NULL-safe.  */
void tacit_graph_destroy(tacit_graph_t **graph);

/*  The attribute, or NULL; and its content, or the fallback.  */
const tacit_attribute_t *tacit_graph_node_attribute(const tacit_graph_node_t *node,
                                                    const char *name);
int64_t tacit_graph_node_integer(const tacit_graph_node_t *node, const char *name,
                                 int64_t fallback);
float tacit_graph_node_real(const tacit_graph_node_t *node, const char *name, float fallback);
const char *tacit_graph_node_text(const tacit_graph_node_t *node, const char *name,
                                  const char *fallback);

/*  The value of input i, or TACIT_NO_VALUE where it is left out.  */
int tacit_graph_node_input(const tacit_graph_node_t *node, size_t i);

/*  Whether it is a node of the operator of that name; NULL is none.  */
bool tacit_graph_node_is(const tacit_graph_node_t *node, const char *name);

/*  New zeroed elements for a constant, owned by the graph; NULL with the error set.  */
void *tacit_graph_elements(tacit_graph_t *graph, size_t size, tacit_error_t *error);

/*  These bytes of the file as elements, owned by the graph, without a copy of them; NULL where they
    have to be copied.  */
void *tacit_graph_keep(tacit_graph_t *graph, tacit_span_t bytes);

/*  A new constant with zeroed elements; ret_value is its number.  */
TACIT_MUST_CHECK tacit_status_t tacit_graph_constant(tacit_graph_t *graph, tacit_dtype_t dtype,
                                                     const tacit_shape_t *shape, int *ret_value,
                                                     tacit_error_t *error);

/*  Let the elements of a constant go, of which a packed copy is kept. What stands there from then
   on must not be read.  */
void tacit_graph_spend(tacit_graph_t *graph, int value);

/*  Count consumers and see which values decide shapes, after the nodes changed.  */
void tacit_graph_link(tacit_graph_t *graph);

/*  Set a refusal of a node: the claim names it.  */
tacit_status_t tacit_graph_node_refuse(const tacit_graph_node_t *node, tacit_error_t *error,
                                       tacit_status_t status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
