// CUDA's words for g++: a kernel that CuPy hands to NVRTC runs on the CPU, block after block, by fibres.h.
#pragma once
#include <math.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <utility>

#include "fibres.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __managed__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(BYTES) alignas(BYTES)
#define __launch_bounds__(...)
#define __CUDA_ARCH__ 900
#define threadIdx (cuda::thread_index)
#define blockIdx (cuda::block_index)
#define blockDim (cuda::block_size)
#define gridDim (cuda::grid_size)
#define warpSize 32
#define DYNAMIC_SHARED(NAME) unsigned char* NAME = cuda::dynamic_shared

inline void __syncthreads() { cuda::wait_for_block(); }
inline void __syncwarp(unsigned = ~0u) { cuda::wait_for_warp(); }
inline void __threadfence() {}
inline void __threadfence_block() {}
// what another lane of the warp holds
template <class T> T cuda_of_lane(T value, int lane) {
  unsigned own = cuda::rank();
  std::memcpy(&cuda::slots[own], &value, sizeof value);
  cuda::wait_for_warp();
  T found;
  std::memcpy(&found, &cuda::slots[own / 32 * 32 + lane], sizeof found);
  cuda::wait_for_warp();
  return found;
}
inline int cuda_lane() { return cuda::rank() & 31; }
template <class T> T __shfl_sync(unsigned, T v, int from, int = 32) { return cuda_of_lane(v, from & 31); }
template <class T> T __shfl_xor_sync(unsigned, T v, int mask, int = 32) { return cuda_of_lane(v, cuda_lane() ^ mask); }
template <class T> T __shfl_up_sync(unsigned, T v, unsigned by, int = 32) {
  int lane = cuda_lane(), from = lane - (int)by;
  return cuda_of_lane(v, from >= 0 ? from : lane);
}
template <class T> T __shfl_down_sync(unsigned, T v, unsigned by, int = 32) {
  int lane = cuda_lane(), from = lane + (int)by;
  return cuda_of_lane(v, from < 32 ? from : lane);
}

// ---- bits
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __clz(int v) { return v ? __builtin_clz(v) : 32; }
inline int __ffs(int v) { return __builtin_ffs(v); }
template <class To, class From> To cuda_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits of another size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
inline int __float_as_int(float v) { return cuda_bits<int>(v); }
inline unsigned __float_as_uint(float v) { return cuda_bits<unsigned>(v); }
inline float __int_as_float(int v) { return cuda_bits<float>(v); }
inline float __uint_as_float(unsigned v) { return cuda_bits<float>(v); }
inline long long __double_as_longlong(double v) { return cuda_bits<long long>(v); }
inline double __longlong_as_double(long long v) { return cuda_bits<double>(v); }
inline int __double2hiint(double v) { return (int)(__double_as_longlong(v) >> 32); }
inline int __double2loint(double v) { return (int)__double_as_longlong(v); }
inline double __hiloint2double(int high, int low) {
  return __longlong_as_double((long long)((unsigned long long)(unsigned)high << 32 | (unsigned)low));
}

// ---- atomics: threads take turns, so an ordinary update is one
#define CUDA_ATOMIC(NAME, RESULT, T) \
  inline T NAME(T* at, T value) { T old = *at; *at = (RESULT); return old; }
#define CUDA_ATOMICS(T) \
  CUDA_ATOMIC(atomicAdd, old + value, T) CUDA_ATOMIC(atomicExch, value, T) \
  CUDA_ATOMIC(atomicMax, value > old ? value : old, T) CUDA_ATOMIC(atomicMin, value < old ? value : old, T)
#define CUDA_ATOMIC_BITS(T) \
  CUDA_ATOMIC(atomicAnd, old & value, T) CUDA_ATOMIC(atomicOr, old | value, T) CUDA_ATOMIC(atomicXor, old ^ value, T) \
  inline T atomicCAS(T* at, T compared, T value) { T old = *at; if (old == compared) *at = value; return old; }
CUDA_ATOMICS(int) CUDA_ATOMICS(unsigned) CUDA_ATOMICS(unsigned long long) CUDA_ATOMIC_BITS(int)
CUDA_ATOMIC_BITS(unsigned) CUDA_ATOMIC_BITS(unsigned long long) CUDA_ATOMIC(atomicSub, old - value, int)
CUDA_ATOMIC(atomicAdd, old + value, float) CUDA_ATOMIC(atomicAdd, old + value, double)
CUDA_ATOMIC(atomicExch, value, float) CUDA_ATOMIC(atomicExch, value, double)

// ---- numbers
template <class A, class B> inline std::common_type_t<A, B> min(A a, B b) {
  typedef std::common_type_t<A, B> T;
  if constexpr (std::is_floating_point_v<T>) return fmin((T)a, (T)b);
  else return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B> inline std::common_type_t<A, B> max(A a, B b) {
  typedef std::common_type_t<A, B> T;
  if constexpr (std::is_floating_point_v<T>) return fmax((T)a, (T)b);
  else return (T)a < (T)b ? (T)b : (T)a;
}
inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float sinpi(float x) { return sinf((float)M_PI * x); }
inline double sinpi(double x) { return sin(M_PI * x); }
inline float cospi(float x) { return cosf((float)M_PI * x); }
inline double cospi(double x) { return cos(M_PI * x); }
inline double exp10(float x) { return pow(10.0, x); }
inline float fdividef(float a, float b) { return a / b; }
inline double fdivide(double a, double b) { return a / b; }
inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline double norm3d(double a, double b, double c) { return sqrt(a * a + b * b + c * c); }
template <class T> T __ldg(const T* at) { return *at; }
inline long long clock64() { return 0; }

// ---- what the driver finds in a kernel's library
namespace cuda {

// bytes of one of CuPy's own arrays; for pointers and structures see launches.py
template <class P> size_t bytes_of(const P&) { return 0; }
template <template <class, int, bool, bool> class Array, class T, int N, bool A, bool B>
size_t bytes_of(const Array<T, N, A, B>& array) {
  size_t bytes = sizeof(T) * (array.size() != 0);
  for (int axis = 0; axis < N; ++axis)
    if (array.strides()[axis]) bytes *= array.shape()[axis];  // an axis that is only repeated is one element
  return bytes;
}

// f4, i8, u1, b1 as NumPy has them, V48 for a structure of that size; p before what a pointer points to
template <class P> char* describe(char* text) {
  typedef std::remove_cv_t<std::remove_pointer_t<P>> T;
  if (std::is_pointer_v<P>) *text++ = 'p';
  *text++ = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> ? 'f' : !std::is_integral_v<T> ? 'V' :
    std::is_signed_v<T> ? 'i' : 'u';
  size_t unit = 1;
  while (unit * 10 <= sizeof(T)) unit *= 10;
  for (; unit; unit /= 10) *text++ = (char)('0' + sizeof(T) / unit % 10);
  *text++ = ' ';
  return text;
}

template <class... P> struct Kernel {
  void (*function)(P...);
  void** arguments;

  template <size_t... I> void call(std::index_sequence<I...>) {
    function(*static_cast<std::remove_reference_t<P>*>(arguments[I])...);
  }
  template <size_t... I> size_t bytes(std::index_sequence<I...>) {
    return (size_t(0) + ... + bytes_of(*static_cast<std::remove_reference_t<P>*>(arguments[I])));
  }
  static void run(void* self) { static_cast<Kernel*>(self)->call(std::index_sequence_for<P...>()); }
};

template <class... P>
int launch(void (*function)(P...), const unsigned* grid, const unsigned* block, size_t shared, void** arguments, Way way) {
  Kernel<P...> kernel{function, arguments};
  return run_grid(Kernel<P...>::run, &kernel, grid, block, shared, way);
}
template <class... P> size_t bytes(void (*function)(P...), void** arguments) {
  return Kernel<P...>{function, arguments}.bytes(std::index_sequence_for<P...>());
}
template <class... P> void parameters(void (*)(P...), char* text) {
  ((text = describe<P>(text)), ...);
  *text = 0;
}

}  // namespace cuda

#define EXPORT(NAME, ...) \
  extern "C" int launch_##NAME(const unsigned* grid, const unsigned* block, size_t shared, void** arguments) { \
    return cuda::launch(NAME, grid, block, shared, arguments, {__VA_ARGS__}); \
  } \
  extern "C" size_t bytes_##NAME(void** arguments) { return cuda::bytes(NAME, arguments); } \
  extern "C" void parameters_##NAME(char* text) { cuda::parameters(NAME, text); }
