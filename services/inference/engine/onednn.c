/*  onednn.c - what oneDNN needs once per engine.  */

#include "services/inference/engine/onednn.h"

#include <stdlib.h>
#include <string.h>

typedef struct s_pack {
    const void *origin;      /* the constant */
    dnnl_memory_desc_t from; /* its layout */
    dnnl_memory_desc_t to;   /* the packed one */
    void *data;              /* owned */
} s_pack_t;

struct tacit_onednn {
    tacit_budget_t *budget;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    s_pack_t *packs;
    size_t pack_count;
};

bool tacit_onednn_is_linked(void)
{
    return dnnl_version() != NULL;
}

tacit_status_t tacit_onednn_new(tacit_budget_t *budget, tacit_onednn_t **ret_onednn,
                                tacit_error_t *error)
{
    if (!tacit_onednn_is_linked()) {
        return tacit_error_set(error, TACIT_UNSUPPORTED,
                               "this program has the portable backend alone");
    }
    /* The host must not make the library print shapes or write out code, by environment.  */
    (void)dnnl_set_verbose(0);
    (void)dnnl_set_jit_dump(0);
    tacit_onednn_t *onednn = tacit_memory_new(budget, sizeof(*onednn), error);
    if (onednn == NULL) {
        return error->code;
    }
    onednn->budget = budget;
    if (dnnl_engine_create(&onednn->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_in_order) != dnnl_success) {
        tacit_onednn_destroy(&onednn);
        return tacit_error_set(error, TACIT_INTERNAL, "oneDNN does not start");
    }
    *ret_onednn = onednn;
    return TACIT_OK;
}

void tacit_onednn_destroy(tacit_onednn_t **onednn)
{
    tacit_onednn_t *self = *onednn;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->pack_count; i++) {
        tacit_memory_free(self->packs[i].data);
    }
    free(self->packs);
    if (self->stream != NULL) {
        (void)dnnl_stream_destroy(self->stream);
    }
    if (self->engine != NULL) {
        (void)dnnl_engine_destroy(self->engine);
    }
    tacit_memory_free(self);
    *onednn = NULL;
}

dnnl_engine_t tacit_onednn_engine(const tacit_onednn_t *onednn)
{
    return onednn->engine;
}

dnnl_stream_t tacit_onednn_stream(const tacit_onednn_t *onednn)
{
    return onednn->stream;
}

dnnl_memory_desc_t tacit_onednn_strided(size_t rank, const int64_t *dims, const int64_t *strides)
{
    dnnl_dims_t sizes = {1};
    dnnl_dims_t steps = {1};
    int64_t step = 1;
    for (size_t i = rank; i-- > 0;) {
        sizes[i] = dims[i];
        steps[i] = strides != NULL ? strides[i] : step;
        step *= dims[i];
    }
    dnnl_memory_desc_t desc;
    memset(&desc, 0, sizeof(desc));
    (void)dnnl_memory_desc_init_by_strides(&desc, rank > 0 ? (int)rank : 1, sizes, dnnl_f32, steps);
    return desc;
}

dnnl_memory_desc_t tacit_onednn_plain(const tacit_shape_t *shape)
{
    return tacit_onednn_strided(shape->rank, shape->dims, NULL);
}

dnnl_memory_desc_t tacit_onednn_channels_last(const tacit_shape_t *shape)
{
    int64_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    int64_t step = shape->dims[1];
    strides[1] = 1;
    for (size_t i = shape->rank; i-- > 2;) {
        strides[i] = step;
        step *= shape->dims[i];
    }
    strides[0] = step;
    return tacit_onednn_strided(shape->rank, shape->dims, strides);
}

dnnl_memory_desc_t tacit_onednn_any(size_t rank, const int64_t *dims)
{
    dnnl_dims_t sizes = {0};
    memcpy(sizes, dims, rank * sizeof(int64_t));
    dnnl_memory_desc_t desc;
    memset(&desc, 0, sizeof(desc));
    (void)dnnl_memory_desc_init_by_tag(&desc, (int)rank, sizes, dnnl_f32, dnnl_format_tag_any);
    return desc;
}

static dnnl_data_type_t s_type(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return dnnl_f32;
    case TACIT_DTYPE_UINT8:
        return dnnl_u8;
    case TACIT_DTYPE_INT8:
        return dnnl_s8;
    case TACIT_DTYPE_INT32:
        return dnnl_s32;
    default:
        return dnnl_data_type_undef;
    }
}

bool tacit_onednn_has_type(tacit_dtype_t dtype)
{
    return s_type(dtype) != dnnl_data_type_undef;
}

dnnl_memory_desc_t tacit_onednn_retyped(dnnl_memory_desc_t layout, tacit_dtype_t dtype)
{
    layout.data_type = s_type(dtype);
    return layout;
}

static bool s_has(dnnl_cpu_isa_t wanted)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)wanted) == (unsigned)wanted;
}

bool tacit_onednn_fills_vectors(const dnnl_memory_desc_t *layout)
{
    const dnnl_blocking_desc_t *blocks = &layout->format_desc.blocking;
    dnnl_dim_t lanes = s_has(dnnl_cpu_isa_avx512_core) ? 16 : s_has(dnnl_cpu_isa_avx2) ? 8 : 0;
    return blocks->inner_nblks == 0 || (blocks->inner_nblks == 1 && blocks->inner_blks[0] == lanes);
}

bool tacit_onednn_sums_bytes(void)
{
    return s_has(dnnl_cpu_isa_avx512_core_vnni);
}

bool tacit_onednn_has_bf16(void)
{
    return s_has(dnnl_cpu_isa_avx512_core_bf16);
}

dnnl_memory_desc_t tacit_onednn_reduced(dnnl_memory_desc_t layout)
{
    layout.data_type = dnnl_bf16;
    return layout;
}

bool tacit_onednn_is_reduced(const dnnl_memory_desc_t *layout)
{
    return layout->data_type == dnnl_bf16;
}

/*  Execute a reorder between two prepared memories.  */
static dnnl_status_t s_execute_reorder(tacit_onednn_t *onednn, const dnnl_memory_desc_t *from,
                                       dnnl_memory_t source, const dnnl_memory_desc_t *to,
                                       dnnl_memory_t target)
{
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&desc, from, onednn->engine, to, onednn->engine, NULL);
    if (status == dnnl_success) {
        status = dnnl_primitive_create(&primitive, desc);
    }
    if (status == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        status = dnnl_primitive_execute(primitive, onednn->stream, 2, args);
    }
    if (status == dnnl_success) {
        status = dnnl_stream_wait(onednn->stream);
    }
    if (primitive != NULL) {
        (void)dnnl_primitive_destroy(primitive);
    }
    if (desc != NULL) {
        (void)dnnl_primitive_desc_destroy(desc);
    }
    return status;
}

tacit_status_t tacit_onednn_reorder(tacit_onednn_t *onednn, const dnnl_memory_desc_t *from,
                                    const void *data, const dnnl_memory_desc_t *to, void *ret_data,
                                    tacit_error_t *error)
{
    dnnl_memory_t source = NULL;
    dnnl_memory_t target = NULL;
    dnnl_status_t status =
        dnnl_memory_create(&source, from, onednn->engine, (void *)(uintptr_t)data);
    if (status == dnnl_success) {
        status = dnnl_memory_create(&target, to, onednn->engine, ret_data);
    }
    if (status == dnnl_success) {
        status = s_execute_reorder(onednn, from, source, to, target);
    }
    if (source != NULL) {
        (void)dnnl_memory_destroy(source);
    }
    if (target != NULL) {
        (void)dnnl_memory_destroy(target);
    }
    return status == dnnl_success
               ? TACIT_OK
               : tacit_error_set(error, TACIT_INTERNAL, "oneDNN does not pack the weights (%d)",
                                 (int)status);
}

tacit_status_t tacit_onednn_restore(tacit_onednn_t *onednn, const void *origin, void *ret_data,
                                    tacit_error_t *error)
{
    for (size_t i = 0; i < onednn->pack_count; i++) {
        const s_pack_t *pack = &onednn->packs[i];
        if (pack->origin == origin && pack->to.format_kind == dnnl_blocked &&
            pack->to.data_type == pack->from.data_type) {
            dnnl_memory_desc_t packed = pack->to;
            memset(&packed.extra, 0, sizeof(packed.extra)); /* sums, behind the elements */
            return tacit_onednn_reorder(onednn, &packed, pack->data, &pack->from, ret_data, error);
        }
    }
    return tacit_error_set(error, TACIT_INTERNAL, "the weights were let go");
}

/*  From the elements, or from what is left of them.  */
static tacit_status_t s_fill(tacit_onednn_t *onednn, const void *origin,
                             const dnnl_memory_desc_t *from, const void *data,
                             const dnnl_memory_desc_t *to, void *packed, tacit_error_t *error)
{
    if (data != NULL) {
        return tacit_onednn_reorder(onednn, from, data, to, packed, error);
    }
    void *elements = tacit_memory_new(onednn->budget, dnnl_memory_desc_get_size(from), error);
    if (elements == NULL) {
        return error->code;
    }
    tacit_status_t status = tacit_onednn_restore(onednn, origin, elements, error);
    if (status == TACIT_OK) {
        status = tacit_onednn_reorder(onednn, from, elements, to, packed, error);
    }
    tacit_memory_free(elements);
    return status;
}

const void *tacit_onednn_pack(tacit_onednn_t *onednn, const void *origin,
                              const dnnl_memory_desc_t *from, const void *data,
                              const dnnl_memory_desc_t *to, tacit_error_t *error)
{
    for (size_t i = 0; i < onednn->pack_count; i++) {
        const s_pack_t *pack = &onednn->packs[i];
        if (pack->origin == origin && dnnl_memory_desc_equal(&pack->from, from) &&
            dnnl_memory_desc_equal(&pack->to, to)) {
            return pack->data;
        }
    }
    s_pack_t *packs = realloc(onednn->packs, (onednn->pack_count + 1) * sizeof(s_pack_t));
    if (packs == NULL) {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
        return NULL;
    }
    onednn->packs = packs;
    void *packed = tacit_memory_new(onednn->budget, dnnl_memory_desc_get_size(to), error);
    if (packed == NULL) {
        return NULL;
    }
    if (s_fill(onednn, origin, from, data, to, packed, error) != TACIT_OK) {
        tacit_memory_free(packed);
        return NULL;
    }
    packs[onednn->pack_count++] =
        (s_pack_t){.origin = origin, .from = *from, .to = *to, .data = packed};
    return packed;
}
