// Convolutions of 3 x 3 by minimal filtering: 36 products instead of 144 for 4 x 4 places (Winograd 1980; Lavin and
// Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, F(4x4, 3x3)).
//
// Tiles of 6 x 6 places are brought to 6 x 6 points (at 0, 1, -1, 2, -2 and infinity along each axis), where a
// convolution is one product of matrices a point. In a map that was enlarged to twice its size by repetition the point
// -1 is always zero, so 5 x 5 of them are left; likewise where the result is summed up over 2 x 2 places, which is the
// way back of the enlargement.

#pragma once

#include "products.h"

namespace {

enum Form : int64_t { PLAIN = 0, ENLARGED = 1, SUMMED = 2 };

// Along one axis, from six places to six points, from those to four places; and the ways back of the latter.
inline void to_points(const Lane* d, Lane* v) {
    Lane even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1], far = d[4] - d[2], skew = 2.0f * (d[3] - d[1]);
    v[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = far + skew;
    v[4] = far - skew;
    v[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}
inline void to_places(const Lane* m, Lane* y) {
    Lane near = m[1] + m[2], away = m[1] - m[2], twice = m[3] + m[4], between = m[3] - m[4];
    y[0] = m[0] + near + twice;
    y[1] = away + 2.0f * between;
    y[2] = near + 4.0f * twice;
    y[3] = away + 8.0f * between + m[5];
}
inline void spread(const Lane* y, Lane* z) {
    Lane even = y[0] + y[2], odd = y[1] + y[3], far = y[0] + 4.0f * y[2], skew = 2.0f * y[1] + 8.0f * y[3];
    z[0] = y[0];
    z[1] = even + odd;
    z[2] = even - odd;
    z[3] = far + skew;
    z[4] = far - skew;
    z[5] = y[3];
}
inline void filter_points(const Lane* g, Lane* u) {
    Lane even = g[0] + g[2], far = (g[0] + 4.0f * g[2]) * (1.0f / 24), skew = g[1] * (1.0f / 12);
    u[0] = 0.25f * g[0];
    u[1] = (even + g[1]) * (-1.0f / 6);
    u[2] = (even - g[1]) * (-1.0f / 6);
    u[3] = far + skew;
    u[4] = far - skew;
    u[5] = g[2];
}
inline void filter_taps(const Lane* u, Lane* g) {
    Lane near = u[1] + u[2], far = u[3] + u[4];
    g[0] = 0.25f * u[0] - near * (1.0f / 6) + far * (1.0f / 24);
    g[1] = (u[2] - u[1]) * (1.0f / 6) + (u[3] - u[4]) * (1.0f / 12);
    g[2] = (far - near) * (1.0f / 6) + u[5];
}

// `line` along both axes: from FROM x FROM values that `take(y, x)` gives to TO x TO that `give(y, x, value)` is given.
template <int FROM, int TO, class Line, class Take, class Give>
inline __attribute__((always_inline)) void both_axes(Line line, Take take, Give give) {
    Lane kept[TO][FROM];
#pragma GCC unroll 6
    for (int x = 0; x < FROM; x++) {
        Lane given[FROM], made[TO];
#pragma GCC unroll 6
        for (int y = 0; y < FROM; y++) given[y] = take(y, x);
        line(given, made);
#pragma GCC unroll 6
        for (int y = 0; y < TO; y++) kept[y][x] = made[y];
    }
#pragma GCC unroll 6
    for (int y = 0; y < TO; y++) {
        Lane made[TO];
        line(kept[y], made);
#pragma GCC unroll 6
        for (int x = 0; x < TO; x++) give(y, x, made[x]);
    }
}

// The number of the point (y, x); -1 for one that is not needed, where there are 5 along an axis.
template <int POINTS> constexpr int point(int y, int x) {
    if (POINTS == 6) return y * 6 + x;
    return y == 2 || x == 2 ? -1 : (y - (y > 2)) * 5 + x - (x > 2);
}

// Tiles of 4 x 4 places of maps `height` x `width`, and room for some of them at all points.
struct Tiles {
    int64_t batch, height, width, down, across, count;
    Tiles(int64_t batch, int64_t height, int64_t width)
        : batch(batch), height(height), width(width), down(parts_of(height, 4)), across(parts_of(width, 4)),
          count(batch * down * across) {}
    // So many that the second cache holds them with `channels` values each, and that they fill the sums of a product.
    int64_t together(int64_t channels) const {
        int64_t fitting = 3000 / channels / SUMS * SUMS;
        return std::min(std::max<int64_t>(fitting, SUMS), parts_of(count, SUMS) * SUMS);
    }
};

// Where a tile's `side` x `side` places lie in a map (batch, height, width, channels) of the tiles' size, or half of it
// (`halved`), from one row and column before it on where it is `wider`; `nothing` for those outside.
template <int SIDE>
void find_places(const float* map, const Tiles& tiles, int64_t tile, int64_t channels, bool halved, bool wider,
                 const float* nothing, const float** places) {
    int64_t scale = halved ? 2 : 1, height = tiles.height / scale, width = tiles.width / scale;
    int64_t row = tile / tiles.across % tiles.down * 4 / scale - wider, column = tile % tiles.across * 4 / scale - wider;
    const float* picture = map + tile / (tiles.across * tiles.down) * height * width * channels;
    for (int64_t y = 0; y < SIDE; y++)
        for (int64_t x = 0; x < SIDE; x++) {
            bool inside = row + y >= 0 && row + y < height && column + x >= 0 && column + x < width;
            places[y * SIDE + x] = inside ? picture + ((row + y) * width + column + x) * channels : nothing;
        }
}

// Calls `each(first channel, how many)` register by register; the last one goes over some channels twice, so that it is
// whole, unless there are too few.
template <class Each> inline void over_channels(int64_t channels, Each each) {
    for (int64_t c = 0; c + LANE <= channels; c += LANE) each(c, LANE);
    if (channels % LANE) each(std::max<int64_t>(0, channels - LANE), std::min(LANE, channels));
}

// Tiles from `first` on, `count` of them, of `map` at all points: out (points, apart; tiles, padded channels).
template <int POINTS, bool HALVED>
void tiles_to_points(const float* map, const Tiles& tiles, int64_t first, int64_t count, int64_t channels,
                     const float* nothing, float* out, int64_t apart) {
    constexpr int SIDE = HALVED ? 4 : 6;
    int64_t padded = parts_of(channels, LANE) * LANE;
    const float* places[SIDE * SIDE];
    for (int64_t tile = 0; tile < count; tile++) {
        find_places<SIDE>(map, tiles, first + tile, channels, HALVED, true, nothing, places);
        over_channels(channels, [&](int64_t c, int64_t size) {
            float* to = out + tile * padded + c;
            auto give = [=](int y, int x, Lane value) {
                if (point<POINTS>(y, x) >= 0) put(to + point<POINTS>(y, x) * apart, value);
            };
            // Of six places in a row of an enlarged map, the second and third are one, and so are the next two.
            auto place = [&](int y, int x) {
                return places[(HALVED ? (y + 1) / 2 : y) * SIDE + (HALVED ? (x + 1) / 2 : x)] + c;
            };
            if (size == LANE)
                both_axes<6, 6>(to_points, [&](int y, int x) { return lane(place(y, x)); }, give);
            else
                both_axes<6, 6>(to_points, [&](int y, int x) { return lane(place(y, x), size); }, give);
        });
    }
}

// The way back of `points_to_tiles`: gradients of 4 x 4 places at all points.
template <int POINTS>
void tiles_spread(const float* map, const Tiles& tiles, int64_t first, int64_t count, int64_t channels,
                  const float* nothing, float* out, int64_t apart, int64_t padded) {
    const float* places[16];
    for (int64_t tile = 0; tile < count; tile++) {
        find_places<4>(map, tiles, first + tile, channels, false, false, nothing, places);
        over_channels(channels, [&](int64_t c, int64_t size) {
            float* to = out + tile * padded + c;
            auto give = [=](int y, int x, Lane value) {
                if (point<POINTS>(y, x) >= 0) put(to + point<POINTS>(y, x) * apart, value);
            };
            if (size == LANE)
                both_axes<4, 6>(spread, [&](int y, int x) { return lane(places[y * 4 + x] + c); }, give);
            else
                both_axes<4, 6>(spread, [&](int y, int x) { return lane(places[y * 4 + x] + c, size); }, give);
        });
    }
}

// From points (points, apart; tiles, padded channels) to the 4 x 4 places of every tile, or 2 x 2 sums of 2 x 2 of them.
template <int POINTS, bool HALVED>
void points_to_tiles(const float* found, const Tiles& tiles, int64_t first, int64_t count, int64_t channels,
                     const float* bias, float* map, int64_t apart, int64_t padded) {
    constexpr int SIDE = HALVED ? 2 : 4;
    auto line = [](const Lane* m, Lane* y) {
        Lane places[4];
        to_places(m, places);
        for (int i = 0; i < SIDE; i++) y[i] = HALVED ? places[2 * i] + places[2 * i + 1] : places[i];
    };
    const float* places[SIDE * SIDE];
    for (int64_t tile = 0; tile < count; tile++) {
        find_places<SIDE>(map, tiles, first + tile, channels, HALVED, false, nullptr, places);
        over_channels(channels, [&](int64_t c, int64_t size) {
            Lane shift = bias ? lane(bias + c, size) : Lane{};
            const float* from = found + tile * padded + c;
            auto take = [=](int y, int x) {
                return point<POINTS>(y, x) >= 0 ? lane(from + point<POINTS>(y, x) * apart) : Lane{};
            };
            auto give = [&](int y, int x, Lane value) {
                float* to = const_cast<float*>(places[y * SIDE + x]);
                if (!to) return;
                if (size == LANE)
                    put(to + c, value + shift);
                else
                    put(to + c, value + shift, size);
            };
            both_axes<6, SIDE>(line, take, give);
        });
    }
}

// Kernels of (outputs, inputs, 3, 3) at all points, in panels of outputs: (points, panels, inputs, span); or, `turned`
// by half a turn, in panels of inputs: (points, panels, outputs, span).
template <int POINTS>
void kernels_to_points(const float* weight, int64_t outputs, int64_t inputs, bool turned, const Panels& panels,
                       float* out) {
    int64_t columns = turned ? inputs : outputs, depth = turned ? outputs : inputs;
    int64_t column_step = turned ? 9 : inputs * 9, depth_step = turned ? inputs * 9 : 9, span = panels.span();
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < panels.count * depth; row++) {
        int64_t panel = row / depth, k = row % depth;
        for (int64_t j = 0; j < span; j += LANE) {
            int64_t column = panel * span + j, known = std::min(LANE, std::max<int64_t>(0, columns - column));
            const float* from = weight + k * depth_step + column * column_step;
            auto take = [=](int y, int x) {
                int64_t tap = turned ? 8 - (y * 3 + x) : y * 3 + x;
                Lane value = {};
                for (int64_t l = 0; l < known; l++) value[l] = from[l * column_step + tap];
                return value;
            };
            float* to = out + row * span + j;
            both_axes<3, 6>(filter_points, take, [=](int y, int x, Lane value) {
                if (point<POINTS>(y, x) >= 0) put(to + point<POINTS>(y, x) * panels.count * depth * span, value);
            });
        }
    }
}

// y (batch, height, width, outputs) of x (batch, height, width, inputs); of half the size is x where FORM is ENLARGED,
// and y where it is SUMMED. `turned`: x and y are gradients of outputs and inputs, which `weight` has in this order.
template <Form FORM>
void convolve(const float* x, const float* weight, const float* bias, float* y, const Tiles& tiles, int64_t inputs,
              int64_t outputs, bool turned) {
    constexpr int POINTS = FORM == PLAIN ? 6 : 5, ALL = POINTS * POINTS;
    Panels panels(outputs);
    int64_t padded = parts_of(inputs, LANE) * LANE, columns = panels.columns();
    int64_t together = tiles.together(padded + columns), blocks = parts_of(tiles.count, together);
    int64_t of_point = panels.count * inputs * panels.span();
    Room kernels(ALL * of_point);
    kernels_to_points<POINTS>(weight, turned ? inputs : outputs, turned ? outputs : inputs, turned, panels,
                              kernels.data());
#pragma omp parallel
    {
        // Points lie apart by other than a power of two, so that they do not drive each other out of the cache.
        int64_t apart = together * padded + LANES, made = together * columns + LANES;
        std::vector<float> nothing(inputs), given(ALL * apart);
        Room found(ALL * made);
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; block++) {
            int64_t first = block * together, count = std::min(together, tiles.count - first);
            tiles_to_points<POINTS, FORM == ENLARGED>(x, tiles, first, count, inputs, nothing.data(), given.data(),
                                                      apart);
            for (int64_t at = 0; at < ALL; at++)
                all_products(panels, given.data() + at * apart, padded, 1, kernels.data() + at * of_point,
                             panels.span(), inputs * panels.span(), found.data() + at * made, count, inputs, false);
            points_to_tiles<POINTS, FORM == SUMMED>(found.data(), tiles, first, count, outputs, bias, y, made, columns);
        }
    }
}

// Gradients of `weight` (outputs, inputs, 3, 3) and of the bias by `gradient` (batch, height, width, outputs).
template <Form FORM>
void learn(const float* x, const float* gradient, float* weight, float* bias, const Tiles& tiles, int64_t inputs,
           int64_t outputs) {
    constexpr int POINTS = FORM == PLAIN ? 6 : 5, ALL = POINTS * POINTS;
    Panels panels(outputs);
    int64_t padded = parts_of(inputs, LANE) * LANE, columns = panels.columns();
    int64_t rows = parts_of(inputs, panels.rows()) * panels.rows();
    int64_t together = tiles.together(padded + columns), blocks = parts_of(tiles.count, together);
    // Groups of blocks whose sums are added up in order: the same, however many threads there are.
    int64_t groups = std::min<int64_t>(16, parts_of(blocks, 8)), size = ALL * rows * columns;
    Room sums(groups * size);
    std::vector<float> shifts(groups * columns);
#pragma omp parallel
    {
        int64_t apart = together * padded + LANES, made = together * columns + LANES;
        // With room behind: rows are filled up with whatever follows, and what becomes of it is not read.
        std::vector<float> nothing(std::max(inputs, outputs)), given(ALL * apart + rows), found(ALL * made);
#pragma omp for schedule(static)
        for (int64_t group = 0; group < groups; group++)
            for (int64_t block = blocks * group / groups; block < blocks * (group + 1) / groups; block++) {
                int64_t first = block * together, count = std::min(together, tiles.count - first);
                bool more = block > blocks * group / groups;
                tiles_to_points<POINTS, FORM == ENLARGED>(x, tiles, first, count, inputs, nothing.data(),
                                                          given.data(), apart);
                tiles_spread<POINTS>(gradient, tiles, first, count, outputs, nothing.data(), found.data(), made,
                                     columns);
                for (int64_t at = 0; at < ALL; at++)
                    all_products(panels, given.data() + at * apart, 1, padded, found.data() + at * made, columns,
                                 panels.span(), sums.data() + group * size + at * rows * columns, inputs, count, more);
                // At the point (1, 1) a gradient is the sum of its places.
                const float* whole = found.data() + point<POINTS>(1, 1) * made;
                for (int64_t tile = 0; tile < count; tile++)
                    for (int64_t c = 0; c < outputs; c++) shifts[group * columns + c] += whole[tile * columns + c];
            }
    }
#pragma omp parallel for schedule(static)
    for (int64_t input = 0; input < inputs; input++)
        over_channels(outputs, [&](int64_t c, int64_t count) {
            auto take = [&](int y, int x) {
                Lane value = {};
                if (point<POINTS>(y, x) >= 0)
                    for (int64_t group = 0; group < groups; group++)
                        value += lane(sums.data() + group * size + (point<POINTS>(y, x) * rows + input) * columns + c);
                return value;
            };
            both_axes<6, 3>(filter_taps, take, [&](int y, int x, Lane value) {
                for (int64_t l = 0; l < count; l++) weight[((c + l) * inputs + input) * 9 + y * 3 + x] = value[l];
            });
        });
    if (!bias) return;
    for (int64_t c = 0; c < outputs; c++) {
        bias[c] = 0;
        for (int64_t group = 0; group < groups; group++) bias[c] += shifts[group * columns + c];
    }
}

}  // namespace
