// Convolutions of 1 x 1: products of matrices, of so many places at once as the cache holds.

#pragma once

#include "products.h"

namespace {

constexpr int64_t AT_ONCE = 192;
static_assert(AT_ONCE % SUMS == 0, "all rows that are summed up at once are whole");

// (outputs, inputs), or `turned` the other way, in panels: (panels, depth, span).
inline Room in_panels(const float* weight, int64_t outputs, int64_t inputs, bool turned, const Panels& panels) {
    int64_t depth = turned ? outputs : inputs, span = panels.span();
    Room room(panels.columns() * depth);
    for (int64_t panel = 0; panel < panels.count; panel++)
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < span; j++) {
                int64_t column = panel * span + j;
                room.data()[(panel * depth + k) * span + j] =
                    weight[turned ? k * inputs + column : column * inputs + k];
            }
    return room;
}

// y (places, columns) = x (places, depth) panels + bias, of `count` places; where they do not fill the last rows, some are
// found twice.
inline void some_places(const float* x, const float* kernels, const float* bias, float* y, const Panels& panels,
                        int64_t depth, int64_t count) {
    int64_t rows = panels.rows(), columns = panels.columns(), whole = count / rows * rows;
    auto run = [&](int64_t first, int64_t size) {
        all_products(panels, x + first * depth, depth, 1, kernels, panels.span(), depth * panels.span(),
                     y + first * columns, size, depth, bias, 0);
    };
    if (whole) run(0, whole);
    if (count == whole) return;
    if (whole) return run(count - rows, rows);
    Room given(rows * depth), found(rows * columns);  // fewer places than rows in all
    std::fill(given.data(), given.data() + rows * depth, 0.0f);
    std::copy(x, x + count * depth, given.data());
    all_products(panels, given.data(), depth, 1, kernels, panels.span(), depth * panels.span(), found.data(), rows, depth,
                 bias, 0);
    std::copy(found.data(), found.data() + count * columns, y);
}

inline void pointwise(const float* x, const float* weight, const float* bias, float* y, int64_t places, int64_t inputs,
                      int64_t outputs) {
    Panels panels(outputs);
    Room kernels = in_panels(weight, outputs, inputs, false, panels);
    std::vector<float> none(outputs);
    if (!bias) bias = none.data();
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < places; first += AT_ONCE)
        some_places(x + first * inputs, kernels.data(), bias, y + first * outputs, panels, inputs,
                    std::min(AT_ONCE, places - first));
}

// Gradients of x (may be null), `weight` (outputs, inputs) and bias (may be null).
inline void pointwise_backward(const float* x, const float* gradient, const float* weight, float* of_x, float* of_weight,
                               float* of_bias, int64_t places, int64_t inputs, int64_t outputs) {
    Panels panels(outputs), back(inputs);
    Room kernels = in_panels(weight, outputs, inputs, true, back);
    std::vector<float> none(inputs);
    int64_t chunks = parts_of(places, AT_ONCE), groups = std::min<int64_t>(16, parts_of(chunks, 16));
    int64_t size = (inputs + 1) * outputs;
    std::vector<float> sums(groups * size);
#pragma omp parallel for schedule(static)
    for (int64_t group = 0; group < groups; group++)
        for (int64_t chunk = chunks * group / groups; chunk < chunks * (group + 1) / groups; chunk++) {
            int64_t first = chunk * AT_ONCE, count = std::min(AT_ONCE, places - first);
            const float *given = x + first * inputs, *behind = gradient + first * outputs;
            if (of_x) some_places(behind, kernels.data(), none.data(), of_x + first * inputs, back, outputs, count);
            float *found = &sums[group * size], *shift = found + inputs * outputs;
            auto run = panels.wide == 1 ? product_sums<1> : panels.wide == 2 ? product_sums<2> : product_sums<3>;
            run(given, behind, found, inputs, outputs, count);
            for (int64_t place = 0; place < count; place++)
                for (int64_t c = 0; c < outputs; c += LANE)
                    put(shift + c, lane(shift + c) + lane(behind + place * outputs + c));
        }
    for (int64_t group = 1; group < groups; group++)
        for (int64_t i = 0; i < size; i++) sums[i] += sums[group * size + i];
    for (int64_t c = 0; c < outputs; c++) {
        for (int64_t input = 0; input < inputs; input++) of_weight[c * inputs + input] = sums[input * outputs + c];
        if (of_bias) of_bias[c] = sums[inputs * outputs + c];
    }
}

}  // namespace
