// Values of both types, sixteen at once.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

struct Brain {
    uint16_t bits;
};

inline float wide(float value) { return value; }
inline float wide(Brain value) { return __builtin_bit_cast(float, uint32_t(value.bits) << 16); }

template <class T> T narrow(float value);
template <> inline float narrow<float>(float value) { return value; }
template <> inline Brain narrow<Brain>(float value) {  // to the nearest, ties to even; no number stays none
    uint32_t bits = __builtin_bit_cast(uint32_t, value);
    return Brain{uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

inline float held(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }
inline float largest(float a, float b) { return a > b ? a : b; }
inline float smallest(float a, float b) { return a < b ? a : b; }

// Sixteen values at once; compilers divide them where registers are shorter.
typedef float Vector __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));
constexpr int64_t LANES = 16;

inline Vector load(const float* values) {
    Vector result;
    std::memcpy(&result, values, sizeof result);
    return result;
}
inline Vector load(const Brain* values) {
    Halves halves;
    std::memcpy(&halves, values, sizeof halves);
    return (Vector)(__builtin_convertvector(halves, Words) << 16);
}
inline void store(float* values, Vector vector) { std::memcpy(values, &vector, sizeof vector); }
inline void store(Brain* values, Vector vector) {
    Words bits = (Words)vector;
    Halves halves = __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, Halves);
    std::memcpy(values, &halves, sizeof halves);
}
inline float total(Vector vector) {
    typedef float Eight __attribute__((vector_size(32)));
    typedef float Four __attribute__((vector_size(16)));
    Eight eights[2];
    std::memcpy(eights, &vector, sizeof eights);
    Eight eight = eights[0] + eights[1];
    Four fours[2];
    std::memcpy(fours, &eight, sizeof fours);
    Four four = fours[0] + fours[1];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// Zeros at an address that is a multiple of 64: vectors across two lines of the cache take several times as long.
struct Aligned {
    std::vector<float> values;
    float* data;
    explicit Aligned(int64_t count) : values(count + LANES) {
        data = values.data() + (64 - reinterpret_cast<uintptr_t>(values.data()) % 64) / sizeof(float) % LANES;
    }
};

}  // namespace
