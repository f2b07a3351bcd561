/*  graph_build.h - a graph being built, shared by graph_build.c (initializers, inputs, outputs),
    graph_node.c (nodes) and graph_choice.c (nodes that hold graphs).  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_GRAPH_BUILD_H
#define TACIT_SERVICES_INFERENCE_ENGINE_GRAPH_BUILD_H

#include "services/inference/engine/graph.h"

#include <sodium.h>

/*  The build in progress: names to values, by a keyed hash, so that a model cannot choose names
    that collide.  */
typedef struct tacit_build {
    tacit_graph_t *graph;
    tacit_decoded_t *decoded;
    const Onnx__GraphProto *proto; /* the graph, or the branch that is being built */
    int guard;                     /* of that branch */
    int *names;                    /* value + 1, or 0: free */
    size_t names_mask;             /* slots - 1 */
    uint8_t key[crypto_shorthash_KEYBYTES];
    tacit_error_t *error;
} tacit_build_t;

/*  Set a refusal: about the claim, or about something with a name of the file's.  */
tacit_status_t tacit_build_refuse(tacit_build_t *build, tacit_status_t status, const char *claim,
                                  const char *reason);
tacit_status_t tacit_build_refuse_named(tacit_build_t *build, tacit_status_t status,
                                        const char *what, const char *name, const char *reason);

/*  A copy of a name. They end up in errors and logs: NULL, with the error set, for one with control
    characters or without end.  */
const char *tacit_build_name(tacit_build_t *build, const char *name);

/*  The value of that name, of this branch or one around it; or below 0.  */
int tacit_build_find(const tacit_build_t *build, const char *name);

/*  A new value; MALFORMED where the name is taken.  */
TACIT_MUST_CHECK tacit_status_t tacit_build_value(tacit_build_t *build, const char *name,
                                                  tacit_value_t value, int *ret_value);
TACIT_MUST_CHECK tacit_status_t tacit_build_constant(tacit_build_t *build, const char *name,
                                                     tacit_tensor_t content);

/*  The initializers of the graph or branch.  */
TACIT_MUST_CHECK tacit_status_t tacit_build_initializers(tacit_build_t *build);

/*  Node index of the file: the values that it reads; those that it makes.  */
TACIT_MUST_CHECK tacit_status_t tacit_build_inputs(tacit_build_t *build, size_t index,
                                                   tacit_graph_node_t *node);
TACIT_MUST_CHECK tacit_status_t tacit_build_outputs(tacit_build_t *build,
                                                    const Onnx__NodeProto *proto,
                                                    tacit_graph_node_t *node);

/*  An If: the nodes of its branches, and one node that chooses between what they make.  */
TACIT_MUST_CHECK tacit_status_t tacit_build_choice(tacit_build_t *build, size_t index,
                                                   tacit_graph_node_t *node);

/*  Check node index of the file and add it.  */
TACIT_MUST_CHECK tacit_status_t tacit_build_node(tacit_build_t *build, size_t index);

#endif
