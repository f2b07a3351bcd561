/*  einsum_plan.c - reads equations such as "bij,bjk->bik" or "...ii->...i".  */

#include "services/inference/engine/ops/einsum_plan.h"

#include <string.h>

/*  One side of a comma: labels in order, and where "..." stands.  */
typedef struct s_part {
    uint8_t labels[TACIT_EINSUM_LABELS];
    size_t count;    /* letters */
    bool more;       /* it has "..." */
    size_t position; /* of it: letters before */
} s_part_t;

static int s_letter(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/*  Read up to a comma, an arrow or the end; NULL, or what is wrong.  */
static const char *s_read_part(const char **at, s_part_t *ret_part)
{
    s_part_t part = {.count = 0};
    while (**at != '\0' && **at != ',' && **at != '-') {
        int letter = s_letter(**at);
        if (letter >= 0 && part.count < TACIT_ENGINE_RANK_MAX) {
            part.labels[part.count++] = (uint8_t)letter;
        } else if (!part.more && strncmp(*at, "...", 3) == 0) {
            part.more = true;
            part.position = part.count;
            *at += 2;
        } else if (**at != ' ') {
            return "its equation cannot be read";
        }
        (*at)++;
    }
    *ret_part = part;
    return NULL;
}

/*  The label of dimension i of a tensor of that rank; the dimensions of "..." are counted from
    their end, so that they are aligned.  */
static size_t s_label(const s_part_t *part, size_t rank, size_t i)
{
    size_t extra = rank - part->count;
    if (!part->more || i < part->position) {
        return part->labels[i];
    }
    if (i < part->position + extra) {
        return TACIT_EINSUM_LABELS - (part->position + extra - i);
    }
    return part->labels[i - extra];
}

static const char *s_add_input(tacit_einsum_t *einsum, const s_part_t *part,
                               const tacit_shape_t *shape)
{
    tacit_einsum_term_t *term = &einsum->inputs[einsum->input_count++];
    if (shape->rank < part->count || (shape->rank > part->count && !part->more)) {
        return "its equation does not fit the rank of an input";
    }
    size_t stride = 1;
    for (size_t i = shape->rank; i-- > 0;) {
        size_t label = s_label(part, shape->rank, i);
        size_t dim = (size_t)shape->dims[i];
        size_t *size = &einsum->sizes[label];
        bool fresh = *size == 1; /* not seen, or repeated so far */
        if (dim != 1 && !fresh && *size != dim) {
            return "a label stands for dimensions of different sizes";
        }
        *size = dim != 1 ? dim : *size;
        term->labels |= (uint64_t)1 << label;
        term->strides[label] += dim != 1 ? stride : 0;
        stride *= dim;
    }
    return NULL;
}

/*  Without an arrow: those of "...", then letters that stand once, by the alphabet.  */
static void s_imply(const s_part_t *parts, size_t count, s_part_t *ret_output)
{
    size_t seen[TACIT_EINSUM_LETTERS] = {0};
    s_part_t output = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        output.more |= parts[i].more;
        for (size_t k = 0; k < parts[i].count; k++) {
            seen[parts[i].labels[k]]++;
        }
    }
    for (size_t i = 0; i < TACIT_EINSUM_LETTERS; i++) {
        if (seen[i] == 1) {
            output.labels[output.count++] = (uint8_t)i;
        }
    }
    *ret_output = output;
}

static const char *s_set_output(tacit_einsum_t *einsum, const s_part_t *part)
{
    uint64_t known = 0;
    size_t extra = 0;
    for (size_t i = 0; i < einsum->input_count; i++) {
        known |= einsum->inputs[i].labels;
    }
    for (size_t i = TACIT_EINSUM_LETTERS; part->more && i < TACIT_EINSUM_LABELS; i++) {
        extra += known >> i & 1;
    }
    size_t rank = part->count + extra;
    if (rank > TACIT_ENGINE_RANK_MAX) {
        return "its output has too many dimensions";
    }
    einsum->output_shape.rank = rank;
    size_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
        size_t label = s_label(part, rank, i);
        if ((known >> label & 1) == 0 || (einsum->output.labels >> label & 1) != 0) {
            return "a label of its output stands twice, or in no input";
        }
        einsum->output.labels |= (uint64_t)1 << label;
        einsum->output.strides[label] = stride;
        einsum->output_labels[i] = (uint8_t)label;
        einsum->output_shape.dims[i] = (int64_t)einsum->sizes[label];
        if (__builtin_mul_overflow(stride, einsum->sizes[label], &stride)) {
            return "its output is too large";
        }
    }
    return NULL;
}

const char *tacit_einsum_read(const char *equation, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_einsum_t *ret_einsum)
{
    s_part_t parts[TACIT_EINSUM_INPUTS_MAX];
    s_part_t output;
    const char *at = equation;
    const char *complaint = NULL;
    *ret_einsum = (tacit_einsum_t){.input_count = 0};
    for (size_t i = 0; i < TACIT_EINSUM_LABELS; i++) {
        ret_einsum->sizes[i] = 1;
    }
    if (input_count > TACIT_EINSUM_INPUTS_MAX) {
        return "it has too many inputs";
    }
    for (size_t i = 0; complaint == NULL && i < input_count; i++) {
        complaint = s_read_part(&at, &parts[i]);
        bool last = i + 1 == input_count;
        if (complaint == NULL && (last ? *at == ',' : *at != ',')) {
            return "its equation has not as many terms as it has inputs";
        }
        complaint =
            complaint == NULL ? s_add_input(ret_einsum, &parts[i], &inputs[i].shape) : complaint;
        at += *at == ',' ? 1 : 0;
    }
    if (complaint != NULL) {
        return complaint;
    }
    s_imply(parts, input_count, &output);
    if (*at != '\0') {
        complaint = strncmp(at, "->", 2) == 0 ? NULL : "its equation cannot be read";
        at += complaint == NULL ? 2 : 0;
        complaint = complaint == NULL ? s_read_part(&at, &output) : complaint;
        complaint = complaint == NULL && *at != '\0' ? "its equation cannot be read" : complaint;
    }
    return complaint == NULL ? s_set_output(ret_einsum, &output) : complaint;
}

uint64_t tacit_einsum_kept(const tacit_einsum_t *einsum, size_t last)
{
    uint64_t known = 0;
    uint64_t wanted = einsum->output.labels;
    for (size_t i = 0; i < einsum->input_count; i++) {
        known |= i <= last ? einsum->inputs[i].labels : 0;
        wanted |= i > last ? einsum->inputs[i].labels : 0;
    }
    return known & wanted;
}

size_t tacit_einsum_between(const tacit_einsum_t *einsum, uint64_t labels,
                            tacit_einsum_term_t *ret_term)
{
    tacit_einsum_term_t term = {.labels = labels};
    size_t stride = 1;
    for (size_t i = TACIT_EINSUM_LABELS; i-- > 0;) {
        if ((labels >> i & 1) != 0) {
            term.strides[i] = stride;
            if (__builtin_mul_overflow(stride, einsum->sizes[i], &stride)) {
                return SIZE_MAX;
            }
        }
    }
    *ret_term = term;
    return stride <= TACIT_TENSOR_SIZE_MAX / sizeof(double) ? stride : SIZE_MAX;
}
