/*  local_run.h - one run of a model on the owner's machine: files of arrays in (array_file.h), .npy
    files out.  */

#ifndef TACIT_CLIENTS_MLOWNER_LOCAL_RUN_H
#define TACIT_CLIENTS_MLOWNER_LOCAL_RUN_H

#include "clients/lib/options.h"
#include "clients/mlowner/array_file.h"
#include "services/inference/engine/engine.h"

enum { TACIT_LOCAL_RUN_REPEAT_MAX = 100000 };

typedef struct tacit_local_run {
    size_t repeat;    /* runs that were timed */
    double median_ms; /* of them */
    bool profiled;    /* each step was timed */
    size_t outputs;   /* files written: output_0.npy, output_1.npy.. in the model's order */
    uint64_t *before; /* nanoseconds of each step in runs before those that were timed; owned */
    size_t before_count;
} tacit_local_run_t;

/*  Runs with the files of --run, in the order of the model's inputs, --repeat times, and writes the
    outputs into the folder of --out, which was given and is made where there is none. Release the
    run where that is OK.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_run(const tacit_invocation_t *invocation,
                                                tacit_engine_t *engine, tacit_local_run_t *ret_run,
                                                tacit_error_t *ret_error);

void tacit_local_run_release(tacit_local_run_t *run);

/*  Loads a model file; whether it can be computed so, whatever this processor can.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_load(const char *path,
                                                 const tacit_engine_options_t *options,
                                                 tacit_engine_t **ret_engine,
                                                 tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_local_check(const char *path, tacit_precision_t precision,
                                                  tacit_error_t *ret_error);

/*  The arrays that an option names, one for each of the model's inputs, in its order; or
    one .npz with an array of each input's name.  */
typedef struct tacit_local_arrays {
    tacit_array_file_t *files[TACIT_ENGINE_INPUTS_MAX];
    size_t file_count;
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX]; /* as they lie in the files */
    size_t count;
    float *narrowed[TACIT_ENGINE_INPUTS_MAX]; /* float64, where the model takes float32 */
    size_t narrowed_sizes[TACIT_ENGINE_INPUTS_MAX];
} tacit_local_arrays_t;

/*  Zero the arrays first, and release them, whatever comes of it.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_arrays(const tacit_invocation_t *invocation,
                                                   const char *option, const tacit_engine_t *engine,
                                                   tacit_local_arrays_t *ret_arrays,
                                                   tacit_error_t *ret_error);
void tacit_local_arrays_release(tacit_local_arrays_t *arrays);

/*  Inputs for a run: rows from..from+rows of all; everything where all is 0. Valid until the next
    call. BAD_INPUT where a number of float64 is beyond float32.  */
TACIT_MUST_CHECK tacit_status_t tacit_local_rows(tacit_local_arrays_t *arrays,
                                                 const tacit_engine_t *engine, size_t from,
                                                 size_t rows, size_t all,
                                                 tacit_engine_tensor_t *ret_items,
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
