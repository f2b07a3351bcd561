/*  vector.c - which instruction set the inner loops use.  */

#include "services/inference/engine/portable/vector.h"

#include <stdatomic.h>

static bool s_has(tacit_isa_t isa)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool wide = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    return isa == TACIT_ISA_BASELINE || (isa == TACIT_ISA_AVX2 && avx2) ||
           (isa == TACIT_ISA_AVX512 && wide);
#else
    return isa == TACIT_ISA_BASELINE;
#endif
}

static const tacit_vector_t *s_of(tacit_isa_t isa)
{
#if defined(__x86_64__)
    static const tacit_vector_t *const all[TACIT_ISAS] = {&tacit_vector_baseline,
                                                          &tacit_vector_avx2, &tacit_vector_avx512};
    return all[isa];
#else
    (void)isa;
    return &tacit_vector_baseline;
#endif
}

static _Atomic(const tacit_vector_t *) s_chosen;

bool tacit_vector_choose(tacit_isa_t isa)
{
    bool has = isa < TACIT_ISAS && s_has(isa);
    if (has) {
        atomic_store(&s_chosen, s_of(isa));
    }
    return has;
}

const tacit_vector_t *tacit_vector(void)
{
    const tacit_vector_t *chosen = atomic_load_explicit(&s_chosen, memory_order_acquire);
    for (int isa = TACIT_ISAS - 1; chosen == NULL && isa >= 0; isa--) {
        if (s_has((tacit_isa_t)isa)) {
            chosen = s_of((tacit_isa_t)isa);
            atomic_store(&s_chosen, chosen);
        }
    }
    return chosen;
}
