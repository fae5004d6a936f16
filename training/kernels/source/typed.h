// The kernels of one type of values, by the names that Python knows: `Value` and `KERNEL(name)` are defined outside.

extern "C" void KERNEL(norm_forward)(const Value* x, const Value* skip, Value* y, int64_t count, int64_t channels,
                                    const float* weight, const float* bias, float* mean, float* inverse,
                                    float* variance, float eps, int64_t training, int64_t rectified) {
    norm_forward(x, skip, y, count, channels, weight, bias, mean, inverse, variance, eps, training, rectified);
}
extern "C" void KERNEL(norm_backward)(const Value* gradient, const Value* x, const Value* y, Value* of_x, Value* of_skip,
                                     int64_t count, int64_t channels, const float* weight, const float* mean,
                                     const float* inverse, float* of_weight, float* of_bias, int64_t training,
                                     int64_t rectified) {
    norm_backward(gradient, x, y, of_x, of_skip, count, channels, weight, mean, inverse, of_weight, of_bias,
                  training, rectified);
}
extern "C" void KERNEL(look_up)(const Value* image, const float* flow, const float* occlusion, const Value* hidden, Value* out,
                               int64_t batch, int64_t channels, int64_t height, int64_t width, int64_t rows,
                               int64_t columns, int64_t align) {
    look_up(image, flow, occlusion, hidden, out, {batch, channels, height, width, rows, columns}, align);
}
extern "C" void KERNEL(look_up_backward)(const Value* gradient, const Value* image, const float* flow,
                                        const float* occlusion, const Value* hidden, Value* of_image, float* of_flow,
                                        float* of_occlusion, Value* of_hidden, int64_t batch, int64_t channels,
                                        int64_t height, int64_t width, int64_t rows, int64_t columns, int64_t align) {
    look_up_backward(gradient, image, flow, occlusion, hidden, of_image, of_flow, of_occlusion, of_hidden,
                     {batch, channels, height, width, rows, columns}, align);
}
extern "C" void KERNEL(motion_maps)(const float* small, const float* candidates, const float* driving,
                                   const float* source, Value* out, int64_t batch, int64_t points, int64_t motions,
                                   int64_t height, int64_t width, int64_t side, float variance, int64_t align) {
    motion_maps(small, candidates, driving, source, out, {batch, points, motions, height, width, side}, variance,
                align);
}
extern "C" void KERNEL(motion_maps_backward)(
    const Value* gradient, const float* small, const float* candidates, const float* driving, const float* source,
    float* of_candidates, float* of_driving, float* of_source, int64_t batch, int64_t points, int64_t motions,
    int64_t height, int64_t width, int64_t side, float variance, int64_t align) {
    motion_maps_backward(gradient, small, candidates, driving, source, of_candidates, of_driving, of_source,
                         {batch, points, motions, height, width, side}, variance, align);
}
extern "C" void KERNEL(blend)(const Value* logits, const float* candidates, float* masks, float* flow, int64_t batch,
                             int64_t motions, int64_t cells, int64_t stride) {
    blend(logits, candidates, masks, flow, batch, motions, cells, stride);
}
extern "C" void KERNEL(blend_backward)(const float* of_flow, const float* of_masks, const float* masks,
                                      const float* candidates, Value* of_logits, float* of_candidates, int64_t batch,
                                      int64_t motions, int64_t cells) {
    blend_backward(of_flow, of_masks, masks, candidates, of_logits, of_candidates, batch, motions, cells);
}
extern "C" void KERNEL(interleave)(Value* phases, Value* out, int64_t batch, int64_t channels, int64_t height,
                                  int64_t width, int64_t back) {
    interleave(phases, out, batch, channels, height, width, back);
}
