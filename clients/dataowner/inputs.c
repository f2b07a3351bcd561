/*  inputs.c - see inputs.h.  */

#include "clients/dataowner/inputs.h"

#include <stdio.h>

#include "clients/lib/input.h"

void tacit_inputs_release(tacit_inputs_t *inputs)
{
    for (size_t i = 0; i < TACIT_INPUTS_MAX; i++) {
        tacit_tensor_release(&inputs->tensors[i]);
    }
    inputs->count = 0;
}

static size_t s_rows(const tacit_tensor_t *tensor)
{
    return tensor->rank > 0 ? (size_t)tensor->dims[0] : 1;
}

/*  --- files ----------------------------------------------------------------------------------- */

static tacit_status_t s_load(const tacit_invocation_t *invocation, const char *const *paths,
                             size_t count, const char *name, tacit_inputs_t *inputs,
                             tacit_error_t *ret_error)
{
    tacit_input_options_t options = {
        .narrow_float64 = tacit_invocation_count(invocation, "narrow") > 0,
        .keep_float64 = tacit_invocation_count(invocation, "wide") > 0,
    };
    if (options.narrow_float64 && options.keep_float64) {
        return tacit_usage_error(invocation, ret_error, "--narrow or --wide, not both");
    }
    if (inputs->count == TACIT_INPUTS_MAX) {
        return tacit_usage_error(invocation, ret_error, "at most %d inputs", TACIT_INPUTS_MAX);
    }
    tacit_tensor_t *tensor = &inputs->tensors[inputs->count];
    tacit_status_t status = tacit_input_load(paths, count, &options, tensor, ret_error);
    inputs->count += !status;
    return status ? status : tacit_tensor_set_name(tensor, name, ret_error);
}

/*  The bytes of NAME in NAME=FILE; 0 where there is none.  */
static size_t s_name_size(const char *text)
{
    size_t size = strcspn(text, "=");
    return text[size] == '=' && text[size + 1] && size <= TACIT_TENSOR_NAME_MAX ? size : 0;
}

static bool s_same_name(const char *one, const char *other, size_t size)
{
    return s_name_size(other) == size && memcmp(one, other, size) == 0;
}

/*  All files of the name that the index-th --input has, unless an earlier one has it.  */
static tacit_status_t s_load_named(const tacit_invocation_t *invocation, size_t index,
                                   tacit_inputs_t *inputs, tacit_error_t *ret_error)
{
    const char *paths[TACIT_OPTION_VALUES_MAX];
    char name[TACIT_TENSOR_NAME_MAX + 1];
    const char *text = tacit_invocation_nth(invocation, "input", index);
    size_t size = s_name_size(text);
    size_t files = 0;
    if (size == 0) {
        return tacit_usage_error(invocation, ret_error, "--input takes NAME=FILE, not %s", text);
    }
    for (size_t i = 0; i < tacit_invocation_count(invocation, "input"); i++) {
        const char *other = tacit_invocation_nth(invocation, "input", i);
        if (s_same_name(text, other, size)) {
            if (i < index) {
                return TACIT_OK;
            }
            paths[files++] = other + size + 1;
        }
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)size, text);
    return s_load(invocation, paths, files, name, inputs, ret_error);
}

/*  --- rows ------------------------------------------------------------------------------------ */

static tacit_status_t s_check_rows(const tacit_inputs_t *inputs, tacit_error_t *ret_error)
{
    for (size_t i = 1; i < inputs->count; i++) {
        const tacit_tensor_t *tensor = &inputs->tensors[i];
        if (s_rows(tensor) != inputs->rows) {
            char claim[TACIT_TENSOR_NAME_MAX + 16];
            char expected[64];
            char got[64];
            (void)snprintf(claim, sizeof claim, "input %s", tensor->name);
            (void)snprintf(expected, sizeof expected, "%zu rows, as input %.24s", inputs->rows,
                           inputs->tensors[0].name);
            (void)snprintf(got, sizeof got, "%zu", s_rows(tensor));
            tacit_error_claim(ret_error, TACIT_BAD_INPUT, claim, expected, got);
            tacit_error_remedy(ret_error, "give each input a row for each prediction, or send them "
                                          "as they are, in one request: --whole");
            return TACIT_BAD_INPUT;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_inputs_load(const tacit_invocation_t *invocation, tacit_inputs_t *ret_inputs,
                                 tacit_error_t *ret_error)
{
    size_t named = tacit_invocation_count(invocation, "input");
    size_t files = invocation->operand_count - 1;
    *ret_inputs = (tacit_inputs_t){.whole = tacit_invocation_count(invocation, "whole") > 0};
    if ((named > 0) == (files > 0)) {
        return tacit_usage_error(invocation, ret_error,
                                 named > 0 ? "name every file (--input NAME=FILE) or none"
                                           : "give files, or --input NAME=FILE for each input");
    }
    tacit_status_t status = TACIT_OK;
    if (files > 0) {
        status = s_load(invocation, (const char *const *)invocation->operands + 1, files, "",
                        ret_inputs, ret_error);
    }
    for (size_t i = 0; i < named && !status; i++) {
        status = s_load_named(invocation, i, ret_inputs, ret_error);
    }
    if (!status) {
        ret_inputs->rows = s_rows(&ret_inputs->tensors[0]);
        status = ret_inputs->whole ? TACIT_OK : s_check_rows(ret_inputs, ret_error);
    }
    return status;
}

void tacit_inputs_take(const tacit_inputs_t *inputs, size_t first, size_t count,
                       tacit_inputs_cut_t *ret_cut)
{
    for (size_t i = 0; i < inputs->count; i++) {
        const tacit_tensor_t *tensor = &inputs->tensors[i];
        tacit_span_t data = tacit_secret_span(tensor->data);
        memcpy(ret_cut->dims[i], tensor->dims, sizeof tensor->dims);
        if (!inputs->whole) {
            size_t row = data.size / inputs->rows;
            data = tacit_span(data.data + first * row, count * row);
            ret_cut->dims[i][0] = (int64_t)count;
        }
        ret_cut->tensors[i] = (tacit_inference_tensor_t){
            .name = tacit_span_string(tensor->name),
            .dtype = (uint32_t)tensor->dtype,
            .data = data,
        };
        ret_cut->tensors[i].shape.items = ret_cut->dims[i];
        ret_cut->tensors[i].shape.count = tensor->rank;
    }
}
