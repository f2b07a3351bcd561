/*  predictions.h - the answers to all rows, joined, and what they say.

    Rows are asked for in several requests whose answers come in any order; each is copied to its
    place. A first output that is float32 [rows, classes] with rows of numbers between 0 and 1 that
    add up to 1 is taken as probabilities; anything else is shown as the numbers that it is.  */

#ifndef TACIT_CLIENTS_DATAOWNER_PREDICTIONS_H
#define TACIT_CLIENTS_DATAOWNER_PREDICTIONS_H

#include "clients/lib/answer.h"

enum {
    TACIT_CLASSES_MAX = 4096,
    TACIT_LABELS_TEXT_MAX = 65536, /* bytes of a file of labels */
    TACIT_VALUE_TEXT_SIZE = 32     /* one element as text */
};

typedef struct tacit_predictions {
    size_t rows;
    tacit_tensor_t outputs[TACIT_ANSWER_OUTPUTS_MAX];
    size_t output_count;
    bool joined;       /* outputs go row by row; else they are one answer's, whatever its shape */
    char *labels_text; /* owned; what labels point into */
    const char *labels[TACIT_CLASSES_MAX];
    size_t label_count;
} tacit_predictions_t;

/*  For so many rows; release it.  */
void tacit_predictions_init(tacit_predictions_t *predictions, size_t rows);
void tacit_predictions_release(tacit_predictions_t *predictions);

/*  Class names, one to a line or separated by commas, in place of the model's own. BAD_INPUT where
    there is none, or an empty one, or more than TACIT_CLASSES_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_predictions_name(tacit_predictions_t *predictions,
                                                       tacit_span_t text, tacit_error_t *ret_error);

/*  Puts the answer to count rows from first on in its place. PROTOCOL_ERROR where answers differ in
    kind; BAD_INPUT where a model's outputs cannot be joined.  */
TACIT_MUST_CHECK tacit_status_t tacit_predictions_add(tacit_predictions_t *predictions,
                                                      size_t first, size_t count,
                                                      const tacit_answer_t *answer,
                                                      tacit_error_t *ret_error);

/*  The first output is probabilities.  */
bool tacit_predictions_are_probabilities(const tacit_predictions_t *predictions);

/*  Classes of such an output, the most probable one of a row, and how probable it is.  */
size_t tacit_predictions_classes(const tacit_predictions_t *predictions);
size_t tacit_predictions_best(const tacit_predictions_t *predictions, size_t row);
float tacit_predictions_probability(const tacit_predictions_t *predictions, size_t row,
                                    size_t class);

/*  A class's name, "class 3" where nobody named it; ret_text is only used then.  */
const char *tacit_predictions_label(const tacit_predictions_t *predictions, size_t class,
                                    char ret_text[TACIT_VALUE_TEXT_SIZE]);

/*  Elements per row of an output (all of them where outputs are not joined), and one of them as
    text that reads back as the same value.  */
size_t tacit_predictions_width(const tacit_predictions_t *predictions, size_t output);
void tacit_value_text(const tacit_tensor_t *tensor, size_t index,
                      char ret_text[TACIT_VALUE_TEXT_SIZE]);

#endif
