/*  local_run.h - one run of a model on the owner's machine: .npy files in, .npy files out.  */

#ifndef TACIT_CLIENTS_MLOWNER_LOCAL_RUN_H
#define TACIT_CLIENTS_MLOWNER_LOCAL_RUN_H

#include "clients/lib/options.h"
#include "clients/lib/tensor.h"
#include "services/inference/engine/engine.h"

enum { TACIT_LOCAL_RUN_REPEAT_MAX = 100000 };

typedef struct tacit_local_run {
    size_t repeat;    /* runs that were timed */
    double median_ms; /* of them */
    bool profiled;    /* each step was timed */
    size_t outputs;   /* files written: output_0.npy, output_1.npy.. in the model's order */
} tacit_local_run_t;

/*  Runs with the files of --run, in the order of the model's inputs, --repeat times, and writes the
    outputs into the folder of --out, which is made where there is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_run(const tacit_invocation_t *invocation,
                                                tacit_engine_t *engine, tacit_local_run_t *ret_run,
                                                tacit_error_t *ret_error);

/*  Loads a model file; whether it can be computed so, whatever this processor can.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_load(const char *path,
                                                 const tacit_engine_options_t *options,
                                                 tacit_engine_t **ret_engine,
                                                 tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_local_check(const char *path, tacit_precision_t precision,
                                                  tacit_error_t *ret_error);

/*  An array file, for an input of that type of the model: float64 becomes float32 where that is
    asked for. Errors name the file.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_read(const char *path, tacit_dtype_t dtype,
                                                 tacit_tensor_t *ret_tensor,
                                                 tacit_error_t *ret_error);

/*  --precision; fp32 where it was not given.  */
TACIT_MUST_CHECK tacit_status_t tacit_invocation_precision(const tacit_invocation_t *invocation,
                                                           tacit_precision_t *ret_precision,
                                                           tacit_error_t *ret_error);

/*  The number given for an option, in 1..most; the fallback where it was not given.  */
TACIT_MUST_CHECK tacit_status_t tacit_invocation_number(const tacit_invocation_t *invocation,
                                                        const char *name, uint32_t fallback,
                                                        uint32_t most, uint32_t *ret_number,
                                                        tacit_error_t *ret_error);

#endif
