/*  vector.c - which instruction set the inner loops use.  */

#include "services/inference/engine/portable/vector.h"

#include <stdatomic.h>

static bool s_has(tacit_isa_t isa)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool wide = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    bool vnni = wide && __builtin_cpu_supports("avx512vnni");
    return isa == TACIT_ISA_BASELINE || (isa == TACIT_ISA_AVX2 && avx2) ||
           (isa == TACIT_ISA_AVX512 && wide) || (isa == TACIT_ISA_VNNI && vnni);
#else
    return isa == TACIT_ISA_BASELINE;
#endif
}

static _Atomic(tacit_isa_t) s_chosen = TACIT_ISAS; /* none yet */

bool tacit_vector_choose(tacit_isa_t isa)
{
    bool has = isa < TACIT_ISAS && s_has(isa);
    if (has) {
        atomic_store(&s_chosen, isa);
    }
    return has;
}

tacit_isa_t tacit_vector_isa(void)
{
    tacit_isa_t chosen = atomic_load_explicit(&s_chosen, memory_order_relaxed);
    if (chosen == TACIT_ISAS) {
        do {
            chosen--;
        } while (!s_has(chosen));
        atomic_store(&s_chosen, chosen);
    }
    return chosen;
}

const tacit_vector_t *tacit_vector(void)
{
#if defined(__x86_64__)
    static const tacit_vector_t *const all[TACIT_ISAS] = {
        &tacit_vector_baseline, &tacit_vector_avx2, &tacit_vector_avx512, &tacit_vector_avx512};
    return all[tacit_vector_isa()];
#else
    return &tacit_vector_baseline;
#endif
}
