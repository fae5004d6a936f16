// What a dense motion network reads of the candidate motions, and how its masks blend them.

#pragma once

#include "look_up.h"
#include "powers.h"

namespace {

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
                 Candidates size, float variance, int64_t align) {
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
                          Candidates size, float variance, int64_t align) {
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
