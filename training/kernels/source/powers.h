// Powers that compilers compute sixteen at once.

#pragma once

#include "vectors.h"

namespace {

// 2^y of y in [-126, 127], by Taylor's series of the part behind the point.
inline float power_of_two(float y) {
    float whole = std::floor(y + 0.5f), f = (y - whole) * 0.693147181f;
    float rest = 1 + f * (1 + f * (0.5f + f * (1.66666667e-1f + f * (4.16666667e-2f + f * (8.33333333e-3f + f / 720)))));
    return rest * __builtin_bit_cast(float, uint32_t(int32_t(whole) + 127) << 23);
}

// x^power of x in [1e-4, 1], to a few units in the last place: by log2 as an odd series.
inline float raised(float x, float power) {
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    float exponent = float(int32_t(bits >> 23) - 127);
    float mantissa = __builtin_bit_cast(float, (bits & 0x7fffffu) | 0x3f800000u);
    bool high = mantissa > 1.41421356f;
    mantissa = high ? mantissa * 0.5f : mantissa;
    exponent = high ? exponent + 1 : exponent;
    float t = (mantissa - 1) / (mantissa + 1), t2 = t * t;
    float log = exponent + 2.88539008f * t * (1 + t2 * (0.333333333f + t2 * (0.2f + t2 * (0.142857143f + t2 / 9))));
    return power_of_two(log * power);
}

}  // namespace
