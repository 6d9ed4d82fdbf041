// Softmax over the rows of a contiguous matrix (rows, size), a block a row, and its gradient.

#define THREADS 128
// the largest finite number of REAL
#define LARGEST (sizeof(REAL) == 4 ? (REAL)3.40282346638528859812e38 : (REAL)1.79769313486231570815e308)

// An infinite number as the largest finite one, so that no inf - inf arises.
__device__ inline REAL bounded(REAL value) {
  if (value > LARGEST) return LARGEST;
  return value < -LARGEST ? -LARGEST : value;
}

extern "C" __global__ void softmax_forward(const REAL* x, index_t rows, index_t size, REAL* y) {
  __shared__ REAL spare[THREADS];
  int thread = threadIdx.x;
  for (index_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const REAL* values = x + row * size;
    REAL top = bounded(values[0]);
    for (index_t i = thread; i < size; i += THREADS) top = values[i] > top ? bounded(values[i]) : top;
    spare[thread] = top;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half && spare[thread + half] > spare[thread]) spare[thread] = spare[thread + half];
      __syncthreads();
    }
    top = spare[0];
    __syncthreads();
    REAL total = 0;
    for (index_t i = thread; i < size; i += THREADS) {
      REAL power = exp(bounded(values[i]) - top);
      y[row * size + i] = power;
      total += power;
    }
    total = block_sum(total, spare);
    for (index_t i = thread; i < size; i += THREADS) y[row * size + i] /= total;
  }
}

// dx = y (g - sum(g y)), since dy_i/dx_j = y_i (delta_ij - y_j)
extern "C" __global__ void softmax_backward(
    const REAL* y, const REAL* grad, index_t rows, index_t size, REAL* grad_x) {
  __shared__ REAL spare[THREADS];
  int thread = threadIdx.x;
  for (index_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const REAL *values = y + row * size, *g = grad + row * size;
    REAL along = 0;
    for (index_t i = thread; i < size; i += THREADS) along += g[i] * values[i];
    along = block_sum(along, spare);
    for (index_t i = thread; i < size; i += THREADS) grad_x[row * size + i] = values[i] * (g[i] - along);
  }
}
