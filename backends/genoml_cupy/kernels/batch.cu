// Batch normalisation: the statistics of each channel in one read of x and a second pass over the blocks' shares, and
// what the gradient needs of them. Blocks are 32 channels wide, so that neighbours read neighbours.

// Number, mean and sum of squared deviations of some values (Welford 1962; put together as Chan et al. 1979): no
// difference of large sums, so no digits are lost where the mean is far from 0.
struct Moments {
  REAL count, mean, squares;
};

__device__ inline void add_value(Moments* all, REAL value) {
  all->count += 1;
  REAL above = value - all->mean;
  all->mean += above / all->count;
  all->squares += above * (value - all->mean);
}

__device__ inline void add_moments(Moments* all, Moments other) {
  if (other.count == 0) return;
  REAL count = all->count + other.count, apart = other.mean - all->mean, share = other.count / count;
  all->mean += apart * share;
  all->squares += other.squares + apart * apart * all->count * share;
  all->count = count;
}

// Of the lanes of each column, to the first lane.
__device__ inline void join_lanes(Moments* own) {
  __shared__ Moments spare[HEIGHT][WIDTH];
  spare[threadIdx.y][threadIdx.x] = *own;
  __syncthreads();
  if (threadIdx.y == 0)
    for (int lane = 1; lane < HEIGHT; ++lane) add_moments(own, spare[lane][threadIdx.x]);
  __syncthreads();
}

// parts[0, 1, 2] = count, mean and squares of each block's rows; x is (n, length, channels)
extern "C" __global__ void moments(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, int n, int length, int channels, REAL* parts) {
  for (int tile = blockIdx.y * WIDTH; tile < channels; tile += COLUMN_STEP) {
    int channel = tile + threadIdx.x;
    Moments own = {0, 0, 0};
    if (channel < channels)
      for (int row = ROW; row < n * length; row += ROW_STEP) {
        int example = row / length, place = row - example * length;
        add_value(&own, x[example * stride_n + place * stride_l + channel * stride_c]);
      }
    join_lanes(&own);
    if (threadIdx.y == 0 && channel < channels) {
      REAL* out = parts + (index_t)blockIdx.x * channels + channel;
      index_t next = (index_t)gridDim.x * channels;
      out[0] = own.count;
      out[next] = own.mean;
      out[2 * next] = own.squares;
    }
  }
}

// results[0 .. 3] = mean, 1 / sqrt(var + eps), and the next running mean and variance:
// running' = (1 - momentum) running + momentum batch, with the unbiased variance, and the mean of x + shift
extern "C" __global__ void batch_statistics(
    const REAL* parts, int blocks, int channels, const REAL* running_mean, const REAL* running_var, const REAL* shift,
    int shifted, REAL momentum, REAL eps, REAL* results) {
  int channel = COLUMN;
  Moments own = {0, 0, 0};
  if (channel < channels)
    for (int block = threadIdx.y; block < blocks; block += HEIGHT) {
      const REAL* part = parts + (index_t)block * channels + channel;
      index_t next = (index_t)blocks * channels;
      Moments other = {part[0], part[next], part[2 * next]};
      add_moments(&own, other);
    }
  join_lanes(&own);
  if (threadIdx.y == 0 && channel < channels) {
    results[channel] = own.mean;
    results[channels + channel] = (REAL)1 / sqrt(own.squares / own.count + eps);
    results[2 * channels + channel] =
        ((REAL)1 - momentum) * running_mean[channel] + momentum * (own.mean + (shifted ? shift[channel] : (REAL)0));
    results[3 * channels + channel] =
        ((REAL)1 - momentum) * running_var[channel] + momentum * (own.squares / (own.count - 1));
  }
}

// results[0, 1, 2] = dgamma, slope, constant: scale sum gc, factor scale^2 sum gc / count, factor sum g / count
extern "C" __global__ void statistics_gradient(
    const REAL* sum_g, const REAL* sum_gc, const REAL* scale, const REAL* factor, REAL count, index_t channels,
    REAL* results) {
  for (index_t i = FIRST; i < channels; i += STEP) {
    results[i] = sum_gc[i] * scale[i];
    results[channels + i] = factor[i] * scale[i] * scale[i] * (sum_gc[i] / count);
    results[2 * channels + i] = factor[i] * (sum_g[i] / count);
  }
}
