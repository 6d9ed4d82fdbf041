// Adam's update of one parameter in one pass: seven numbers an element cross memory, where the operations one by
// one move some thirty.
//
// m' = b1 m + (1 - b1) g,  v' = b2 v + (1 - b2) g^2,  p' = kept p - rate m' / (sqrt(v') / correction + eps)

extern "C" __global__ void adam_update(
    const REAL* param, const REAL* grad, const REAL* mean, const REAL* square, index_t size, REAL kept,
    REAL beta1, REAL gain1, REAL beta2, REAL gain2, REAL rate, REAL correction, REAL eps, REAL* next_param,
    REAL* next_mean, REAL* next_square) {
  for (index_t i = FIRST; i < size; i += STEP) {
    REAL g = grad[i], m = beta1 * mean[i] + gain1 * g, v = beta2 * square[i] + gain2 * (g * g);
    next_mean[i] = m;
    next_square[i] = v;
    next_param[i] = kept * param[i] - rate * (m / (sqrt(v) / correction + eps));
  }
}
