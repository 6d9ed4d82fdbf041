// Adam's update of many parameters in one launch, in one pass: seven numbers an element cross memory, where the
// operations one by one move some thirty.
//
// m' = b1 m + (1 - b1) g,  v' = b2 v + (1 - b2) g^2,  p' = kept p - rate m' / (sqrt(v') / correction + eps)

// parameters of a launch, and elements of a block, as in twins/adam.py
#define MOST 48
#define CHUNK 2048

// By value: what a launch knows of each parameter. Gradients are read by strides, as three axes, the others as they lie.
struct Parameters {
  const REAL *param[MOST], *grad[MOST], *mean[MOST], *square[MOST];
  index_t start[MOST];                    // where the results begin
  double kept[MOST];
  int size[MOST], inner[MOST], innermost[MOST];  // elements in all, of the last two axes, and of the last
  int outer_step[MOST], inner_step[MOST], innermost_step[MOST];
  int chunks[MOST];                       // blocks of this parameter
};

extern "C" __global__ void adam_update_all(
    Parameters all, REAL beta1, REAL gain1, REAL beta2, REAL gain2, REAL rate, REAL correction, REAL eps,
    REAL* next_params, REAL* next_means, REAL* next_squares) {
  int own = 0, chunk = blockIdx.x;
  while (chunk >= all.chunks[own]) chunk -= all.chunks[own++];
  int inner = all.inner[own], innermost = all.innermost[own], end = (chunk + 1) * CHUNK;
  REAL kept = (REAL)all.kept[own];
  if (end > all.size[own]) end = all.size[own];
  for (int i = chunk * CHUNK + threadIdx.x; i < end; i += blockDim.x) {
    int outer_place = i / inner, inner_place = i % inner / innermost, place = i % innermost;
    REAL g = all.grad[own][(index_t)outer_place * all.outer_step[own] + (index_t)inner_place * all.inner_step[own] +
                           (index_t)place * all.innermost_step[own]];
    REAL m = beta1 * all.mean[own][i] + gain1 * g, v = beta2 * all.square[own][i] + gain2 * (g * g);
    index_t out = all.start[own] + i;
    next_means[out] = m;
    next_squares[out] = v;
    next_params[out] = kept * all.param[own][i] - rate * (m / (sqrt(v) / correction + eps));
  }
}
