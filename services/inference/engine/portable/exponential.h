/*  exponential.h - e to the power of x, for loops that the compiler vectorises.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_EXPONENTIAL_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_EXPONENTIAL_H

#include "services/inference/engine/portable/lanes.h"

#include <string.h>

INLINE float tacit_power_of_two(int32_t exponent)
{
    int32_t bits = (exponent + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof(power));
    return power;
}

/*  2^n e^r with r in [-ln 2 / 2, ln 2 / 2]; the power in two factors, as it may be out of range. */
INLINE float tacit_exp(float x)
{
    const float magic = 12582912.0F; /* 1.5 2^23: adding it rounds */
    x = x < -104.0F ? -104.0F : x;
    x = x > 89.0F ? 89.0F : x;
    float shifted = x * 1.44269504088896341F + magic;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof(bits));
    int32_t n = (int32_t)((uint32_t)bits - 0x4b400000U);
    float whole = shifted - magic;
    float r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    int32_t half = n >> 1;
    float result = p * tacit_power_of_two(half) * tacit_power_of_two(n - half);
    return x != x ? x : result;
}

#endif
