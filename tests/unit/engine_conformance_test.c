/*  engine_conformance_test.c - the engine against the ONNX project's own tests.

    Every folder of Debian's libonnx-testdata with a model.onnx is loaded and run, once over oneDNN
    and once by the plain kernels: it passes, is refused as UNSUPPORTED, or is wrong, and none may
    be wrong. What is refused is in conformance_refusals.txt, which may only shrink. As a control
   each expected output is altered, which the comparison has to catch.  */

#include "services/inference/engine/engine.h"

#include "onnx/onnx.pb-c.h"
#include "tests/unit/conformance_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifndef TACIT_ONNX_TESTDATA
#define TACIT_ONNX_TESTDATA "/usr/share/libonnx-testdata/data"
#endif

enum { PATH_SIZE = 1024, TENSORS_MAX = 16, FILE_MAX = 64 << 20 };

static const double s_relative = 1e-3;
static const double s_absolute = 1e-5;

/*  The bar is 650 of 671 of them, those of the commoner operators. Which 671 does not matter: what
    fails of them is no more than what fails of all.  */
enum { ELIGIBLE_PASSED_MIN = 784, BAR_COUNT = 671, BAR_PASSED_MIN = 650 };

#define PASSED  CONFORMANCE_PASSED
#define REFUSED CONFORMANCE_REFUSED
#define WRONG   CONFORMANCE_WRONG

typedef struct s_counts {
    unsigned outcomes[CONFORMANCE_OUTCOMES];
    unsigned controls; /* altered outputs */
    unsigned missed;   /* of them, not noticed */
} s_counts_t;

/*  Tensors of a file each, and the memory behind them.  */
typedef struct s_tensors {
    tacit_engine_tensor_t items[TENSORS_MAX];
    uint8_t *data[TENSORS_MAX];
    size_t count;
} s_tensors_t;

static uint8_t *s_read_file(const char *path, size_t *ret_size)
{
    struct stat status;
    if (stat(path, &status) != 0 || status.st_size > FILE_MAX) {
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(file);
    assert_non_null(bytes);
    *ret_size = fread(bytes, 1, (size_t)status.st_size, file);
    (void)fclose(file);
    return bytes;
}

/*  The elements as bytes; NULL for a type that the engine has not.  */
static uint8_t *s_elements(const Onnx__TensorProto *proto, size_t count, size_t element)
{
    uint8_t *bytes = calloc(count + 1, element > 0 ? element : 1);
    assert_non_null(bytes);
    const void *typed = proto->float_data;
    if (proto->data_type == TACIT_DTYPE_INT64) {
        typed = proto->int64_data;
    } else if (proto->data_type == TACIT_DTYPE_FLOAT64) {
        typed = proto->double_data;
    } else if (proto->data_type == TACIT_DTYPE_INT32) {
        typed = proto->int32_data;
    }
    if (proto->raw_data.len > 0) {
        assert_int_equal(proto->raw_data.len, count * element);
        memcpy(bytes, proto->raw_data.data, count * element);
    } else if (element > 1 && typed != NULL) {
        memcpy(bytes, typed, count * element);
    } else if (element == 1 && proto->n_int32_data == count) {
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)proto->int32_data[i];
        }
    }
    return bytes;
}

static bool s_read_tensor(const char *path, s_tensors_t *tensors)
{
    size_t size = 0;
    uint8_t *bytes = s_read_file(path, &size);
    if (bytes == NULL || tensors->count == TENSORS_MAX) {
        free(bytes);
        return false;
    }
    Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, size, bytes);
    free(bytes);
    if (proto == NULL || proto->n_dims > TACIT_ENGINE_RANK_MAX) {
        return false;
    }
    tacit_engine_tensor_t *tensor = &tensors->items[tensors->count];
    *tensor =
        (tacit_engine_tensor_t){.dtype = (tacit_dtype_t)proto->data_type, .rank = proto->n_dims};
    size_t count = 1;
    for (size_t i = 0; i < proto->n_dims; i++) {
        tensor->dims[i] = proto->dims[i];
        count *= (size_t)proto->dims[i];
    }
    size_t element = tacit_dtype_size(tensor->dtype);
    tensors->data[tensors->count] = s_elements(proto, count, element);
    tensor->data = tacit_span(tensors->data[tensors->count++], count * element);
    onnx__tensor_proto__free_unpacked(proto, NULL);
    return true;
}

static void s_read_tensors(const char *folder, const char *kind, s_tensors_t *ret_tensors)
{
    char path[PATH_SIZE];
    *ret_tensors = (s_tensors_t){.count = 0};
    do {
        (void)snprintf(path, sizeof(path), "%s/%s_%zu.pb", folder, kind, ret_tensors->count);
    } while (s_read_tensor(path, ret_tensors));
}

static void s_free_tensors(s_tensors_t *tensors)
{
    for (size_t i = 0; i < tensors->count; i++) {
        free(tensors->data[i]);
    }
}

static bool s_close(double a, double b)
{
    bool same = a == b || (isnan(a) && isnan(b));
    return same || fabs(a - b) <= s_absolute + s_relative * fabs(b);
}

static bool s_equal(const tacit_engine_tensor_t *got, const tacit_engine_tensor_t *expected)
{
    bool equal = got->dtype == expected->dtype && got->rank == expected->rank &&
                 got->data.size == expected->data.size;
    for (size_t i = 0; equal && i < got->rank; i++) {
        equal = got->dims[i] == expected->dims[i];
    }
    if (!equal || (got->dtype != TACIT_DTYPE_FLOAT32 && got->dtype != TACIT_DTYPE_FLOAT64)) {
        return equal && tacit_span_equal(got->data, expected->data);
    }
    size_t element = tacit_dtype_size(got->dtype);
    for (size_t i = 0; equal && i < got->data.size; i += element) {
        float left[2] = {0};
        double wide[2] = {0};
        if (element == sizeof(float)) {
            memcpy(&left[0], got->data.data + i, element);
            memcpy(&left[1], expected->data.data + i, element);
            wide[0] = (double)left[0];
            wide[1] = (double)left[1];
        } else {
            memcpy(&wide[0], got->data.data + i, element);
            memcpy(&wide[1], expected->data.data + i, element);
        }
        equal = s_close(wide[0], wide[1]);
    }
    return equal;
}

/*  Change the last element by a few percent; false where there is none.  */
static bool s_alter(s_tensors_t *expected, size_t i)
{
    tacit_engine_tensor_t *tensor = &expected->items[i];
    size_t element = tacit_dtype_size(tensor->dtype);
    if (tensor->data.size == 0) {
        return false;
    }
    uint8_t *last = expected->data[i] + tensor->data.size - element;
    if (tensor->dtype == TACIT_DTYPE_FLOAT32) {
        float number;
        memcpy(&number, last, element);
        number = isfinite(number) ? number + 0.05F * fmaxf(1.0F, fabsf(number)) : 1.0F;
        memcpy(last, &number, element);
    } else if (tensor->dtype == TACIT_DTYPE_FLOAT64) {
        double number;
        memcpy(&number, last, element);
        number += 0.05 * fmax(1.0, fabs(number));
        memcpy(last, &number, element);
    } else {
        last[0] ^= 1;
    }
    return true;
}

static bool s_all_equal(const tacit_engine_result_t *result, const s_tensors_t *expected)
{
    size_t count = 0;
    const tacit_engine_tensor_t *got = tacit_engine_result_tensors(result, &count);
    bool equal = count == expected->count;
    for (size_t i = 0; equal && i < count; i++) {
        equal = s_equal(&got[i], &expected->items[i]);
    }
    return equal;
}

static conformance_outcome_t s_judge(const tacit_engine_result_t *result, s_tensors_t *expected,
                                     s_counts_t *counts)
{
    if (!s_all_equal(result, expected)) {
        return WRONG;
    }
    for (size_t i = 0; i < expected->count; i++) {
        if (s_alter(expected, i)) {
            counts->controls++;
            counts->missed += s_all_equal(result, expected) ? 1U : 0U;
        }
    }
    return PASSED;
}

static conformance_outcome_t s_run_set(tacit_engine_t *engine, const char *folder,
                                       s_counts_t *counts, tacit_error_t *error)
{
    s_tensors_t inputs;
    s_tensors_t expected;
    s_read_tensors(folder, "input", &inputs);
    s_read_tensors(folder, "output", &expected);
    size_t count = 0;
    const tacit_engine_value_t *declared = tacit_engine_inputs(engine, &count);
    for (size_t i = 0; i < count && i < inputs.count; i++) {
        inputs.items[i].name = tacit_span_string(declared[i].name);
    }
    tacit_engine_result_t *result = NULL;
    tacit_status_t status = tacit_engine_run(engine, inputs.items, inputs.count, &result, error);
    conformance_outcome_t outcome = status == TACIT_UNSUPPORTED ? REFUSED : WRONG;
    if (status == TACIT_OK) {
        outcome = s_judge(result, &expected, counts);
    }
    tacit_engine_result_destroy(&result);
    s_free_tensors(&inputs);
    s_free_tensors(&expected);
    return outcome;
}

static conformance_outcome_t s_run_folder(const char *folder, bool portable, s_counts_t *counts,
                                          conformance_report_t *report)
{
    char path[PATH_SIZE];
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "%s/model.onnx", folder);
    uint8_t *model = s_read_file(path, &size);
    tacit_engine_options_t options = {.portable = portable};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model == NULL) {
        return REFUSED;
    }
    tacit_status_t status = tacit_engine_load(tacit_span(model, size), &options, &engine, &error);
    conformance_outcome_t outcome = status == TACIT_OK ? PASSED : WRONG;
    outcome = status == TACIT_UNSUPPORTED ? REFUSED : outcome;
    struct stat exists;
    for (unsigned i = 0; outcome == PASSED; i++) {
        (void)snprintf(path, sizeof(path), "%s/test_data_set_%u", folder, i);
        if (stat(path, &exists) != 0) {
            break;
        }
        outcome = s_run_set(engine, path, counts, &error);
    }
    if (outcome == WRONG) {
        print_message("wrong: %s%s: %s (%s: %s / %s)\n", folder, portable ? " (portable)" : "",
                      error.message, error.claim, error.expected, error.got);
    }
    if (outcome == REFUSED && getenv("TACIT_VERBOSE") != NULL) {
        print_message("refused: %s: %s\n", folder, error.message);
    }
    tacit_engine_destroy(&engine);
    conformance_report_add(report, folder + strlen(TACIT_ONNX_TESTDATA) + 1, model, size, outcome);
    free(model);
    return outcome;
}

static s_counts_t s_run_all(const char *set, bool portable, conformance_report_t *report)
{
    s_counts_t counts = {0};
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof(folder), "%s/%s", TACIT_ONNX_TESTDATA, set);
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[2 * PATH_SIZE];
        struct stat model;
        (void)snprintf(path, sizeof(path), "%s/%s/model.onnx", folder, entry->d_name);
        if (entry->d_name[0] != '.' && stat(path, &model) == 0) {
            path[strlen(path) - strlen("/model.onnx")] = '\0';
            counts.outcomes[s_run_folder(path, portable, &counts, report)]++;
        }
    }
    (void)closedir(directory);
    return counts;
}

/*  Both backends refuse the same, so one table and two checks.  */
static size_t s_print_reports(conformance_report_t *reports[2])
{
    size_t deviations = conformance_report_print(reports[0]);
    for (size_t i = 0; i < 2; i++) {
        size_t passed = 0;
        size_t count = 0;
        conformance_report_eligible(reports[i], &passed, &count);
        print_message("%zu of %zu node tests of the engine's types and kinds of operators passed "
                      "(%s)\n",
                      passed, count, i == 1 ? "portable" : "oneDNN");
        size_t failed = count - passed;
        size_t sure = failed < BAR_COUNT ? BAR_COUNT - failed : 0;
        print_message("so of any %d of them at least %zu pass; at least %d have to\n", BAR_COUNT,
                      sure, BAR_PASSED_MIN);
        deviations += passed < ELIGIBLE_PASSED_MIN || sure < BAR_PASSED_MIN ? 1 : 0;
    }
    conformance_report_destroy(&reports[0]);
    conformance_report_destroy(&reports[1]);
    return deviations;
}

static void test_onnx_project(void **state)
{
    (void)state;
    static const char *const sets[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    struct stat exists;
    if (stat(TACIT_ONNX_TESTDATA, &exists) != 0) {
        print_message("skipped: %s is absent (Debian's libonnx-testdata)\n", TACIT_ONNX_TESTDATA);
        return;
    }
    s_counts_t total = {0};
    conformance_report_t *reports[2];
    for (size_t i = 0; i < 2; i++) {
        reports[i] = conformance_report_new(TACIT_CONFORMANCE_REFUSALS);
        assert_non_null(reports[i]);
    }
    print_message("%-18s %-9s %7s %8s %6s %18s\n", "set", "kernels", "passed", "refused", "wrong",
                  "alterations missed");
    for (size_t i = 0; i < 2 * sizeof(sets) / sizeof(sets[0]); i++) {
        bool portable = i % 2 == 1;
        s_counts_t counts = s_run_all(sets[i / 2], portable, reports[i % 2]);
        print_message("%-18s %-9s %7u %8u %6u %9u of %5u\n", sets[i / 2],
                      portable ? "portable" : "oneDNN", counts.outcomes[PASSED],
                      counts.outcomes[REFUSED], counts.outcomes[WRONG], counts.missed,
                      counts.controls);
        total.outcomes[PASSED] += counts.outcomes[PASSED];
        total.outcomes[WRONG] += counts.outcomes[WRONG];
        total.missed += counts.missed;
    }
    size_t deviations = s_print_reports(reports);
    assert_int_equal(total.outcomes[WRONG], 0);
    assert_int_equal(total.missed, 0);
    assert_int_equal(deviations, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_onnx_project)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
