// CUDA's words for a C++ compiler: kernels run on the CPU, a fibre a thread, block after block.
//
// A fibre runs until __syncthreads, and then the next one does; once all of a block wait there, they go on. With
// reversed = 1 the last thread runs first: a kernel that lacks a barrier then gives other numbers.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

struct Three {
  unsigned x, y, z;
};

namespace host {

struct Fibre {
  ucontext_t context;
  Three index;
  bool done;
};

inline std::vector<Fibre> fibres;
inline std::vector<char> stacks;
inline ucontext_t scheduler;
inline Fibre* running = nullptr;
inline Three block_index, block_size, grid_size;
// what a block may use at most without asking, and one page behind it that nothing may write to
constexpr std::size_t SHARED = 48 * 1024, BEHIND = 4096;
alignas(16) inline unsigned char shared[SHARED + BEHIND];
constexpr std::size_t STACK = 1 << 15;

// what the running fibre calls; set by each launch
inline void (*body)(void*) = nullptr;
inline void* body_argument = nullptr;

inline void enter() {
  body(body_argument);
  running->done = true;
  swapcontext(&running->context, &scheduler);
}

inline void prepare(std::size_t i, Three index) {
  Fibre& fibre = fibres[i];
  fibre.index = index;
  fibre.done = false;
  getcontext(&fibre.context);
  fibre.context.uc_stack.ss_sp = &stacks[i * STACK];
  fibre.context.uc_stack.ss_size = STACK;
  fibre.context.uc_link = nullptr;
  makecontext(&fibre.context, enter, 0);
}

// 0; 1 if some threads of a block waited at a barrier that others had ended without: undefined on a GPU
inline int run_block(bool reversed) {
  std::size_t count = fibres.size(), live = count;
  while (live) {
    std::size_t ended = 0;
    for (std::size_t i = 0; i < count; ++i) {
      running = &fibres[reversed ? count - 1 - i : i];
      if (running->done) continue;
      swapcontext(&scheduler, &running->context);
      ended += running->done;
    }
    if (ended && ended != live) return 1;
    live -= ended;
  }
  return 0;
}

// 0; 1 as run_block; 2 if a block wrote behind the shared memory that it was given
inline int launch(const unsigned* grid, const unsigned* block, std::size_t given, bool reversed) {
  grid_size = {grid[0], grid[1], grid[2]};
  block_size = {block[0], block[1], block[2]};
  fibres.resize((std::size_t)block[0] * block[1] * block[2]);
  stacks.resize(fibres.size() * STACK);
  for (unsigned z = 0; z < grid[2]; ++z)
    for (unsigned y = 0; y < grid[1]; ++y)
      for (unsigned x = 0; x < grid[0]; ++x) {
        block_index = {x, y, z};
        std::memset(shared, 0xFF, sizeof shared);  // NaN, as long as nobody has written
        for (unsigned i = 0; i < fibres.size(); ++i)
          prepare(i, {i % block[0], i / block[0] % block[1], i / block[0] / block[1]});
        if (run_block(reversed)) return 1;
        for (std::size_t i = given; i < sizeof shared; ++i)
          if (shared[i] != 0xFF) return 2;
      }
  return 0;
}

// a parameter as NumPy's dtype.kind and itemsize: p8 for a pointer, else f4, f8, i4, i8, u4, or V and its size
template <class T>
void describe(char* text) {
  const char kind = std::is_class_v<T>            ? 'V'
                    : std::is_pointer_v<T>        ? 'p'
                    : std::is_floating_point_v<T> ? 'f'
                    : std::is_signed_v<T>         ? 'i'
                                                  : 'u';
  std::strcat(text, (kind + std::to_string(sizeof(T)) + " ").c_str());
}

template <class... P>
struct Kernel {
  void (*function)(P...);
  void** arguments;

  template <std::size_t... I>
  void call(std::index_sequence<I...>) {
    function(*static_cast<P*>(arguments[I])...);
  }
  static void run(void* self) { static_cast<Kernel*>(self)->call(std::index_sequence_for<P...>()); }
};

template <class... P>
int launch_kernel(
    void (*function)(P...), const unsigned* grid, const unsigned* block, std::size_t given, bool reversed,
    void** arguments) {
  Kernel<P...> kernel{function, arguments};
  body = Kernel<P...>::run;
  body_argument = &kernel;
  return launch(grid, block, given, reversed);
}

template <class... P>
void describe_kernel(void (*)(P...), char* text) {
  text[0] = 0;
  (describe<P>(text), ...);
}

}  // namespace host

inline void __syncthreads() { swapcontext(&host::running->context, &host::scheduler); }

// called by the sanitizer's library at each report
inline int reports = 0;
extern "C" void __ubsan_on_report() { ++reports; }
extern "C" int reports_so_far() { return reports; }

#define __global__
#define __device__
#define __shared__ static
#define __align__(BYTES) alignas(BYTES)
#define threadIdx (host::running->index)
#define blockIdx (host::block_index)
#define blockDim (host::block_size)
#define gridDim (host::grid_size)

using std::exp;
using std::sqrt;

#define DYNAMIC_SHARED(NAME) unsigned char* NAME = host::shared

// a kernel of a namespace, under a name that Python finds it by
#define EXPORT(NAME, KERNEL)                                                                             \
  extern "C" int launch_##NAME(                                                                          \
      const unsigned* grid, const unsigned* block, std::size_t given, int reversed, void** arguments) {  \
    return host::launch_kernel(KERNEL, grid, block, given, reversed != 0, arguments);                    \
  }                                                                                                      \
  extern "C" void parameters_of_##NAME(char* text) { host::describe_kernel(KERNEL, text); }
