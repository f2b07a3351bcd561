/*  product_run.c - products of row-major matrices: tiles of rows and columns (vector.h).

    The right matrix is packed into columns of 16, once where it is constant, else in each run. The
    left one is packed into panels of as many rows as a tile has, where it has more than a few.

    To sum up in parts that the first cache holds was slower on all that was tried: what a part
    saves, reading and writing sums again costs.  */

#include "services/inference/engine/portable/product.h"

#include <string.h>

enum { ROWS_FEW = 3 };

static size_t s_blocks(size_t count)
{
    return (count + TACIT_BLOCK - 1) / TACIT_BLOCK;
}

/* --- the right matrix ------------------------------------------------------------------------- */

/*  [columns / 16, k / 16, 16 rows, 16 columns], both filled up.  */
size_t tacit_product_packed_size(const tacit_product_t *product)
{
    return s_blocks(product->n) * s_blocks(product->k) * TACIT_BLOCK * TACIT_BLOCK * sizeof(float);
}

/*  Where 16 columns are, and how many there are of them.  */
static size_t s_at(const tacit_product_t *product, size_t block)
{
    return block * s_blocks(product->k) * TACIT_BLOCK * TACIT_BLOCK;
}

static size_t s_columns(const tacit_product_t *product, size_t block)
{
    size_t left = product->n - block * TACIT_BLOCK;
    return left < TACIT_BLOCK ? left : TACIT_BLOCK;
}

static void s_fill_rows(const tacit_product_t *product, const float *b, size_t columns, float *to)
{
    for (size_t k = 0; k < product->k; k++, to += TACIT_BLOCK) {
        const float *from = b + k * product->b_row;
        if (product->b_column == 1 && columns == TACIT_BLOCK) {
            memcpy(to, from, TACIT_BLOCK * sizeof(float));
            continue;
        }
        for (size_t i = 0; i < TACIT_BLOCK; i++) {
            to[i] = i < columns ? from[i * product->b_column] : 0.0F;
        }
    }
}

void tacit_product_fill(const void *given, const void *source, void *ret_packed)
{
    const tacit_product_t *product = given;
    for (size_t block = 0; block < s_blocks(product->n); block++) {
        const float *from = (const float *)source + block * TACIT_BLOCK * product->b_column;
        float *to = (float *)ret_packed + s_at(product, block);
        if (product->b_row != 1) {
            s_fill_rows(product, from, s_columns(product, block), to);
            continue;
        }
        const tacit_columns_t columns = {.x = from,
                                         .step = product->b_column,
                                         .rows = s_columns(product, block),
                                         .length = product->k,
                                         .y = to};
        tacit_vector()->columns(&columns);
    }
}

void tacit_product_unpack(const tacit_product_t *product, const void *packed, void *ret_elements)
{
    float *to = ret_elements;
    for (size_t n = 0; n < product->n * product->k; n++) {
        size_t k = n / product->n;
        size_t column = n % product->n;
        const float *from = (const float *)packed + s_at(product, column / TACIT_BLOCK);
        to[k * product->b_row + column * product->b_column] =
            from[k * TACIT_BLOCK + column % TACIT_BLOCK];
    }
}

/* --- the left matrix -------------------------------------------------------------------------- */

/*  Rows that a tile takes, and how many times.  */
static size_t s_panels(const tacit_product_t *product)
{
    return (product->m + TACIT_TILE_MAX - 1) / TACIT_TILE_MAX;
}

static size_t s_panel_rows(const tacit_product_t *product)
{
    return (product->m + s_panels(product) - 1) / s_panels(product);
}

/*  [panels, k / 16, rows, 16].  */
static size_t s_panel_size(const tacit_product_t *product)
{
    return s_panel_rows(product) * s_blocks(product->k) * TACIT_BLOCK;
}

static size_t s_left_size(const tacit_product_t *product)
{
    return product->m > ROWS_FEW ? s_panels(product) * s_panel_size(product) : 0;
}

size_t tacit_product_scratch(const tacit_product_t *product)
{
    return s_left_size(product) * sizeof(float) +
           (product->b == NULL ? tacit_product_packed_size(product) : 0);
}

static void s_fill_panel(const tacit_product_t *product, const float *a, size_t panel, float *to)
{
    size_t rows = s_panel_rows(product);
    size_t first = panel * rows;
    if (first < product->m) {
        const tacit_lines_t lines = {.x = a + first * product->k,
                                     .step = product->k,
                                     .apart = 1,
                                     .rows = product->m - first < rows ? product->m - first : rows,
                                     .length = product->k,
                                     .scale = 1.0F,
                                     .y = to + panel * s_panel_size(product),
                                     .pitch = rows};
        tacit_vector()->lines(&lines);
    }
}

/* --- running ---------------------------------------------------------------------------------- */

/*  A product with both matrices as the loops read them; a is `panels` where there are any.  */
typedef struct s_work {
    const tacit_product_t *product;
    const float *a, *b;
    float *panels, *y;
} s_work_t;

/*  Some columns, of all rows.  */
static void s_run_columns(const s_work_t *work, size_t block, size_t count)
{
    const tacit_product_t *product = work->product;
    bool packed = work->panels != NULL;
    size_t rows = packed ? s_panel_rows(product) : product->m;
    size_t left = product->n - block * TACIT_BLOCK;
    size_t blocks = s_blocks(product->k);
    tacit_tile_t tile = {.x_pixel = packed ? TACIT_BLOCK : product->k,
                         .x_channel = 1,
                         .x_block = packed ? rows * TACIT_BLOCK : TACIT_BLOCK,
                         .blocks = blocks,
                         .last = product->k - (blocks - 1) * TACIT_BLOCK,
                         .rows = 1,
                         .places = 1,
                         .w = work->b + s_at(product, block),
                         .bias = product->bias != NULL ? product->bias + block * TACIT_BLOCK : NULL,
                         .y_pixel = product->n,
                         .y_block = TACIT_BLOCK,
                         .features = left < count * TACIT_BLOCK ? left : count * TACIT_BLOCK,
                         .dense = true,
                         .add = product->add,
                         .low = product->finish.low,
                         .high = product->finish.high};
    for (size_t row = 0, panel = 0; row < product->m; row += rows, panel++) {
        tile.x = packed ? work->panels + panel * s_panel_size(product) : work->a + row * product->k;
        tile.y = work->y + row * product->n + block * TACIT_BLOCK;
        tile.pixels = product->m - row < rows ? product->m - row : rows;
        tacit_vector()->convolve(&tile);
    }
}

/*  A thread's share.  */
static void s_share(const s_work_t *work)
{
    const tacit_product_t *product = work->product;
    const tacit_vector_t *vector = tacit_vector();
    size_t step = product->m <= vector->narrow ? vector->wide : vector->blocks;
    size_t blocks = s_blocks(product->n);
    size_t units = (blocks + step - 1) / step;
    size_t panels = work->panels != NULL ? s_panels(product) : 0;
#pragma omp for schedule(static)
    for (size_t panel = 0; panel < panels; panel++) {
        s_fill_panel(product, work->a, panel, work->panels);
    }
#pragma omp for schedule(static)
    for (size_t unit = 0; unit < units; unit++) {
        size_t left = blocks - unit * step;
        s_run_columns(work, unit * step, left < step ? left : step);
    }
    if (product->finish.curved) {
#pragma omp for schedule(static)
        for (size_t row = 0; row < product->m; row++) {
            tacit_finish_run(&product->finish, work->y + row * product->n, product->n);
        }
    }
}

const char *tacit_product_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const tacit_product_t *product = parameters->recipe;
    float *scratch = outputs[output_count].data;
    float *packed = product->b == NULL ? scratch + s_left_size(product) : NULL;
    int threads = product->threads;
    for (size_t i = 0; i < product->batches; i++) {
        s_work_t work = {.product = product,
                         .a = (const float *)inputs[0].data + product->offsets[i][0],
                         .b = product->b,
                         .panels = product->m > ROWS_FEW ? scratch : NULL,
                         .y = (float *)outputs[0].data + i * product->m * product->n};
        if (packed != NULL) {
            tacit_product_fill(product, (const float *)inputs[1].data + product->offsets[i][1],
                               packed);
            work.b = packed;
        }
        if (threads == 1) {
            s_share(&work);
            continue;
        }
#pragma omp parallel num_threads(threads)
        s_share(&work);
    }
    return NULL;
}
