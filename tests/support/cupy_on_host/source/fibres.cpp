// A fibre runs until it waits, and then the next one does. With option_turned the last thread goes first: a kernel that
// lacks a barrier then gives other numbers.
#include "fibres.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "gpu.h"

// saves the registers that a call must keep, and goes on where the other stack was left
extern "C" void switch_stack(void** from, void* to);
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

Three thread_index, block_index, block_size, grid_size;
alignas(128) unsigned char dynamic_shared[SHARED + BEHIND];
unsigned long long slots[THREADS];

namespace {

constexpr size_t STACK = 1 << 15;
struct Fibre { void* stack; Three index; bool done; };
struct Barrier { unsigned arrived, passed; };

Fibre fibres[THREADS];
char* stacks;
Fibre* running;
void* scheduler;
Barrier of_block, of_warp[THREADS / 32];
unsigned begun, live, live_in_warp[THREADS / 32];
bool all_must_arrive;
unsigned long long steps;  // grows whenever a fibre gets on
void (*body)(void*);
void* argument;

// on a GPU threads that have ended are not waited for; CUDA's manual does not allow that
unsigned needed() { return all_must_arrive ? begun : live; }

void pass(Barrier& barrier, unsigned number) {
  if (!barrier.arrived || barrier.arrived < number) return;
  barrier.arrived = 0;
  ++barrier.passed;
  ++steps;
}

void wait(Barrier& barrier, unsigned number) {
  unsigned before = barrier.passed;
  ++barrier.arrived;
  pass(barrier, number);
  while (barrier.passed == before) switch_stack(&running->stack, scheduler);
}

void enter() {
  body(argument);
  unsigned warp = rank() / 32;
  running->done = true;
  ++steps;
  --live;
  --live_in_warp[warp];
  pass(of_block, needed());
  pass(of_warp[warp], live_in_warp[warp]);
  for (;;) switch_stack(&running->stack, scheduler);
}

Three index_of(unsigned i) {
  return {i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y};
}

// false if some threads wait where others will not come
bool run_fibres(unsigned count) {
  if (!stacks) stacks = (char*)std::aligned_alloc(64, THREADS * STACK);
  begun = live = count;
  of_block = {0, 0};
  std::fill_n(of_warp, THREADS / 32, Barrier{0, 0});
  std::fill_n(live_in_warp, THREADS / 32, 0);
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
      if (running->done) continue;
      thread_index = running->index;
      switch_stack(&scheduler, running->stack);
    }
    if (live && steps == before) return false;
  }
  return true;
}

int run_block(unsigned count, size_t shared, bool barriers) {
  if (!barriers) {
    for (unsigned i = 0; i < count; ++i) {
      thread_index = index_of(option_turned ? count - 1 - i : i);
      body(argument);
    }
    return 0;
  }
  std::memset(dynamic_shared, 0xFF, shared + BEHIND);  // NaN, as long as nobody has written
  if (!run_fibres(count)) return 1;
  for (size_t i = shared; i < shared + BEHIND; ++i)
    if (dynamic_shared[i] != 0xFF) return 2;
  return 0;
}

}  // namespace

unsigned rank() { return (thread_index.z * block_size.y + thread_index.y) * block_size.x + thread_index.x; }
void wait_for_block() { wait(of_block, needed()); }
void wait_for_warp() {
  unsigned warp = rank() / 32;
  wait(of_warp[warp], live_in_warp[warp]);
}

int run_grid(void (*work)(void*), void* given, const unsigned* grid, const unsigned* block, size_t shared, Way way) {
  body = work;
  argument = given;
  all_must_arrive = way.strict;
  grid_size = way.alone ? Three{1, 1, 1} : Three{grid[0], grid[1], grid[2]};
  block_size = way.alone ? Three{1, 1, 1} : Three{block[0], block[1], block[2]};
  const unsigned count = block_size.x * block_size.y * block_size.z;
  for (unsigned z = 0; z < grid_size.z; ++z)
    for (unsigned y = 0; y < grid_size.y; ++y)
      for (unsigned x = 0; x < grid_size.x; ++x) {
        block_index = {x, y, z};
        if (int fault = run_block(count, shared, way.barriers)) return fault;
      }
  return 0;
}

}  // namespace cuda
