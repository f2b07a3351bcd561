/*  calibrate.c - see calibrate.h.  */

#include "services/inference/quantizer/calibrate.h"

#include <stdio.h>
#include <string.h>

#include "services/inference/quantizer/range.h"

/*  One look at some values.  */
typedef struct s_look {
    const tacit_draft_t *draft;
    const tacit_quantizer_options_t *options;
    const tacit_quantizer_rows_t *rows;
    tacit_engine_t *engine;
    const int *values; /* that the engine makes, in this order */
    size_t count;
    tacit_range_t *ranges; /* of those; NULL: nobody asks */
    size_t *ranks;         /* of those; NULL: nobody asks */
} s_look_t;

/* --- numbers ---------------------------------------------------------------------------------- */

/*  at: the number of the tensor that is none.  */
static tacit_status_t s_refuse_number(const s_look_t *look, size_t batch,
                                      const tacit_engine_tensor_t *tensor, size_t at,
                                      const char *what, tacit_error_t *error)
{
    size_t rows = tensor->rank > 0 ? (size_t)tensor->dims[0] : 0;
    size_t count = tensor->data.size / sizeof(float);
    size_t row = batch * look->rows->batch;
    char name[TACIT_ERROR_CLAIM_MAX];
    (void)snprintf(name, sizeof name, "%.*s", (int)tensor->name.size,
                   (const char *)tensor->name.data);
    row += rows > 0 && count % rows == 0 ? at / (count / rows) : 0;
    (void)tacit_error_set(error, TACIT_BAD_INPUT, "row %zu: %s %s is NaN or infinite", row, what,
                          name);
    (void)snprintf(error->claim, sizeof error->claim, "row %zu", row);
    tacit_error_remedy(error, "leave that row out, or mend it; rows are counted from 0");
    return TACIT_BAD_INPUT;
}

/*  The numbers of a tensor, which may lie anywhere, in pieces that are aligned.  */
static bool s_add(tacit_range_t *range, tacit_span_t data, size_t *ret_at)
{
    enum { PIECE = 1024 };
    float piece[PIECE];
    size_t count = data.size / sizeof(float);
    bool fine = true;
    for (size_t at = 0; fine && at < count; at += PIECE) {
        size_t some = count - at < PIECE ? count - at : PIECE;
        memcpy(piece, data.data + at * sizeof(float), some * sizeof(float));
        fine = tacit_range_add(range, piece, some, ret_at);
        *ret_at += at;
    }
    sodium_memzero(piece, sizeof piece);
    return fine;
}

static tacit_status_t s_look_at(const s_look_t *look, size_t batch,
                                const tacit_engine_tensor_t *tensors, size_t count, bool given,
                                tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < count; i++) {
        const tacit_engine_tensor_t *tensor = &tensors[i];
        size_t at = 0;
        tacit_range_t none = {0};
        tacit_range_t *range = given || look->ranges == NULL ? &none : &look->ranges[i];
        if (tensor->dtype == TACIT_DTYPE_FLOAT32 && !s_add(range, tensor->data, &at)) {
            status = s_refuse_number(look, batch, tensor, at, given ? "input" : "value", error);
        }
        if (!given && look->ranks != NULL) {
            look->ranks[i] = tensor->rank;
        }
    }
    return status;
}

/* --- runs ------------------------------------------------------------------------------------- */

static tacit_status_t s_load(s_look_t *look, tacit_draft_t *draft, tacit_error_t *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_engine_options_t options = {.threads = look->options->threads,
                                      .memory_limit = look->options->memory_limit};
    tacit_status_t status =
        tacit_draft_pack_part(draft, look->values, look->count, &bytes, &size, error);
    if (status == TACIT_OK) {
        status = tacit_engine_load(tacit_span(bytes, size), &options, &look->engine, error);
    }
    tacit_memory_free(bytes);
    return status;
}

static tacit_status_t s_run(s_look_t *look, size_t batch, tacit_error_t *error)
{
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_result_t *result = NULL;
    size_t count = 0;
    tacit_status_t status = look->rows->take(look->rows->self, batch, items, &count, error);
    if (status == TACIT_OK) {
        status = s_look_at(look, batch, items, count, true, error);
    }
    if (status == TACIT_OK) {
        status = tacit_engine_run(look->engine, items, count, &result, error);
    }
    if (status == TACIT_OK) {
        const tacit_engine_tensor_t *made = tacit_engine_result_tensors(result, &count);
        status = s_look_at(look, batch, made, count, false, error);
    }
    tacit_engine_result_destroy(&result);
    return status;
}

/* --- ranges ----------------------------------------------------------------------------------- */

/*  What is observed of a whole model.  */
typedef struct s_work {
    tacit_scheme_t *scheme;
    int *values; /* to be observed: those that nodes make, then those that are given */
    size_t made, given;
    float *lows, *highs; /* of each */
    uint64_t *bins;      /* of one look's values; NULL where all numbers count */
} s_work_t;

static tacit_status_t s_prepare(s_work_t *work, const tacit_quantizer_options_t *options,
                                tacit_error_t *error)
{
    const tacit_scheme_t *scheme = work->scheme;
    const tacit_draft_t *draft = scheme->draft;
    size_t room = draft->value_count + 1;
    work->values = tacit_pool_take(draft->pool, room, sizeof(int), error);
    work->lows = tacit_pool_take(draft->pool, room, sizeof(float), error);
    work->highs = tacit_pool_take(draft->pool, room, sizeof(float), error);
    if (work->values == NULL || work->lows == NULL || work->highs == NULL) {
        return error->code;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (size_t v = 0; v < draft->value_count; v++) {
            bool made = draft->values[v].producer >= 0;
            if (scheme->parents[v] >= 0 && !scheme->implied[v] && made == (pass == 0)) {
                work->values[work->made + work->given] = (int)v;
                *(pass == 0 ? &work->made : &work->given) += 1;
            }
        }
    }
    size_t bins = (size_t)TACIT_ENGINE_INPUTS_MAX * TACIT_RANGE_BINS;
    if (options->percent < 100) {
        work->bins = tacit_pool_take(draft->pool, bins, sizeof *work->bins, error);
        return work->bins != NULL ? TACIT_OK : error->code;
    }
    return TACIT_OK;
}

static void s_reset(const s_work_t *work, tacit_range_t *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ranges[i] = (tacit_range_t){
            .bins = work->bins != NULL ? work->bins + i * (size_t)TACIT_RANGE_BINS : NULL};
    }
    if (work->bins != NULL) {
        memset(work->bins, 0, count * TACIT_RANGE_BINS * sizeof *work->bins);
    }
}

/*  Some values that nodes make, over all rows.  */
static tacit_status_t s_observe_made(s_work_t *work, const s_look_t *base, size_t from,
                                     size_t count, uint64_t *done, uint64_t total,
                                     tacit_error_t *error)
{
    tacit_range_t ranges[TACIT_ENGINE_INPUTS_MAX];
    s_look_t look = *base;
    look.values = work->values + from;
    look.count = count;
    look.ranges = ranges;
    s_reset(work, ranges, count);
    tacit_status_t status = s_load(&look, work->scheme->draft, error);
    for (size_t i = 0; status == TACIT_OK && i < look.rows->batches; i++) {
        status = s_run(&look, i, error);
        if (look.rows->tell != NULL) {
            look.rows->tell(look.rows->self, ++*done, total);
        }
    }
    tacit_engine_destroy(&look.engine);
    for (size_t i = 0; status == TACIT_OK && i < count; i++) {
        tacit_range_ends(&ranges[i], look.options->percent, &work->lows[from + i],
                         &work->highs[from + i]);
    }
    return status;
}

/*  Those that are given are in the rows themselves.  */
static tacit_status_t s_observe_given(s_work_t *work, const s_look_t *look, tacit_error_t *error)
{
    tacit_range_t ranges[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    size_t count = 0;
    tacit_status_t status = TACIT_OK;
    s_reset(work, ranges, TACIT_ENGINE_INPUTS_MAX);
    for (size_t b = 0; status == TACIT_OK && work->given > 0 && b < look->rows->batches; b++) {
        status = look->rows->take(look->rows->self, b, items, &count, error);
        for (size_t i = 0; status == TACIT_OK && i < count; i++) {
            size_t at = 0;
            if (items[i].dtype == TACIT_DTYPE_FLOAT32 && !s_add(&ranges[i], items[i].data, &at)) {
                status = s_refuse_number(look, b, &items[i], at, "input", error);
            }
        }
    }
    for (size_t v = work->made; status == TACIT_OK && v < work->made + work->given; v++) {
        const char *name = look->draft->values[work->values[v]].name;
        for (size_t i = 0; i < count; i++) {
            if (tacit_span_equal(items[i].name, tacit_span_string(name))) {
                tacit_range_ends(&ranges[i], look->options->percent, &work->lows[v],
                                 &work->highs[v]);
            }
        }
    }
    return status;
}

/*  Values of one grid: it holds what each of them needs.  */
static void s_make_grids(const s_work_t *work)
{
    tacit_scheme_t *scheme = work->scheme;
    size_t count = work->made + work->given;
    for (size_t i = 0; i < count; i++) {
        int root = tacit_scheme_root(scheme, work->values[i]);
        float low = 0;
        float high = 0;
        for (size_t k = 0; k < count; k++) {
            if (tacit_scheme_root(scheme, work->values[k]) == root) {
                low = work->lows[k] < low ? work->lows[k] : low;
                high = work->highs[k] > high ? work->highs[k] : high;
            }
        }
        scheme->grids[root] = tacit_grid(low, high);
    }
}

tacit_status_t tacit_calibrate(tacit_scheme_t *scheme, const tacit_quantizer_options_t *options,
                               const tacit_quantizer_rows_t *rows, tacit_error_t *error)
{
    s_work_t work = {.scheme = scheme};
    s_look_t look = {.draft = scheme->draft, .options = options, .rows = rows};
    tacit_status_t status = s_prepare(&work, options, error);
    uint64_t looks = (work.made + TACIT_ENGINE_INPUTS_MAX - 1) / TACIT_ENGINE_INPUTS_MAX;
    uint64_t done = 0;
    for (size_t from = 0; status == TACIT_OK && from < work.made; from += TACIT_ENGINE_INPUTS_MAX) {
        size_t left = work.made - from;
        size_t some = left < TACIT_ENGINE_INPUTS_MAX ? left : TACIT_ENGINE_INPUTS_MAX;
        status = s_observe_made(&work, &look, from, some, &done, looks * rows->batches, error);
    }
    if (status == TACIT_OK) {
        status = s_observe_given(&work, &look, error);
    }
    if (status == TACIT_OK) {
        s_make_grids(&work);
    }
    return status;
}

tacit_status_t tacit_calibrate_ranks(tacit_draft_t *draft, const tacit_quantizer_options_t *options,
                                     const tacit_quantizer_rows_t *rows, const int *values,
                                     size_t count, size_t *ret_ranks, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t from = 0; status == TACIT_OK && from < count; from += TACIT_ENGINE_INPUTS_MAX) {
        size_t left = count - from;
        s_look_t look = {.draft = draft,
                         .options = options,
                         .rows = rows,
                         .values = values + from,
                         .count = left < TACIT_ENGINE_INPUTS_MAX ? left : TACIT_ENGINE_INPUTS_MAX,
                         .ranks = ret_ranks + from};
        status = s_load(&look, draft, error);
        if (status == TACIT_OK) {
            status = s_run(&look, 0, error);
        }
        tacit_engine_destroy(&look.engine);
    }
    return status;
}
