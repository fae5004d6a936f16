// Maps looked up at a flow.

#pragma once

#include "vectors.h"

namespace {

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
             int64_t align) {
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
                      T* of_image, float* of_flow, float* of_occlusion, T* of_hidden, Sizes size, int64_t align) {
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

}  // namespace
