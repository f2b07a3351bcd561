/*  engine_model.h - small ONNX models, built by hand for the engine's tests.  */

#ifndef TACIT_TESTS_UNIT_ENGINE_MODEL_H
#define TACIT_TESTS_UNIT_ENGINE_MODEL_H

#include "services/inference/engine/engine.h"

#include "onnx/onnx.pb-c.h"

/*  The message grows by the functions below; tests change it at will before they pack it.  */
Onnx__ModelProto *model_new(int64_t opset);
void model_free(Onnx__ModelProto *model);

/*  Dimensions end with MODEL_END; -1 is dynamic.  */
enum { MODEL_END = -1000 };

void model_input(Onnx__ModelProto *model, const char *name, int dtype, ...);
void model_output(Onnx__ModelProto *model, const char *name, int dtype, ...);

/*  A float initializer: dims end with MODEL_END, elements follow a fixed pseudo-random sequence
    around 0, and its count is what the dims say.  */
Onnx__TensorProto *model_weights(Onnx__ModelProto *model, const char *name, ...);

/*  Initializers with given elements.  */
Onnx__TensorProto *model_floats(Onnx__ModelProto *model, const char *name, size_t count,
                                const float *items);
Onnx__TensorProto *model_integers(Onnx__ModelProto *model, const char *name, size_t count,
                                  const int64_t *items);

/*  An initializer of any type, whose elements are these bytes.  */
Onnx__TensorProto *model_raw(Onnx__ModelProto *model, const char *name, int dtype, size_t rank,
                             const int64_t *dims, const void *items, size_t size);

/*  A node; inputs and outputs are names apart by spaces, "-" for one that is left out.  */
Onnx__NodeProto *model_node(Onnx__ModelProto *model, const char *op, const char *inputs,
                            const char *outputs);
void node_integer(Onnx__NodeProto *node, const char *name, int64_t number);
void node_real(Onnx__NodeProto *node, const char *name, float number);
void node_text(Onnx__NodeProto *node, const char *name, const char *text);
void node_integers(Onnx__NodeProto *node, const char *name, size_t count, const int64_t *items);
void node_reals(Onnx__NodeProto *node, const char *name, size_t count, const float *items);
void node_texts(Onnx__NodeProto *node, const char *name, size_t count, const char *const *items);

/*  The graph of a model as an attribute; frees the model.  */
void node_graph(Onnx__NodeProto *node, const char *name, Onnx__ModelProto *model);

/*  Import ai.onnx.ml at that opset, and make a node of it.  */
void model_import_ml(Onnx__ModelProto *model, int64_t opset);
Onnx__NodeProto *model_node_ml(Onnx__ModelProto *model, const char *op, const char *inputs,
                               const char *outputs);

/*  A node of com.microsoft.  */
Onnx__NodeProto *model_node_microsoft(Onnx__ModelProto *model, const char *op, const char *inputs,
                                      const char *outputs);

void model_metadata(Onnx__ModelProto *model, const char *key, const char *value);

/*  The bytes; free them.  */
uint8_t *model_pack(const Onnx__ModelProto *model, size_t *ret_size);

/*  Pack, free the model, load.  */
tacit_status_t model_load(Onnx__ModelProto *model, const tacit_engine_options_t *options,
                          tacit_engine_t **ret_engine, tacit_error_t *ret_error);

/*  Check each of so many cases with each instruction set that the processor has.  */
void model_each_isa(size_t cases, void (*check)(size_t i));

#endif
