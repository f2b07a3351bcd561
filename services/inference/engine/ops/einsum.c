/*  einsum.c - Einsum: sums of products over labelled dimensions, two inputs at a time.  */

#include "services/inference/engine/ops/einsum_plan.h"
#include "services/inference/engine/ops/ops.h"

/*  Products of one node: what a hostile equation may cost, as a kernel is not cancelled.  */
static const uint64_t s_products_max = (uint64_t)1 << 36;

/*  One pair of inputs and their result, as loops from the outermost; the last one is the innermost.
    a stride of 0 for `to` sums.  */
typedef struct s_loops {
    size_t count;
    size_t sizes[TACIT_EINSUM_LABELS];
    size_t a[TACIT_EINSUM_LABELS], b[TACIT_EINSUM_LABELS], to[TACIT_EINSUM_LABELS];
} s_loops_t;

static const tacit_einsum_term_t s_nothing; /* what a lone input is multiplied with: 1 */

/*  How well a loop does as the innermost: sums of neighbours, then rows of neighbours.  */
static int s_merit(size_t a, size_t b, size_t to)
{
    if (to == 0) {
        return a <= 1 && b <= 1 ? 3 : 1;
    }
    return to == 1 && a <= 1 && b <= 1 ? 2 : 0;
}

static s_loops_t s_loops(const tacit_einsum_t *einsum, const tacit_einsum_term_t *a,
                         const tacit_einsum_term_t *b, const tacit_einsum_term_t *to)
{
    s_loops_t loops = {.count = 0};
    size_t best = 0;
    for (size_t label = 0; label < TACIT_EINSUM_LABELS; label++) {
        if (((a->labels | b->labels) >> label & 1) == 0) {
            continue;
        }
        size_t n = loops.count++;
        loops.sizes[n] = einsum->sizes[label];
        loops.a[n] = a->strides[label];
        loops.b[n] = b->strides[label];
        loops.to[n] = to->strides[label];
        best = s_merit(loops.a[n], loops.b[n], loops.to[n]) >=
                       s_merit(loops.a[best], loops.b[best], loops.to[best])
                   ? n
                   : best;
    }
    if (loops.count > 0) {
        size_t *const lists[] = {loops.sizes, loops.a, loops.b, loops.to};
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
            size_t held = lists[i][best];
            lists[i][best] = lists[i][loops.count - 1];
            lists[i][loops.count - 1] = held;
        }
    }
    return loops;
}

/* --- inference -------------------------------------------------------------------------------- */

/*  Products of one pair, at most `limit`.  */
static uint64_t s_cost(const s_loops_t *loops, uint64_t limit)
{
    uint64_t cost = 1;
    for (size_t i = 0; i < loops->count; i++) {
        if (__builtin_mul_overflow(cost, (uint64_t)loops->sizes[i], &cost) || cost > limit) {
            cost = limit;
        }
        if (loops->sizes[i] == 0) {
            return 0;
        }
    }
    return cost;
}

TACIT_INFER(einsum)
{
    const tacit_graph_node_t *node = inference->node;
    tacit_einsum_t einsum;
    const char *complaint = tacit_einsum_read(tacit_graph_node_text(node, "equation", ""),
                                              inference->inputs, node->input_count, &einsum);
    if (complaint != NULL) {
        return tacit_infer_refuse(inference, complaint);
    }
    tacit_einsum_term_t left = einsum.inputs[0];
    uint64_t cost = 0;
    size_t between = 0;
    for (size_t i = 1; i < einsum.input_count || i == 1; i++) {
        bool last = i + 1 >= einsum.input_count;
        tacit_einsum_term_t to = einsum.output;
        size_t count = last ? 0 : tacit_einsum_between(&einsum, tacit_einsum_kept(&einsum, i), &to);
        s_loops_t loops =
            s_loops(&einsum, &left, i < einsum.input_count ? &einsum.inputs[i] : &s_nothing, &to);
        cost += s_cost(&loops, s_products_max + 1);
        if (count == SIZE_MAX || cost > s_products_max) {
            return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                           "it needs too many products, or too much memory");
        }
        between += count;
        left = to;
    }
    *inference->scratch = between * tacit_dtype_size(inference->inputs[0].dtype);
    inference->parameters->node.node = node;
    inference->outputs[0].shape = einsum.output_shape;
    return TACIT_OK;
}

/* --- kernels ---------------------------------------------------------------------------------- */

/*  The next place of all loops but the innermost; false after the last.  */
static bool s_next(const s_loops_t *loops, size_t *at, size_t *a, size_t *b, size_t *to)
{
    for (size_t i = loops->count - 1; i-- > 0;) {
        *a += loops->a[i];
        *b += loops->b[i];
        *to += loops->to[i];
        if (++at[i] < loops->sizes[i]) {
            return true;
        }
        *a -= loops->a[i] * at[i];
        *b -= loops->b[i] * at[i];
        *to -= loops->to[i] * at[i];
        at[i] = 0;
    }
    return false;
}

enum { LANES = 8 };

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define CONTRACT(type)                                                                             \
    static type s_dot_##type(const type *a, size_t step_a, const type *b, size_t step_b,           \
                             size_t count)                                                         \
    {                                                                                              \
        type lanes[LANES] = {0};                                                                   \
        size_t i = 0;                                                                              \
        for (; step_a == 1 && step_b == 1 && i + LANES <= count; i += LANES) {                     \
            for (size_t k = 0; k < LANES; k++) {                                                   \
                lanes[k] += a[i + k] * b[i + k];                                                   \
            }                                                                                      \
        }                                                                                          \
        for (; i < count; i++) {                                                                   \
            lanes[0] += a[i * step_a] * b[i * step_b];                                             \
        }                                                                                          \
        for (size_t k = 1; k < LANES; k++) {                                                       \
            lanes[0] += lanes[k];                                                                  \
        }                                                                                          \
        return lanes[0];                                                                           \
    }                                                                                              \
                                                                                                   \
    static void s_row_##type(const type *a, size_t step_a, const type *b, size_t step_b, type *to, \
                             size_t step_to, size_t count)                                         \
    {                                                                                              \
        if (step_a == 0 && step_b == 1 && step_to == 1) {                                          \
            type factor = *a;                                                                      \
            for (size_t i = 0; i < count; i++) {                                                   \
                to[i] += factor * b[i];                                                            \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (size_t i = 0; i < count; i++) {                                                       \
            to[i * step_to] += a[i * step_a] * b[i * step_b];                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void s_contract_##type(const s_loops_t *loops, const void *left, const void *right,     \
                                  void *result)                                                    \
    {                                                                                              \
        static const type one = 1;                                                                 \
        size_t at[TACIT_EINSUM_LABELS] = {0};                                                      \
        size_t a = 0;                                                                              \
        size_t b = 0;                                                                              \
        size_t to = 0;                                                                             \
        size_t in = loops->count - 1;                                                              \
        const type *from = left;                                                                   \
        const type *with = right != NULL ? right : &one;                                           \
        type *sums = result;                                                                       \
        do {                                                                                       \
            if (loops->to[in] == 0) {                                                              \
                sums[to] += s_dot_##type(from + a, loops->a[in], with + b, loops->b[in],           \
                                         loops->sizes[in]);                                        \
            } else {                                                                               \
                s_row_##type(from + a, loops->a[in], with + b, loops->b[in], sums + to,            \
                             loops->to[in], loops->sizes[in]);                                     \
            }                                                                                      \
        } while (s_next(loops, at, &a, &b, &to));                                                  \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/*  Integers wrap, which only those without sign may.  */
CONTRACT(float)
CONTRACT(double)
CONTRACT(uint32_t)
CONTRACT(uint64_t)

static void s_contract(const tacit_einsum_t *einsum, tacit_dtype_t dtype,
                       const tacit_einsum_term_t *terms[3], const void *a, const void *b, void *to)
{
    s_loops_t loops = s_loops(einsum, terms[0], terms[1], terms[2]);
    if (s_cost(&loops, s_products_max) == 0) {
        return;
    }
    if (loops.count == 0) { /* scalars: one product */
        loops = (s_loops_t){.count = 1, .sizes = {1}};
    }
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        s_contract_float(&loops, a, b, to);
        break;
    case TACIT_DTYPE_FLOAT64:
        s_contract_double(&loops, a, b, to);
        break;
    case TACIT_DTYPE_INT32:
        s_contract_uint32_t(&loops, a, b, to);
        break;
    default:
        s_contract_uint64_t(&loops, a, b, to);
        break;
    }
}

TACIT_KERNEL(einsum)
{
    const char *equation = tacit_graph_node_text(parameters->node.node, "equation", "");
    size_t element = tacit_dtype_size(inputs[0].dtype);
    tacit_einsum_t einsum;
    const char *complaint = tacit_einsum_read(equation, inputs, input_count, &einsum);
    if (complaint != NULL) {
        return complaint;
    }
    tacit_einsum_term_t left = einsum.inputs[0];
    const void *from = inputs[0].data;
    uint8_t *room = outputs[output_count].data;
    for (size_t i = 1; i < input_count || i == 1; i++) {
        bool last = i + 1 >= input_count;
        bool lone = i >= input_count;
        tacit_einsum_term_t to = einsum.output;
        size_t count = last ? outputs[0].count
                            : tacit_einsum_between(&einsum, tacit_einsum_kept(&einsum, i), &to);
        void *result = last ? outputs[0].data : room;
        const tacit_einsum_term_t *terms[] = {&left, lone ? &s_nothing : &einsum.inputs[i], &to};
        if (count > 0) {
            memset(result, 0, count * element);
            s_contract(&einsum, inputs[0].dtype, terms, from, lone ? NULL : inputs[i].data, result);
        }
        room += last ? 0 : count * element;
        from = result;
        left = to;
    }
    return NULL;
}

#define WIDE (FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64))

/* clang-format off */
TACIT_OPERATORS(einsum) = {
    {"Einsum", 12, 17, WIDE, "T*|T", 1, "equation:s", 0, 0, I(einsum), K(einsum), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
