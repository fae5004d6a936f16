// Convolutions of 3 x 3 of every channel by itself, also of maps enlarged to twice their size, and their ways back.
//
// Of an enlarged map, places read the same cell by several taps: a cell is seen from 4 x 4 places, along each axis by
// the taps {2}, {1, 2}, {0, 1} and {0}.

#pragma once

#include <type_traits>

#include "products.h"

namespace {

constexpr bool READS[4][3] = {{false, false, true}, {false, true, true}, {true, true, false}, {true, false, false}};

// Maps (batch, height, width, channels), channels a multiple of 16; of an enlarged one, the size that it had.
struct Maps {
    int64_t batch, height, width, channels;
    int64_t line() const { return width * channels; }
};

// Row `row` of picture `index`, or `nothing` outside.
inline const float* row_of(const float* map, const Maps& size, int64_t index, int64_t row, const float* nothing) {
    bool inside = row >= 0 && row < size.height;
    return inside ? map + (index * size.height + row) * size.line() : nothing;
}

// Weights (channels, 9) as (9, channels), the last first where they are `turned`; `seen`: the sums of taps by which 4 x 4
// places see a cell, (16, channels).
inline std::vector<float> by_tap(const float* weight, int64_t channels, bool turned, bool seen) {
    std::vector<float> result((seen ? 16 : 9) * channels);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t tap = 0; tap < 9; tap++) {
            float value = weight[c * 9 + tap];
            if (!seen) result[(turned ? 8 - tap : tap) * channels + c] = value;
            for (int64_t place = 0; seen && place < 16; place++)
                if (READS[place / 4][tap / 3] && READS[place % 4][tap % 3]) result[place * channels + c] += value;
        }
    return result;
}

// Calls `each(column, left, right)`, the latter types that say whether there are columns at either side.
template <class Each> inline void over_columns(int64_t width, Each each) {
    if (width == 1) return each(0, std::false_type{}, std::false_type{});
    each(0, std::false_type{}, std::true_type{});
    for (int64_t column = 1; column + 1 < width; column++) each(column, std::true_type{}, std::true_type{});
    each(width - 1, std::true_type{}, std::false_type{});
}

inline void depthwise(const float* x, const float* weight, const float* bias, float* y, const Maps& size, bool turned) {
    int64_t channels = size.channels;
    std::vector<float> taps = by_tap(weight, channels, turned, false), nothing(size.line()), none(channels);
    if (!bias) bias = none.data();
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < size.batch * size.height; row++) {
        const float* rows[3];
        for (int64_t k = 0; k < 3; k++)
            rows[k] = row_of(x, size, row / size.height, row % size.height + k - 1, nothing.data());
        over_columns(size.width, [&](int64_t column, auto left, auto right) {
            int64_t at = column * channels;
            float* to = y + row * size.line() + at;
            for (int64_t c = 0; c < channels; c += LANE) {
                Lane sum = lane(bias + c);
#pragma GCC unroll 3
                for (int k = 0; k < 3; k++) {
                    const float *from = rows[k] + at + c, *tap = &taps[3 * k * channels + c];
                    if (left) sum += lane(from - channels) * lane(tap);
                    sum += lane(from) * lane(tap + channels);
                    if (right) sum += lane(from + channels) * lane(tap + 2 * channels);
                }
                put(to + c, sum);
            }
        });
    }
}

// y (batch, 2 height, 2 width, channels) of the map x of `size`, enlarged.
inline void enlarged_depthwise(const float* x, const float* weight, const float* bias, float* y, const Maps& size) {
    int64_t channels = size.channels;
    std::vector<float> seen = by_tap(weight, channels, false, true), nothing(size.line()), none(channels);
    if (!bias) bias = none.data();
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < size.batch * size.height; row++) {
        const float* rows[3];
        for (int64_t k = 0; k < 3; k++)
            rows[k] = row_of(x, size, row / size.height, row % size.height + k - 1, nothing.data());
        over_columns(size.width, [&](int64_t column, auto left, auto right) {
            float* to = y + row * 4 * size.line() + 2 * column * channels;
            for (int64_t c = 0; c < channels; c += LANE) {
                const float* weights = &seen[c];
                auto of = [=](int down, int across) { return lane(weights + (down * 4 + across) * channels); };
                Lane sums[2][2], shift = lane(bias + c);
#pragma GCC unroll 2
                for (int y = 0; y < 2; y++) {
                    // Of both cells that a row of places reads, as what kind of place: the last of the cell before it, ...
                    const float *first = rows[y] + column * channels + c, *second = rows[y + 1] + column * channels + c;
                    int of_first = y ? 2 : 3, of_second = y ? 0 : 1;
                    Lane even = shift + lane(first) * of(of_first, 1) + lane(second) * of(of_second, 1);
                    Lane odd = shift + lane(first) * of(of_first, 2) + lane(second) * of(of_second, 2);
                    if (left) even += lane(first - channels) * of(of_first, 3) + lane(second - channels) * of(of_second, 3);
                    if (right) odd += lane(first + channels) * of(of_first, 0) + lane(second + channels) * of(of_second, 0);
                    sums[y][0] = even;
                    sums[y][1] = odd;
                }
                for (int y = 0; y < 2; y++)
                    for (int x = 0; x < 2; x++) put(to + (y * 2 * size.width + x) * channels + c, sums[y][x]);
            }
        });
    }
}

// Four rows of places that see cells of `row`, of a gradient of twice the size.
struct FourRows {
    const float* rows[4];
    FourRows(const float* gradient, const Maps& size, int64_t row, const float* nothing) {
        Maps twice{size.batch, 2 * size.height, 2 * size.width, size.channels};
        for (int64_t k = 0; k < 4; k++)
            rows[k] = row_of(gradient, twice, row / size.height, 2 * (row % size.height) + k - 1, nothing);
    }
};

// The way back of `enlarged_depthwise` to x.
inline void shrunk_depthwise(const float* gradient, const float* weight, float* of_x, const Maps& size) {
    int64_t channels = size.channels;
    std::vector<float> seen = by_tap(weight, channels, false, true), nothing(2 * size.line());
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < size.batch * size.height; row++) {
        FourRows four(gradient, size, row, nothing.data());
        over_columns(size.width, [&](int64_t column, auto left, auto right) {
            for (int64_t c = 0; c < channels; c += LANE) {
                Lane sum = {};
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++) {
                    const float *from = four.rows[k] + 2 * column * channels + c, *tap = &seen[4 * k * channels + c];
                    if (left) sum += lane(from - channels) * lane(tap);
                    sum += lane(from) * lane(tap + channels) + lane(from + channels) * lane(tap + 2 * channels);
                    if (right) sum += lane(from + 2 * channels) * lane(tap + 3 * channels);
                }
                put(of_x + row * size.line() + column * channels + c, sum);
            }
        });
    }
}

// Adds to `sums` (count, COLUMNS, channels) the products of a row of `cells` with COLUMNS places of `count` rows around
// each, of which there are STEP for a cell.
template <int COLUMNS, int STEP>
inline void row_products(const float* cells, const float* const* rows, int count, float* sums, int64_t width,
                         int64_t channels) {
    for (int k = 0; k < count; k++)
        for (int64_t c = 0; c < channels; c += LANE) {
            Lane found[COLUMNS];
            float* to = sums + k * COLUMNS * channels + c;
#pragma GCC unroll 4
            for (int j = 0; j < COLUMNS; j++) found[j] = lane(to + j * channels);
            over_columns(width, [&](int64_t column, auto left, auto right) {
                Lane cell = lane(cells + column * channels + c);
                const float* from = rows[k] + (STEP * column - 1) * channels + c;
#pragma GCC unroll 4
                for (int j = 0; j < COLUMNS; j++) {
                    if ((j == 0 && !left) || (j == COLUMNS - 1 && !right)) continue;
                    found[j] += cell * lane(from + j * channels);
                }
            });
#pragma GCC unroll 4
            for (int j = 0; j < COLUMNS; j++) put(to + j * channels, found[j]);
        }
}

// Gradients of weights (channels, 9) and bias, of an `enlarged` map or of x as it is.
inline void depthwise_weights(const float* x, const float* gradient, float* weight, float* bias, const Maps& size,
                              bool enlarged) {
    int64_t channels = size.channels, kinds = enlarged ? 16 : 9, chunks = parts_of(size.batch * size.height, 8);
    int64_t scale = enlarged ? 2 : 1;
    std::vector<float> sums(chunks * (kinds + 1) * channels), nothing(scale * size.line());
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        float *found = &sums[chunk * (kinds + 1) * channels], *shift = found + kinds * channels;
        for (int64_t row = chunk * 8; row < std::min(chunk * 8 + 8, size.batch * size.height); row++) {
            const float* places = gradient + row * scale * scale * size.line();
            for (int64_t at = 0; at < scale * scale * size.width; at++)
                for (int64_t c = 0; c < channels; c += LANE)
                    put(shift + c, lane(shift + c) + lane(places + at * channels + c));
            if (enlarged) {
                FourRows four(gradient, size, row, nothing.data());
                row_products<4, 2>(x + row * size.line(), four.rows, 4, found, size.width, channels);
            } else {
                const float* rows[3];
                for (int64_t k = 0; k < 3; k++)
                    rows[k] = row_of(x, size, row / size.height, row % size.height + k - 1, nothing.data());
                row_products<3, 1>(places, rows, 3, found, size.width, channels);
            }
        }
    }
    std::vector<float> all((kinds + 1) * channels);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t i = 0; i < (kinds + 1) * channels; i++) all[i] += sums[chunk * (kinds + 1) * channels + i];
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t tap = 0; tap < 9; tap++) {
            float value = enlarged ? 0 : all[tap * channels + c];
            for (int64_t place = 0; enlarged && place < 16; place++)
                if (READS[place / 4][tap / 3] && READS[place % 4][tap % 3]) value += all[place * channels + c];
            weight[c * 9 + tap] = value;
        }
        if (bias) bias[c] = all[kinds * channels + c];
    }
}

}  // namespace
