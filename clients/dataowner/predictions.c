/*  predictions.c - see predictions.h.  */

#include "clients/dataowner/predictions.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/text.h"

/*  Rounding of a softmax over thousands of classes, with room to spare.  */
static const double s_sum_tolerance = 1e-3;
static const float s_value_tolerance = 1e-6F;

void tacit_predictions_init(tacit_predictions_t *predictions, size_t rows)
{
    memset(predictions, 0, sizeof *predictions);
    predictions->rows = rows;
}

void tacit_predictions_release(tacit_predictions_t *predictions)
{
    for (size_t i = 0; i < predictions->output_count; i++) {
        tacit_tensor_release(&predictions->outputs[i]);
    }
    free(predictions->labels_text);
    memset(predictions, 0, sizeof *predictions);
}

/*  --- labels ---------------------------------------------------------------------------------- */

static const char *s_trim(char *text)
{
    char *end = text + strlen(text);
    text += strspn(text, " \t\r");
    while (end > text && strchr(" \t\r", end[-1])) {
        *--end = '\0';
    }
    return text;
}

/*  Cuts labels_text into labels; false where one is empty or there are too many.  */
static bool s_cut(tacit_predictions_t *predictions)
{
    char *rest = predictions->labels_text;
    size_t size = strlen(rest);
    if (size > 0 && rest[size - 1] == '\n') {
        rest[size - 1] = '\0'; /* the end of the last line begins no further one */
    }
    const char *separator = strchr(rest, '\n') ? "\n" : ",";
    predictions->label_count = 0;
    for (char *label = NULL; (label = strsep(&rest, separator));) {
        const char *name = s_trim(label);
        if (*name == '\0' || predictions->label_count == TACIT_CLASSES_MAX) {
            return false;
        }
        predictions->labels[predictions->label_count++] = name;
    }
    return true;
}

tacit_status_t tacit_predictions_name(tacit_predictions_t *predictions, tacit_span_t text,
                                      tacit_error_t *ret_error)
{
    char *copy = tacit_text_valid(text) ? strndup((const char *)text.data, text.size) : NULL;
    free(predictions->labels_text);
    predictions->labels_text = copy;
    if (!copy || !s_cut(predictions)) {
        predictions->label_count = 0;
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "these are no labels");
        tacit_error_remedy(ret_error,
                           "write one name per line, or all in one line with commas between");
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}

/*  What the model calls its classes, unless the user said otherwise.  */
static void s_take_labels(tacit_predictions_t *predictions, const char *labels)
{
    if (predictions->label_count == 0 && *labels) {
        (void)!tacit_predictions_name(predictions, tacit_span_string(labels), NULL);
    }
}

/*  --- joining --------------------------------------------------------------------------------- */

/*  Memory for all rows, in the kind and shape of the first answer.  */
static tacit_status_t s_prepare(tacit_predictions_t *predictions, size_t count,
                                const tacit_answer_t *answer, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    bool joined = true;
    for (size_t i = 0; i < answer->output_count; i++) {
        const tacit_tensor_t *output = &answer->outputs[i];
        joined = joined && output->rank >= 1 && (uint64_t)output->dims[0] == count;
    }
    if (!joined && count < predictions->rows) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT,
                        "this model's outputs do not go row by row and cannot be joined");
        tacit_error_remedy(ret_error, "send all rows in one request: --batch %zu",
                           predictions->rows);
        return TACIT_BAD_INPUT;
    }
    for (size_t i = 0; i < answer->output_count && !status; i++) {
        const tacit_tensor_t *output = &answer->outputs[i];
        int64_t dims[TACIT_TENSOR_RANK_MAX];
        memcpy(dims, output->dims, sizeof dims);
        if (joined) {
            dims[0] = (int64_t)predictions->rows;
        }
        status = tacit_tensor_allocate(output->dtype, output->rank, dims, &predictions->outputs[i],
                                       ret_error);
        if (!status) {
            memcpy(predictions->outputs[i].name, output->name, sizeof output->name);
            predictions->output_count++;
        }
    }
    predictions->joined = joined;
    return status;
}

/*  Same kind, and same shape but for the rows, of which there are count.  */
static bool s_fits(const tacit_tensor_t *whole, const tacit_tensor_t *part, bool joined,
                   size_t count)
{
    bool fits = whole->dtype == part->dtype && whole->rank == part->rank;
    if (joined) {
        fits = fits && part->rank >= 1 && (uint64_t)part->dims[0] == count;
    }
    for (size_t i = joined ? 1 : 0; i < whole->rank && fits; i++) {
        fits = whole->dims[i] == part->dims[i];
    }
    return fits;
}

tacit_status_t tacit_predictions_add(tacit_predictions_t *predictions, size_t first, size_t count,
                                     const tacit_answer_t *answer, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    if (predictions->output_count == 0) {
        s_take_labels(predictions, answer->labels);
        status = s_prepare(predictions, count, answer, ret_error);
    }
    if (status) {
        return status;
    }
    bool fits = predictions->output_count == answer->output_count;
    for (size_t i = 0; i < answer->output_count && fits; i++) {
        const tacit_tensor_t *part = &answer->outputs[i];
        tacit_tensor_t *whole = &predictions->outputs[i];
        fits = s_fits(whole, part, predictions->joined, count);
        if (fits) {
            size_t row = predictions->joined ? whole->data->size / predictions->rows : 0;
            memcpy(whole->data->data + first * row, part->data->data, part->data->size);
        }
    }
    return fits ? TACIT_OK
                : tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                                  "the model answers differently from request to request");
}

/*  --- what they say --------------------------------------------------------------------------- */

static float s_float(const tacit_tensor_t *tensor, size_t index)
{
    float value = 0;
    memcpy(&value, tensor->data->data + index * sizeof value, sizeof value);
    return value;
}

size_t tacit_predictions_width(const tacit_predictions_t *predictions, size_t output)
{
    const tacit_tensor_t *tensor = &predictions->outputs[output];
    size_t elements = tensor->data->size / tacit_tensor_element_size(tensor->dtype);
    return predictions->joined ? elements / predictions->rows : elements;
}

size_t tacit_predictions_classes(const tacit_predictions_t *predictions)
{
    return tacit_predictions_width(predictions, 0);
}

float tacit_predictions_probability(const tacit_predictions_t *predictions, size_t row,
                                    size_t class)
{
    return s_float(&predictions->outputs[0], row * tacit_predictions_classes(predictions) + class);
}

bool tacit_predictions_are_probabilities(const tacit_predictions_t *predictions)
{
    const tacit_tensor_t *output = &predictions->outputs[0];
    if (predictions->output_count == 0 || !predictions->joined || output->rank != 2 ||
        output->dtype != TACIT_INFERENCE_DTYPE_FLOAT32 || output->dims[1] < 2 ||
        output->dims[1] > TACIT_CLASSES_MAX) {
        return false;
    }
    size_t classes = tacit_predictions_classes(predictions);
    for (size_t row = 0; row < predictions->rows; row++) {
        double sum = 0;
        for (size_t class = 0; class < classes; class ++) {
            float value = tacit_predictions_probability(predictions, row, class);
            if (!(value >= -s_value_tolerance && value <= 1 + s_value_tolerance)) {
                return false; /* NaN, too */
            }
            sum += (double)value;
        }
        if (fabs(sum - 1) > s_sum_tolerance) {
            return false;
        }
    }
    return true;
}

size_t tacit_predictions_best(const tacit_predictions_t *predictions, size_t row)
{
    size_t classes = tacit_predictions_classes(predictions);
    size_t best = 0;
    for (size_t class = 1; class < classes; class ++) {
        if (tacit_predictions_probability(predictions, row, class) >
            tacit_predictions_probability(predictions, row, best)) {
            best = class;
        }
    }
    return best;
}

const char *tacit_predictions_label(const tacit_predictions_t *predictions, size_t class,
                                    char ret_text[TACIT_VALUE_TEXT_SIZE])
{
    /*  Names that do not match the classes one to one would name the wrong ones.  */
    if (predictions->label_count == tacit_predictions_classes(predictions)) {
        return predictions->labels[class];
    }
    (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "class %zu", class);
    return ret_text;
}

/*  --- elements as text ------------------------------------------------------------------------ */

void tacit_value_text(const tacit_tensor_t *tensor, size_t index,
                      char ret_text[TACIT_VALUE_TEXT_SIZE])
{
    double value = 0;
    switch (tensor->dtype) {
    case TACIT_INFERENCE_DTYPE_FLOAT32:
        (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "%.9g", (double)s_float(tensor, index));
        break;
    case TACIT_INFERENCE_DTYPE_FLOAT64:
        memcpy(&value, tensor->data->data + index * sizeof value, sizeof value);
        (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "%.17g", value);
        break;
    case TACIT_INFERENCE_DTYPE_BOOL8:
        (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "%s",
                       tensor->data->data[index] ? "true" : "false");
        break;
    default:
        (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "%" PRId64,
                       tacit_tensor_integer(tensor->dtype, tensor->data->data, index));
        break;
    }
}
