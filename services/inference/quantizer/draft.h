/*  draft.h - a model that is being rewritten: ONNX's own structures, and who makes and uses what.

    The structures are copies where they may change, and the file's own where they do not: its bytes
    are borrowed until the end. The model was loaded by the engine before: its nodes are in order,
    and its names are there.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_DRAFT_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_DRAFT_H

#include <sodium.h>

#include "services/inference/engine/decode.h"
#include "services/inference/engine/memory.h"
#include "services/inference/engine/tensor.h"

enum { TACIT_DRAFT_NONE = -1 };

typedef struct tacit_draft_constant {
    Onnx__TensorProto *proto;
    tacit_span_t raw;    /* its elements where they stand apart from the proto, else empty */
    const float *floats; /* its elements, once they were asked for */
} tacit_draft_constant_t;

typedef struct tacit_draft_value {
    const char *name;
    int producer; /* node, or none */
    int constant; /* or none */
    int consumer; /* a node that uses it */
    size_t uses;  /* by nodes and by graphs in them */
    bool input;   /* of the graph */
    bool output;
    bool captured; /* by a graph in a node */
} tacit_draft_value_t;

typedef struct tacit_draft {
    tacit_budget_t *budget;
    tacit_pool_t *pool; /* owns all that is new */
    tacit_decoded_t *decoded;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;  /* its nodes and initializers are the lists below */
    Onnx__NodeProto **nodes; /* own copies, with lists of inputs and outputs of their own */
    size_t node_count;
    tacit_draft_constant_t *constants;
    size_t constant_count, constant_room;
    tacit_draft_value_t *values; /* inputs, constants, then what nodes make, in their order */
    size_t value_count, value_room;
    int *slots; /* value + 1 by hash, or 0 */
    size_t slot_mask;
    uint8_t key[crypto_shorthash_KEYBYTES];
} tacit_draft_t;

/*  Constants that nodes hold (Constant, Identity of one) become initializers.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_new(tacit_span_t onnx, tacit_budget_t *budget,
                                                tacit_draft_t **ret_draft, tacit_error_t *error);

/*  Wipes and frees. NULL-safe.  */
void tacit_draft_destroy(tacit_draft_t **draft);

/*  See anew who makes and uses what, after nodes changed; values are numbered anew.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_link(tacit_draft_t *draft, tacit_error_t *error);

/*  Forget nodes that were set to NULL, and link.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_close_ranks(tacit_draft_t *draft, tacit_error_t *error);

/*  The value of that name, or none; "" is none.  */
int tacit_draft_find(const tacit_draft_t *draft, const char *name);

/*  The value of a node's input or output i; none where it is left out.  */
int tacit_draft_input(const tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i);
int tacit_draft_output(const tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i);

/*  Each name that a node uses, those that graphs in it use included (captured).  */
typedef void (*tacit_draft_use_t)(void *self, const char *name, bool captured);
void tacit_draft_uses(const Onnx__NodeProto *node, tacit_draft_use_t use, void *self);

/*  Whether a node is that operator of ONNX's own domain.  */
bool tacit_draft_is(const Onnx__NodeProto *node, const char *op);

const Onnx__AttributeProto *tacit_draft_attribute(const Onnx__NodeProto *node, const char *name);
int64_t tacit_draft_integer(const Onnx__NodeProto *node, const char *name, int64_t fallback);
float tacit_draft_real(const Onnx__NodeProto *node, const char *name, float fallback);

/*  Elements and shape of a constant of float32; NULL for any other value, or where memory is at its
    end (the error is set then).  */
const float *tacit_draft_floats(tacit_draft_t *draft, int value, tacit_shape_t *ret_shape,
                                size_t *ret_count, tacit_error_t *error);

/*  The opset of the default domain.  */
int64_t tacit_draft_opset(const tacit_draft_t *draft);
void tacit_draft_set_opset(tacit_draft_t *draft, int64_t opset);

/*  --- what is new (draft_make.c): NULL, and the error set, where memory is at its end ----------
 */

/*  "BASE/SUFFIX", or with a number where that is taken.  */
const char *tacit_draft_name(tacit_draft_t *draft, const char *base, const char *suffix,
                             tacit_error_t *error);

/*  The zeroed elements of a new constant, to be filled in; they are the draft's.  */
void *tacit_draft_constant(tacit_draft_t *draft, const char *name, tacit_dtype_t dtype,
                           const tacit_shape_t *shape, tacit_error_t *error);

/*  A node that is in no list yet; names are borrowed until the end.  */
Onnx__NodeProto *tacit_draft_node(tacit_draft_t *draft, const char *op, const char *name,
                                  const char *const *inputs, size_t input_count, const char *output,
                                  tacit_error_t *error);

/*  Set input i (those before it that it has not are left out); drop or set an attribute.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_set_input(tacit_draft_t *draft, Onnx__NodeProto *node,
                                                      size_t i, const char *name,
                                                      tacit_error_t *error);
void tacit_draft_drop_attribute(Onnx__NodeProto *node, const char *name);
TACIT_MUST_CHECK tacit_status_t tacit_draft_set_integer(tacit_draft_t *draft, Onnx__NodeProto *node,
                                                        const char *name, int64_t number,
                                                        tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit_draft_set_text(tacit_draft_t *draft, Onnx__NodeProto *node,
                                                     const char *name, const char *text,
                                                     tacit_error_t *error);

/*  The model's bytes, with those constants alone that nodes use or that are outputs; free them with
    tacit_memory_free.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_pack(tacit_draft_t *draft, uint8_t **ret_bytes,
                                                 size_t *ret_size, tacit_error_t *error);

/*  The bytes of a model that makes these values, at most TACIT_ENGINE_INPUTS_MAX of float32, of the
    same inputs.  */
TACIT_MUST_CHECK tacit_status_t tacit_draft_pack_part(tacit_draft_t *draft, const int *values,
                                                      size_t count, uint8_t **ret_bytes,
                                                      size_t *ret_size, tacit_error_t *error);

#endif
