/*  scheme.c - see scheme.h.  */

#include "services/inference/quantizer/scheme.h"

#include <math.h>
#include <string.h>

/* --- what a node could do --------------------------------------------------------------------- */

typedef struct s_kind {
    const char *op;
    tacit_role_t role;
    bool (*fits)(tacit_draft_t *draft, const Onnx__NodeProto *node);
} s_kind_t;

static bool s_is_finite(const float *numbers, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite &= isfinite(numbers[i]) != 0;
    }
    return finite;
}

/*  Whether input i is a constant of finite numbers, and of which shape.  */
static bool s_constant(tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i,
                       tacit_shape_t *ret_shape, size_t *ret_count)
{
    tacit_error_t own = {0};
    const float *numbers =
        tacit_draft_floats(draft, tacit_draft_input(draft, node, i), ret_shape, ret_count, &own);
    return numbers != NULL && s_is_finite(numbers, *ret_count);
}

static bool s_is_dynamic(const tacit_draft_t *draft, const Onnx__NodeProto *node, size_t i)
{
    int value = tacit_draft_input(draft, node, i);
    return value >= 0 && draft->values[value].constant < 0;
}

/*  A bias that is left out, one number for all features, or one for each.  */
static bool s_bias(tacit_draft_t *draft, const Onnx__NodeProto *node, int64_t features, bool one)
{
    tacit_shape_t shape;
    size_t count = 0;
    if (tacit_draft_input(draft, node, 2) < 0) {
        return true;
    }
    return s_constant(draft, node, 2, &shape, &count) && shape.rank <= 2 &&
           (shape.rank == 0 || shape.dims[shape.rank - 1] == (int64_t)count) &&
           ((int64_t)count == features || (one && count == 1));
}

static bool s_convolution(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    tacit_shape_t shape;
    size_t count = 0;
    return s_is_dynamic(draft, node, 0) && s_constant(draft, node, 1, &shape, &count) &&
           shape.rank >= 3 && s_bias(draft, node, shape.dims[0], false);
}

static bool s_gemm(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    tacit_shape_t shape;
    size_t count = 0;
    bool turned = tacit_draft_integer(node, "transB", 0) != 0;
    return s_is_dynamic(draft, node, 0) && tacit_draft_integer(node, "transA", 0) == 0 &&
           isfinite(tacit_draft_real(node, "alpha", 1)) &&
           isfinite(tacit_draft_real(node, "beta", 1)) &&
           s_constant(draft, node, 1, &shape, &count) && shape.rank == 2 &&
           s_bias(draft, node, shape.dims[turned ? 0 : 1], true);
}

static bool s_product(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    tacit_shape_t shape;
    size_t count = 0;
    return s_is_dynamic(draft, node, 0) && s_constant(draft, node, 1, &shape, &count) &&
           shape.rank == 2;
}

/*  Values that come, and constants of numbers; one at least comes.  */
static bool s_several(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    tacit_shape_t shape;
    size_t count = 0;
    size_t dynamic = 0;
    bool fits = true;
    for (size_t i = 0; i < node->n_input; i++) {
        bool comes = s_is_dynamic(draft, node, i);
        fits = fits && (comes || s_constant(draft, node, i, &shape, &count));
        dynamic += comes;
    }
    return fits && dynamic > 0;
}

static bool s_one(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    bool one = true;
    for (size_t i = 1; i < node->n_output; i++) {
        one = one && node->output[i][0] == '\0';
    }
    return one && s_is_dynamic(draft, node, 0);
}

static bool s_first(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    return s_is_dynamic(draft, node, 0);
}

/*  What it puts around must be on the grid: 0, or numbers of the input.  */
static bool s_pad(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    const Onnx__AttributeProto *mode = tacit_draft_attribute(node, "mode");
    bool constant = mode == NULL || (mode->s.len == 8 && memcmp(mode->s.data, "constant", 8) == 0);
    tacit_shape_t shape;
    size_t count = 0;
    tacit_error_t own = {0};
    const float *number =
        tacit_draft_floats(draft, tacit_draft_input(draft, node, 2), &shape, &count, &own);
    bool nothing = tacit_draft_input(draft, node, 2) < 0 || (number != NULL && number[0] == 0);
    return s_is_dynamic(draft, node, 0) && (!constant || nothing);
}

static bool s_resize(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    const Onnx__AttributeProto *mode = tacit_draft_attribute(node, "mode");
    bool nearest = mode == NULL || (mode->s.len == 7 && memcmp(mode->s.data, "nearest", 7) == 0);
    return nearest && s_is_dynamic(draft, node, 0);
}

static const s_kind_t s_kinds[] = {
    {"Conv", TACIT_ROLE_CONV, s_convolution},   {"Gemm", TACIT_ROLE_GEMM, s_gemm},
    {"MatMul", TACIT_ROLE_MATMUL, s_product},   {"Add", TACIT_ROLE_PAIR, s_several},
    {"Mul", TACIT_ROLE_PAIR, s_several},        {"Concat", TACIT_ROLE_JOIN, s_several},
    {"MaxPool", TACIT_ROLE_MOVE, s_one},        {"Flatten", TACIT_ROLE_MOVE, s_first},
    {"Reshape", TACIT_ROLE_MOVE, s_first},      {"Transpose", TACIT_ROLE_MOVE, s_first},
    {"Squeeze", TACIT_ROLE_MOVE, s_first},      {"Unsqueeze", TACIT_ROLE_MOVE, s_first},
    {"Slice", TACIT_ROLE_MOVE, s_first},        {"Split", TACIT_ROLE_MOVE, s_first},
    {"Gather", TACIT_ROLE_MOVE, s_first},       {"DepthToSpace", TACIT_ROLE_MOVE, s_first},
    {"SpaceToDepth", TACIT_ROLE_MOVE, s_first}, {"Identity", TACIT_ROLE_MOVE, s_first},
    {"Dropout", TACIT_ROLE_MOVE, s_one},        {"Pad", TACIT_ROLE_MOVE, s_pad},
    {"Resize", TACIT_ROLE_MOVE, s_resize},      {"GlobalAveragePool", TACIT_ROLE_POOL, s_first},
    {"AveragePool", TACIT_ROLE_POOL, s_first},  {"Relu", TACIT_ROLE_CLIP, s_first},
    {"Clip", TACIT_ROLE_CLIP, s_first},         {"Sigmoid", TACIT_ROLE_CURVE, s_first},
    {"HardSigmoid", TACIT_ROLE_CURVE, s_first}, {"HardSwish", TACIT_ROLE_CURVE, s_first},
    {"LeakyRelu", TACIT_ROLE_CURVE, s_first},
};

static tacit_role_t s_role(tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++) {
        if (tacit_draft_is(node, s_kinds[i].op)) {
            return s_kinds[i].fits(draft, node) ? s_kinds[i].role : TACIT_ROLE_REAL;
        }
    }
    return TACIT_ROLE_REAL;
}

static bool s_multiplies(tacit_role_t role)
{
    return role == TACIT_ROLE_CONV || role == TACIT_ROLE_GEMM || role == TACIT_ROLE_MATMUL;
}

size_t tacit_scheme_data(const tacit_scheme_t *scheme, size_t node)
{
    switch (scheme->roles[node]) {
    case TACIT_ROLE_REAL:
        return 0;
    case TACIT_ROLE_PAIR:
    case TACIT_ROLE_JOIN:
        return scheme->draft->nodes[node]->n_input;
    default:
        return 1;
    }
}

/* --- what nodes around allow ------------------------------------------------------------------ */

/*  The node that makes input i, where it does so in bytes; or none.  */
static int s_maker(const tacit_scheme_t *scheme, size_t node, size_t i)
{
    const tacit_draft_t *draft = scheme->draft;
    int value = tacit_draft_input(draft, draft->nodes[node], i);
    int producer = value >= 0 ? draft->values[value].producer : TACIT_DRAFT_NONE;
    return producer >= 0 && scheme->roles[producer] != TACIT_ROLE_REAL ? producer
                                                                       : TACIT_DRAFT_NONE;
}

/*  The node before a Relu or Clip that may be one with it; or none.  */
static int s_before(const tacit_scheme_t *scheme, size_t node)
{
    const tacit_draft_t *draft = scheme->draft;
    int maker =
        scheme->roles[node] == TACIT_ROLE_CLIP ? s_maker(scheme, node, 0) : TACIT_DRAFT_NONE;
    if (maker < 0) {
        return TACIT_DRAFT_NONE;
    }
    const tacit_draft_value_t *between =
        &draft->values[tacit_draft_input(draft, draft->nodes[node], 0)];
    tacit_role_t role = scheme->roles[maker];
    bool joins = s_multiplies(role) || role == TACIT_ROLE_PAIR || role == TACIT_ROLE_POOL;
    return joins && between->uses == 1 && !between->output ? maker : TACIT_DRAFT_NONE;
}

int tacit_scheme_clip(const tacit_scheme_t *scheme, size_t node)
{
    const tacit_draft_t *draft = scheme->draft;
    int value = tacit_draft_output(draft, draft->nodes[node], 0);
    int consumer = value >= 0 ? draft->values[value].consumer : TACIT_DRAFT_NONE;
    return consumer >= 0 && s_before(scheme, (size_t)consumer) == (int)node ? consumer
                                                                            : TACIT_DRAFT_NONE;
}

bool tacit_scheme_bounds(const tacit_scheme_t *scheme, const Onnx__NodeProto *node, float *ret_low,
                         float *ret_high)
{
    float *bounds[] = {ret_low, ret_high};
    bool clip = tacit_draft_is(node, "Clip");
    *ret_low = clip ? -HUGE_VALF : 0;
    *ret_high = HUGE_VALF;
    for (size_t i = 0; clip && i < 2; i++) {
        tacit_shape_t shape;
        size_t count = 0;
        tacit_error_t own = {0};
        int value = tacit_draft_input(scheme->draft, node, i + 1);
        const float *number = tacit_draft_floats(scheme->draft, value, &shape, &count, &own);
        if (value >= 0 && (number == NULL || count != 1)) {
            return false;
        }
        *bounds[i] = value >= 0 ? number[0] : *bounds[i];
    }
    return true;
}

/*  Float32 that is given: bytes may be made of it at once, before it is moved.  */
static bool s_is_given(const tacit_draft_t *draft, const Onnx__NodeProto *node)
{
    int value = tacit_draft_input(draft, node, 0);
    for (size_t i = 0; value >= 0 && draft->values[value].input && i < draft->graph.n_input; i++) {
        const Onnx__ValueInfoProto *info = draft->graph.input[i];
        if (strcmp(info->name, draft->values[value].name) == 0) {
            return info->type != NULL && info->type->tensor_type != NULL &&
                   info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
                   info->type->tensor_type->elem_type == TACIT_DTYPE_FLOAT32;
        }
    }
    return false;
}

/*  Whether numbers come in bytes: all of them, or some of what is joined.  */
static bool s_comes(const tacit_scheme_t *scheme, size_t node)
{
    const Onnx__NodeProto *proto = scheme->draft->nodes[node];
    bool all = true;
    bool some = false;
    for (size_t i = 0; i < tacit_scheme_data(scheme, node); i++) {
        bool made = s_maker(scheme, node, i) >= 0;
        some |= made;
        all = all && (made || !s_is_dynamic(scheme->draft, proto, i));
    }
    bool given = scheme->roles[node] == TACIT_ROLE_MOVE && s_is_given(scheme->draft, proto);
    return given || (scheme->roles[node] == TACIT_ROLE_JOIN ? some : all);
}

/*  Whether somebody takes what it makes in bytes.  */
static bool s_goes(const tacit_scheme_t *scheme, size_t node, const bool *wanted)
{
    const Onnx__NodeProto *proto = scheme->draft->nodes[node];
    bool goes = false;
    for (size_t i = 0; i < proto->n_output; i++) {
        int value = tacit_draft_output(scheme->draft, proto, i);
        goes |= value >= 0 && wanted[value];
    }
    int before = s_before(scheme, node);
    return goes || (before >= 0 && scheme->roles[before] == TACIT_ROLE_CONV);
}

static void s_want(const tacit_scheme_t *scheme, size_t node, bool *wanted)
{
    for (size_t i = 0; i < tacit_scheme_data(scheme, node); i++) {
        int value = tacit_draft_input(scheme->draft, scheme->draft->nodes[node], i);
        if (value >= 0) {
            wanted[value] = true;
        }
    }
}

/*  What carries numbers in bytes from nowhere, or to nowhere, stays real; until nothing changes. */
static tacit_status_t s_settle(tacit_scheme_t *scheme, tacit_error_t *error)
{
    const tacit_draft_t *draft = scheme->draft;
    bool *wanted = tacit_pool_take(draft->pool, draft->value_count + 1, sizeof *wanted, error);
    bool changed = wanted != NULL;
    while (changed) {
        changed = false;
        memset(wanted, 0, draft->value_count * sizeof *wanted);
        for (size_t n = draft->node_count; n > 0; n--) {
            tacit_role_t *role = &scheme->roles[n - 1];
            if (*role != TACIT_ROLE_REAL && !s_multiplies(*role) &&
                !s_goes(scheme, n - 1, wanted)) {
                *role = TACIT_ROLE_REAL;
                changed = true;
            }
            s_want(scheme, n - 1, wanted);
        }
        for (size_t n = 0; n < draft->node_count; n++) {
            tacit_role_t *role = &scheme->roles[n];
            if (*role != TACIT_ROLE_REAL && !s_multiplies(*role) && !s_comes(scheme, n)) {
                *role = TACIT_ROLE_REAL;
                changed = true;
            }
        }
    }
    return wanted != NULL ? TACIT_OK : error->code;
}

/*  The Add of a row of constants to a product alone: exact, and one node with that in a worker.  */
static bool s_is_bias(const tacit_scheme_t *scheme, size_t node)
{
    tacit_draft_t *draft = scheme->draft;
    const Onnx__NodeProto *proto = draft->nodes[node];
    bool bias = false;
    for (size_t i = 0; i < 2 && tacit_draft_is(proto, "Add"); i++) {
        tacit_shape_t shape;
        size_t count = 0;
        int value = tacit_draft_input(draft, proto, i);
        int maker = s_maker(scheme, node, i);
        bias |= maker >= 0 && scheme->roles[maker] == TACIT_ROLE_MATMUL &&
                draft->values[value].uses == 1 && !draft->values[value].output &&
                s_constant(draft, proto, 1 - i, &shape, &count) && shape.rank <= 1;
    }
    return bias;
}

/* --- grids ------------------------------------------------------------------------------------ */

int tacit_scheme_root(const tacit_scheme_t *scheme, int value)
{
    if (value < 0 || scheme->parents[value] < 0) {
        return TACIT_DRAFT_NONE;
    }
    while (scheme->parents[value] != value) {
        scheme->parents[value] = scheme->parents[scheme->parents[value]];
        value = scheme->parents[value];
    }
    return value;
}

static void s_give(tacit_scheme_t *scheme, int value)
{
    if (value >= 0 && scheme->parents[value] < 0) {
        scheme->parents[value] = value;
    }
}

static void s_unite(tacit_scheme_t *scheme, int value, int with)
{
    scheme->parents[tacit_scheme_root(scheme, value)] = tacit_scheme_root(scheme, with);
    scheme->implied[value] = true;
}

static void s_give_grids(tacit_scheme_t *scheme, size_t node)
{
    const tacit_draft_t *draft = scheme->draft;
    const Onnx__NodeProto *proto = draft->nodes[node];
    bool apart = s_before(scheme, node) < 0;
    for (size_t i = 0; apart && i < tacit_scheme_data(scheme, node); i++) {
        if (s_is_dynamic(draft, proto, i)) {
            s_give(scheme, tacit_draft_input(draft, proto, i));
        }
    }
    tacit_role_t role = scheme->roles[node];
    bool makes = role != TACIT_ROLE_REAL && role != TACIT_ROLE_GEMM && role != TACIT_ROLE_MATMUL &&
                 tacit_scheme_clip(scheme, node) < 0;
    for (size_t i = 0; makes && i < proto->n_output; i++) {
        s_give(scheme, tacit_draft_output(draft, proto, i));
    }
}

/*  What is moved keeps its grid; what is only there to be joined takes that of the whole.  */
static void s_unite_grids(tacit_scheme_t *scheme, size_t node)
{
    const tacit_draft_t *draft = scheme->draft;
    const Onnx__NodeProto *proto = draft->nodes[node];
    if (scheme->roles[node] == TACIT_ROLE_MOVE) {
        for (size_t i = 0; i < proto->n_output; i++) {
            int made = tacit_draft_output(draft, proto, i);
            if (made >= 0) {
                s_unite(scheme, made, tacit_draft_input(draft, proto, 0));
            }
        }
    }
    for (size_t i = 0; scheme->roles[node] == TACIT_ROLE_JOIN && i < proto->n_input; i++) {
        int part = tacit_draft_input(draft, proto, i);
        bool alone = part >= 0 && scheme->parents[part] == part && !draft->values[part].output &&
                     !draft->values[part].input && draft->values[part].uses == 1;
        if (alone) {
            s_unite(scheme, part, tacit_draft_output(draft, proto, 0));
        }
    }
}

tacit_status_t tacit_scheme_new(tacit_draft_t *draft, tacit_scheme_t *ret_scheme,
                                tacit_error_t *error)
{
    size_t values = draft->value_count + 1;
    tacit_scheme_t scheme = {
        .draft = draft,
        .roles = tacit_pool_take(draft->pool, draft->node_count + 1, sizeof(tacit_role_t), error),
        .parents = tacit_pool_take(draft->pool, values, sizeof(int), error),
        .implied = tacit_pool_take(draft->pool, values, sizeof(bool), error)};
    if (scheme.roles == NULL || scheme.parents == NULL || scheme.implied == NULL) {
        return error->code;
    }
    for (size_t i = 0; i < values; i++) {
        scheme.parents[i] = TACIT_DRAFT_NONE;
    }
    for (size_t n = 0; n < draft->node_count; n++) {
        scheme.roles[n] = s_role(draft, draft->nodes[n]);
        scheme.roles[n] = s_is_bias(&scheme, n) ? TACIT_ROLE_REAL : scheme.roles[n];
        scheme.products += s_multiplies(scheme.roles[n]);
    }
    tacit_status_t status = s_settle(&scheme, error);
    for (size_t n = 0; status == TACIT_OK && n < draft->node_count; n++) {
        s_give_grids(&scheme, n);
    }
    for (size_t n = 0; status == TACIT_OK && n < draft->node_count; n++) {
        s_unite_grids(&scheme, n);
    }
    scheme.grids = tacit_pool_take(draft->pool, values, sizeof(tacit_grid_t), error);
    status = status == TACIT_OK && scheme.grids == NULL ? error->code : status;
    *ret_scheme = status == TACIT_OK ? scheme : *ret_scheme;
    return status;
}
