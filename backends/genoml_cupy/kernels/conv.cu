// A gradient set into zeros, so that a convolution's backward pass is products over its memory.

// out (before + n (count + before), channels): zeros, but x[i, l, c] at row before + i (count + before) + l
extern "C" __global__ void pad_rows(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, int n, int count, int channels, int before,
    REAL* out) {
  int length = count + before, rows = before + n * length;
  for (int channel = COLUMN; channel < channels; channel += COLUMN_STEP)
    for (int row = ROW; row < rows; row += ROW_STEP) {
      int example = row < before ? -1 : (row - before) / length, place = row - before - example * length;
      out[(index_t)row * channels + channel] =
          example >= 0 && place < count ? x[example * stride_n + place * stride_l + channel * stride_c] : (REAL)0;
    }
}
