/*  product.h - what products of matrices are made of: product.c plans them, product_run.c packs the
    right matrix and runs them.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_PRODUCT_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_PRODUCT_H

#include "services/inference/engine/portable/portable.h"

typedef struct tacit_product {
    size_t m, k, n;
    size_t batches;
    size_t (*offsets)[2];   /* of each batch in a and b */
    const float *b;         /* packed; NULL: to be packed in each run */
    size_t b_row, b_column; /* steps in the matrix as it lies */
    bool turned;            /* it lies transposed */
    const float *bias;
    bool add;
    tacit_finish_t finish;
    int threads; /* who share the work */
} tacit_product_t;

/*  Ways of packing constants, for tacit_planner_pack: the matrix as it lies, or turned.  */
enum { TACIT_PRODUCT_ROWS = 3, TACIT_PRODUCT_COLUMNS = 4 };

/*  Bytes of the packed right matrix, and beside a run; how to pack (tacit_fill_t) and back.  */
size_t tacit_product_packed_size(const tacit_product_t *product);
size_t tacit_product_scratch(const tacit_product_t *product);
void tacit_product_fill(const void *product, const void *source, void *ret_packed);
void tacit_product_unpack(const tacit_product_t *product, const void *packed, void *ret_elements);

const char *tacit_product_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count);

#endif
