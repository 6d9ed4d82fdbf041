// Rows of examples set among rows of one value: padding, and gradients as a convolution's backward pass reads them.

// out (lead + n length, channels): value, but x[i, l, c] at row lead + i length + ahead + l, l < count
extern "C" __global__ void pad_rows(
    const REAL* x, index_t stride_n, index_t stride_l, index_t stride_c, int n, int count, int channels, int lead,
    int ahead, int length, REAL value, REAL* out) {
  int rows = lead + n * length;
  for (int channel = COLUMN; channel < channels; channel += COLUMN_STEP)
    for (int row = ROW; row < rows; row += ROW_STEP) {
      int example = row < lead ? -1 : (row - lead) / length, place = row - lead - example * length - ahead;
      bool inside = example >= 0 && place >= 0 && place < count;
      out[(index_t)row * channels + channel] =
          inside ? x[example * stride_n + place * stride_l + channel * stride_c] : value;
    }
}
