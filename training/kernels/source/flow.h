// The true flow of stored frames, and its placing.

#pragma once

#include "vectors.h"

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

void stored_flow(const int16_t* screen, const int16_t* triangle, const uint8_t* weights,
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
void place_flow(const float* flow, const uint8_t* visible, const float* maps, const float* backs,
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

}  // namespace
