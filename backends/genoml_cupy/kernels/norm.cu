// Standardisation of the rows of a contiguous matrix (rows, size), a block a row, and its gradient:
// layer normalisation but for its scale and shift.

#define THREADS 128

// y = (x - mean) / sqrt(var + eps), with the biased variance; scale = 1 / sqrt(var + eps) is kept for backward
extern "C" __global__ void standardize_forward(
    const REAL* x, index_t rows, index_t size, REAL eps, REAL* y, REAL* scale) {
  __shared__ REAL spare[THREADS];
  int thread = threadIdx.x;
  for (index_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const REAL* values = x + row * size;
    REAL total = 0, squares = 0;
    for (index_t i = thread; i < size; i += THREADS) total += values[i];
    REAL mean = block_sum(total, spare) / (REAL)size;
    for (index_t i = thread; i < size; i += THREADS) squares += (values[i] - mean) * (values[i] - mean);
    REAL factor = (REAL)1 / sqrt(block_sum(squares, spare) / (REAL)size + eps);
    for (index_t i = thread; i < size; i += THREADS) y[row * size + i] = (values[i] - mean) * factor;
    if (thread == 0) scale[row] = factor;
  }
}

// dx = scale (g - mean(g) - y mean(g y)): mean and scale depend on every x of the row
extern "C" __global__ void standardize_backward(
    const REAL* y, const REAL* scale, const REAL* grad, index_t rows, index_t size, REAL* grad_x) {
  __shared__ REAL spare[THREADS];
  int thread = threadIdx.x;
  for (index_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const REAL *values = y + row * size, *g = grad + row * size;
    REAL sum = 0, along = 0;
    for (index_t i = thread; i < size; i += THREADS) {
      sum += g[i];
      along += g[i] * values[i];
    }
    REAL mean = block_sum(sum, spare) / (REAL)size;
    REAL slope = block_sum(along, spare) / (REAL)size;
    for (index_t i = thread; i < size; i += THREADS)
      grad_x[row * size + i] = scale[row] * (g[i] - mean - values[i] * slope);
  }
}
