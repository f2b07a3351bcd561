/*  engine.h - runs ONNX models: load, inspect, run, free.

    A graph executor of our own with a plain C kernel for every operator, and two backends for what
    takes time: oneDNN's C API, or, where portable is set, loops of our own over compiler vectors,
    built once per instruction set (portable/): no code is generated at run time then. The model is
   foreign: loading checks everything that it names, and refuses what this build does not compute
   (UNSUPPORTED, naming operator, domain, opset, node).

    Threading: an engine serves one call at a time; different engines may run at the same time.
    Results are the same from run to run for the same thread count. Weights, inputs, activations and
    outputs are wiped when they are no longer needed; whoever wants them locked in memory calls
    mlockall before loading, which also covers oneDNN's own memory.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_ENGINE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_ENGINE_H

#include "enclave/error.h"
#include "enclave/precision.h"
#include "enclave/span.h"

enum {
    TACIT_ENGINE_RANK_MAX = 8,
    TACIT_ENGINE_INPUTS_MAX = 64,         /* inputs, and outputs, of a model */
    TACIT_ENGINE_PLANS_MAX = 4,           /* input shapes that stay prepared */
    TACIT_ENGINE_THREADS_MAX = 64,        /* the largest options.threads */
    TACIT_ENGINE_MODEL_SIZE_MAX = 1 << 30 /* bytes of an ONNX file */
};

/*  What an engine may use where options name no limit: 8 GiB.  */
#define TACIT_ENGINE_MEMORY_DEFAULT ((size_t)8 << 30)

/*  The numbers are those of ONNX's TensorProto.DataType.  */
typedef enum tacit_dtype {
    TACIT_DTYPE_NONE = 0,
    TACIT_DTYPE_FLOAT32 = 1,
    TACIT_DTYPE_UINT8 = 2,
    TACIT_DTYPE_INT8 = 3,
    TACIT_DTYPE_INT32 = 6,
    TACIT_DTYPE_INT64 = 7,
    TACIT_DTYPE_BOOL = 9, /* one byte; any but 0 is true */
    TACIT_DTYPE_FLOAT64 = 11
} tacit_dtype_t;

/*  Bytes of one element, 0 for a type that the engine does not know; and its name, never NULL.  */
size_t tacit_dtype_size(tacit_dtype_t dtype);
const char *tacit_dtype_name(tacit_dtype_t dtype);

typedef struct tacit_engine tacit_engine_t;
typedef struct tacit_engine_result tacit_engine_result_t;

typedef struct tacit_engine_options {
    unsigned threads;    /* 1..TACIT_ENGINE_THREADS_MAX; 0 means 1 */
    size_t memory_limit; /* bytes for weights, plans and results; 0: the default */
    bool portable;       /* plain C kernels only */
    uint32_t run_ms;     /* how long a run may take, and a load's planning; 0: any */
    bool profile;        /* time each step of each run */
    tacit_precision_t precision;
} tacit_engine_options_t;

/*  A dense, row-major, little-endian tensor with its elements.  */
typedef struct tacit_engine_tensor {
    tacit_span_t name; /* borrowed, as data */
    tacit_dtype_t dtype;
    size_t rank; /* 0 for a scalar */
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    tacit_span_t data; /* exactly the elements; need not be aligned */
} tacit_engine_tensor_t;

/*  What a model declares about an input or output.  */
typedef struct tacit_engine_value {
    const char *name; /* owned by the engine */
    tacit_dtype_t dtype;
    bool ranked;                         /* false: any shape */
    size_t rank;                         /* 0 for a scalar */
    int64_t dims[TACIT_ENGINE_RANK_MAX]; /* -1: dynamic */
} tacit_engine_value_t;

/*  Check a model and prepare it. The bytes are not needed afterwards. options may be NULL.
    MALFORMED: not ONNX, or not a sound graph. UNSUPPORTED: sound, but not for this build.
    TOO_LARGE: over a limit. The error names the node, value or attribute.  */
TACIT_MUST_CHECK tacit_status_t tacit_engine_load(tacit_span_t onnx,
                                                  const tacit_engine_options_t *options,
                                                  tacit_engine_t **ret_engine,
                                                  tacit_error_t *ret_error);

/*  Whether this program has that backend (the portable one all have), and it computes so on this
    processor; where not, loading gives UNSUPPORTED, for a precision with the claim "precision". For
    int8 the model decides, too.  */
bool tacit_engine_offers(tacit_precision_t precision, bool portable);

/*  What it was loaded for.  */
tacit_precision_t tacit_engine_precision(const tacit_engine_t *engine);

/*  Memory for a model's bytes that its weights stay in, and what is made of them lies in
    afterwards: pages of its own, in no core dump, and in no swap where locked.
    Fill data, then load. TOO_LARGE, NO_MEMORY where it cannot be had, or not locked.  */
typedef struct tacit_engine_text tacit_engine_text_t;

TACIT_MUST_CHECK tacit_status_t tacit_engine_text_new(size_t size, bool locked,
                                                      tacit_engine_text_t **ret_text,
                                                      tacit_error_t *ret_error);
uint8_t *tacit_engine_text_data(tacit_engine_text_t *text);

/*  Wipes and frees. NULL-safe; *text becomes NULL.  */
void tacit_engine_text_destroy(tacit_engine_text_t **text);

/*  As tacit_engine_load, and takes the text over: *text is NULL afterwards, whatever came of it. */
TACIT_MUST_CHECK tacit_status_t tacit_engine_load_text(tacit_engine_text_t **text,
                                                       const tacit_engine_options_t *options,
                                                       tacit_engine_t **ret_engine,
                                                       tacit_error_t *ret_error);

/*  Wipes and frees. NULL-safe; *engine becomes NULL.  */
void tacit_engine_destroy(tacit_engine_t **engine);

/*  What the model declares; valid as long as the engine.  */
const tacit_engine_value_t *tacit_engine_inputs(const tacit_engine_t *engine, size_t *ret_count);
const tacit_engine_value_t *tacit_engine_outputs(const tacit_engine_t *engine, size_t *ret_count);

/*  The opset of the default domain.  */
int64_t tacit_engine_opset(const tacit_engine_t *engine);

/*  The metadata property "labels": class names, comma-separated; "" where there are none.  */
const char *tacit_engine_labels(const tacit_engine_t *engine);

/*  Elements of all initializers.  */
uint64_t tacit_engine_parameter_count(const tacit_engine_t *engine);

/*  Names of the operators in use, in the order of first use.  */
const char *const *tacit_engine_operators(const tacit_engine_t *engine, size_t *ret_count);

/*  Bytes in use for weights and plans.  */
size_t tacit_engine_memory(const tacit_engine_t *engine);

/*  A step of the plan that ran last: one node, or several merged into its first.  */
typedef struct tacit_engine_step {
    const char *node; /* owned by the engine, as all texts here */
    const char *op;
    const char *how;      /* who computes it */
    uint64_t nanoseconds; /* in all profiled runs with this plan */
} tacit_engine_step_t;

/*  The steps of the plan that ran last, or was made when loading; at most `room` of them. Returns
   how many there are. Valid until the next run.  */
size_t tacit_engine_profile(const tacit_engine_t *engine, tacit_engine_step_t *ret_steps,
                            size_t room);

/*  Bytes that all activations of that plan share, known before it runs; 0 without a plan.  */
size_t tacit_engine_arena(const tacit_engine_t *engine);

/*  Run the model. Inputs come in any order, by name; an empty name stands for the input of a model
    that has one. BAD_INPUT with the input's name as the claim where count, name, type, shape or
    size do not fit; also where the graph cannot take that shape. The first run with a new shape
    prepares a plan.  */
TACIT_MUST_CHECK tacit_status_t tacit_engine_run(tacit_engine_t *engine,
                                                 const tacit_engine_tensor_t *inputs, size_t count,
                                                 tacit_engine_result_t **ret_result,
                                                 tacit_error_t *ret_error);

/*  End the run that is under way, between two nodes: it returns DEADLINE_EXCEEDED, as one does that
    takes longer than options.run_ms. May be called from another thread, as long as the engine
    lives.  */
void tacit_engine_cancel(tacit_engine_t *engine);

/*  The outputs, in the model's order; valid as long as the result, which must not outlive the
    engine.  */
const tacit_engine_tensor_t *tacit_engine_result_tensors(const tacit_engine_result_t *result,
                                                         size_t *ret_count);

/*  Wipes and frees. NULL-safe; *result becomes NULL.  */
void tacit_engine_result_destroy(tacit_engine_result_t **result);

#endif
