// Maps of twice the size from their four phases.

#pragma once

#include "vectors.h"

namespace {

// Maps of 2 x 2 phases (batch, height + 1, width + 1, 4 channels) put together, `out` (batch, 2 height, 2 width,
// channels); or, `back`, taken apart, and zero what no phase has given. See `training.kernels.enlarged`.
template <class T>
void interleave(T* phases, T* out, int64_t batch, int64_t channels, int64_t height, int64_t width, int64_t back) {
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
