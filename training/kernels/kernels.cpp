// Chains of operations of a training step on a processor, each in one pass over maps whose channels come last.
//
// Every function has a twin in torch, which `training.kernels` falls back to; tests hold both to each other. Values are
// float or bfloat16, sums and parameters float. Work is divided over OpenMP's threads so that results do not depend on
// their number.

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

// Rows of `channels` values, taken `together` at a time so that vectors of 16 fill: `span` values.
struct Rows {
    int64_t count, channels, together, span, per_chunk, chunks;
    Rows(int64_t count, int64_t channels) : count(count), channels(channels), together(1) {
        while (together * channels % 16 && together < 16) together *= 2;
        while (together * channels < 64) together *= 2;
        span = together * channels;
        per_chunk = std::max<int64_t>(1, 8192 / span) * together;
        chunks = (count + per_chunk - 1) / per_chunk;
    }
    int64_t first(int64_t chunk) const { return chunk * per_chunk; }
    int64_t size(int64_t chunk) const { return std::min(per_chunk, count - first(chunk)); }
};

std::vector<float> tiled(const float* values, const Rows& rows) {
    std::vector<float> result(rows.span);
    for (int64_t i = 0; i < rows.span; i++) result[i] = values[i % rows.channels];
    return result;
}

// Calls `each(index of the value in the map, index in a span)` for all values of a chunk.
template <class Each> inline void over_chunk(const Rows& rows, int64_t chunk, Each each) {
    int64_t size = rows.size(chunk) * rows.channels, begin = rows.first(chunk) * rows.channels, span = rows.span;
    int64_t at = 0;
    for (; at + span <= size; at += span) {
#pragma omp simd
        for (int64_t i = 0; i < span; i++) each(begin + at + i, i);
    }
    for (int64_t i = 0; at + i < size; i++) each(begin + at + i, i);
}

void fold(float* sums, const Rows& rows) {
    for (int64_t i = rows.channels; i < rows.span; i++) sums[i % rows.channels] += sums[i];
}

// Mean and biased variance of every channel; chunks are joined as Chan, Golub and LeVeque (1983) have it.
template <class T> void statistics(const T* x, const Rows& rows, float* mean, float* variance) {
    int64_t channels = rows.channels;
    std::vector<float> means(rows.chunks * channels), squares(rows.chunks * channels);
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
        std::vector<float> buffer(2 * rows.span);
        float *sums = buffer.data(), *middle = sums + rows.span;
        over_chunk(rows, chunk, [=](int64_t at, int64_t i) { sums[i] += wide(x[at]); });
        fold(sums, rows);
        float share = 1.0f / float(rows.size(chunk));
        for (int64_t i = 0; i < rows.span; i++) middle[i] = sums[i % channels] * share;
        std::fill(sums, sums + rows.span, 0.0f);
        over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
            float away = wide(x[at]) - middle[i];
            sums[i] += away * away;
        });
        fold(sums, rows);
        std::copy(middle, middle + channels, &means[chunk * channels]);
        std::copy(sums, sums + channels, &squares[chunk * channels]);
    }
    for (int64_t c = 0; c < channels; c++) {
        double count = 0, middle = 0, square = 0;
        for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
            double size = double(rows.size(chunk)), away = means[chunk * channels + c] - middle, all = count + size;
            square += squares[chunk * channels + c] + away * away * count * size / all;
            middle += away * size / all;
            count = all;
        }
        mean[c] = float(middle);
        variance[c] = float(square / count);
    }
}

// y = relu((x - mean) inverse weight + bias + skip); `skip` may be null, and `rectified` false.
template <class T>
void apply_norm(const T* x, const T* skip, T* y, const Rows& rows, const float* scale, const float* shift,
                bool rectified) {
    std::vector<float> scales = tiled(scale, rows), shifts = tiled(shift, rows);
    const float *a = scales.data(), *b = shifts.data();
    float least = rectified ? 0.0f : -INFINITY;
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
        if (skip)
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float value = wide(x[at]) * a[i] + b[i] + wide(skip[at]);
                y[at] = narrow<T>(value < least ? least : value);
            });
        else
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float value = wide(x[at]) * a[i] + b[i];
                y[at] = narrow<T>(value < least ? least : value);
            });
    }
}

// Sums over all rows of the gradient g behind the rectifier, and of g (x - mean).
template <class T>
void gradient_sums(const T* gradient, const T* x, const T* y, const Rows& rows, const float* mean, bool rectified,
                   float* of_gradient, float* of_product) {
    int64_t channels = rows.channels;
    std::vector<float> middles = tiled(mean, rows), sums(rows.chunks * 2 * channels);
    const float* m = middles.data();
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
        std::vector<float> buffer(2 * rows.span);
        float *plain = buffer.data(), *product = plain + rows.span;
        if (rectified)
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float g = wide(y[at]) > 0 ? wide(gradient[at]) : 0.0f;
                plain[i] += g;
                product[i] += g * (wide(x[at]) - m[i]);
            });
        else
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float g = wide(gradient[at]);
                plain[i] += g;
                product[i] += g * (wide(x[at]) - m[i]);
            });
        fold(plain, rows);
        fold(product, rows);
        std::copy(plain, plain + channels, &sums[chunk * 2 * channels]);
        std::copy(product, product + channels, &sums[(chunk * 2 + 1) * channels]);
    }
    for (int64_t c = 0; c < channels; c++) {
        double plain = 0, product = 0;
        for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
            plain += sums[chunk * 2 * channels + c];
            product += sums[(chunk * 2 + 1) * channels + c];
        }
        of_gradient[c] = float(plain);
        of_product[c] = float(product);
    }
}

template <class T>
void norm_forward(const T* x, const T* skip, T* y, int64_t count, int64_t channels, const float* weight,
                  const float* bias, float* mean, float* inverse, float* variance, float eps, int training,
                  int rectified) {
    Rows rows(count, channels);
    if (training) statistics(x, rows, mean, variance);
    std::vector<float> scale(channels), shift(channels);
    for (int64_t c = 0; c < channels; c++) {
        inverse[c] = 1.0f / std::sqrt(variance[c] + eps);
        scale[c] = weight[c] * inverse[c];
        shift[c] = bias[c] - mean[c] * scale[c];
    }
    apply_norm(x, skip, y, rows, scale.data(), shift.data(), rectified);
}

template <class T>
void norm_backward(const T* gradient, const T* x, const T* y, T* of_x, T* of_skip, int64_t count, int64_t channels,
                   const float* weight, const float* mean, const float* inverse, float* of_weight, float* of_bias,
                   int training, int rectified) {
    Rows rows(count, channels);
    // The gradient of x is a g + b x + c.
    std::vector<float> slope(channels), along(channels), constant(channels);
    if (of_bias) gradient_sums(gradient, x, y, rows, mean, rectified, of_bias, of_weight);
    for (int64_t c = 0; c < channels; c++) {
        slope[c] = weight[c] * inverse[c];
        if (training) {
            along[c] = -slope[c] * inverse[c] * inverse[c] * of_weight[c] / float(count);
            constant[c] = -slope[c] * of_bias[c] / float(count) - mean[c] * along[c];
        }
        if (of_bias) of_weight[c] *= inverse[c];
    }
    std::vector<float> slopes = tiled(slope.data(), rows), alongs = tiled(along.data(), rows),
                       constants = tiled(constant.data(), rows);
    const float *a = slopes.data(), *b = alongs.data(), *d = constants.data();
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < rows.chunks; chunk++) {
        if (of_skip)
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float g = !rectified || wide(y[at]) > 0 ? wide(gradient[at]) : 0.0f;
                of_skip[at] = narrow<T>(g);
                of_x[at] = narrow<T>(g * a[i] + wide(x[at]) * b[i] + d[i]);
            });
        else if (rectified)
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                float g = wide(y[at]) > 0 ? wide(gradient[at]) : 0.0f;
                of_x[at] = narrow<T>(g * a[i] + wide(x[at]) * b[i] + d[i]);
            });
        else
            over_chunk(rows, chunk, [=](int64_t at, int64_t i) {
                of_x[at] = narrow<T>(wide(gradient[at]) * a[i] + wide(x[at]) * b[i] + d[i]);
            });
    }
}

// Places in a map, and how much each of the four cells around one counts; zero beyond the border.
constexpr int64_t PLACES = 32;

struct Places {
    int32_t cells[4][PLACES];
    float weights[4][PLACES], by_x[4][PLACES], by_y[4][PLACES];

    // At most PLACES of a flow.
    void find(const float* flow, int64_t count, int64_t height, int64_t width, bool align) {
        float scale_x = 0.5f * float(align ? width - 1 : width), scale_y = 0.5f * float(align ? height - 1 : height);
        float shift = align ? 0.0f : -0.5f, last_x = float(width - 1), last_y = float(height - 1);
        int32_t line = int32_t(width);
#pragma omp simd
        for (int64_t i = 0; i < count; i++) {
            float x = (flow[2 * i] + 1) * scale_x + shift, y = (flow[2 * i + 1] + 1) * scale_y + shift;
            bool inside = x > -1 && x <= last_x + 1 && y > -1 && y <= last_y + 1;  // no number is outside
            x = inside ? x : -1.0f, y = inside ? y : -1.0f;
            float left = std::floor(x), top = std::floor(y), right = left + 1, low = top + 1;
            float b = x - left, a = 1 - b, d = y - top, c = 1 - d;
            float sees_left = left >= 0 && left <= last_x ? 1.0f : 0.0f, sees_top = top >= 0 && top <= last_y ? 1.0f : 0.0f;
            float sees_right = right >= 0 && right <= last_x ? 1.0f : 0.0f, sees_low = low >= 0 && low <= last_y ? 1.0f : 0.0f;
            left = largest(smallest(left, last_x), 0), right = largest(smallest(right, last_x), 0);
            top = largest(smallest(top, last_y), 0), low = largest(smallest(low, last_y), 0);
            int32_t upper = int32_t(top) * line, lower = int32_t(low) * line;
            cells[0][i] = upper + int32_t(left), cells[1][i] = upper + int32_t(right);
            cells[2][i] = lower + int32_t(left), cells[3][i] = lower + int32_t(right);
            float none = inside ? 1.0f : 0.0f;
            float s0 = none * sees_left * sees_top, s1 = none * sees_right * sees_top, s2 = none * sees_left * sees_low,
                  s3 = none * sees_right * sees_low;
            weights[0][i] = s0 * a * c, weights[1][i] = s1 * b * c, weights[2][i] = s2 * a * d, weights[3][i] = s3 * b * d;
            by_x[0][i] = -s0 * scale_x * c, by_x[1][i] = s1 * scale_x * c;
            by_x[2][i] = -s2 * scale_x * d, by_x[3][i] = s3 * scale_x * d;
            by_y[0][i] = -s0 * scale_y * a, by_y[1][i] = -s1 * scale_y * b;
            by_y[2][i] = s2 * scale_y * a, by_y[3][i] = s3 * scale_y * b;
        }
    }
};

// Calls `each(place of `places`, its number among all)` for `count` places of a flow.
template <class Each>
inline void over_places(const float* flow, int64_t count, int64_t height, int64_t width, bool align, Each each) {
    Places places;
    for (int64_t begin = 0; begin < count; begin += PLACES) {
        int64_t some = std::min(PLACES, count - begin);
        places.find(flow + 2 * begin, some, height, width, align);
        for (int64_t i = 0; i < some; i++) each(places, i, begin + i);
    }
}

struct Sizes {
    int64_t batch, channels, height, width, rows, columns;
};

// out = seen o, or hidden + (seen - hidden) o with `hidden`; seen: `image` looked up at `flow`, o: `occlusion`.
// Channels are a multiple of 16.
template <class T>
void look_up(const T* image, const float* flow, const float* occlusion, const T* hidden, T* out, Sizes size,
             int align) {
    int64_t places = size.rows * size.columns, channels = size.channels;
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < size.batch; index++) {
        const T* picture = image + index * size.height * size.width * channels;
        const float* where = flow + 2 * index * places;
        over_places(where, places, size.height, size.width, align, [=](const Places& found, int64_t i, int64_t number) {
            int64_t at = index * places + number;
            float share = occlusion[at], rest = 1 - share;
            const T *p0 = picture + found.cells[0][i] * channels, *p1 = picture + found.cells[1][i] * channels,
                    *p2 = picture + found.cells[2][i] * channels, *p3 = picture + found.cells[3][i] * channels;
            float w0 = found.weights[0][i] * share, w1 = found.weights[1][i] * share,
                  w2 = found.weights[2][i] * share, w3 = found.weights[3][i] * share;
            for (int64_t c = 0; c < channels; c += LANES) {
                Vector seen = w0 * load(p0 + c) + w1 * load(p1 + c) + w2 * load(p2 + c) + w3 * load(p3 + c);
                if (hidden) seen += rest * load(hidden + at * channels + c);
                store(out + at * channels + c, seen);
            }
        });
    }
}

// Gradients of `look_up`; any of the results may be null.
template <class T>
void look_up_backward(const T* gradient, const T* image, const float* flow, const float* occlusion, const T* hidden,
                      T* of_image, float* of_flow, float* of_occlusion, T* of_hidden, Sizes size, int align) {
    int64_t places = size.rows * size.columns, channels = size.channels, cells = size.height * size.width;
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < size.batch; index++) {
        Aligned sums(of_image ? cells * channels : 0);
        float* all = sums.data;
        const T* picture = image + index * cells * channels;
        const float* where = flow + 2 * index * places;
        over_places(where, places, size.height, size.width, align, [=](const Places& found, int64_t i, int64_t number) {
            int64_t at = index * places + number, q[4];
            float share = occlusion[at], rest = 1 - share, w[4], x[4], y[4];
            for (int n = 0; n < 4; n++) {
                q[n] = found.cells[n][i] * channels;
                w[n] = found.weights[n][i], x[n] = found.by_x[n][i], y[n] = found.by_y[n][i];
            }
            Vector along_x{}, along_y{}, gain{};
            for (int64_t c = 0; c < channels; c += LANES) {
                Vector g = load(gradient + at * channels + c);
                Vector a = load(picture + q[0] + c), b = load(picture + q[1] + c), d = load(picture + q[2] + c),
                       e = load(picture + q[3] + c);
                Vector seen = w[0] * a + w[1] * b + w[2] * d + w[3] * e;
                along_x += g * (x[0] * a + x[1] * b + x[2] * d + x[3] * e);
                along_y += g * (y[0] * a + y[1] * b + y[2] * d + y[3] * e);
                if (hidden) seen -= load(hidden + at * channels + c);
                gain += g * seen;
                if (of_hidden) store(of_hidden + at * channels + c, g * rest);
                if (of_image) {
                    g *= share;
                    for (int n = 0; n < 4; n++) store(all + q[n] + c, load(all + q[n] + c) + w[n] * g);
                }
            }
            if (of_flow) {
                of_flow[2 * at] = total(along_x) * share;
                of_flow[2 * at + 1] = total(along_y) * share;
            }
            if (of_occlusion) of_occlusion[at] = total(gain);
        });
        if (of_image)
            for (int64_t i = 0; i < cells * channels; i += LANES)
                store(of_image + index * cells * channels + i, load(all + i));
    }
}

// Colour changes of one row of pixels in [0, 1], channel by channel, as `training.data.colour` has them.
struct Row {
    float *red, *green, *blue;
    int64_t width;
};


void brighten(Row row, float factor) {
    for (float* channel : {row.red, row.green, row.blue})
#pragma omp simd
        for (int64_t i = 0; i < row.width; i++) channel[i] = held(channel[i] + (factor - 1));
}

void stretch(Row row, float factor) {
    for (float* channel : {row.red, row.green, row.blue})
#pragma omp simd
        for (int64_t i = 0; i < row.width; i++) channel[i] = held(channel[i] * factor);
}

void saturate(Row row, float factor) {
#pragma omp simd
    for (int64_t i = 0; i < row.width; i++) {
        float r = row.red[i], g = row.green[i], b = row.blue[i];
        float high = largest(largest(r, g), b), spread = high - smallest(smallest(r, g), b);
        float most = smallest(factor, high / (spread == 0 ? 1.0f : spread));
        row.red[i] = high - (high - r) * most;
        row.green[i] = high - (high - g) * most;
        row.blue[i] = high - (high - b) * most;
    }
}

inline float turned(float sixth, float high, float spread) {
    sixth -= 6 * std::floor(sixth * (1.0f / 6));
    return high - spread * held(smallest(sixth, 4 - sixth));
}

void turn_hue(Row row, float turns) {
#pragma omp simd
    for (int64_t i = 0; i < row.width; i++) {
        float r = row.red[i], g = row.green[i], b = row.blue[i];
        float high = largest(largest(r, g), b), spread = high - smallest(smallest(r, g), b);
        float share = 1.0f / (spread == 0 ? 1.0f : spread);
        float of_red = (g - b) * share, of_green = 2 + (b - r) * share, of_blue = 4 + (r - g) * share;
        float place = (r == high ? of_red : g == high ? of_green : of_blue) + 6 * turns;
        row.red[i] = turned(place + 5, high, spread);
        row.green[i] = turned(place + 3, high, spread);
        row.blue[i] = turned(place + 1, high, spread);
    }
}

// A coordinate in [0, last], reflected at both ends.
inline float reflected(float value, float last, float share) {
    value = std::fabs(value);
    float turns = std::floor(value * share), rest = value - turns * last;
    bool odd = turns - 2 * std::floor(turns * 0.5f) > 0.5f;
    rest = odd ? last - rest : rest;
    return rest < 0 ? 0 : rest > last ? last : rest;
}

// One row of a picture of packed pixels looked up where `map` (row-major 2 x 3 of a 3 x 3 one) takes it.
void place_row(const uint32_t* pixels, const float* map, int64_t y, int64_t height, Row row) {
    int32_t width = int32_t(row.width);
    float last_x = float(width - 1), last_y = float(height - 1), half_x = last_x / 2, half_y = last_y / 2;
    float share_x = 1 / last_x, share_y = 1 / last_y, down = 2 * float(y) * share_y - 1;
#pragma omp simd
    for (int32_t i = 0; i < width; i++) {
        float across = 2 * float(i) * share_x - 1;
        float u = reflected((map[0] * across + map[1] * down + map[2] + 1) * half_x, last_x, share_x);
        float v = reflected((map[3] * across + map[4] * down + map[5] + 1) * half_y, last_y, share_y);
        float left = std::floor(u), top = std::floor(v), a = u - left, b = v - top;
        int32_t first = int32_t(top) * width + int32_t(left);
        int32_t aside = left < last_x ? 1 : 0, below = top < last_y ? width : 0;
        uint32_t p0 = pixels[first], p1 = pixels[first + aside], p2 = pixels[first + below],
                 p3 = pixels[first + aside + below];
        float w0 = (1 - a) * (1 - b) / 255, w1 = a * (1 - b) / 255, w2 = (1 - a) * b / 255, w3 = a * b / 255;
        row.red[i] = w0 * float(int32_t(p0 & 255)) + w1 * float(int32_t(p1 & 255)) + w2 * float(int32_t(p2 & 255)) +
                     w3 * float(int32_t(p3 & 255));
        row.green[i] = w0 * float(int32_t(p0 >> 8 & 255)) + w1 * float(int32_t(p1 >> 8 & 255)) +
                       w2 * float(int32_t(p2 >> 8 & 255)) + w3 * float(int32_t(p3 >> 8 & 255));
        row.blue[i] = w0 * float(int32_t(p0 >> 16)) + w1 * float(int32_t(p1 >> 16)) +
                      w2 * float(int32_t(p2 >> 16)) + w3 * float(int32_t(p3 >> 16));
    }
}

void copy_row(const uint32_t* pixels, Row row) {
#pragma omp simd
    for (int64_t i = 0; i < row.width; i++) {
        row.red[i] = float(int32_t(pixels[i] & 255)) / 255;
        row.green[i] = float(int32_t(pixels[i] >> 8 & 255)) / 255;
        row.blue[i] = float(int32_t(pixels[i] >> 16)) / 255;
    }
}

// Pictures of bytes, at `strides` of picture, channel, row and column: moved by `maps` (3 x 3 each, of new to old
// places; may be null), their colours changed in the `order` (0 brightness, 1 contrast, 2 saturation, 3 hue; as many as
// `changes`) by `factors` (4 rows of `batch`), as floats with channels last.
void change_pictures(const uint8_t* pictures, const int64_t* strides, const float* maps, const float* factors,
                     const int64_t* order, float* out, int64_t batch, int64_t height, int64_t width, int changes) {
    void (*const kinds[])(Row, float) = {brighten, stretch, saturate, turn_hue};
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < batch; index++) {
        std::vector<uint32_t> pixels(height * width);
        std::vector<float> buffer(3 * width);
        Row row{buffer.data(), buffer.data() + width, buffer.data() + 2 * width, width};
        const uint8_t* picture = pictures + index * strides[0];
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                const uint8_t* at = picture + y * strides[2] + x * strides[3];
                pixels[y * width + x] = at[0] | uint32_t(at[strides[1]]) << 8 | uint32_t(at[2 * strides[1]]) << 16;
            }
        for (int64_t y = 0; y < height; y++) {
            if (maps)
                place_row(pixels.data(), maps + 9 * index, y, height, row);
            else
                copy_row(&pixels[y * width], row);
            for (int k = 0; k < changes; k++) kinds[order[k]](row, factors[order[k] * batch + index]);
            float* line = out + (index * height + y) * width * 3;
            for (int64_t x = 0; x < width; x++) {
                line[3 * x] = row.red[x];
                line[3 * x + 1] = row.green[x];
                line[3 * x + 2] = row.blue[x];
            }
        }
    }
}

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

// `in` (height, width, 3) blurred by five `taps` along rows, then along columns, reflected at the border.
void blur_picture(const float* in, const float* taps, float* out, int64_t height, int64_t width) {
    const float t0 = taps[0], t1 = taps[1], t2 = taps[2], t3 = taps[3], t4 = taps[4];
    int64_t line = 3 * width;
    std::vector<float> padded(line + 12), across(height * line);
    for (int64_t y = 0; y < height; y++) {
        std::copy(in + y * line, in + (y + 1) * line, &padded[6]);
        for (int64_t c = 0; c < 3; c++) {
            padded[c] = padded[12 + c], padded[3 + c] = padded[9 + c];
            padded[line + 6 + c] = padded[line + c], padded[line + 9 + c] = padded[line - 3 + c];
        }
        const float* from = padded.data();
        float* to = &across[y * line];
#pragma omp simd
        for (int64_t i = 0; i < line; i++)
            to[i] = t0 * from[i] + t1 * from[i + 3] + t2 * from[i + 6] + t3 * from[i + 9] + t4 * from[i + 12];
    }
    for (int64_t y = 0; y < height; y++) {
        const float* rows[5];
        for (int64_t k = -2; k <= 2; k++) {
            int64_t row = std::abs(y + k);
            rows[k + 2] = &across[(row < height ? row : 2 * (height - 1) - row) * line];
        }
        float* to = out + y * line;
#pragma omp simd
        for (int64_t i = 0; i < line; i++)
            to[i] = t0 * rows[0][i] + t1 * rows[1][i] + t2 * rows[2][i] + t3 * rows[3][i] + t4 * rows[4][i];
    }
}

// Blur, a grey box, a gamma with noise on the pictures that are `chosen` for each (3 rows of `batch`; the last row says
// which of the noises, -1 for none). `boxes`: rows of left, top, width, height.
void damage_pictures(const float* image, const int64_t* chosen, const float* taps, const int64_t* boxes,
                     const float* gammas, const float* noises, float* out, int64_t batch, int64_t height,
                     int64_t width) {
    int64_t values = height * width * 3;
#pragma omp parallel for schedule(dynamic)
    for (int64_t index = 0; index < batch; index++) {
        const float* from = image + index * values;
        float* to = out + index * values;
        if (chosen[index])
            blur_picture(from, taps + 5 * index, to, height, width);
        else
            std::copy(from, from + values, to);
        if (chosen[batch + index]) {
            int64_t left = boxes[index], top = boxes[batch + index], wide = boxes[2 * batch + index],
                    tall = boxes[3 * batch + index];
            for (int64_t y = top; y < std::min(top + tall, height); y++)
                std::fill(to + (y * width + left) * 3, to + (y * width + std::min(left + wide, width)) * 3, 0.5f);
        }
        int64_t which = chosen[2 * batch + index];
        if (which < 0) continue;
        const float* noise = noises + which * values;
        float gamma = gammas[which];
#pragma omp simd
        for (int64_t i = 0; i < values; i++)
            to[i] = held(raised(to[i] < 1e-4f ? 1e-4f : to[i] > 1 ? 1 : to[i], gamma) + noise[i]);
    }
}

// Maps of 2 x 2 phases (batch, height + 1, width + 1, 4 channels) put together, `out` (batch, 2 height, 2 width,
// channels); or, `back`, taken apart, and zero what no phase has given. See `training.kernels.enlarged`.
template <class T>
void interleave(T* phases, T* out, int64_t batch, int64_t channels, int64_t height, int64_t width, int back) {
    int64_t line = (width + 1) * 4 * channels;
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < batch * (height + 1); row++) {
        int64_t index = row / (height + 1), y = row % (height + 1);
        T* from = phases + row * line;
        if (back) std::memset(static_cast<void*>(from), 0, line * sizeof(T));
        for (int64_t down = 0; down < 2; down++) {
            if (y < down || y - down >= height) continue;
            T* to = out + (index * 2 * height + 2 * (y - down) + down) * 2 * width * channels;
            for (int64_t x = 0; x < width; x++)
                for (int64_t right = 0; right < 2; right++) {
                    T* cell = from + ((x + right) * 4 + 2 * down + right) * channels;
                    T* place = to + (2 * x + right) * channels;
                    back ? std::copy(place, place + channels, cell) : std::copy(cell, cell + channels, place);
                }
        }
    }
}

}  // namespace

extern "C" void damage_pictures_float(const float* image, const int64_t* chosen, const float* taps,
                                      const int64_t* boxes, const float* gammas, const float* noises, float* out,
                                      int64_t batch, int64_t height, int64_t width) {
    damage_pictures(image, chosen, taps, boxes, gammas, noises, out, batch, height, width);
}

extern "C" void change_pictures_bytes(const uint8_t* pictures, const int64_t* strides, const float* maps,
                                      const float* factors, const int64_t* order, float* out, int64_t batch,
                                      int64_t height, int64_t width, int changes) {
    change_pictures(pictures, strides, maps, factors, order, out, batch, height, width, changes);
}

namespace {

// A frame of a shard: vertices (x, y and inverse depth, in steps), the triangle of every sample (-1: the backdrop) and
// two of its weights, in shares of 255.
struct Frame {
    const int16_t *screen, *triangle;
    const uint8_t* weights;
};

struct Corners {
    float x[3], y[3], z[3];
    Corners(Frame frame, const int64_t* triangles, int64_t triangle, float step) {
        for (int k = 0; k < 3; k++) {
            const int16_t* vertex = frame.screen + 3 * triangles[3 * std::max<int64_t>(triangle, 0) + k];
            x[k] = vertex[0] * step, y[k] = vertex[1] * step, z[k] = vertex[2] * step;
        }
    }
};

struct Slack {
    float step, depth, rounding;
};

// Flow and visibility of one pixel; see `flow_between` in `training.data.synth.core.truth`.
bool pixel_flow(Frame source, Frame driving, const int64_t* triangles, const float* motion, int64_t size, int64_t at,
                Slack slack, float* flow) {
    int64_t triangle = driving.triangle[at];
    float last = float(size - 1), x, y, nearness = 0;
    if (triangle < 0) {
        float across = 2 * float(at % size) / last - 1, down = 2 * float(at / size) / last - 1;
        x = motion[0] * across + motion[1] * down + motion[2];
        y = motion[3] * across + motion[4] * down + motion[5];
    } else {
        Corners corners(source, triangles, triangle, slack.step);
        float share[3] = {driving.weights[2 * at] / 255.0f, driving.weights[2 * at + 1] / 255.0f, 0};
        share[2] = std::max(1 - (share[0] + share[1]), 0.0f);
        float depth = 0;
        x = y = 0;
        for (int k = 0; k < 3; k++) {
            float part = share[k] / std::max(corners.z[k], 1e-6f);
            depth += part, x += corners.x[k] * part, y += corners.y[k] * part;
        }
        depth = std::max(depth, 1e-9f);
        x /= depth, y /= depth, nearness = 1 / depth;
    }
    float column = std::min(std::max(std::nearbyint((x + 1) * (last / 2)), 0.0f), last);
    float row = std::min(std::max(std::nearbyint((y + 1) * (last / 2)), 0.0f), last);
    int64_t seen = source.triangle[int64_t(row) * size + int64_t(column)];
    bool visible = seen < 0;
    if (triangle >= 0) {
        visible = seen == triangle;
        if (seen >= 0 && !visible) {
            // The plane of the triangle that is nearest there, followed to the exact place.
            Corners c(source, triangles, seen, slack.step);
            float x1 = c.x[1] - c.x[0], y1 = c.y[1] - c.y[0], z1 = c.z[1] - c.z[0];
            float x2 = c.x[2] - c.x[0], y2 = c.y[2] - c.y[0], z2 = c.z[2] - c.z[0];
            float area = x1 * y2 - y1 * x2;
            area = std::fabs(area) < 1e-9f ? 1e-9f : area;
            float slope_x = (z1 * y2 - z2 * y1) / area, slope_y = (x1 * z2 - x2 * z1) / area;
            float reach = (std::fabs(slope_x) + std::fabs(slope_y)) * (0.5f / float(size));
            float nearest = c.z[0] + (x - c.x[0]) * slope_x + (y - c.y[0]) * slope_y - std::min(reach, 0.02f);
            visible = nearness >= nearest * (1 - slack.depth * nearest);
        }
    }
    flow[0] = std::min(std::max(x, -4.0f), 4.0f);
    flow[1] = std::min(std::max(y, -4.0f), 4.0f);
    return visible && std::fabs(x) <= 1 + slack.rounding && std::fabs(y) <= 1 + slack.rounding;
}

// Gaussians along one axis around `points` (count, 2): exp(-(cell - point)^2 / (2 variance)) as (cells, padded).
void gaussians(const float* points, int64_t count, int64_t axis, int64_t cells, int64_t padded, float variance,
               float* result) {
    for (int64_t i = 0; i < cells; i++)
        for (int64_t p = 0; p < count; p++) {
            float away = 2 * float(i) / float(cells - 1) - 1 - points[2 * p + axis];
            result[i * padded + p] = std::exp(-0.5f / variance * away * away);
        }
}

struct Candidates {
    int64_t batch, points, motions, height, width, side;
    int64_t channels() const { return 1 + points + 3 * motions; }
    int64_t padded() const { return (points + LANES - 1) / LANES * LANES; }
};

// Four Gaussians of one picture: across and down, of driving and source.
struct Heat {
    Aligned driving_x, driving_y, source_x, source_y;
    Heat(const float* driving, const float* source, Candidates size, float variance)
        : driving_x(size.width * size.padded()), driving_y(size.height * size.padded()),
          source_x(size.width * size.padded()), source_y(size.height * size.padded()) {
        gaussians(driving, size.points, 0, size.width, size.padded(), variance, driving_x.data);
        gaussians(driving, size.points, 1, size.height, size.padded(), variance, driving_y.data);
        gaussians(source, size.points, 0, size.width, size.padded(), variance, source_x.data);
        gaussians(source, size.points, 1, size.height, size.padded(), variance, source_y.data);
    }
};

typedef float Colour __attribute__((vector_size(16)));

// What the dense motion sees: nothing, the points' heat maps, driving less source, and the small source looked up at
// every candidate motion, with channels last.
template <class T>
void motion_maps(const float* small, const float* candidates, const float* driving, const float* source, T* out,
                 Candidates size, float variance, int align) {
    int64_t cells = size.height * size.width, padded = size.padded(), channels = size.channels();
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < size.batch; index++) {
        Heat heat(driving + 2 * index * size.points, source + 2 * index * size.points, size, variance);
        const float* picture = small + index * size.side * size.side * 4;
        Aligned lines(PLACES * (channels + LANES + 4));
        Places places;
        for (int64_t begin = 0; begin < cells; begin += PLACES) {
            int64_t some = std::min(PLACES, cells - begin), line = channels + LANES + 4;
            for (int64_t i = 0; i < some; i++) {
                const float *dx = heat.driving_x.data + (begin + i) % size.width * padded,
                            *dy = heat.driving_y.data + (begin + i) / size.width * padded,
                            *sx = heat.source_x.data + (begin + i) % size.width * padded,
                            *sy = heat.source_y.data + (begin + i) / size.width * padded;
                for (int64_t p = 0; p < padded; p += LANES)
                    store(lines.data + i * line + 1 + p, load(dx + p) * load(dy + p) - load(sx + p) * load(sy + p));
            }
            for (int64_t k = 0; k < size.motions; k++) {
                const float* where = candidates + 2 * ((index * size.motions + k) * cells + begin);
                places.find(where, some, size.side, size.side, align);
                for (int64_t i = 0; i < some; i++) {
                    Colour sum{}, cell;
                    for (int n = 0; n < 4; n++) {
                        std::memcpy(&cell, picture + 4 * places.cells[n][i], sizeof cell);
                        sum += places.weights[n][i] * cell;
                    }
                    std::memcpy(lines.data + i * line + 1 + size.points + 3 * k, &sum, sizeof sum);
                }
            }
            for (int64_t i = 0; i < some; i++) {
                T* to = out + (index * cells + begin + i) * channels;
                const float* from = lines.data + i * line;
                int64_t c = 0;
                for (; c + LANES <= channels; c += LANES) store(to + c, load(from + c));
                for (; c < channels; c++) to[c] = narrow<T>(from[c]);
            }
        }
    }
}

template <class T>
void motion_maps_backward(const T* gradient, const float* small, const float* candidates, const float* driving,
                          const float* source, float* of_candidates, float* of_driving, float* of_source,
                          Candidates size, float variance, int align) {
    int64_t cells = size.height * size.width, padded = size.padded(), channels = size.channels();
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < size.batch; index++) {
        Heat heat(driving + 2 * index * size.points, source + 2 * index * size.points, size, variance);
        const float* picture = small + index * size.side * size.side * 4;
        Aligned lines(PLACES * (channels + LANES)), sums(6 * padded);
        Places places;
        for (int64_t begin = 0; begin < cells; begin += PLACES) {
            int64_t some = std::min(PLACES, cells - begin), line = channels + LANES;
            for (int64_t i = 0; i < some; i++) {
                const T* from = gradient + (index * cells + begin + i) * channels;
                float* to = lines.data + i * line;
                int64_t c = 0;
                for (; c + LANES <= channels; c += LANES) store(to + c, load(from + c));
                for (; c < channels; c++) to[c] = wide(from[c]);
                float x = 2 * float((begin + i) % size.width) / float(size.width - 1) - 1;
                float y = 2 * float((begin + i) / size.width) / float(size.height - 1) - 1;
                const float *dx = heat.driving_x.data + (begin + i) % size.width * padded,
                            *dy = heat.driving_y.data + (begin + i) / size.width * padded,
                            *sx = heat.source_x.data + (begin + i) % size.width * padded,
                            *sy = heat.source_y.data + (begin + i) / size.width * padded;
                for (int64_t p = 0; p < padded; p += LANES) {
                    Vector g = load(to + 1 + p), here = g * load(dx + p) * load(dy + p),
                           there = g * load(sx + p) * load(sy + p);
                    float* sum = sums.data + p;
                    store(sum, load(sum) + here);
                    store(sum + padded, load(sum + padded) + here * x);
                    store(sum + 2 * padded, load(sum + 2 * padded) + here * y);
                    store(sum + 3 * padded, load(sum + 3 * padded) + there);
                    store(sum + 4 * padded, load(sum + 4 * padded) + there * x);
                    store(sum + 5 * padded, load(sum + 5 * padded) + there * y);
                }
            }
            for (int64_t k = 0; k < size.motions; k++) {
                int64_t which = 2 * ((index * size.motions + k) * cells + begin);
                places.find(candidates + which, some, size.side, size.side, align);
                for (int64_t i = 0; i < some; i++) {
                    Colour g{}, across{}, down{}, cell;
                    std::memcpy(&g, lines.data + i * line + 1 + size.points + 3 * k, sizeof g);
                    for (int n = 0; n < 4; n++) {
                        std::memcpy(&cell, picture + 4 * places.cells[n][i], sizeof cell);
                        across += places.by_x[n][i] * cell;
                        down += places.by_y[n][i] * cell;
                    }
                    across *= g, down *= g;  // the fourth number of a pixel is zero
                    of_candidates[which + 2 * i] = across[0] + across[1] + across[2];
                    of_candidates[which + 2 * i + 1] = down[0] + down[1] + down[2];
                }
            }
        }
        for (int64_t p = 0; p < size.points; p++)
            for (int64_t axis = 0; axis < 2; axis++) {
                int64_t at = 2 * (index * size.points + p) + axis;
                const float* sum = sums.data + p;
                of_driving[at] = (sum[(1 + axis) * padded] - driving[at] * sum[0]) / variance;
                of_source[at] = -(sum[(4 + axis) * padded] - source[at] * sum[3 * padded]) / variance;
            }
    }
}

// Softmax of `logits` (channels last, `stride` apart) over candidate motions: `masks` (batch, motions, cells), and the
// `flow` that they blend.
template <class T>
void blend(const T* logits, const float* candidates, float* masks, float* flow, int64_t batch, int64_t motions,
           int64_t cells, int64_t stride) {
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < batch; index++) {
        std::vector<float> buffer(motions * PLACES);
        float most[PLACES], sum[PLACES], x[PLACES], y[PLACES];
        for (int64_t begin = 0; begin < cells; begin += PLACES) {
            int64_t some = std::min(PLACES, cells - begin);
            std::fill(most, most + PLACES, -INFINITY);
            for (float* each : {sum, x, y}) std::fill(each, each + PLACES, 0.0f);
            for (int64_t i = 0; i < some; i++)
                for (int64_t k = 0; k < motions; k++)
                    buffer[k * PLACES + i] = wide(logits[(index * cells + begin + i) * stride + k]);
            for (int64_t k = 0; k < motions; k++) {
                const float* values = &buffer[k * PLACES];
#pragma omp simd
                for (int64_t i = 0; i < some; i++) most[i] = largest(most[i], values[i]);
            }
            for (int64_t k = 0; k < motions; k++) {
                float* values = &buffer[k * PLACES];
                const float* where = candidates + 2 * ((index * motions + k) * cells + begin);
#pragma omp simd
                for (int64_t i = 0; i < some; i++) {
                    float share = power_of_two(largest((values[i] - most[i]) * 1.44269504f, -126));
                    values[i] = share;
                    sum[i] += share, x[i] += share * where[2 * i], y[i] += share * where[2 * i + 1];
                }
            }
            for (int64_t k = 0; k < motions; k++) {
                const float* values = &buffer[k * PLACES];
                float* to = masks + (index * motions + k) * cells + begin;
#pragma omp simd
                for (int64_t i = 0; i < some; i++) to[i] = values[i] / sum[i];
            }
            float* to = flow + 2 * (index * cells + begin);
            for (int64_t i = 0; i < some; i++) to[2 * i] = x[i] / sum[i], to[2 * i + 1] = y[i] / sum[i];
        }
    }
}

// Gradients of `blend`: those of the masks may be null, and so may the result for the candidates.
template <class T>
void blend_backward(const float* of_flow, const float* of_masks, const float* masks, const float* candidates,
                    T* of_logits, float* of_candidates, int64_t batch, int64_t motions, int64_t cells) {
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < batch; index++) {
        std::vector<float> slopes(motions * PLACES);
        float mean[PLACES];
        for (int64_t begin = 0; begin < cells; begin += PLACES) {
            int64_t some = std::min(PLACES, cells - begin);
            const float* along = of_flow + 2 * (index * cells + begin);
            std::fill(mean, mean + PLACES, 0.0f);
            for (int64_t k = 0; k < motions; k++) {
                int64_t which = (index * motions + k) * cells + begin;
                const float *where = candidates + 2 * which, *share = masks + which;
                float* slope = &slopes[k * PLACES];
#pragma omp simd
                for (int64_t i = 0; i < some; i++)
                    slope[i] = along[2 * i] * where[2 * i] + along[2 * i + 1] * where[2 * i + 1];
                if (of_masks)
                    for (int64_t i = 0; i < some; i++) slope[i] += of_masks[which + i];
#pragma omp simd
                for (int64_t i = 0; i < some; i++) mean[i] += share[i] * slope[i];
                if (of_candidates)
#pragma omp simd
                    for (int64_t i = 0; i < 2 * some; i++) of_candidates[2 * which + i] = share[i / 2] * along[i];
            }
            for (int64_t i = 0; i < some; i++)
                for (int64_t k = 0; k < motions; k++)
                    of_logits[(index * cells + begin + i) * motions + k] = narrow<T>(
                        masks[(index * motions + k) * cells + begin + i] * (slopes[k * PLACES + i] - mean[i]));
        }
    }
}

}  // namespace

extern "C" void stored_flow_words(const int16_t* screen, const int16_t* triangle, const uint8_t* weights,
                                  const int64_t* triangles, const int64_t* sources, const int64_t* drivings,
                                  const float* motions, float* flow, uint8_t* visible, int64_t batch, int64_t vertices,
                                  int64_t size, float step, float depth, float rounding) {
    int64_t samples = size * size;
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < batch; index++) {
        auto frame = [=](int64_t row) {
            return Frame{screen + 3 * vertices * row, triangle + samples * row, weights + 2 * samples * row};
        };
        Frame source = frame(sources[index]), driving = frame(drivings[index]);
        for (int64_t at = 0; at < samples; at++)
            visible[index * samples + at] = pixel_flow(source, driving, triangles, motions + 9 * index, size, at,
                                                       {step, depth, rounding}, flow + 2 * (index * samples + at));
    }
}

// A flow and its visibility where the pairs are placed by `maps`, old to new, whose inverses are `backs`.
extern "C" void place_flow_float(const float* flow, const uint8_t* visible, const float* maps, const float* backs,
                                 float* placed, uint8_t* seen, int64_t batch, int64_t height, int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t index = 0; index < batch; index++) {
        const float *map = maps + 9 * index, *back = backs + 9 * index;
        float last_x = float(width - 1), last_y = float(height - 1);
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++) {
                float across = 2 * float(x) / last_x - 1, down = 2 * float(y) / last_y - 1;
                float column = std::nearbyint((back[0] * across + back[1] * down + back[2] + 1) * (last_x / 2));
                float row = std::nearbyint((back[3] * across + back[4] * down + back[5] + 1) * (last_y / 2));
                bool inside = column >= 0 && column <= last_x && row >= 0 && row <= last_y;
                column = std::min(std::max(column, 0.0f), last_x), row = std::min(std::max(row, 0.0f), last_y);
                int64_t from = (index * height + int64_t(row)) * width + int64_t(column);
                int64_t at = (index * height + y) * width + x;
                float u = flow[2 * from], v = flow[2 * from + 1];
                placed[2 * at] = map[0] * u + map[1] * v + map[2];
                placed[2 * at + 1] = map[3] * u + map[4] * v + map[5];
                seen[at] = inside && visible[from];
            }
    }
}

#define BUNRAKU_KERNELS(name, T)                                                                                       \
    extern "C" void norm_forward_##name(const T* x, const T* skip, T* y, int64_t count, int64_t channels,              \
                                        const float* weight, const float* bias, float* mean, float* inverse,           \
                                        float* variance, float eps, int training, int rectified) {                     \
        norm_forward(x, skip, y, count, channels, weight, bias, mean, inverse, variance, eps, training, rectified);    \
    }                                                                                                                  \
    extern "C" void norm_backward_##name(const T* gradient, const T* x, const T* y, T* of_x, T* of_skip,               \
                                         int64_t count, int64_t channels, const float* weight, const float* mean,      \
                                         const float* inverse, float* of_weight, float* of_bias, int training,         \
                                         int rectified) {                                                              \
        norm_backward(gradient, x, y, of_x, of_skip, count, channels, weight, mean, inverse, of_weight, of_bias,       \
                      training, rectified);                                                                            \
    }                                                                                                                  \
    extern "C" void look_up_##name(const T* image, const float* flow, const float* occlusion, const T* hidden, T* out, \
                                   int64_t batch, int64_t channels, int64_t height, int64_t width, int64_t rows,       \
                                   int64_t columns, int align) {                                                       \
        look_up(image, flow, occlusion, hidden, out, {batch, channels, height, width, rows, columns}, align);          \
    }                                                                                                                  \
    extern "C" void look_up_backward_##name(const T* gradient, const T* image, const float* flow,                      \
                                            const float* occlusion, const T* hidden, T* of_image, float* of_flow,      \
                                            float* of_occlusion, T* of_hidden, int64_t batch, int64_t channels,        \
                                            int64_t height, int64_t width, int64_t rows, int64_t columns, int align) { \
        look_up_backward(gradient, image, flow, occlusion, hidden, of_image, of_flow, of_occlusion, of_hidden,         \
                         {batch, channels, height, width, rows, columns}, align);                                      \
    }                                                                                                                  \
    extern "C" void motion_maps_##name(const float* small, const float* candidates, const float* driving,              \
                                       const float* source, T* out, int64_t batch, int64_t points, int64_t motions,    \
                                       int64_t height, int64_t width, int64_t side, float variance, int align) {       \
        motion_maps(small, candidates, driving, source, out, {batch, points, motions, height, width, side}, variance,  \
                    align);                                                                                            \
    }                                                                                                                  \
    extern "C" void motion_maps_backward_##name(                                                                       \
        const T* gradient, const float* small, const float* candidates, const float* driving, const float* source,     \
        float* of_candidates, float* of_driving, float* of_source, int64_t batch, int64_t points, int64_t motions,     \
        int64_t height, int64_t width, int64_t side, float variance, int align) {                                      \
        motion_maps_backward(gradient, small, candidates, driving, source, of_candidates, of_driving, of_source,       \
                             {batch, points, motions, height, width, side}, variance, align);                          \
    }                                                                                                                  \
    extern "C" void blend_##name(const T* logits, const float* candidates, float* masks, float* flow, int64_t batch,   \
                                 int64_t motions, int64_t cells, int64_t stride) {                                     \
        blend(logits, candidates, masks, flow, batch, motions, cells, stride);                                         \
    }                                                                                                                  \
    extern "C" void blend_backward_##name(const float* of_flow, const float* of_masks, const float* masks,             \
                                          const float* candidates, T* of_logits, float* of_candidates, int64_t batch,  \
                                          int64_t motions, int64_t cells) {                                            \
        blend_backward(of_flow, of_masks, masks, candidates, of_logits, of_candidates, batch, motions, cells);         \
    }                                                                                                                  \
    extern "C" void interleave_##name(T* phases, T* out, int64_t batch, int64_t channels, int64_t height,              \
                                      int64_t width, int back) {                                                       \
        interleave(phases, out, batch, channels, height, width, back);                                                 \
    }

BUNRAKU_KERNELS(float, float)
BUNRAKU_KERNELS(bf16, Brain)
