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

// `line` along both axes, from FROM x FROM values that `take(a, b)` gives, a first, to TO x TO that `give(a, b, value)` is
// given, b first.
template <int FROM, int TO, class Line, class Take, class Give>
inline __attribute__((always_inline)) void both_axes(Line line, Take take, Give give) {
    Lane kept[TO][FROM];
#pragma GCC unroll 6
    for (int a = 0; a < FROM; a++) {
        Lane given[FROM], made[TO];
#pragma GCC unroll 6
        for (int b = 0; b < FROM; b++) given[b] = take(a, b);
        line(given, made);
#pragma GCC unroll 6
        for (int b = 0; b < TO; b++) kept[b][a] = made[b];
    }
#pragma GCC unroll 6
    for (int b = 0; b < TO; b++) {
        Lane made[TO];
        line(kept[b], made);
#pragma GCC unroll 6
        for (int a = 0; a < TO; a++) give(a, b, made[a]);
    }
}

// Whether a point at these indices is there: where there are 5 along an axis, the third of six is not.
template <int POINTS> constexpr bool there(int a, int b) { return POINTS == 6 || (a != 2 && b != 2); }

// Values of all points, `apart` from each other: in the order of places down, then across.
template <int POINTS> struct Written {
    float* to;
    int64_t apart;
    inline __attribute__((always_inline)) void operator()(int a, int b, Lane value) {
        if (!there<POINTS>(a, b)) return;
        put(to, value);
        to += apart;
    }
};
template <int POINTS> struct Read {
    const float* from;
    int64_t apart;
    inline __attribute__((always_inline)) Lane operator()(int a, int b) {
        if (!there<POINTS>(a, b)) return Lane{};
        Lane value = lane(from);
        from += apart;
        return value;
    }
};

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

// The SIDE x SIDE places of a tile, `row` apart from line to line, in a map (batch, height, width, channels) of the tiles'
// size, or half of it, from one row and column before the tile on where it is `wider`. Where not all of them lie inside,
// they are those of a copy.
template <int SIDE> struct Window {
    int64_t channels, height, width, top, left, row;
    float *map, *first, *copy;

    Window(float* all, const Tiles& tiles, int64_t tile, int64_t channels, bool halved, bool wider, float* copy)
        : channels(channels), height(tiles.height >> halved), width(tiles.width >> halved),
          top((tile / tiles.across % tiles.down * 4 >> halved) - wider),
          left((tile % tiles.across * 4 >> halved) - wider), row(width * channels),
          map(all + tile / (tiles.across * tiles.down) * height * row), first(map + top * row + left * channels),
          copy(copy) {
        if (top >= 0 && left >= 0 && top + SIDE <= height && left + SIDE <= width) return;
        first = copy;
        row = SIDE * channels;
    }
    // Asks for some channels of the tile behind it, `step` places on: lines of so many maps' rows no processor foresees.
    template <int STEP> inline __attribute__((always_inline)) void foresee(int64_t c) const {
#pragma GCC unroll 6
        for (int y = 0; y < SIDE; y++)
#pragma GCC unroll 4
            for (int x = SIDE - STEP; x < SIDE; x++)
                __builtin_prefetch(first + y * row + (x + STEP) * channels + c);
    }
    // Calls `each(line in the map, line of the copy, values before the map, values in it)` for lines of the copy.
    template <class Each> void over_lines(Each each) {
        int64_t before = std::max<int64_t>(0, -left), end = std::min<int64_t>(SIDE, width - left);
        for (int64_t y = 0; y < SIDE; y++) {
            bool inside = top + y >= 0 && top + y < height;
            float* line = inside ? map + ((top + y) * width + left + before) * channels : nullptr;
            each(line, copy + y * row, before * channels, (end - before) * channels);
        }
    }
    void read() {
        if (first != copy) return;
        over_lines([&](float* line, float* to, int64_t before, int64_t size) {
            std::fill(to, to + row, 0.0f);
            if (line) std::copy(line, line + size, to + before);
        });
    }
    void write() {
        if (first != copy) return;
        over_lines([&](float* line, float* from, int64_t before, int64_t size) {
            if (line) std::copy(from + before, from + before + size, line);
        });
    }
};

// Calls `each(first channel, how many)` register by register; the last one goes over some channels twice, so that it is
// whole, unless there are too few.
template <class Each> inline void over_channels(int64_t channels, Each each) {
    for (int64_t c = 0; c + LANE <= channels; c += LANE) each(c, LANE);
    if (channels % LANE) each(std::max<int64_t>(0, channels - LANE), std::min(LANE, channels));
}

// Tiles from `first` on, `count` of them, of `map` at all points: out (points, apart; tiles, padded channels).
template <int POINTS, bool HALVED>
void tiles_to_points(const float* map, const Tiles& tiles, int64_t first, int64_t count, int64_t channels, float* copy,
                     float* out, int64_t apart) {
    int64_t padded = parts_of(channels, LANE) * LANE;
    for (int64_t tile = 0; tile < count; tile++) {
        Window<HALVED ? 4 : 6> window(const_cast<float*>(map), tiles, first + tile, channels, HALVED, true, copy);
        window.read();
        over_channels(channels, [&](int64_t c, int64_t size) {
            const float* from = window.first + c;
            int64_t row = window.row;
            window.template foresee<HALVED ? 2 : 4>(c);
            // Of six places in a row of an enlarged map, the second and third are one, and so are the next two.
            auto place = [=](int y, int x) {
                return from + (HALVED ? (y + 1) / 2 : y) * row + (HALVED ? (x + 1) / 2 : x) * channels;
            };
            Written<POINTS> give{out + tile * padded + c, apart};
            if (size == LANE)
                both_axes<6, 6>(to_points, [=](int y, int x) { return lane(place(y, x)); }, give);
            else
                both_axes<6, 6>(to_points, [=](int y, int x) { return lane(place(y, x), size); }, give);
        });
    }
}

// The way back of `points_to_tiles`: gradients of 4 x 4 places at all points.
template <int POINTS>
void tiles_spread(const float* map, const Tiles& tiles, int64_t first, int64_t count, int64_t channels, float* copy,
                  float* out, int64_t apart, int64_t padded) {
    for (int64_t tile = 0; tile < count; tile++) {
        Window<4> window(const_cast<float*>(map), tiles, first + tile, channels, false, false, copy);
        window.read();
        over_channels(channels, [&](int64_t c, int64_t size) {
            const float* from = window.first + c;
            int64_t row = window.row;
            window.template foresee<4>(c);
            Written<POINTS> give{out + tile * padded + c, apart};
            if (size == LANE)
                both_axes<4, 6>(spread, [=](int y, int x) { return lane(from + y * row + x * channels); }, give);
            else
                both_axes<4, 6>(spread, [=](int y, int x) { return lane(from + y * row + x * channels, size); }, give);
        });
    }
}

// From points (points, apart; tiles, padded channels) to the 4 x 4 places of every tile, or 2 x 2 sums of 2 x 2 of them.
template <int POINTS, bool HALVED>
void points_to_tiles(const float* found, const Tiles& tiles, int64_t first, int64_t count, int64_t channels,
                     const float* bias, float* map, float* copy, int64_t apart, int64_t padded) {
    constexpr int SIDE = HALVED ? 2 : 4;
    auto line = [](const Lane* m, Lane* y) {
        Lane places[4];
        to_places(m, places);
        for (int i = 0; i < SIDE; i++) y[i] = HALVED ? places[2 * i] + places[2 * i + 1] : places[i];
    };
    for (int64_t tile = 0; tile < count; tile++) {
        Window<SIDE> window(map, tiles, first + tile, channels, HALVED, false, copy);
        over_channels(channels, [&](int64_t c, int64_t size) {
            Lane shift = bias ? lane(bias + c, size) : Lane{};
            float* to = window.first + c;
            int64_t row = window.row;
            window.template foresee<SIDE>(c);
            Read<POINTS> take{found + tile * padded + c, apart};
            if (size == LANE)
                both_axes<6, SIDE>(line, take, [=](int x, int y, Lane value) {
                    put(to + y * row + x * channels, value + shift);
                });
            else
                both_axes<6, SIDE>(line, take, [=](int x, int y, Lane value) {
                    put(to + y * row + x * channels, value + shift, size);
                });
        });
        window.write();
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
            both_axes<3, 6>(filter_points, take, Written<POINTS>{to, panels.count * depth * span});
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
        Room given(ALL * apart), found(ALL * made), copy(36 * std::max(inputs, outputs));
        given.clear();
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; block++) {
            int64_t first = block * together, count = std::min(together, tiles.count - first);
            tiles_to_points<POINTS, FORM == ENLARGED>(x, tiles, first, count, inputs, copy.data(), given.data(), apart);
            for (int64_t at = 0; at < ALL; at++)
                all_products(panels, given.data() + at * apart, padded, 1, kernels.data() + at * of_point,
                             panels.span(), inputs * panels.span(), found.data() + at * made, count, inputs, nullptr, 0);
            points_to_tiles<POINTS, FORM == SUMMED>(found.data(), tiles, first, count, outputs, bias, y, copy.data(),
                                                    made, columns);
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
        Room given(ALL * apart + rows), found(ALL * made), copy(36 * std::max(inputs, outputs));
        given.clear();
        found.clear();
#pragma omp for schedule(static)
        for (int64_t group = 0; group < groups; group++)
            for (int64_t block = blocks * group / groups; block < blocks * (group + 1) / groups; block++) {
                int64_t first = block * together, count = std::min(together, tiles.count - first);
                bool more = block > blocks * group / groups;
                tiles_to_points<POINTS, FORM == ENLARGED>(x, tiles, first, count, inputs, copy.data(), given.data(),
                                                          apart);
                tiles_spread<POINTS>(gradient, tiles, first, count, outputs, copy.data(), found.data(), made, columns);
                for (int64_t at = 0; at < ALL; at++) {
                    float* sum = sums.data() + group * size + at * rows * columns;
                    all_products(panels, given.data() + at * apart, 1, padded, found.data() + at * made, columns,
                                 panels.span(), sum, inputs, count, more ? sum : nullptr, columns);
                }
                // At the point (1, 1) a gradient is the sum of its places.
                const float* whole = found.data() + (POINTS + 1) * made;
                for (int64_t tile = 0; tile < count; tile++)
                    for (int64_t c = 0; c < outputs; c++) shifts[group * columns + c] += whole[tile * columns + c];
            }
    }
#pragma omp parallel for schedule(static)
    for (int64_t input = 0; input < inputs; input++)
        over_channels(outputs, [&](int64_t c, int64_t count) {
            const float* first = sums.data() + input * columns + c;
            auto take = [&](int x, int y) {
                Lane value = {};
                if (!there<POINTS>(x, y)) return value;
                for (int64_t group = 0; group < groups; group++) value += lane(first + group * size);
                first += rows * columns;
                return value;
            };
            both_axes<6, 3>(filter_taps, take, [&](int x, int y, Lane value) {
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
