/* The CUDA kernels of a stage, behind a plain C interface: built by nvcc into
 * libbrigade_cuda.so, loaded with dlopen on machines that have a driver. No torch in it, so that it
 * depends on the CUDA runtime alone and outlives changes of torch's ABI.
 *
 * All pointers are device pointers to contiguous buffers of `count` elements; `stream` is a
 * cudaStream_t. Every function returns 0 or a cudaError_t; brigade_cuda_error() puts it in words.
 * Nothing here synchronises, except brigade_cuda_sum_of_squares, which returns a number.
 */
#ifndef BRIGADE_STAGE_RUNTIME_CUDA_KERNELS_H_
#define BRIGADE_STAGE_RUNTIME_CUDA_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a signature below changes; the loader refuses another number. */
#define BRIGADE_CUDA_INTERFACE 2

/* One fused pass of an optimiser: p, g, m, v are read, p, m, v and the bf16 shadow are written, g
 * is set to zero. Scalars are prepared on the host in double and passed as float.
 *   g'  = gradient_scale · g                  (mean over micro-batches and clipping in one factor)
 *   p   = p · decay                           (decay = 1 − lr·λ)
 *   m   = beta1·m + (1−beta1)·g'              v = beta2·v + (1−beta2)·g'²
 *   den = sqrt(v)·inverse_sqrt_bias2 + epsilon
 *   p  −= (gradient_step·g' + momentum_step·m) / den
 * NAdam: gradient_step = lr(1−μ_t)/(1−M_t), momentum_step = lr·μ_{t+1}/(1−M_t·μ_{t+1}).
 * AdamW: gradient_step = 0, momentum_step = lr/(1−β1^t). (METHOD: "NAdam, as used".) */
struct brigade_adam_step {
  float gradient_scale;
  float decay;
  float beta1;
  float beta2;
  float one_minus_beta1; /* from double: 1 − 0.999 in float is off by 1e-5 of itself */
  float one_minus_beta2;
  float inverse_sqrt_bias2; /* 1/sqrt(1−β2^t) */
  float epsilon;
  float gradient_step;
  float momentum_step;
};

int brigade_cuda_interface(void);
const char* brigade_cuda_error(int code);

/* `shadow` may be null: no bf16 copy of the weights is kept. */
int brigade_cuda_adam(float* p, float* g, float* m, float* v, uint16_t* shadow, size_t count,
                      const struct brigade_adam_step* step, void* stream);

/* shadow[i] = bf16(p[i]), round to nearest even. */
int brigade_cuda_to_bf16(const float* p, uint16_t* shadow, size_t count, void* stream);

/* sum[i] += g[i]; g[i] = 0: what autograd left in bf16 joins the fp32 gradient. */
int brigade_cuda_accumulate_bf16(float* sum, uint16_t* g, size_t count, void* stream);

/* *result (host) = Σ g[i]², accumulated in double in a fixed order; waits for the stream. `scratch`
 * is device memory for BRIGADE_CUDA_SCRATCH doubles. Non-finite gradients give a non-finite result.
 */
#define BRIGADE_CUDA_SCRATCH 512
int brigade_cuda_sum_of_squares(const float* g, size_t count, double* scratch, double* result,
                                void* stream);

#ifdef __cplusplus
}
#endif

#endif /* BRIGADE_STAGE_RUNTIME_CUDA_KERNELS_H_ */
