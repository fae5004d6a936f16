// Chains of operations of a training step on a processor, each in one pass over maps whose channels come last.
//
// Every function has a twin in torch, which `training.kernels` falls back to; tests hold both to each other. Values are
// float or bfloat16, sums and parameters float. Work is divided over OpenMP's threads so that results do not depend on
// their number.

#include "colour.h"
#include "damage.h"
#include "depthwise.h"
#include "enlarged.h"
#include "flow.h"
#include "look_up.h"
#include "motion.h"
#include "norm.h"
#include "pointwise.h"
#include "winograd.h"

#define KERNEL(name) name##_float
#define Value float
#include "typed.h"
#undef KERNEL
#undef Value

#define KERNEL(name) name##_bf16
#define Value Brain
#include "typed.h"

extern "C" void damage_pictures_float(const float* image, const int64_t* chosen, const float* taps,
                                      const int64_t* boxes, const float* gammas, const float* noises, float* out,
                                      int64_t batch, int64_t height, int64_t width) {
    damage_pictures(image, chosen, taps, boxes, gammas, noises, out, batch, height, width);
}

extern "C" void change_pictures_bytes(const uint8_t* pictures, const int64_t* strides, const float* maps,
                                      const float* factors, const int64_t* order, float* out, int64_t batch,
                                      int64_t height, int64_t width, int64_t changes) {
    change_pictures(pictures, strides, maps, factors, order, out, batch, height, width, changes);
}

extern "C" void stored_flow_words(const int16_t* screen, const int16_t* triangle, const uint8_t* weights,
                                  const int64_t* triangles, const int64_t* sources, const int64_t* drivings,
                                  const float* motions, float* flow, uint8_t* visible, int64_t batch, int64_t vertices,
                                  int64_t size, float step, float depth, float rounding) {
    stored_flow(screen, triangle, weights, triangles, sources, drivings, motions, flow, visible, batch, vertices, size,
                step, depth, rounding);
}

extern "C" void place_flow_float(const float* flow, const uint8_t* visible, const float* maps, const float* backs,
                                 float* placed, uint8_t* seen, int64_t batch, int64_t height, int64_t width) {
    place_flow(flow, visible, maps, backs, placed, seen, batch, height, width);
}

extern "C" void winograd_float(const float* x, const float* weight, const float* bias, float* y, int64_t batch,
                               int64_t height, int64_t width, int64_t inputs, int64_t outputs, int64_t form,
                               int64_t turned) {
    auto run = form == PLAIN ? convolve<PLAIN> : form == ENLARGED ? convolve<ENLARGED> : convolve<SUMMED>;
    run(x, weight, bias, y, Tiles(batch, height, width), inputs, outputs, turned);
}

extern "C" void winograd_weights_float(const float* x, const float* gradient, float* weight, float* bias,
                                       int64_t batch, int64_t height, int64_t width, int64_t inputs, int64_t outputs,
                                       int64_t form) {
    auto run = form == PLAIN ? learn<PLAIN> : learn<ENLARGED>;
    run(x, gradient, weight, bias, Tiles(batch, height, width), inputs, outputs);
}

extern "C" void depthwise_float(const float* x, const float* weight, const float* bias, float* y, int64_t batch,
                                int64_t height, int64_t width, int64_t channels, int64_t enlarged) {
    Maps size{batch, height, width, channels};
    enlarged ? enlarged_depthwise(x, weight, bias, y, size) : depthwise(x, weight, bias, y, size, false);
}

extern "C" void depthwise_backward_float(const float* x, const float* gradient, const float* weight, float* of_x,
                                         float* of_weight, float* of_bias, int64_t batch, int64_t height,
                                         int64_t width, int64_t channels, int64_t enlarged) {
    Maps size{batch, height, width, channels};
    if (of_x)
        enlarged ? shrunk_depthwise(gradient, weight, of_x, size)
                 : depthwise(gradient, weight, nullptr, of_x, size, true);
    if (of_weight) depthwise_weights(x, gradient, of_weight, of_bias, size, enlarged);
}

extern "C" void pointwise_float(const float* x, const float* weight, const float* bias, float* y, int64_t places,
                                int64_t inputs, int64_t outputs) {
    pointwise(x, weight, bias, y, places, inputs, outputs);
}

extern "C" void pointwise_backward_float(const float* x, const float* gradient, const float* weight, float* of_x,
                                         float* of_weight, float* of_bias, int64_t places, int64_t inputs,
                                         int64_t outputs) {
    pointwise_backward(x, gradient, weight, of_x, of_weight, of_bias, places, inputs, outputs);
}
