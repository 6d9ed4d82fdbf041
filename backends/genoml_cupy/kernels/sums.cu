// Sums over the rows of a matrix whose columns are neighbours in memory, in two passes and without atomics: the same bits
// every time. One pass of CuPy's has a block for 32 columns, which leaves most of a GPU without work.

// Of the rows of each block: parts[block, c] = sum x; x is (n, length, channels)
extern "C" __global__ void sum_rows(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, int n, int length, int channels, REAL* parts) {
  for (int tile = blockIdx.y * WIDTH; tile < channels; tile += COLUMN_STEP) {
    int channel = tile + threadIdx.x;
    REAL sum = 0, none = 0;
    if (channel < channels)
      for (int row = ROW; row < n * length; row += ROW_STEP) {
        int example = row / length, place = row - example * length;
        sum += x[example * stride_n + place * stride_l + channel * stride_c];
      }
    column_sums(&sum, &none);
    if (threadIdx.y == 0 && channel < channels) parts[(index_t)blockIdx.x * channels + channel] = sum;
  }
}

// sums[s, c] = sum over the blocks of parts[s, block, c]
extern "C" __global__ void add_parts(const REAL* parts, int kinds, int blocks, int channels, REAL* sums) {
  for (int i = blockIdx.x; i < kinds * ((channels + WIDTH - 1) / WIDTH); i += gridDim.x) {
    int kind = i % kinds, channel = i / kinds * WIDTH + threadIdx.x;
    REAL sum = 0, none = 0;
    if (channel < channels)
      for (int block = threadIdx.y; block < blocks; block += HEIGHT)
        sum += parts[((index_t)kind * blocks + block) * channels + channel];
    column_sums(&sum, &none);
    if (threadIdx.y == 0 && channel < channels) sums[kind * channels + channel] = sum;
  }
}

// parts[share, key, c] = sum of a share of the rows with this key; order is that of the sorted keys
extern "C" __global__ void segment_sum(
    const REAL* rows, index_t row_stride, index_t stride_c, const int* keys, const index_t* order, int total, int count,
    int channels, int shares, REAL* parts) {
  int key = blockIdx.x % count, share = blockIdx.x / count, ends[2];
  for (int end = 0; end < 2; ++end) {  // how many keys are below this one, and below the next
    int low = 0, high = total;
    while (low < high) {
      int middle = low + (high - low) / 2;
      if (keys[order[middle]] < key + end) low = middle + 1;
      else high = middle;
    }
    ends[end] = low;
  }
  index_t size = ends[1] - ends[0];
  int first = ends[0] + (int)(size * share / shares), stop = ends[0] + (int)(size * (share + 1) / shares);
  for (int tile = blockIdx.y * WIDTH; tile < channels; tile += COLUMN_STEP) {
    int channel = tile + threadIdx.x;
    double sum = 0;
    if (channel < channels)
      for (int at = first + threadIdx.y; at < stop; at += HEIGHT) sum += rows[order[at] * row_stride + channel * stride_c];
    REAL own = (REAL)sum, none = 0;
    column_sums(&own, &none);
    if (threadIdx.y == 0 && channel < channels)
      parts[((index_t)share * count + key) * channels + channel] = own;
  }
}
