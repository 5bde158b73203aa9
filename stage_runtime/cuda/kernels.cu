// See kernels.h. Every kernel is one pass over contiguous memory, bound by bandwidth:
// four elements a thread would save instructions, not bytes.
#include "stage_runtime/cuda/kernels.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace {

constexpr int kThreads = 256;          // a block; any multiple of 32 does, 256 fills every chip
constexpr unsigned kMaxBlocks = 4096;  // grid-stride loops: more blocks buy nothing

unsigned blocks_for(size_t count) {
  const size_t blocks = (count + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

__device__ size_t first_index() {
  return blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
}
__device__ size_t stride() {
  return static_cast<size_t>(gridDim.x) * blockDim.x;
}

__global__ void adam_kernel(float* __restrict__ p, float* __restrict__ g, float* __restrict__ m,
                            float* __restrict__ v, __nv_bfloat16* __restrict__ shadow, size_t count,
                            brigade_adam_step s) {
  for (size_t i = first_index(); i < count; i += stride()) {
    const float gradient = s.gradient_scale * g[i];
    const float momentum = s.beta1 * m[i] + s.one_minus_beta1 * gradient;
    const float variance = s.beta2 * v[i] + s.one_minus_beta2 * gradient * gradient;
    const float denominator = sqrtf(variance) * s.inverse_sqrt_bias2 + s.epsilon;
    const float step = (s.gradient_step * gradient + s.momentum_step * momentum) / denominator;
    const float weight = p[i] * s.decay - step;
    p[i] = weight;
    m[i] = momentum;
    v[i] = variance;
    g[i] = 0.0f;
    if (shadow != nullptr) shadow[i] = __float2bfloat16_rn(weight);
  }
}

__global__ void to_bf16_kernel(const float* __restrict__ p, __nv_bfloat16* __restrict__ shadow,
                               size_t count) {
  for (size_t i = first_index(); i < count; i += stride()) shadow[i] = __float2bfloat16_rn(p[i]);
}

__global__ void accumulate_bf16_kernel(float* __restrict__ sum, __nv_bfloat16* __restrict__ g,
                                       size_t count) {
  for (size_t i = first_index(); i < count; i += stride()) {
    sum[i] += __bfloat162float(g[i]);
    g[i] = __float2bfloat16_rn(0.0f);
  }
}

__global__ void sum_of_squares_kernel(const float* __restrict__ g, size_t count, double* partials) {
  __shared__ double partial[kThreads];
  double sum = 0;
  for (size_t i = first_index(); i < count; i += stride()) {
    const double value = static_cast<double>(g[i]);
    sum += value * value;
  }
  partial[threadIdx.x] = sum;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) partials[blockIdx.x] = partial[0];
}

cudaStream_t stream_of(void* stream) {
  return static_cast<cudaStream_t>(stream);
}

int launch_result() {
  return static_cast<int>(cudaGetLastError());
}

}  // namespace

extern "C" {

int brigade_cuda_interface(void) {
  return BRIGADE_CUDA_INTERFACE;
}

const char* brigade_cuda_error(int code) {
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}

int brigade_cuda_adam(float* p, float* g, float* m, float* v, uint16_t* shadow, size_t count,
                      const brigade_adam_step* step, void* stream) {
  if (count == 0) return 0;
  adam_kernel<<<blocks_for(count), kThreads, 0, stream_of(stream)>>>(
      p, g, m, v, reinterpret_cast<__nv_bfloat16*>(shadow), count, *step);
  return launch_result();
}

int brigade_cuda_to_bf16(const float* p, uint16_t* shadow, size_t count, void* stream) {
  if (count == 0) return 0;
  to_bf16_kernel<<<blocks_for(count), kThreads, 0, stream_of(stream)>>>(
      p, reinterpret_cast<__nv_bfloat16*>(shadow), count);
  return launch_result();
}

int brigade_cuda_accumulate_bf16(float* sum, uint16_t* g, size_t count, void* stream) {
  if (count == 0) return 0;
  accumulate_bf16_kernel<<<blocks_for(count), kThreads, 0, stream_of(stream)>>>(
      sum, reinterpret_cast<__nv_bfloat16*>(g), count);
  return launch_result();
}

int brigade_cuda_sum_of_squares(const float* g, size_t count, double* scratch, double* result,
                                void* stream) {
  const cudaStream_t where = stream_of(stream);
  *result = 0;
  if (count == 0) return 0;
  const unsigned wanted = blocks_for(count);
  const unsigned blocks = wanted < BRIGADE_CUDA_SCRATCH ? wanted : BRIGADE_CUDA_SCRATCH;
  sum_of_squares_kernel<<<blocks, kThreads, 0, where>>>(g, count, scratch);
  if (const cudaError_t error = cudaGetLastError()) return error;
  double partials[BRIGADE_CUDA_SCRATCH];
  if (const cudaError_t error = cudaMemcpyAsync(partials, scratch, blocks * sizeof(double),
                                                cudaMemcpyDeviceToHost, where))
    return error;
  if (const cudaError_t error = cudaStreamSynchronize(where)) return error;
  // Summed here, in order: atomics would make the norm differ from run to run.
  for (unsigned i = 0; i < blocks; ++i) *result += partials[i];
  return 0;
}

}  // extern "C"
