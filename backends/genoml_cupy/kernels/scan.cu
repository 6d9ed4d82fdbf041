// The largest value of a correlation along each sequence, and the gradient of its kernels. The correlation itself,
// (n, positions, filters), never goes through memory.
//
// y[n, l, f] = sum_{k, c} w[k, c, f] x[n, l stride + k dilation, c]

// filters of one thread, and threads of a block; the twin computes grid and shared memory from both
#define TILE 8
#define THREADS 128

// What a thread's position needs in shared memory: the weights of TILE filters, (taps, TILE), taps = (kernel_size, channels)
__device__ inline void load_weights(
    const REAL* w, index_t w_k, index_t w_c, index_t w_f, index_t kernel_size, index_t channels, index_t filters,
    index_t first_filter, REAL* weights) {
  for (index_t i = threadIdx.x; i < kernel_size * channels * TILE; i += THREADS) {
    index_t filter = first_filter + i % TILE, k = i / TILE / channels, c = i / TILE % channels;
    weights[i] = filter < filters ? w[k * w_k + c * w_c + filter * w_f] : (REAL)0;
  }
}

// The correlation of TILE filters at one position; bases begins with what it reads, (.., channels).
__device__ inline void correlate(
    const REAL* bases, const REAL* weights, index_t kernel_size, index_t dilation, index_t channels, REAL* sums) {
  for (int f = 0; f < TILE; ++f) sums[f] = 0;
  for (index_t k = 0; k < kernel_size; ++k)
    for (index_t c = 0; c < channels; ++c) {
      REAL value = bases[k * dilation * channels + c];
      const REAL* row_of_weights = weights + (k * channels + c) * TILE;
      for (int f = 0; f < TILE; ++f) sums[f] += value * row_of_weights[f];
    }
}

// Block (n, t): sequence n and filters 8 t .. 8 t + 7. The weights of these filters, and the part of the sequence
// that 128 neighbouring positions read, lie in shared memory; a thread holds the 8 sums of one position, and the
// best value of each filter over the positions it has seen.
extern "C" __global__ void scan_max(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, const REAL* w, index_t w_k, index_t w_c,
    index_t w_f, index_t channels, index_t kernel_size, index_t filters, index_t stride, index_t dilation,
    index_t positions, REAL* y, index_t* at) {
  DYNAMIC_SHARED(dynamic_shared);
  __shared__ REAL best_of[THREADS];
  __shared__ index_t place_of[THREADS];
  index_t reach = (kernel_size - 1) * dilation, segment = (THREADS - 1) * stride + reach + 1;
  REAL* weights = (REAL*)dynamic_shared;                  // (kernel_size, channels, TILE)
  REAL* bases = weights + kernel_size * channels * TILE;  // (segment, channels)
  index_t row = blockIdx.x, first_filter = (index_t)blockIdx.y * TILE;
  int thread = threadIdx.x;

  load_weights(w, w_k, w_c, w_f, kernel_size, channels, filters, first_filter, weights);
  REAL best[TILE];
  index_t place[TILE];
  for (int f = 0; f < TILE; ++f) {
    best[f] = 0;
    place[f] = -1;  // none seen
  }
  const REAL* sequence = x + row * stride_n;
  index_t length = (positions - 1) * stride + reach + 1;  // what the positions read of it
  for (index_t start = 0; start < positions; start += THREADS) {
    __syncthreads();  // the segment before has been read
    for (index_t i = thread; i < segment * channels; i += THREADS) {
      index_t base = start * stride + i / channels;
      if (base < length) bases[i] = sequence[base * stride_l + i % channels * stride_c];
    }
    __syncthreads();
    index_t position = start + thread;
    if (position < positions) {
      REAL sums[TILE];
      correlate(bases + thread * stride * channels, weights, kernel_size, dilation, channels, sums);
      for (int f = 0; f < TILE; ++f)
        if (place[f] < 0 || is_better(sums[f], position, best[f], place[f])) {
          best[f] = sums[f];
          place[f] = position;
        }
    }
  }
  for (int f = 0; f < TILE; ++f) {
    __syncthreads();
    best_of[thread] = best[f];
    place_of[thread] = place[f];
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half && place_of[thread + half] >= 0 &&
          (place_of[thread] < 0 ||
           is_better(best_of[thread + half], place_of[thread + half], best_of[thread], place_of[thread]))) {
        best_of[thread] = best_of[thread + half];
        place_of[thread] = place_of[thread + half];
      }
      __syncthreads();
    }
    if (thread == 0 && first_filter + f < filters) {
      y[row * filters + first_filter + f] = best_of[0];
      at[row * filters + first_filter + f] = place_of[0];
    }
  }
}

// found[0] = number of places where y[l, f] >= limits[f], found[1 + i] = l filters + f of ``most`` of them, in any order.
// A block goes through segments of one long sequence (length, channels) with 8 filters; stride and dilation are 1.
extern "C" __global__ void scan_hits(
    const REAL* x, index_t stride_l, index_t stride_c, const REAL* w, index_t w_k, index_t w_c, index_t w_f,
    const REAL* limits, index_t channels, index_t kernel_size, index_t filters, index_t positions, int most, int* found) {
  DYNAMIC_SHARED(dynamic_shared);
  REAL* weights = (REAL*)dynamic_shared;                  // (kernel_size, channels, TILE)
  REAL* bases = weights + kernel_size * channels * TILE;  // (THREADS - 1 + kernel_size, channels)
  index_t first_filter = (index_t)blockIdx.y * TILE, length = positions + kernel_size - 1;
  int thread = threadIdx.x, own = filters - first_filter < TILE ? (int)(filters - first_filter) : TILE;
  load_weights(w, w_k, w_c, w_f, kernel_size, channels, filters, first_filter, weights);
  for (index_t start = (index_t)blockIdx.x * THREADS; start < positions; start += (index_t)gridDim.x * THREADS) {
    __syncthreads();  // the segment before has been read
    for (index_t i = thread; i < (THREADS - 1 + kernel_size) * channels; i += THREADS) {
      index_t base = start + i / channels;
      if (base < length) bases[i] = x[base * stride_l + i % channels * stride_c];
    }
    __syncthreads();
    if (start + thread < positions) {
      REAL sums[TILE];
      correlate(bases + thread * channels, weights, kernel_size, 1, channels, sums);
      for (int f = 0; f < own; ++f)
        if (sums[f] >= limits[first_filter + f]) {
          int slot = atomicAdd(found, 1);
          if (slot < most) found[1 + slot] = (int)((start + thread) * filters + first_filter + f);
        }
    }
  }
}

// dw[k, c, f] = sum_n g[n, f] x[n, at[n, f] stride + k dilation, c]: of each sequence only the window that won. The
// lanes of a column share the sequences.
extern "C" __global__ void scan_max_grad_w(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, const index_t* at, const REAL* grad,
    index_t grad_n, index_t grad_f, index_t n, index_t channels, index_t kernel_size, index_t filters,
    index_t stride, index_t dilation, REAL* grad_w) {
  index_t size = kernel_size * channels * filters;
  for (index_t tile = (index_t)blockIdx.x * WIDTH; tile < size; tile += (index_t)gridDim.x * WIDTH) {
    index_t i = tile + threadIdx.x, filter = i % filters, channel = i / filters % channels, k = i / filters / channels;
    REAL total = 0, none = 0;
    if (i < size)
      for (index_t row = threadIdx.y; row < n; row += HEIGHT) {
        index_t base = at[row * filters + filter] * stride + k * dilation;
        total += grad[row * grad_n + filter * grad_f] * x[row * stride_n + base * stride_l + channel * stride_c];
      }
    column_sums(&total, &none);
    if (threadIdx.y == 0 && i < size) grad_w[i] = total;
  }
}
