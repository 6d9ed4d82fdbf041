// What every kernel here begins with. A file is compiled once for each element type, REAL; see launch.py.
//
// Kernels read their inputs by strides, in elements, so that views (channels-first, reversed, broadcast) need no
// copy; outputs are contiguous. Loops over elements step by the whole grid, so any grid gives the same result.

#ifndef REAL
#define REAL float
#endif

typedef long long index_t;

// shared memory whose size is an argument of the launch
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(NAME) extern __shared__ __align__(16) unsigned char NAME[]
#endif

// the first element of this thread, and the distance to its next one
#define FIRST ((index_t)blockIdx.x * blockDim.x + threadIdx.x)
#define STEP ((index_t)gridDim.x * blockDim.x)

// the same along the rows and columns of a matrix whose columns are neighbours in memory: a block is 32 columns wide
#define ROW ((int)(blockIdx.x * blockDim.y + threadIdx.y))
#define ROW_STEP ((int)(gridDim.x * blockDim.y))
#define COLUMN ((int)(blockIdx.y * blockDim.x + threadIdx.x))
#define COLUMN_STEP ((int)(gridDim.y * blockDim.x))

__device__ inline bool is_nan(REAL value) { return value != value; }

// Whether a value at a place comes before the best so far in a search for the maximum: NaN is above all numbers,
// and of equals the first place wins.
__device__ inline bool is_better(REAL value, index_t place, REAL best, index_t best_place) {
  if (is_nan(value) || is_nan(best)) return is_nan(value) && (!is_nan(best) || place < best_place);
  return value > best || (value == best && place < best_place);
}

// Sum over the threads of a block, whose number is a power of two; spare holds a value for each of them.
__device__ inline REAL block_sum(REAL value, REAL* spare) {
  int thread = threadIdx.x;
  spare[thread] = value;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (thread < half) spare[thread] += spare[thread + half];
    __syncthreads();
  }
  REAL total = spare[0];
  __syncthreads();  // spare may be written again
  return total;
}

// lanes of a block over a matrix, along its columns and along its rows
#define WIDTH 32
#define HEIGHT 8

// Sums over a block's rows of two values a thread; the first lane of each column has them.
__device__ inline void column_sums(REAL* first, REAL* second) {
  __shared__ REAL spare[2][HEIGHT][WIDTH];
  int lane = threadIdx.y, column = threadIdx.x;
  spare[0][lane][column] = *first;
  spare[1][lane][column] = *second;
  __syncthreads();
  if (lane == 0)
    for (int other = 1; other < HEIGHT; ++other) {
      *first += spare[0][other][column];
      *second += spare[1][other][column];
    }
  __syncthreads();
}
