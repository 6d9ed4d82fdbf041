// Max pooling over windows and over whole sequences. x is (n, length, channels) with any strides.

// y[n, w, c] = max_k x[n, w stride + k, c], and the position of the first that has it (-1 beside a NaN, which
// takes no gradient); the last window may be cut off by the sequence's end.
extern "C" __global__ void max_pool_forward(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, index_t n, index_t length,
    index_t channels, index_t count, index_t size, index_t stride, REAL* y, int* at) {
  for (index_t i = FIRST; i < n * count * channels; i += STEP) {
    index_t channel = i % channels, window = i / channels % count, row = i / channels / count;
    index_t begin = window * stride, end = begin + size < length ? begin + size : length;
    const REAL* values = x + row * stride_n + channel * stride_c;
    REAL best = values[begin * stride_l], bad = best;
    index_t first = begin;
    for (index_t place = begin + 1; place < end; ++place) {
      REAL value = values[place * stride_l];
      if (is_nan(value)) bad = value;
      if (value > best) {
        best = value;
        first = place;
      }
    }
    y[i] = is_nan(bad) ? bad : best;
    at[i] = is_nan(bad) ? -1 : (int)first;
  }
}

// dx[n, l, c] = sum of grad[n, w, c] over the windows w whose maximum is at l; a gather, so no atomics, and the
// same sum in the same order every time.
extern "C" __global__ void max_pool_backward(
    const REAL* grad, index_t stride_n, index_t stride_w, index_t stride_c, const int* at, index_t n,
    index_t length, index_t channels, index_t count, index_t size, index_t stride, REAL* grad_x) {
  for (index_t i = FIRST; i < n * length * channels; i += STEP) {
    index_t channel = i % channels, place = i / channels % length, row = i / channels / length;
    index_t begin = place < size ? 0 : (place - size) / stride + 1;
    index_t end = place / stride < count ? place / stride + 1 : count;
    REAL total = 0;
    for (index_t window = begin; window < end; ++window)
      if (at[(row * count + window) * channels + channel] == place)
        total += grad[row * stride_n + window * stride_w + channel * stride_c];
    grad_x[i] = total;
  }
}

// y[n, c] = max_l x[n, l, c] and the first l that has it (the first NaN, where there is one). A block is 32
// channels wide, so that neighbours read neighbours, and 8 threads share the length of each.
#define WIDTH 32
#define SHARES 8

extern "C" __global__ void global_max_forward(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, index_t length, index_t channels,
    REAL* y, index_t* at) {
  __shared__ REAL values[SHARES][WIDTH];
  __shared__ index_t places[SHARES][WIDTH];
  index_t row = blockIdx.x, channel = (index_t)blockIdx.y * WIDTH + threadIdx.x;
  int column = threadIdx.x, share = threadIdx.y;
  if (channel < channels) {
    const REAL* column_values = x + row * stride_n + channel * stride_c;
    // a share without a position of its own begins with the first, which changes nothing
    index_t best_place = share < length ? share : 0;
    REAL best = column_values[best_place * stride_l];
    for (index_t place = best_place + SHARES; place < length; place += SHARES) {
      REAL value = column_values[place * stride_l];
      if (is_better(value, place, best, best_place)) {
        best = value;
        best_place = place;
      }
    }
    values[share][column] = best;
    places[share][column] = best_place;
  }
  __syncthreads();
  if (share == 0 && channel < channels) {
    REAL best = values[0][column];
    index_t best_place = places[0][column];
    for (int other = 1; other < SHARES; ++other)
      if (is_better(values[other][column], places[other][column], best, best_place)) {
        best = values[other][column];
        best_place = places[other][column];
      }
    y[row * channels + channel] = best;
    at[row * channels + channel] = best_place;
  }
}

// dx[n, l, c] = grad[n, c] where l is the place of the maximum, else 0
extern "C" __global__ void global_max_backward(
    const REAL* grad, index_t stride_n, index_t stride_c, const index_t* at, index_t n, index_t length,
    index_t channels, REAL* grad_x) {
  for (index_t i = FIRST; i < n * length * channels; i += STEP) {
    index_t channel = i % channels, place = i / channels % length, row = i / channels / length;
    grad_x[i] = at[row * channels + channel] == place ? grad[row * stride_n + channel * stride_c] : (REAL)0;
  }
}
