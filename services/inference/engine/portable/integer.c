/*  integer.c - the loops over bytes that go with the chosen instruction set.  */

#include "services/inference/engine/portable/integer.h"

#include "services/inference/engine/portable/maps.h"
#include "services/inference/engine/portable/vector.h"

const tacit_integer_t *tacit_integer(void)
{
#if defined(__x86_64__)
    const tacit_vector_t *chosen = tacit_vector();
    if (chosen == &tacit_vector_avx512) {
        return &tacit_integer_avx512;
    }
    if (chosen == &tacit_vector_avx2) {
        return &tacit_integer_avx2;
    }
#endif
    return &tacit_integer_baseline;
}

const tacit_maps_t *tacit_maps(void)
{
#if defined(__x86_64__)
    const tacit_vector_t *chosen = tacit_vector();
    if (chosen == &tacit_vector_avx512) {
        return &tacit_maps_avx512;
    }
    if (chosen == &tacit_vector_avx2) {
        return &tacit_maps_avx2;
    }
#endif
    return &tacit_maps_baseline;
}
