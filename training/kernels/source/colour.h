// Pictures placed and their colours changed.

#pragma once

#include "vectors.h"

namespace {

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
                     const int64_t* order, float* out, int64_t batch, int64_t height, int64_t width, int64_t changes) {
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

}  // namespace
