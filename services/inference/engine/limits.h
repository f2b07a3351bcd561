/*  limits.h - what a foreign model may ask for, in one place.

    Below these bounds every product of two of them fits 64 bits, and oneDNN's 32-bit arithmetic
    inside one tensor cannot overflow.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_LIMITS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_LIMITS_H

enum {
    TACIT_PROTO_DEPTH_MAX = 16,          /* nested messages in the file */
    TACIT_PROTO_GROWTH_MAX = 24,         /* decoded bytes per byte of the file */
    TACIT_PROTO_GROWTH_FLOOR = 1 << 20,  /* decoded bytes that any file may take */
    TACIT_GRAPH_NODES_MAX = 16384,       /* nodes of a graph */
    TACIT_GRAPH_VALUES_MAX = 131072,     /* names of values */
    TACIT_GRAPH_NAME_MAX = 512,          /* bytes of a name */
    TACIT_GRAPH_LABELS_MAX = 4096,       /* bytes of the labels */
    TACIT_NODE_INPUTS_MAX = 128,         /* inputs of a node */
    TACIT_NODE_OUTPUTS_MAX = 64,         /* outputs of a node */
    TACIT_NODE_ATTRIBUTES_MAX = 32,      /* attributes of a node */
    TACIT_ATTRIBUTE_ITEMS_MAX = 1 << 22, /* numbers or texts in an attribute */
    TACIT_WINDOW_MAX = 4096,             /* a kernel, stride, dilation or pad */
    TACIT_PLAN_CONSTANT_MAX = 1 << 22,   /* elements of an input that decides shapes */
    TACIT_UNIQUE_ITEMS_MAX = 4096,       /* items that Unique compares, each with each */
    TACIT_OPSET_MIN = 1,                 /* each operator has its own minimum above this */
    TACIT_OPSET_MAX = 17,
    TACIT_TENSOR_SIZE_MAX = 0x7fffffff /* bytes of a tensor */
};

#endif
