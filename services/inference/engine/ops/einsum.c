/*  einsum.c - Einsum: sums of products over labelled dimensions, two inputs at a time.  */

#include "services/inference/engine/ops/einsum_plan.h"
#include "services/inference/engine/ops/ops.h"

/*  Products of one node: what a hostile equation may cost, as a kernel is not cancelled.  */
static const uint64_t s_products_max = (uint64_t)1 << 34;

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

static void s_contract(s_loops_t *loops, tacit_dtype_t dtype, const void *a, const void *b,
                       void *to)
{
    if (loops->count == 0) { /* scalars: one product */
        *loops = (s_loops_t){.count = 1, .sizes = {1}};
    }
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        s_contract_float(loops, a, b, to);
        break;
    case TACIT_DTYPE_FLOAT64:
        s_contract_double(loops, a, b, to);
        break;
    case TACIT_DTYPE_INT32:
        s_contract_uint32_t(loops, a, b, to);
        break;
    default:
        s_contract_uint64_t(loops, a, b, to);
        break;
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

/*  What infer counts and the kernel computes, in the same order.  */
typedef struct s_run {
    tacit_einsum_t einsum;
    tacit_dtype_t dtype;
    bool dry;       /* count only */
    uint64_t cost;  /* products */
    size_t between; /* elements of results that are no output */
    uint8_t *room;  /* for them */
} s_run_t;

/*  A term with its elements.  */
typedef struct s_side {
    tacit_einsum_term_t term;
    const void *data;
} s_side_t;

/*  A result that is not the output. One that is too large counts as too much work.  */
static tacit_einsum_term_t s_between(s_run_t *run, uint64_t labels)
{
    tacit_einsum_term_t term = {.labels = 0};
    if (tacit_einsum_between(&run->einsum, labels, &term) == SIZE_MAX) {
        run->cost = s_products_max + 1;
    }
    return term;
}

/*  The product of two sides, summed into `to`: the output, or else room that is taken for it.  */
static void s_step(s_run_t *run, const s_side_t *a, const s_side_t *b, s_side_t *to, bool last,
                   void *output)
{
    s_loops_t loops = s_loops(&run->einsum, &a->term, b != NULL ? &b->term : &s_nothing, &to->term);
    uint64_t cost = s_cost(&loops, s_products_max + 1);
    size_t count = 1;
    for (size_t i = 0; i < TACIT_EINSUM_LABELS; i++) {
        count *= (to->term.labels >> i & 1) != 0 ? run->einsum.sizes[i] : 1;
    }
    if (run->dry) {
        run->cost += cost;
        run->between += last ? 0 : count;
        return;
    }
    void *sums = last ? output : run->room;
    size_t size = count * tacit_dtype_size(run->dtype);
    run->room += last ? 0 : size;
    to->data = sums;
    if (size > 0) {
        memset(sums, 0, size);
    }
    if (cost > 0) {
        s_contract(&loops, run->dtype, a->data, b != NULL ? b->data : NULL, sums);
    }
}

/*  Labels of input i that nothing else has: they are summed before it meets another.  */
static uint64_t s_alone(const tacit_einsum_t *einsum, size_t i)
{
    uint64_t others = einsum->output.labels;
    for (size_t k = 0; k < einsum->input_count; k++) {
        others |= k != i ? einsum->inputs[k].labels : 0;
    }
    return einsum->inputs[i].labels & ~others;
}

static s_side_t s_input(s_run_t *run, const tacit_tensor_t *inputs, size_t i)
{
    s_side_t side = {run->einsum.inputs[i], inputs[i].data};
    uint64_t alone = s_alone(&run->einsum, i);
    if (alone != 0) {
        s_side_t less = {s_between(run, side.term.labels & ~alone), NULL};
        s_step(run, &side, NULL, &less, false, NULL);
        return less;
    }
    return side;
}

static void s_steps(s_run_t *run, const tacit_tensor_t *inputs, void *output)
{
    const tacit_einsum_t *einsum = &run->einsum;
    s_side_t to = {einsum->output, NULL};
    if (einsum->input_count == 1) {
        s_side_t only = {einsum->inputs[0], inputs[0].data};
        s_step(run, &only, NULL, &to, true, output);
        return;
    }
    s_side_t left = s_input(run, inputs, 0);
    for (size_t i = 1; i < einsum->input_count; i++) {
        bool last = i + 1 == einsum->input_count;
        s_side_t right = s_input(run, inputs, i);
        to.term = last ? einsum->output : s_between(run, tacit_einsum_kept(einsum, i));
        s_step(run, &left, &right, &to, last, output);
        left = to;
    }
}

TACIT_INFER(einsum)
{
    const tacit_graph_node_t *node = inference->node;
    s_run_t run = {.dtype = inference->inputs[0].dtype, .dry = true};
    const char *complaint = tacit_einsum_read(tacit_graph_node_text(node, "equation", ""),
                                              inference->inputs, node->input_count, &run.einsum);
    if (complaint != NULL) {
        return tacit_infer_refuse(inference, complaint);
    }
    s_steps(&run, inference->inputs, NULL);
    if (run.cost > s_products_max) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_TOO_LARGE,
                                       "it needs too many products, or too much memory");
    }
    *inference->scratch = run.between * tacit_dtype_size(run.dtype);
    inference->parameters->node.node = node;
    inference->outputs[0].shape = run.einsum.output_shape;
    return TACIT_OK;
}

TACIT_KERNEL(einsum)
{
    const char *equation = tacit_graph_node_text(parameters->node.node, "equation", "");
    s_run_t run = {.dtype = inputs[0].dtype, .room = outputs[output_count].data};
    const char *complaint = tacit_einsum_read(equation, inputs, input_count, &run.einsum);
    if (complaint == NULL) {
        s_steps(&run, inputs, outputs[0].data);
    }
    return complaint;
}

#define WIDE (FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64))

/* clang-format off */
TACIT_OPERATORS(einsum) = {
    {"Einsum", 12, 17, WIDE, "T*|T", 1, "equation:s", 0, 0, I(einsum), K(einsum), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
