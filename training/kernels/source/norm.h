// Batch norms with what is added to them and the rectifier behind.

#pragma once

#include "vectors.h"

namespace {

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
                  const float* bias, float* mean, float* inverse, float* variance, float eps, int64_t training,
                  int64_t rectified) {
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
                   int64_t training, int64_t rectified) {
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

}  // namespace
