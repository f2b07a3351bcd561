/*  conformance_report.h - what came of the ONNX project's tests: by operator, and against the list
    of known refusals.

    A directory counts for every operator that its model uses. The list names what is refused; it
   may only shrink: a refusal that is not in it, and a name in it that is no longer refused, are
    deviations.  */

#ifndef TACIT_TESTS_UNIT_CONFORMANCE_REPORT_H
#define TACIT_TESTS_UNIT_CONFORMANCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum conformance_outcome {
    CONFORMANCE_PASSED,
    CONFORMANCE_REFUSED,
    CONFORMANCE_WRONG,
    CONFORMANCE_OUTCOMES
} conformance_outcome_t;

typedef struct conformance_report conformance_report_t;

/*  refusals: path of the list, lines of "set/directory", comments with '#'. NULL where it cannot be
    read.  */
conformance_report_t *conformance_report_new(const char *refusals);

/*  Directory "set/name" with its model's bytes had this outcome.  */
void conformance_report_add(conformance_report_t *report, const char *name, const uint8_t *model,
                            size_t size, conformance_outcome_t outcome);

/*  Print the table; returns the number of deviations from the list, each printed.  */
size_t conformance_report_print(const conformance_report_t *report);

/*  Node tests whose tensors are of the engine's types, and that are no business of training,
    randomness, sequences, optionals, strings, control flow or Fourier transforms.  */
void conformance_report_eligible(const conformance_report_t *report, size_t *ret_passed,
                                 size_t *ret_count);

/*  NULL-safe.  */
void conformance_report_destroy(conformance_report_t **report);

#endif
