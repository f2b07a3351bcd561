/*  operator.h - one row per operator: what it takes, what it gives, who computes it.

    A row says: between which opsets it means this; the types of its inputs and outputs; its
    attributes; how its output shapes follow (infer); the plain C kernel; and, where oneDNN has
    something faster for float32, how to plan that (accelerate).

    Types are a letter per input, '|', a letter per output; '*' repeats the letter before it.
    Optional ones follow required. A capital is the same type everywhere in the row: T any of the
    mask, U and V any, Q, W and Y uint8 or int8. A small one is itself: i int64, d int32, u uint8,
    f float32, b bool, j int32 or int64, r float32 or float64, n any; as an output k is what
    attribute "to" says, e "dtype" (as T where absent), o "output_datatype", v the type of the
    tensor "value" (float32 where absent), p is Y (float32 where absent), l of the list
    "values_int64s" or "values_floats", z is Q (uint8 where absent).

    Attributes are "name:type" words: i integer, f float, s string, t tensor, I integers, F floats,
    S strings.
    A node with any other attribute is refused: what it would mean is unknown.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPERATOR_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPERATOR_H

#include "services/inference/engine/graph.h"

#define TACIT_TYPE_BIT(dtype) (1U << (unsigned)(dtype))

enum {
    TACIT_TYPES_FLOAT32 = TACIT_TYPE_BIT(TACIT_DTYPE_FLOAT32),
    TACIT_TYPES_FLOAT = TACIT_TYPES_FLOAT32 | TACIT_TYPE_BIT(TACIT_DTYPE_FLOAT64),
    TACIT_TYPES_INTEGER = TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8) |
                          TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64),
    TACIT_TYPES_NUMBER = TACIT_TYPES_FLOAT | TACIT_TYPES_INTEGER,
    TACIT_TYPES_ANY = TACIT_TYPES_NUMBER | TACIT_TYPE_BIT(TACIT_DTYPE_BOOL)
};

enum { TACIT_SPATIAL_MAX = 3 };

/*  A sliding window, for convolution and pooling.  */
typedef struct tacit_window {
    size_t spatial; /* dimensions, 1..3 */
    int64_t kernel[TACIT_SPATIAL_MAX];
    int64_t stride[TACIT_SPATIAL_MAX];
    int64_t dilation[TACIT_SPATIAL_MAX]; /* 1: none */
    int64_t begin[TACIT_SPATIAL_MAX];    /* padding before */
    int64_t end[TACIT_SPATIAL_MAX];      /* and after */
    int64_t group;
    bool ceil_mode;
    bool count_padding; /* average over the padding too */
    bool column_major;  /* indices of MaxPool */
} tacit_window_t;

/*  What infer finds out for the kernel.  */
typedef union tacit_parameters {
    tacit_window_t window;
    struct {
        size_t axis; /* first, or only */
        bool last;   /* ArgMax: the last of equals */
    } axis;
    struct {
        float low, high; /* Clip: bounds as attributes */
    } clip;
    struct {
        float alpha, beta;
        bool transpose_a, transpose_b;
    } gemm;
    struct {
        float alpha; /* LeakyRelu; epsilon of a normalization */
        float beta;  /* momentum of BatchNormalization */
        size_t axis;
        bool training;
    } real;
    struct {
        size_t order[TACIT_ENGINE_RANK_MAX]; /* Transpose */
    } permutation;
    struct {
        size_t rank;
        bool axes[TACIT_ENGINE_RANK_MAX]; /* which go */
    } reduction;
    struct {
        int64_t start[TACIT_ENGINE_RANK_MAX]; /* Slice; Pad: what is put before */
        int64_t step[TACIT_ENGINE_RANK_MAX];
        int mode; /* of Pad */
    } places;
    struct {
        float a, b; /* numbers of an activation */
        bool first, second;
    } reals;
    const void *recipe; /* of a portable kernel: its own */
    struct {
        const tacit_graph_node_t *node; /* whose attributes the kernel reads itself */
        size_t axis;
        int64_t mode;
        int64_t opset;
        tacit_window_t window;
    } node;
} tacit_parameters_t;

/*  One node with what is known of its values.  */
typedef struct tacit_inference {
    const tacit_graph_t *graph;
    const tacit_graph_node_t *node;
    const tacit_tensor_t *inputs;   /* of node->input_count; data only where known */
    tacit_tensor_t *outputs;        /* of node->output_count; dtype is set; infer sets the shape */
    tacit_parameters_t *parameters; /* for the kernel */
    size_t *scratch;                /* bytes that the kernel needs beside; 0 unless infer says */
    tacit_error_t *error;
} tacit_inference_t;

typedef tacit_status_t (*tacit_infer_t)(const tacit_inference_t *inference);

/*  Computes the outputs from the inputs. Infer checked types and shapes; where the elements of an
    input do not fit (an index outside its tensor), it returns what is wrong with them, else NULL.
    Left out ones have the type NONE and no data. outputs[output_count] is scratch memory, of as
    many bytes as infer asked for, with anything in them.  */
typedef const char *(*tacit_kernel_t)(const tacit_parameters_t *parameters,
                                      const tacit_tensor_t *inputs, size_t input_count,
                                      tacit_tensor_t *outputs, size_t output_count);

typedef struct tacit_planner tacit_planner_t;

/*  Plan the node with oneDNN (planner.h); ret_done stays false where the kernel has to do it.  */
typedef tacit_status_t (*tacit_accelerate_t)(tacit_planner_t *planner,
                                             const tacit_inference_t *inference, bool *ret_done);

/*  VIEW: the one output is the first input with another shape, nothing is computed. DROPS_NAN:
    oneDNN gives a number where the input is NaN. SHAPES: the outputs follow from the shapes of the
    inputs alone, so they are known while planning. ML: of the domain ai.onnx.ml, whose opsets
    count for themselves. SPARSE: the first output may be left out. MICROSOFT: of the domain
    com.microsoft, version 1, as ONNX Runtime's quantizer writes. BYTES: accelerate takes other
    types than float32 too. HALF: it takes layouts of bfloat16. CHOICE: it holds graphs, and names
    what one of them makes (graph_choice.c). BOTH: accelerate plans for the portable backend too. */
enum {
    TACIT_OPERATOR_VIEW = 1 << 0,
    TACIT_OPERATOR_DROPS_NAN = 1 << 1,
    TACIT_OPERATOR_SHAPES = 1 << 2,
    TACIT_OPERATOR_ML = 1 << 3,
    TACIT_OPERATOR_SPARSE = 1 << 4,
    TACIT_OPERATOR_MICROSOFT = 1 << 5,
    TACIT_OPERATOR_BYTES = 1 << 6,
    TACIT_OPERATOR_HALF = 1 << 7,
    TACIT_OPERATOR_CHOICE = 1 << 8,
    TACIT_OPERATOR_BOTH = 1 << 9,
    TACIT_OPERATOR_DOMAIN = TACIT_OPERATOR_ML | TACIT_OPERATOR_MICROSOFT
};

struct tacit_operator {
    const char *name;
    int since, until;       /* opsets, both included */
    unsigned types;         /* mask of T */
    const char *signature;  /* types of inputs and outputs */
    size_t inputs_min;      /* required inputs */
    const char *attributes; /* known ones */
    unsigned decides;       /* bit i: input i must be known to plan */
    unsigned flags;         /* TACIT_OPERATOR_* */
    tacit_infer_t infer;
    tacit_kernel_t kernel;
    tacit_accelerate_t accelerate; /* may be NULL */
};

/*  Operators that no file has: fuse.c, quantize_table.c and transposed_pass.c make them.  */
extern const tacit_operator_t tacit_operator_gelu;
extern const tacit_operator_t tacit_operator_gelu_tanh;
extern const tacit_operator_t tacit_operator_swish;
extern const tacit_operator_t tacit_operator_scaled_product;
extern const tacit_operator_t tacit_operator_byte_table;
extern const tacit_operator_t tacit_operator_spread;

/*  The row for a name at an opset, or NULL; domain: 0, TACIT_OPERATOR_ML or _MICROSOFT.  */
const tacit_operator_t *tacit_operator_find(const char *name, unsigned domain, int64_t opset);

/*  Whether any opset knows it, for the error's remedy.  */
bool tacit_operator_known(const char *name);

/*  What a node of ai.onnx.ml makes ready for all runs, once (node->prepared).  */
TACIT_MUST_CHECK tacit_status_t tacit_operator_prepare(tacit_graph_t *graph,
                                                       tacit_graph_node_t *node,
                                                       tacit_error_t *error);

/*  The rows of one file of operators, ended by one without a name.  */
typedef struct tacit_family {
    const tacit_operator_t *rows;
} tacit_family_t;

/*  Check counts, attributes and element types of a node, and set the types of its outputs.  */
TACIT_MUST_CHECK tacit_status_t tacit_operator_check(tacit_graph_t *graph,
                                                     const tacit_graph_node_t *node,
                                                     tacit_error_t *error);

#endif
