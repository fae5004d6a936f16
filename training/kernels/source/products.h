// Small matrix products, as wide as this processor's registers.

#pragma once

#include <cstdlib>
#include <memory>

#include "vectors.h"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace {

// Values of one register, and how many registers of sums there are beside what is read.
#if defined(__AVX512F__)
constexpr int64_t LANE = 16, SUMS = 24;
#elif defined(__AVX__)
constexpr int64_t LANE = 8, SUMS = 12;
#elif defined(__aarch64__)
constexpr int64_t LANE = 4, SUMS = 24;
#else
constexpr int64_t LANE = 4, SUMS = 12;
#endif
typedef float Lane __attribute__((vector_size(4 * LANE)));

inline int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

inline Lane lane(const float* values) {
    Lane result;
    std::memcpy(&result, values, sizeof result);
    return result;
}
inline void put(float* values, Lane lane) { std::memcpy(values, &lane, sizeof lane); }

// As above, of the first `count` values alone.
#if defined(__AVX512F__)
inline Lane lane(const float* values, int64_t count) {
    return (Lane)_mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), values);
}
inline void put(float* values, Lane lane, int64_t count) {
    _mm512_mask_storeu_ps(values, __mmask16((1u << count) - 1), (__m512)lane);
}
#elif defined(__AVX__)
inline __m256i first_of(int64_t count) {
    static const int32_t mask[2 * LANE] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + LANE - count));
}
inline Lane lane(const float* values, int64_t count) { return (Lane)_mm256_maskload_ps(values, first_of(count)); }
inline void put(float* values, Lane lane, int64_t count) {
    _mm256_maskstore_ps(values, first_of(count), (__m256)lane);
}
#else
inline Lane lane(const float* values, int64_t count) {
    Lane result = {};
    std::memcpy(&result, values, count * sizeof(float));
    return result;
}
inline void put(float* values, Lane lane, int64_t count) { std::memcpy(values, &lane, count * sizeof(float)); }
#endif

// Values of no meaning yet, at an address that is a multiple of 64.
struct Room {
    struct Free {
        void operator()(float* values) const { std::free(values); }
    };
    int64_t count;
    std::unique_ptr<float, Free> values;
    explicit Room(int64_t count)
        : count(count),
          values(static_cast<float*>(std::aligned_alloc(64, parts_of(count + 1, LANES) * LANES * sizeof(float)))) {}
    float* data() const { return values.get(); }
    void clear() { std::fill(data(), data() + count, 0.0f); }
};

// How columns are divided: panels of `wide` registers, the last one padded.
struct Panels {
    int64_t wide, count;
    explicit Panels(int64_t columns) {
        int64_t lanes = parts_of(columns, LANE);
        wide = lanes == 1 ? 1 : parts_of(lanes, 3) * 3 <= parts_of(lanes, 2) * 2 ? 3 : 2;
        count = parts_of(lanes, wide);
    }
    int64_t span() const { return wide * LANE; }
    int64_t columns() const { return count * span(); }
    int64_t rows() const { return SUMS / wide; }  // that are summed up at once
};

// `out` (rows, WIDE registers) = left (rows, depth) right (depth, WIDE registers) + `start`, rows of which are
// `start_row` apart, nothing where it is null.
template <int ROWS, int WIDE>
inline void product(const float* left, int64_t left_row, int64_t left_step, const float* right, int64_t right_step,
                    float* out, int64_t out_row, int64_t depth, const float* start, int64_t start_row) {
    Lane sums[ROWS][WIDE];
#pragma GCC unroll 24
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 3
        for (int j = 0; j < WIDE; j++) sums[row][j] = start ? lane(start + row * start_row + j * LANE) : Lane{};
    for (int64_t k = 0; k < depth; k++) {
        Lane given[WIDE];
#pragma GCC unroll 3
        for (int j = 0; j < WIDE; j++) given[j] = lane(right + k * right_step + j * LANE);
#pragma GCC unroll 24
        for (int row = 0; row < ROWS; row++) {
            float factor = left[row * left_row + k * left_step];
#pragma GCC unroll 3
            for (int j = 0; j < WIDE; j++) sums[row][j] += factor * given[j];
        }
    }
#pragma GCC unroll 24
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 3
        for (int j = 0; j < WIDE; j++) put(out + row * out_row + j * LANE, sums[row][j]);
}

// `product` for all panels of `right`, `right_panel` apart, and `rows`, rounded up to what is summed up at once.
template <int WIDE>
void all_products(const float* left, int64_t left_row, int64_t left_step, const float* right, int64_t right_step,
                  int64_t right_panel, float* out, int64_t out_row, int64_t rows, int64_t depth, int64_t panels,
                  const float* start, int64_t start_row) {
    constexpr int ROWS = SUMS / WIDE;
    for (int64_t panel = 0; panel < panels; panel++)
        for (int64_t row = 0; row < rows; row += ROWS)
            product<ROWS, WIDE>(left + row * left_row, left_row, left_step, right + panel * right_panel, right_step,
                                out + row * out_row + panel * WIDE * LANE, out_row, depth,
                                start ? start + row * start_row + panel * WIDE * LANE : nullptr, start_row);
}

inline void all_products(const Panels& panels, const float* left, int64_t left_row, int64_t left_step,
                         const float* right, int64_t right_step, int64_t right_panel, float* out, int64_t rows,
                         int64_t depth, const float* start, int64_t start_row) {
    auto run = panels.wide == 3 ? all_products<3> : panels.wide == 2 ? all_products<2> : all_products<1>;
    run(left, left_row, left_step, right, right_step, right_panel, out, panels.columns(), rows, depth, panels.count,
        start, start_row);
}

// Adds to `sums` (inputs, outputs) the products of `left` (places, inputs) and `right` (places, outputs): inputs in fours.
template <int WIDE>
void product_sums(const float* left, const float* right, float* sums, int64_t inputs, int64_t outputs, int64_t places) {
    constexpr int ROWS = SUMS > 12 && WIDE < 3 ? 8 : 4;
    for (int64_t column = 0; column < outputs; column += WIDE * LANE)
        for (int64_t row = 0; row < inputs; row += ROWS) {
            float* to = sums + row * outputs + column;
            product<ROWS, WIDE>(left + row, 1, inputs, right + column, outputs, to, outputs, places, to, outputs);
        }
}

}  // namespace
