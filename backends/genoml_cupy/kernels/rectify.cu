// A rectifier with the affine map before it and the pooling after it, and its gradient with the sums over positions
// that a bias or a normalisation needs.

// y[n, w, c] = max(0, max_k z[n, w size + k, c]) with z = (x - mean) scale + shift, and the position of the first
// largest z, or -1 where y takes no gradient: where it is 0 or NaN. Without affine, z = x + shift.
extern "C" __global__ void rectified_forward(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, const REAL* mean, const REAL* scale,
    const REAL* shift, int affine, int n, int length, int channels, int count, int size, REAL* y, int* at) {
  for (int channel = COLUMN; channel < channels; channel += COLUMN_STEP) {
    REAL middle = affine ? mean[channel] : (REAL)0, factor = affine ? scale[channel] : (REAL)1;
    REAL moved = shift[channel];
    for (int row = ROW; row < n * count; row += ROW_STEP) {
      int example = row / count, begin = (row - example * count) * size;
      int end = begin + size < length ? begin + size : length;
      const REAL* values = x + example * stride_n + channel * stride_c;
      REAL best = 0, bad = 0;
      int first = -1;
      for (int place = begin; place < end; ++place) {
        REAL value = (values[place * stride_l] - middle) * factor + moved;
        if (is_nan(value)) bad = value;
        if (value > best) {
          best = value;
          first = place;
        }
      }
      index_t i = (index_t)row * channels + channel;
      y[i] = is_nan(bad) ? bad : best;
      at[i] = is_nan(bad) ? -1 : first;
    }
  }
}

// g[n, w, c] is grad where a position at has it. Of the rows of each block: parts[0] = sum g, parts[1] = sum g (x - mean)
// at that position (affine). Without affine it also writes dx, with zeros beside g, behind each example (gap rows) and
// before the first.
extern "C" __global__ void rectified_backward(
    const REAL* grad, index_t grad_n, index_t grad_w, index_t grad_c, const int* at, const REAL* x, index_t stride_n,
    index_t stride_l, index_t stride_c, const REAL* mean, int affine, int n, int length, int channels, int count,
    int size, int gap, REAL* grad_x, REAL* parts) {
  for (int tile = blockIdx.y * WIDTH; tile < channels; tile += COLUMN_STEP) {
    int channel = tile + threadIdx.x;
    REAL sum = 0, along = 0;
    if (channel < channels) {
      REAL middle = affine ? mean[channel] : (REAL)0;
      for (int row = ROW; row < n * count; row += ROW_STEP) {
        int example = row / count, window = row - example * count;
        int first = at[(index_t)row * channels + channel];
        REAL g = grad[example * grad_n + window * grad_w + channel * grad_c];
        if (first >= 0) {
          sum += g;
          if (affine) along += g * (x[example * stride_n + first * stride_l + channel * stride_c] - middle);
        }
        if (!affine) {
          int begin = row == 0 ? -gap : window * size;
          int end = window == count - 1 ? length + gap : (window + 1) * size;
          REAL* out = grad_x + ((index_t)gap + (index_t)example * (length + gap)) * channels + channel;
          for (int place = begin; place < end; ++place)
            out[(index_t)place * channels] = place == first && first >= 0 ? g : (REAL)0;
        }
      }
    }
    column_sums(&sum, &along);
    if (threadIdx.y == 0 && channel < channels) {
      parts[(index_t)blockIdx.x * channels + channel] = sum;
      if (affine) parts[((index_t)gridDim.x + blockIdx.x) * channels + channel] = along;
    }
  }
}

// dx = factor g - slope (x - mean) - constant, with zeros behind each example (gap rows) and before the first;
// of a position that no window holds, g is 0. Without slope, dx = factor g.
extern "C" __global__ void rectified_into_x(
    const REAL* grad, index_t grad_n, index_t grad_w, index_t grad_c, const int* at, const REAL* x, index_t stride_n,
    index_t stride_l, index_t stride_c, const REAL* mean, const REAL* factor, const REAL* slope, const REAL* constant,
    int sloped, int n, int length, int channels, int count, int size, int gap, REAL* grad_x) {
  int rows = gap + n * (length + gap);
  for (int channel = COLUMN; channel < channels; channel += COLUMN_STEP) {
    REAL scale = factor[channel], middle = mean[channel], slant = slope[channel], fixed = constant[channel];
    for (int row = ROW; row < rows; row += ROW_STEP) {
      int example = row < gap ? -1 : (row - gap) / (length + gap), place = row - gap - example * (length + gap);
      REAL value = 0;
      if (example >= 0 && place < length) {
        int window = place / size;
        if (window < count && at[((index_t)example * count + window) * channels + channel] == place)
          value = scale * grad[example * grad_n + window * grad_w + channel * grad_c];
        if (sloped)
          value -= (x[example * stride_n + place * stride_l + channel * stride_c] - middle) * slant + fixed;
      }
      grad_x[(index_t)row * channels + channel] = value;
    }
  }
}
