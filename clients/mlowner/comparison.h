/*  comparison.h - what a precision changes: the same rows through a model in both.  */

#ifndef TACIT_CLIENTS_MLOWNER_COMPARISON_H
#define TACIT_CLIENTS_MLOWNER_COMPARISON_H

#include <jansson.h>

#include "clients/mlowner/batches.h"

/*  Of the first output. fp32 is the model to compare with.  */
typedef struct tacit_comparison {
    size_t rows;       /* 0: nothing was compared */
    double largest;    /* difference; infinite where one alone is NaN or infinite */
    double mean;       /* of all differences */
    double magnitude;  /* the largest number in fp32 */
    size_t numbers;    /* that were compared */
    bool classes;      /* a row's output says which class it is of.. */
    size_t same;       /* ..and that is the same in both, so often */
    bool labelled;     /* the classes are known.. */
    size_t right_fp32; /* ..and are met, so often */
    size_t right;
} tacit_comparison_t;

/*  Whether --data, --labels, --against and the precision go together: TACIT_CLIENT_USAGE, before
    anything is run.  */
TACIT_MUST_CHECK tacit_status_t tacit_compare_check(const tacit_invocation_t *invocation,
                                                    tacit_precision_t precision,
                                                    tacit_error_t *ret_error);

/*  By --data, --labels and --against; nothing where --data was not given. The engine is loaded from
    the command's operand with these options.  */
TACIT_MUST_CHECK tacit_status_t tacit_compare(const tacit_invocation_t *invocation,
                                              tacit_engine_t *engine,
                                              const tacit_engine_options_t *options,
                                              tacit_comparison_t *ret_comparison,
                                              tacit_error_t *ret_error);

/*  The engine's answers to the batches beside those of a reference.  */
TACIT_MUST_CHECK tacit_status_t tacit_compare_engines(tacit_batches_t *batches,
                                                      tacit_engine_t *engine,
                                                      tacit_engine_t *reference,
                                                      tacit_comparison_t *ret_comparison,
                                                      tacit_error_t *ret_error);

/*  against: the file of the model to compare with; NULL: the same one in fp32.  */
void tacit_comparison_print(const tacit_comparison_t *comparison, tacit_precision_t precision,
                            const char *against);
/*  What is infinite is null there. The caller's; NULL where memory is at its end.  */
json_t *tacit_comparison_json(const tacit_comparison_t *comparison);

#endif
