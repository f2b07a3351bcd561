/*  input_npy.c - the header is a Python dict of three known keys, read by a scanner that knows no
    other Python; the elements are copied as they stand.

    Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html  */

#include "clients/lib/input_npy.h"

#include <math.h>
#include <stdio.h>

enum { S_WORD_MAX = 16 /* of a key or a type, with the final NUL */ };

enum { S_DESCR = 1, S_ORDER = 2, S_SHAPE = 4, S_ALL = 7 };

typedef struct s_header {
    tacit_cursor_t text;
    char descr[S_WORD_MAX]; /* the type of the elements */
    bool structured;        /* the type is a list or a tuple */
    bool fortran_order;
    size_t rank;
    int64_t dims[TACIT_TENSOR_RANK_MAX];
    unsigned seen; /* keys so far */
} s_header_t;

typedef struct s_type {
    const char *descr;
    tacit_inference_dtype_t dtype;
} s_type_t;

static const int64_t s_dimension_max = (int64_t)1 << 48; /* more than any file has */

static const s_type_t s_types[] = {
    {"<f4", TACIT_INFERENCE_DTYPE_FLOAT32}, {"<f8", TACIT_INFERENCE_DTYPE_FLOAT64},
    {"|u1", TACIT_INFERENCE_DTYPE_UINT8},   {"|i1", TACIT_INFERENCE_DTYPE_INT8},
    {"<i4", TACIT_INFERENCE_DTYPE_INT32},   {"<i8", TACIT_INFERENCE_DTYPE_INT64},
    {"|b1", TACIT_INFERENCE_DTYPE_BOOL8},
};

/*  The next character, or NUL at the end; a NUL in the text is no token, so that they may not be
    told apart.  */
static char s_peek(const s_header_t *header)
{
    return header->text.rest.size > 0 ? (char)header->text.rest.data[0] : '\0';
}

static char s_next(s_header_t *header)
{
    return (char)tacit_cursor_u8(&header->text);
}

static void s_skip_space(s_header_t *header)
{
    while (s_peek(header) == ' ') {
        (void)s_next(header);
    }
}

/*  Accept one token, with the space before it.  */
static bool s_accept(s_header_t *header, char token)
{
    s_skip_space(header);
    if (s_peek(header) != token) {
        return false;
    }
    (void)s_next(header);
    return true;
}

static bool s_accept_word(s_header_t *header, const char *word)
{
    s_skip_space(header);
    size_t size = strlen(word);
    if (header->text.rest.size < size || memcmp(header->text.rest.data, word, size) != 0) {
        return false;
    }
    (void)tacit_cursor_take(&header->text, size);
    return true;
}

static bool s_quoted(s_header_t *header, char ret_word[S_WORD_MAX])
{
    s_skip_space(header);
    char quote = s_next(header);
    if (quote != '\'' && quote != '"') {
        return false;
    }
    for (size_t used = 0; used < S_WORD_MAX; used++) {
        char next = s_next(header);
        if (next == quote) {
            ret_word[used] = '\0';
            return true;
        }
        if (next < ' ' || next > '~' || next == '\\') {
            return false;
        }
        ret_word[used] = next;
    }
    return false;
}

/*  A dimension: digits without a leading zero. Above the limit the value no longer matters, as it
   is refused anyway.  */
static bool s_dimension(s_header_t *header, int64_t *ret_value)
{
    int64_t value = 0;
    size_t digits = 0;
    s_skip_space(header);
    while (s_peek(header) >= '0' && s_peek(header) <= '9') {
        if (digits > 0 && value == 0) {
            return false;
        }
        value = value * 10 + (s_next(header) - '0');
        value = value > s_dimension_max ? s_dimension_max : value;
        digits++;
    }
    *ret_value = value;
    return digits > 0;
}

/*  (), (3,), (3, 4) or (3, 4,).  */
static bool s_shape(s_header_t *header)
{
    if (!s_accept(header, '(')) {
        return false;
    }
    while (!s_accept(header, ')')) {
        if (header->rank == TACIT_TENSOR_RANK_MAX ||
            !s_dimension(header, &header->dims[header->rank])) {
            return false;
        }
        header->rank++;
        if (!s_accept(header, ',')) {
            /* one number in brackets is no tuple in Python */
            return header->rank > 1 && s_accept(header, ')');
        }
    }
    return true;
}

static bool s_order(s_header_t *header)
{
    header->fortran_order = s_accept_word(header, "True");
    return header->fortran_order || s_accept_word(header, "False");
}

static bool s_descr(s_header_t *header)
{
    s_skip_space(header);
    if (s_peek(header) == '[' || s_peek(header) == '(') {
        header->structured = true;
        return false;
    }
    return s_quoted(header, header->descr);
}

typedef struct s_key {
    const char *name;
    unsigned bit;
    bool (*read)(s_header_t *header);
} s_key_t;

static const s_key_t s_keys[] = {
    {"descr", S_DESCR, s_descr},
    {"fortran_order", S_ORDER, s_order},
    {"shape", S_SHAPE, s_shape},
};

static bool s_entry(s_header_t *header)
{
    char name[S_WORD_MAX];
    if (!s_quoted(header, name) || !s_accept(header, ':')) {
        return false;
    }
    for (size_t i = 0; i < sizeof s_keys / sizeof *s_keys; i++) {
        if (strcmp(s_keys[i].name, name) == 0 && !(header->seen & s_keys[i].bit)) {
            header->seen |= s_keys[i].bit;
            return s_keys[i].read(header);
        }
    }
    return false;
}

/*  The whole text: a dict, spaces, and a line feed as the last byte.  */
static bool s_dict(s_header_t *header)
{
    if (!s_accept(header, '{')) {
        return false;
    }
    while (!s_accept(header, '}')) {
        if (!s_entry(header)) {
            return false;
        }
        if (!s_accept(header, ',')) {
            if (!s_accept(header, '}')) {
                return false;
            }
            break;
        }
    }
    return header->seen == S_ALL && s_accept(header, '\n') && tacit_cursor_done(&header->text);
}

static tacit_status_t s_read_header(tacit_cursor_t *file, s_header_t *header,
                                    tacit_error_t *ret_error)
{
    tacit_span_t magic = tacit_cursor_take(file, 6);
    uint8_t major = tacit_cursor_u8(file);
    uint8_t minor = tacit_cursor_u8(file);
    if (file->failed || magic.data == NULL || memcmp(magic.data, "\x93NUMPY", 6) != 0) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "not an .npy file");
    }
    if ((major != 1 && major != 2) || minor != 0) {
        (void)tacit_error_set(ret_error, TACIT_UNSUPPORTED, "version %u.%u of the .npy format",
                              major, minor);
        tacit_error_remedy(ret_error, "save a plain array of numbers with numpy.save");
        return TACIT_UNSUPPORTED;
    }
    uint64_t size = tacit_cursor_little(file, major == 1 ? 2 : 4);
    if (size > TACIT_NPY_HEADER_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the header is larger than %d bytes",
                               TACIT_NPY_HEADER_MAX);
    }
    header->text = tacit_cursor(tacit_cursor_take(file, (size_t)size));
    if (file->failed) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "the file ends within its header");
    }
    if (s_dict(header)) {
        return TACIT_OK;
    }
    if (header->structured) {
        (void)tacit_error_set(ret_error, TACIT_UNSUPPORTED, "an array of records");
        tacit_error_remedy(ret_error, "save a plain array of numbers");
        return TACIT_UNSUPPORTED;
    }
    return tacit_error_set(ret_error, TACIT_MALFORMED,
                           "the header is not the description of an array of at most %d dimensions",
                           TACIT_TENSOR_RANK_MAX);
}

static tacit_status_t s_check_type(const s_header_t *header, tacit_npy_float64_t float64,
                                   tacit_inference_dtype_t *ret_dtype, tacit_error_t *ret_error)
{
    const s_type_t *type = NULL;
    for (size_t i = 0; i < sizeof s_types / sizeof *s_types; i++) {
        type = strcmp(s_types[i].descr, header->descr) == 0 ? &s_types[i] : type;
    }
    if (!type) {
        (void)tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "dtype",
                                "<f4, <f8, |u1, |i1, <i4, <i8 or |b1", header->descr);
        tacit_error_remedy(ret_error, "convert the array with astype(numpy.float32)");
        return TACIT_UNSUPPORTED;
    }
    if (type->dtype == TACIT_INFERENCE_DTYPE_FLOAT64 && float64 == TACIT_NPY_FLOAT64_REFUSED) {
        (void)tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "dtype", "float32", "float64");
        tacit_error_remedy(ret_error,
                           "--narrow sends it as float32, as most models take it, --wide "
                           "as it is");
        return TACIT_UNSUPPORTED;
    }
    if (header->fortran_order) {
        (void)tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "fortran_order", "False", "True");
        tacit_error_remedy(ret_error, "convert the array with numpy.ascontiguousarray");
        return TACIT_UNSUPPORTED;
    }
    *ret_dtype = type->dtype;
    return TACIT_OK;
}

tacit_status_t tacit_npy_narrow(tacit_span_t elements, float *ret_numbers, tacit_error_t *ret_error)
{
    size_t count = elements.size / sizeof(double);
    for (size_t i = 0; i < count; i++) {
        double wide = 0;
        memcpy(&wide, elements.data + i * sizeof wide, sizeof wide);
        float narrow = (float)wide;
        if (isinf(narrow) && !isinf(wide)) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                   "element %zu is beyond the range of float32", i);
        }
        memcpy(ret_numbers + i, &narrow, sizeof narrow);
    }
    return TACIT_OK;
}

static tacit_status_t s_copy(tacit_span_t elements, tacit_tensor_t *tensor,
                             tacit_error_t *ret_error)
{
    if (tensor->dtype == TACIT_INFERENCE_DTYPE_BOOL8) {
        for (size_t i = 0; i < elements.size; i++) {
            if (elements.data[i] > 1) {
                return tacit_error_set(ret_error, TACIT_MALFORMED,
                                       "element %zu is neither true nor false", i);
            }
        }
    }
    memcpy(tensor->data->data, elements.data, elements.size);
    return TACIT_OK;
}

static tacit_status_t s_read_elements(tacit_span_t elements, bool narrow, tacit_tensor_t *tensor,
                                      tacit_error_t *ret_error)
{
    uint64_t expected = (uint64_t)tensor->data->size * (narrow ? 2 : 1);
    if (elements.size != expected) {
        (void)tacit_error_set(ret_error, TACIT_MALFORMED,
                              "the file holds %zu bytes of elements, its shape says %llu",
                              elements.size, (unsigned long long)expected);
        return TACIT_MALFORMED;
    }
    return narrow ? tacit_npy_narrow(elements, (float *)(void *)tensor->data->data, ret_error)
                  : s_copy(elements, tensor, ret_error);
}

tacit_status_t tacit_npy_parse(tacit_span_t file, tacit_npy_float64_t float64,
                               tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    s_header_t header = {0};
    tacit_tensor_t tensor = {0};
    tacit_cursor_t cursor = tacit_cursor(file);
    tacit_inference_dtype_t dtype = TACIT_INFERENCE_DTYPE_FLOAT32;
    tacit_status_t status = s_read_header(&cursor, &header, ret_error);
    if (status == TACIT_OK) {
        status = s_check_type(&header, float64, &dtype, ret_error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    bool narrow = dtype == TACIT_INFERENCE_DTYPE_FLOAT64 && float64 == TACIT_NPY_FLOAT64_NARROWED;
    status = tacit_tensor_allocate(narrow ? TACIT_INFERENCE_DTYPE_FLOAT32 : dtype, header.rank,
                                   header.dims, &tensor, ret_error);
    if (status == TACIT_OK) {
        status = s_read_elements(cursor.rest, narrow, &tensor, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_tensor = tensor;
        memset(&tensor, 0, sizeof tensor);
    }
    tacit_tensor_release(&tensor);
    return status;
}

tacit_status_t tacit_npy_view(tacit_span_t file, tacit_npy_view_t *ret_view,
                              tacit_error_t *ret_error)
{
    s_header_t header = {0};
    tacit_cursor_t cursor = tacit_cursor(file);
    tacit_npy_view_t view = {.rank = 0};
    tacit_status_t status = s_read_header(&cursor, &header, ret_error);
    if (status == TACIT_OK) {
        status = s_check_type(&header, TACIT_NPY_FLOAT64_KEPT, &view.dtype, ret_error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    uint64_t size = tacit_tensor_element_size(view.dtype);
    bool fits = true;
    bool empty = false;
    for (size_t i = 0; i < header.rank; i++) {
        uint64_t dim = (uint64_t)header.dims[i];
        empty |= dim == 0;
        fits = fits && dim > 0 && size <= cursor.rest.size / dim;
        size *= fits ? dim : 1;
        view.dims[i] = header.dims[i];
    }
    if (empty ? cursor.rest.size > 0 : !fits || size != cursor.rest.size) {
        return tacit_error_set(ret_error, TACIT_MALFORMED,
                               "the file holds %zu bytes of elements, its shape says otherwise",
                               cursor.rest.size);
    }
    view.rank = header.rank;
    view.elements = cursor.rest;
    *ret_view = view;
    return TACIT_OK;
}
