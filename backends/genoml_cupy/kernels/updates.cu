// Updates of many parameters in one launch, in one pass: of Adam seven numbers an element cross memory, where the
// operations one by one move some thirty. The formulas are those of genoml/ops/adam.py and updates.py.

// parameters of a launch, and elements of a block, as in twins/updates.py
#define MOST 44
#define CHUNK 2048

// By value: what a launch knows of each parameter. Gradients are read by strides, as three axes, the others as they lie.
struct Parameters {
  const REAL *param[MOST], *grad[MOST], *first[MOST], *second[MOST], *third[MOST];
  index_t start[MOST];                    // where the results begin
  double decay[MOST];
  int size[MOST], inner[MOST], innermost[MOST];  // elements in all, of the last two axes, and of the last
  int outer_step[MOST], inner_step[MOST], innermost_step[MOST];
  int chunks[MOST];                       // blocks of this parameter
};

// rule(parameter, element, place of its results, decay, value, gradient) for each element of this block
template <class Rule> __device__ inline void for_each(const Parameters& all, Rule rule) {
  int own = 0, chunk = blockIdx.x;
  while (chunk >= all.chunks[own]) chunk -= all.chunks[own++];
  int inner = all.inner[own], innermost = all.innermost[own], end = (chunk + 1) * CHUNK;
  REAL decay = (REAL)all.decay[own];
  if (end > all.size[own]) end = all.size[own];
  for (int i = chunk * CHUNK + threadIdx.x; i < end; i += blockDim.x) {
    int outer_place = i / inner, inner_place = i % inner / innermost, place = i % innermost;
    REAL g = all.grad[own][(index_t)outer_place * all.outer_step[own] + (index_t)inner_place * all.inner_step[own] +
                           (index_t)place * all.innermost_step[own]];
    rule(own, i, all.start[own] + i, decay, all.param[own][i], g);
  }
}

// a decoupled decay is what is left of the parameter
extern "C" __global__ void adam(
    Parameters all, REAL beta1, REAL gain1, REAL beta2, REAL gain2, REAL rate, REAL correction, REAL eps,
    int decoupled, REAL* next_params, REAL* next_means, REAL* next_squares) {
  for_each(all, [&](int own, int i, index_t out, REAL decay, REAL p, REAL g) {
    if (!decoupled) g += decay * p;
    REAL m = beta1 * all.first[own][i] + gain1 * g, v = beta2 * all.second[own][i] + gain2 * (g * g);
    next_means[out] = m;
    next_squares[out] = v;
    next_params[out] = (decoupled ? decay * p : p) - rate * (m / (sqrt(v) / correction + eps));
  });
}

extern "C" __global__ void sgd(Parameters all, REAL rate, REAL* next_params) {
  for_each(all, [&](int own, int i, index_t out, REAL decay, REAL p, REAL g) {
    next_params[out] = p - rate * (g + decay * p);
  });
}

// lookahead: Nesterov's, the momentum again
extern "C" __global__ void sgd_momentum(
    Parameters all, REAL rate, REAL momentum, int nesterov, REAL* next_params, REAL* next_velocities) {
  for_each(all, [&](int own, int i, index_t out, REAL decay, REAL p, REAL g) {
    g += decay * p;
    REAL v = momentum * all.first[own][i] + g;
    next_velocities[out] = v;
    next_params[out] = p - rate * (nesterov ? g + momentum * v : v);
  });
}

extern "C" __global__ void adagrad(Parameters all, REAL rate, REAL eps, REAL* next_params, REAL* next_squares) {
  for_each(all, [&](int own, int i, index_t out, REAL decay, REAL p, REAL g) {
    g += decay * p;
    REAL s = all.first[own][i] + g * g;
    next_squares[out] = s;
    next_params[out] = p - rate * (g / (sqrt(s) + eps));
  });
}

// means and velocities are left alone, and may be any arrays, if not centred and without momentum
extern "C" __global__ void rmsprop(
    Parameters all, REAL rate, REAL rho, REAL gain, REAL eps, REAL momentum, int centred, REAL* next_params,
    REAL* next_squares, REAL* next_means, REAL* next_velocities) {
  for_each(all, [&](int own, int i, index_t out, REAL decay, REAL p, REAL g) {
    g += decay * p;
    REAL s = rho * all.first[own][i] + gain * (g * g), spread = s;
    next_squares[out] = s;
    if (centred) {
      REAL m = rho * all.second[own][i] + gain * g;
      next_means[out] = m;
      spread = s - m * m;  // a variance, which rounding may make negative
      if (spread < 0) spread = 0;
    }
    REAL u = g / (sqrt(spread) + eps);
    if (momentum != 0) {
      u = momentum * all.third[own][i] + u;
      next_velocities[out] = u;
    }
    next_params[out] = p - rate * u;
  });
}
