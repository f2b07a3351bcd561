/*  no_onednn.c - for programs that have the portable backend alone, and are not linked with oneDNN:
   what the engine calls of it (oneDNN 2.6, dnnl.h).

    Both backends describe layouts by oneDNN's struct. The arithmetic on those is done here as
   there: one test runs with either. Nothing else is reached, since without oneDNN tacit_onednn_new
    refuses; if it were, it would fail.  */

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <string.h>

static size_t s_size_of(dnnl_data_type_t type)
{
    switch (type) {
    case dnnl_f32:
    case dnnl_s32:
        return 4;
    case dnnl_bf16:
        return 2;
    case dnnl_u8:
    case dnnl_s8:
        return 1;
    default:
        return 0;
    }
}

static void s_describe(dnnl_memory_desc_t *desc, int rank, const dnnl_dims_t dims,
                       dnnl_data_type_t type, dnnl_format_kind_t kind)
{
    memset(desc, 0, sizeof(*desc));
    desc->ndims = rank;
    desc->data_type = type;
    desc->format_kind = kind;
    for (int d = 0; d < rank; d++) {
        desc->dims[d] = desc->padded_dims[d] = dims[d];
    }
}

dnnl_status_t dnnl_memory_desc_init_by_strides(dnnl_memory_desc_t *desc, int rank,
                                               const dnnl_dims_t dims, dnnl_data_type_t type,
                                               const dnnl_dims_t strides)
{
    s_describe(desc, rank, dims, type, dnnl_blocked);
    for (int d = 0; d < rank; d++) {
        desc->format_desc.blocking.strides[d] = strides[d];
    }
    return dnnl_success;
}

enum { S_BLOCK = 16 };

/*  Channels in blocks of 16, as tags aBc16b and aBcd16b name them.  */
static void s_block_channels(dnnl_memory_desc_t *desc)
{
    dnnl_blocking_desc_t *blocks = &desc->format_desc.blocking;
    desc->padded_dims[1] = (desc->dims[1] + S_BLOCK - 1) / S_BLOCK * S_BLOCK;
    blocks->inner_nblks = 1;
    blocks->inner_blks[0] = S_BLOCK;
    blocks->inner_idxs[0] = 1;
    dnnl_dim_t step = S_BLOCK;
    for (int d = desc->ndims - 1; d >= 0; d--) {
        blocks->strides[d] = step;
        step *= d == 1 ? desc->padded_dims[d] / S_BLOCK : desc->padded_dims[d];
    }
}

dnnl_status_t dnnl_memory_desc_init_by_tag(dnnl_memory_desc_t *desc, int rank,
                                           const dnnl_dims_t dims, dnnl_data_type_t type,
                                           dnnl_format_tag_t tag)
{
    if (tag == dnnl_format_tag_any) {
        s_describe(desc, rank, dims, type, dnnl_format_kind_any);
        return dnnl_success;
    }
    if (tag != (rank == 3 ? dnnl_aBc16b : dnnl_aBcd16b)) {
        return dnnl_unimplemented;
    }
    s_describe(desc, rank, dims, type, dnnl_blocked);
    s_block_channels(desc);
    return dnnl_success;
}

static bool s_same_blocks(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b)
{
    const dnnl_blocking_desc_t *left = &a->format_desc.blocking;
    const dnnl_blocking_desc_t *right = &b->format_desc.blocking;
    if (left->inner_nblks != right->inner_nblks) {
        return false;
    }
    for (int i = 0; i < left->inner_nblks; i++) {
        if (left->inner_blks[i] != right->inner_blks[i] ||
            left->inner_idxs[i] != right->inner_idxs[i]) {
            return false;
        }
    }
    /* Nobody takes a step along a dimension of 1.  */
    for (int d = 0; d < a->ndims; d++) {
        if (a->padded_dims[d] != 1 && left->strides[d] != right->strides[d]) {
            return false;
        }
    }
    return true;
}

int dnnl_memory_desc_equal(const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b)
{
    size_t size = (size_t)a->ndims * sizeof(a->dims[0]);
    return a->ndims == b->ndims && a->data_type == b->data_type &&
           a->format_kind == b->format_kind && memcmp(a->dims, b->dims, size) == 0 &&
           memcmp(a->padded_dims, b->padded_dims, size) == 0 &&
           (a->format_kind != dnnl_blocked || s_same_blocks(a, b));
}

/*  As far as the last element of the dimension that reaches farthest.  */
size_t dnnl_memory_desc_get_size(const dnnl_memory_desc_t *desc)
{
    const dnnl_blocking_desc_t *blocks = &desc->format_desc.blocking;
    size_t most = 0;
    if (desc->format_kind != dnnl_blocked) {
        return 0;
    }
    for (int d = 0; d < desc->ndims; d++) {
        bool blocked = blocks->inner_nblks > 0 && blocks->inner_idxs[0] == d;
        dnnl_dim_t block = blocked ? blocks->inner_blks[0] : 1;
        size_t reach = (size_t)(desc->padded_dims[d] / block * blocks->strides[d]);
        if (desc->dims[d] == 0) {
            return 0;
        }
        most = reach > most ? reach : most;
    }
    return most * s_size_of(desc->data_type);
}

/* --- refused ---------------------------------------------------------------------------------- */

static dnnl_status_t s_refuse(void)
{
    return dnnl_unimplemented;
}

/*  One function for all: it looks at no argument.  */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wattribute-alias"
#endif
#define REFUSED(name) __typeof__(name)(name) __attribute__((alias("s_refuse")))

REFUSED(dnnl_batch_normalization_forward_desc_init);
REFUSED(dnnl_binary_desc_init);
REFUSED(dnnl_concat_primitive_desc_create);
REFUSED(dnnl_dilated_convolution_forward_desc_init);
REFUSED(dnnl_eltwise_forward_desc_init);
REFUSED(dnnl_engine_create);
REFUSED(dnnl_engine_destroy);
REFUSED(dnnl_inner_product_forward_desc_init);
REFUSED(dnnl_matmul_desc_init);
REFUSED(dnnl_memory_create);
REFUSED(dnnl_memory_destroy);
REFUSED(dnnl_pooling_v2_forward_desc_init);
REFUSED(dnnl_post_ops_append_eltwise);
REFUSED(dnnl_post_ops_append_sum);
REFUSED(dnnl_post_ops_create);
REFUSED(dnnl_post_ops_destroy);
REFUSED(dnnl_primitive_attr_create);
REFUSED(dnnl_primitive_attr_destroy);
REFUSED(dnnl_primitive_attr_set_output_scales);
REFUSED(dnnl_primitive_attr_set_post_ops);
REFUSED(dnnl_primitive_attr_set_scales);
REFUSED(dnnl_primitive_attr_set_scratchpad_mode);
REFUSED(dnnl_primitive_attr_set_zero_points);
REFUSED(dnnl_primitive_create);
REFUSED(dnnl_primitive_desc_create);
REFUSED(dnnl_primitive_desc_destroy);
REFUSED(dnnl_primitive_desc_iterator_create);
REFUSED(dnnl_primitive_desc_iterator_destroy);
REFUSED(dnnl_primitive_desc_iterator_next);
REFUSED(dnnl_primitive_desc_query);
REFUSED(dnnl_primitive_destroy);
REFUSED(dnnl_primitive_execute);
REFUSED(dnnl_reorder_primitive_desc_create);
REFUSED(dnnl_set_jit_dump);
REFUSED(dnnl_set_verbose);
REFUSED(dnnl_softmax_forward_desc_init);
REFUSED(dnnl_stream_create);
REFUSED(dnnl_stream_destroy);
REFUSED(dnnl_stream_wait);

/* --- what there is none of -------------------------------------------------------------------- */

const dnnl_version_t *dnnl_version(void)
{
    return NULL;
}

dnnl_cpu_isa_t dnnl_get_effective_cpu_isa(void)
{
    return dnnl_cpu_isa_all; /* 0: no instruction set is known to be there */
}

dnnl_primitive_desc_t dnnl_primitive_desc_iterator_fetch(const_dnnl_primitive_desc_iterator_t desc)
{
    (void)desc;
    return NULL;
}

const dnnl_memory_desc_t *dnnl_primitive_desc_query_md(const_dnnl_primitive_desc_t desc,
                                                       dnnl_query_t what, int index)
{
    (void)desc;
    (void)what;
    (void)index;
    return NULL;
}
