// Threads of a block in turn: a loop where a kernel has no barrier, else a fibre for each.
//
// A fibre runs until it waits, and then the next one does. With option_turned the last thread goes first: a kernel
// that lacks a barrier then gives other numbers.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>

extern "C" {
extern int option_turned;
size_t emulated_bytes_behind(const void* at);
}

struct Three { unsigned x, y, z; };

namespace cuda {

constexpr size_t SHARED = 227 * 1024, BEHIND = 4096, STACK = 1 << 15;
constexpr unsigned THREADS = 1024;

struct Fibre { void* stack; Three index; bool done; };
struct Barrier { unsigned arrived, passed; };

inline Three thread_index, block_index, block_size, grid_size;
alignas(128) inline unsigned char dynamic_shared[SHARED + BEHIND];
inline Fibre fibres[THREADS];
inline char* stacks;
inline Fibre* running;
inline void* scheduler;
inline unsigned begun, live, live_in_warp[THREADS / 32];  // of those that began
inline Barrier of_block, of_warp[THREADS / 32];
inline unsigned long long steps;  // grows whenever a fibre gets on
inline unsigned long long slots[THREADS];
inline void (*body)(void*);
inline void* body_argument;

}  // namespace cuda

// saves the registers that a call must keep, and goes on where the other stack was left
extern "C" __attribute__((visibility("hidden"))) void switch_stack(void** from, void* to);
asm(R"(
.text
.type switch_stack, @function
switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size switch_stack, .-switch_stack
)");

namespace cuda {

inline unsigned rank() {
  const Three& index = running->index;
  return (index.z * block_size.y + index.y) * block_size.x + index.x;
}

inline void pass(Barrier& barrier, unsigned needed) {
  if (!barrier.arrived || barrier.arrived < needed) return;
  barrier.arrived = 0;
  ++barrier.passed;
  ++steps;
}

inline void wait(Barrier& barrier, unsigned needed) {
  unsigned before = barrier.passed;
  ++barrier.arrived;
  pass(barrier, needed);
  while (barrier.passed == before) switch_stack(&running->stack, scheduler);
}

// what another lane of the warp holds
template <class T> T value_of_lane(T value, int lane) {
  unsigned own = rank(), warp = own / 32;
  std::memcpy(&slots[own], &value, sizeof value);
  wait(of_warp[warp], live_in_warp[warp]);
  T found;
  std::memcpy(&found, &slots[warp * 32 + lane], sizeof found);
  wait(of_warp[warp], live_in_warp[warp]);
  return found;
}

inline void enter() {
  body(body_argument);
  running->done = true;
  ++steps;
  unsigned warp = rank() / 32;
  --live;
  --live_in_warp[warp];
  pass(of_warp[warp], live_in_warp[warp]);
  for (;;) switch_stack(&running->stack, scheduler);
}

inline Three index_of(unsigned i) {
  return {i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y};
}

// false if some threads wait where others will not come
inline bool run_fibres(unsigned count) {
  if (!stacks) stacks = (char*)std::aligned_alloc(64, THREADS * STACK);
  begun = live = count;
  of_block = {0, 0};
  for (unsigned warp = 0; warp < THREADS / 32; ++warp) of_warp[warp] = {0, 0}, live_in_warp[warp] = 0;
  for (unsigned i = 0; i < count; ++i) {
    ++live_in_warp[i / 32];
    void** top = (void**)(stacks + (i + 1) * STACK - 64);
    *top = (void*)enter;
    fibres[i] = {top - 6, index_of(i), false};
  }
  while (live) {
    unsigned long long before = steps;
    for (unsigned i = 0; i < count; ++i) {
      running = &fibres[option_turned ? count - 1 - i : i];
      if (!running->done) switch_stack(&scheduler, running->stack);
    }
    if (live && steps == before) return false;
  }
  return true;
}

// 0; 1 if a barrier was not reached by all; 2 if a block wrote behind the shared memory that it was given
inline int run_grid(const unsigned* grid, const unsigned* block, size_t shared, bool barriers) {
  grid_size = {grid[0], grid[1], grid[2]};
  block_size = {block[0], block[1], block[2]};
  const unsigned count = block[0] * block[1] * block[2];
  for (unsigned z = 0; z < grid[2]; ++z)
    for (unsigned y = 0; y < grid[1]; ++y)
      for (unsigned x = 0; x < grid[0]; ++x) {
        block_index = {x, y, z};
        if (barriers) std::memset(dynamic_shared, 0xFF, shared + BEHIND);  // NaN, as long as nobody has written
        if (barriers) {
          if (!run_fibres(count)) return 1;
        } else {
          for (unsigned i = 0; i < count; ++i) {
            thread_index = index_of(option_turned ? count - 1 - i : i);
            body(body_argument);
          }
        }
        for (size_t i = shared; barriers && i < shared + BEHIND; ++i)
          if (dynamic_shared[i] != 0xFF) return 2;
      }
  return 0;
}

}  // namespace cuda
