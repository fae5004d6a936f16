// Blur, hidden boxes and grain.

#pragma once

#include "powers.h"

namespace {

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

}  // namespace
