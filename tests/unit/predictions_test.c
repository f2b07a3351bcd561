/*  predictions_test.c - answers opened, joined, and shown: every number where it belongs.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/dataowner/report.h"
#include "clients/dataowner/timing.h"
#include "enclave/whole_file.h"
#include "rpc/codec.h"
#include "state_folder.h"

/*  An answer with one float32 output of that shape.  */
static void s_answer(size_t rank, const int64_t *dims, const float *values, tacit_answer_t *answer)
{
    memset(answer, 0, sizeof *answer);
    assert_int_equal(
        tacit_tensor_allocate(TACIT_INFERENCE_DTYPE_FLOAT32, rank, dims, &answer->outputs[0], NULL),
        TACIT_OK);
    answer->output_count = 1;
    memcpy(answer->outputs[0].data->data, values, answer->outputs[0].data->size);
    assert_int_equal(tacit_tensor_set_name(&answer->outputs[0], "p", NULL), TACIT_OK);
}

/*  Three rows of two classes, in two answers that come the wrong way round.  */
static void s_join(tacit_predictions_t *predictions)
{
    static const float last[] = {0.5F, 0.5F};
    static const float first[] = {0.25F, 0.75F, 1, 0};
    tacit_answer_t answer;
    tacit_predictions_init(predictions, 3);
    s_answer(2, (int64_t[]){1, 2}, last, &answer);
    snprintf(answer.labels, sizeof answer.labels, "no, yes");
    assert_int_equal(tacit_predictions_add(predictions, 2, 1, &answer, NULL), TACIT_OK);
    tacit_answer_release(&answer);
    s_answer(2, (int64_t[]){2, 2}, first, &answer);
    assert_int_equal(tacit_predictions_add(predictions, 0, 2, &answer, NULL), TACIT_OK);
    tacit_answer_release(&answer);
    tacit_answer_release(&answer);
}

static void test_rows_are_put_in_their_places(void **state)
{
    tacit_predictions_t predictions;
    char text[TACIT_VALUE_TEXT_SIZE];
    (void)state;
    s_join(&predictions);
    assert_true(predictions.joined);
    assert_true(tacit_predictions_are_probabilities(&predictions));
    assert_int_equal(tacit_predictions_classes(&predictions), 2);
    assert_int_equal(tacit_predictions_best(&predictions, 0), 1);
    assert_int_equal(tacit_predictions_best(&predictions, 1), 0);
    assert_int_equal(tacit_predictions_best(&predictions, 2), 0);
    assert_string_equal(tacit_predictions_label(&predictions, 1, text), "yes");
    tacit_predictions_release(&predictions);
}

static void test_answers_of_another_kind_are_refused(void **state)
{
    static const float values[6] = {0};
    tacit_predictions_t predictions;
    tacit_answer_t answer;
    (void)state;
    tacit_predictions_init(&predictions, 4);
    s_answer(2, (int64_t[]){2, 2}, values, &answer);
    assert_int_equal(tacit_predictions_add(&predictions, 0, 2, &answer, NULL), TACIT_OK);
    tacit_answer_release(&answer);
    s_answer(2, (int64_t[]){2, 3}, values, &answer);
    assert_int_equal(tacit_predictions_add(&predictions, 2, 2, &answer, NULL),
                     TACIT_PROTOCOL_ERROR);
    tacit_answer_release(&answer);
    s_answer(2, (int64_t[]){3, 2}, values, &answer);
    assert_int_equal(tacit_predictions_add(&predictions, 2, 2, &answer, NULL),
                     TACIT_PROTOCOL_ERROR);
    tacit_answer_release(&answer);
    tacit_predictions_release(&predictions);
}

static void test_outputs_without_rows_are_not_joined(void **state)
{
    static const float values[] = {1, 2, 3};
    tacit_predictions_t predictions;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_answer_t answer;
    (void)state;
    tacit_predictions_init(&predictions, 4);
    s_answer(1, (int64_t[]){3}, values, &answer);
    assert_int_equal(tacit_predictions_add(&predictions, 0, 2, &answer, &error), TACIT_BAD_INPUT);
    assert_non_null(strstr(error.remedy, "--batch 4"));
    tacit_predictions_release(&predictions);
    tacit_predictions_init(&predictions, 4);
    assert_int_equal(tacit_predictions_add(&predictions, 0, 4, &answer, NULL), TACIT_OK);
    assert_false(predictions.joined);
    assert_false(tacit_predictions_are_probabilities(&predictions));
    tacit_answer_release(&answer);
    tacit_predictions_release(&predictions);
}

static void test_what_counts_as_probabilities(void **state)
{
    static const struct {
        float values[4];
        bool are;
    } rows[] = {
        {{0, 1, 0.5F, 0.5F}, true},   {{0, 1, 0.5F, 0.5005F}, true}, {{0, 1, 0.5F, 0.52F}, false},
        {{-0.1F, 1.1F, 0, 1}, false}, {{0, 1, NAN, 1}, false},       {{0, 1, INFINITY, 0}, false},
        {{2, -1, 0, 1}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_predictions_t predictions;
        tacit_answer_t answer;
        tacit_predictions_init(&predictions, 2);
        s_answer(2, (int64_t[]){2, 2}, rows[i].values, &answer);
        assert_int_equal(tacit_predictions_add(&predictions, 0, 2, &answer, NULL), TACIT_OK);
        assert_int_equal(tacit_predictions_are_probabilities(&predictions), rows[i].are);
        tacit_answer_release(&answer);
        tacit_predictions_release(&predictions);
    }
}

static void test_labels_of_users(void **state)
{
    static const struct {
        const char *text;
        size_t count; /* 0: refused */
    } rows[] = {
        {"a\nb\n", 2}, {"a\nb", 2},   {"a,b,c", 3}, {"a\r\nb\r\n", 2}, {"x, y\nz", 2}, {"", 0},
        {"\n", 0},     {"a\n\nb", 0}, {"a,,b", 0},  {" , ", 0},        {"\xff", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_predictions_t predictions;
        tacit_predictions_init(&predictions, 1);
        tacit_status_t status =
            tacit_predictions_name(&predictions, tacit_span_string(rows[i].text), NULL);
        assert_int_equal(status, rows[i].count ? TACIT_OK : TACIT_BAD_INPUT);
        assert_int_equal(predictions.label_count, rows[i].count);
        tacit_predictions_release(&predictions);
    }
}

static void test_labels_have_a_limit(void **state)
{
    static char text[2 * (TACIT_CLASSES_MAX + 1) + 1];
    tacit_predictions_t predictions;
    (void)state;
    for (size_t i = 0; i <= TACIT_CLASSES_MAX; i++) {
        memcpy(text + 2 * i, "a\n", 2);
    }
    tacit_predictions_init(&predictions, 1);
    assert_int_equal(
        tacit_predictions_name(&predictions, tacit_span(text, 2 * TACIT_CLASSES_MAX), NULL),
        TACIT_OK);
    assert_int_equal(
        tacit_predictions_name(&predictions, tacit_span(text, 2 * TACIT_CLASSES_MAX + 2), NULL),
        TACIT_BAD_INPUT);
    tacit_predictions_release(&predictions);
}

static void test_labels_that_do_not_fit_name_nothing(void **state)
{
    tacit_predictions_t predictions;
    char text[TACIT_VALUE_TEXT_SIZE];
    (void)state;
    s_join(&predictions);
    assert_int_equal(tacit_predictions_name(&predictions, tacit_span_string("a,b,c"), NULL),
                     TACIT_OK);
    assert_string_equal(tacit_predictions_label(&predictions, 1, text), "class 1");
    tacit_predictions_release(&predictions);
}

/*  --- reports --------------------------------------------------------------------------------- */

typedef void s_print_fn(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                        FILE *stream);

static void s_table(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                    FILE *stream)
{
    assert_int_equal(tacit_report_table(predictions, rows, stream), TACIT_OK);
}

static char *s_text(s_print_fn *print, const tacit_predictions_t *predictions,
                    const tacit_report_rows_t *rows)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print(predictions, rows, stream);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void test_the_table(void **state)
{
    static const char *const files[] = {"d/a.png", "b.png", "c.png"};
    tacit_report_rows_t rows = {.files = NULL};
    tacit_predictions_t predictions;
    (void)state;
    s_join(&predictions);
    char *text = s_text(s_table, &predictions, &rows);
    assert_string_equal(text, "ROW  LABEL        no       yes\n"
                              "  1  yes    0.250000  0.750000\n"
                              "  2  no     1.000000  0.000000\n"
                              "  3  no     0.500000  0.500000\n");
    free(text);
    rows.files = files;
    text = s_text(s_table, &predictions, &rows);
    assert_non_null(strstr(text, "\na.png  yes  "));
    free(text);
    tacit_predictions_release(&predictions);
}

static void test_the_json(void **state)
{
    tacit_report_rows_t rows = {.files = NULL};
    tacit_predictions_t predictions;
    char whole[4096];
    (void)state;
    s_join(&predictions);
    char *text = s_text(tacit_report_json, &predictions, &rows);
    snprintf(whole, sizeof whole, "{%s}", text);
    free(text);
    json_t *object = json_loads(whole, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    const json_t *second = json_array_get(json_object_get(object, "predictions"), 1);
    assert_string_equal(json_string_value(json_object_get(second, "label")), "no");
    const json_t *output = json_array_get(json_object_get(object, "outputs"), 0);
    const json_t *data = json_object_get(output, "data");
    assert_int_equal(json_array_size(data), 3);
    assert_true(json_number_value(json_array_get(json_array_get(data, 0), 1)) == 0.75);
    json_decref(object);
    tacit_predictions_release(&predictions);
}

static void test_json_nests_as_the_shape_says(void **state)
{
    static const float values[] = {1, NAN, 3, 4, -INFINITY, 6, 7, 8.5F};
    tacit_report_rows_t rows = {.files = NULL};
    tacit_predictions_t predictions;
    tacit_answer_t answer;
    (void)state;
    tacit_predictions_init(&predictions, 2);
    s_answer(3, (int64_t[]){2, 2, 2}, values, &answer);
    assert_int_equal(tacit_predictions_add(&predictions, 0, 2, &answer, NULL), TACIT_OK);
    char *text = s_text(tacit_report_json, &predictions, &rows);
    assert_non_null(strstr(text, "[[[1, \"nan\"], [3, 4]], [[\"-inf\", 6], [7, 8.5]]]"));
    free(text);
    tacit_answer_release(&answer);
    tacit_predictions_release(&predictions);
}

static void test_the_files(void **state)
{
    static const char *const files[] = {"a,b.png", "c.png", "d\"e.png"};
    char folder[STATE_FOLDER_MAX];
    tacit_report_rows_t rows = {.files = files};
    tacit_predictions_t predictions;
    uint8_t *text = NULL;
    size_t size = 0;
    (void)state;
    state_folder_make(folder);
    s_join(&predictions);
    const char *path = state_path(folder, "p.csv");
    assert_int_equal(tacit_report_save(&predictions, &rows, path, NULL), TACIT_OK);
    assert_int_equal(tacit_whole_file_read(path, 4096, &text, &size), TACIT_OK);
    assert_string_equal((char *)text, "file,label,no,yes\n"
                                      "\"a,b.png\",yes,0.25,0.75\n"
                                      "c.png,no,1,0\n"
                                      "\"d\"\"e.png\",no,0.5,0.5\n");
    free(text);
    path = state_path(folder, "p.npy");
    assert_int_equal(tacit_report_save(&predictions, &rows, path, NULL), TACIT_OK);
    assert_int_equal(state_size(path), 128 + 6 * sizeof(float));
    assert_int_equal(tacit_report_save(&predictions, &rows, state_path(folder, "none/p.csv"), NULL),
                     TACIT_NOT_FOUND);
    assert_true(tacit_report_can_save("x.csv"));
    assert_true(tacit_report_can_save("x.npy"));
    assert_false(tacit_report_can_save(".csv"));
    assert_false(tacit_report_can_save("x.txt"));
    assert_false(tacit_report_can_save(""));
    tacit_predictions_release(&predictions);
    state_folder_remove(folder);
}

static void test_float32_reads_back_as_the_same_value(void **state)
{
    static const float values[] = {0.1F, 1.0F / 3, 1e-45F, 3.40282347e38F, -0.0F, 0.99999994F};
    tacit_answer_t answer;
    (void)state;
    s_answer(1, (int64_t[]){6}, values, &answer);
    for (size_t i = 0; i < 6; i++) {
        char text[TACIT_VALUE_TEXT_SIZE];
        tacit_value_text(&answer.outputs[0], i, text);
        float back = strtof(text, NULL);
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    tacit_answer_release(&answer);
}

static void test_timing_keeps_mean_and_worst(void **state)
{
    tacit_timing_t timing = {.requests = 0};
    char *text = NULL;
    size_t size = 0;
    (void)state;
    tacit_timing_add(&timing, &(tacit_phases_t){.seal_us = 10, .total_us = 100});
    tacit_timing_add(&timing, &(tacit_phases_t){.seal_us = 30, .total_us = 50});
    FILE *stream = open_memstream(&text, &size);
    tacit_timing_print_json(&timing, stream);
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(text, "\"requests\": 2"));
    assert_non_null(strstr(text, "\"seal_us\": {\"mean\": 20.0, \"max\": 30}"));
    assert_non_null(strstr(text, "\"total_us\": {\"mean\": 75.0, \"max\": 100}"));
    free(text);
}

/*  --- answers --------------------------------------------------------------------------------- */

static tacit_status_t s_decode(const tacit_inference_response_t *response, tacit_answer_t *answer,
                               tacit_error_t *ret_error)
{
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, tacit_inference_response_record.encoded_max);
    assert_int_equal(
        tacit_codec_encode(&tacit_inference_response_record, response, NULL, &buffer, NULL),
        TACIT_OK);
    memset(answer, 0, sizeof *answer);
    tacit_status_t status = tacit_answer_decode(tacit_buffer_span(&buffer), answer, ret_error);
    tacit_buffer_free(&buffer);
    return status;
}

static void test_answers_are_opened(void **state)
{
    static const float values[] = {1, 2};
    int64_t dims[] = {1, 2};
    tacit_inference_tensor_t output = {
        .name = tacit_span_string("out"),
        .dtype = TACIT_INFERENCE_DTYPE_FLOAT32,
        .shape = {dims, 2},
        .data = tacit_span(values, sizeof values),
    };
    tacit_inference_response_t response = {
        .outputs = {&output, 1}, .labels = tacit_span_string("a,b"), .run_us = 7};
    tacit_answer_t answer;
    (void)state;
    assert_int_equal(s_decode(&response, &answer, NULL), TACIT_OK);
    assert_int_equal(answer.output_count, 1);
    assert_string_equal(answer.outputs[0].name, "out");
    assert_memory_equal(answer.outputs[0].data->data, values, sizeof values);
    assert_string_equal(answer.labels, "a,b");
    assert_int_equal(answer.phases.run_us, 7);
    tacit_answer_release(&answer);
    output.data.size -= 1; /* not what the shape says */
    assert_int_equal(s_decode(&response, &answer, NULL), TACIT_PROTOCOL_ERROR);
    tacit_answer_release(&answer);
    response.outputs.count = 0;
    assert_int_equal(s_decode(&response, &answer, NULL), TACIT_PROTOCOL_ERROR);
    tacit_answer_release(&answer);
    assert_int_equal(tacit_answer_decode(tacit_span("junk", 4), &answer, NULL),
                     TACIT_PROTOCOL_ERROR);
}

static void test_failures_are_passed_on(void **state)
{
    tacit_inference_response_t response = {
        .has_failure = true,
        .failure = {.code = 6005,
                    .name = tacit_span_string("input_refused"),
                    .message = tacit_span_string("no"),
                    .claim = tacit_span_string("features")},
    };
    tacit_error_t error = {.code = TACIT_OK};
    tacit_answer_t answer;
    (void)state;
    assert_int_equal(s_decode(&response, &answer, &error), TACIT_INFERENCE_INPUT_REFUSED);
    assert_int_equal(error.code, TACIT_INFERENCE_INPUT_REFUSED);
    assert_string_equal(error.name, "input_refused");
    assert_string_equal(error.message, "no");
    assert_string_equal(error.claim, "features");
    response.failure.code = 0; /* a failure that claims to be none */
    assert_int_equal(s_decode(&response, &answer, NULL), TACIT_PROTOCOL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_put_in_their_places),
        cmocka_unit_test(test_answers_of_another_kind_are_refused),
        cmocka_unit_test(test_outputs_without_rows_are_not_joined),
        cmocka_unit_test(test_what_counts_as_probabilities),
        cmocka_unit_test(test_labels_of_users),
        cmocka_unit_test(test_labels_have_a_limit),
        cmocka_unit_test(test_labels_that_do_not_fit_name_nothing),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_the_json),
        cmocka_unit_test(test_json_nests_as_the_shape_says),
        cmocka_unit_test(test_the_files),
        cmocka_unit_test(test_float32_reads_back_as_the_same_value),
        cmocka_unit_test(test_timing_keeps_mean_and_worst),
        cmocka_unit_test(test_answers_are_opened),
        cmocka_unit_test(test_failures_are_passed_on),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
