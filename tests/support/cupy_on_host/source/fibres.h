// Threads of a block in turn: a loop where a kernel has no barrier, else a fibre for each.
#pragma once
#include <cstddef>

struct Three { unsigned x, y, z; };

namespace cuda {

// what a block may have of shared memory, and what nothing may write to behind it
constexpr size_t SHARED = 227 * 1024, BEHIND = 4096;
constexpr unsigned THREADS = 1024;
extern Three thread_index, block_index, block_size, grid_size;  // of the thread that runs
extern unsigned char dynamic_shared[SHARED + BEHIND];
extern unsigned long long slots[THREADS];  // what lanes of a warp tell each other

unsigned rank();  // of the thread in its block
void wait_for_block();
void wait_for_warp();

// How a kernel is run. ``barriers``: its threads wait for one another. ``alone``: one thread does all that there is.
// ``strict``: at a barrier all threads of the block have to arrive, also those that have ended.
struct Way { bool barriers, alone, strict; };

// 0; 1 if a barrier was not reached by all; 2 if a block wrote behind the shared memory that it was given
int run_grid(void (*body)(void*), void* argument, const unsigned* grid, const unsigned* block, size_t shared, Way way);

}  // namespace cuda
