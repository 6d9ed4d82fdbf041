// Steps of an LSTM and a GRU: of each step one kernel each way, beside one product with the recurrent weights. A thread
// has one unit of one example. Where keep is 0, a padded step, the state stays as it is.

__device__ inline REAL logistic(REAL value) {
  REAL small = exp(value < 0 ? value : -value);  // cannot overflow
  return (value < 0 ? small : (REAL)1) / (1 + small);
}

// gates (n, 4 size) holds h W, but in the first step, where h and c are 0 and are written; then i, f, g, o.
// c' = f c + i g,  h' = o tanh(c')
extern "C" __global__ void lstm_forward(
    const REAL* z, const unsigned char* keep, int has_keep, int is_first, int n, int size, REAL* gates, REAL* cell,
    REAL* state, REAL* next_cell, REAL* next_state) {
  for (index_t at = FIRST; at < (index_t)n * size; at += STEP) {
    int row = (int)(at / size);
    index_t from = 4 * (index_t)row * size + (at - (index_t)row * size);
    REAL gate[4];
    for (int k = 0; k < 4; ++k) {
      REAL value = z[from + k * size] + (is_first ? (REAL)0 : gates[from + k * size]);
      gate[k] = k == 2 ? tanh(value) : logistic(value);
      gates[from + k * size] = gate[k];
    }
    if (is_first) cell[at] = state[at] = 0;
    REAL c = gate[1] * cell[at] + gate[0] * gate[2], h = gate[3] * tanh(c);
    bool padded = has_keep && !keep[row];
    next_cell[at] = padded ? cell[at] : c;
    next_state[at] = padded ? state[at] : h;
  }
}

// dc += dh o (1 - tanh(c')^2);  dz = (dc g i (1 - i), dc c f (1 - f), dc i (1 - g^2), dh tanh(c') o (1 - o));  dc f is
// handed on. dh is the gradient from the output and, but in the last step, from the step after; what a padded step
// hands on is left there.
extern "C" __global__ void lstm_backward(
    const REAL* received, index_t received_n, index_t received_c, int has_received, const REAL* gates,
    const REAL* cell, const REAL* next_cell, const unsigned char* keep, int has_keep, int is_last, int n, int size,
    REAL* grad_state, REAL* grad_cell, REAL* grad_z) {
  for (index_t at = FIRST; at < (index_t)n * size; at += STEP) {
    int row = (int)(at / size), unit = (int)(at - (index_t)row * size);
    index_t from = 4 * (index_t)row * size + unit;
    REAL dh = is_last ? (REAL)0 : grad_state[at], dc = is_last ? (REAL)0 : grad_cell[at];
    if (has_received) dh += received[row * received_n + unit * received_c];
    bool padded = has_keep && !keep[row];
    REAL i = gates[from], f = gates[from + size], g = gates[from + 2 * size], o = gates[from + 3 * size];
    REAL bounded = tanh(next_cell[at]);
    if (!padded) dc += dh * (o * (1 - bounded * bounded));
    grad_z[from] = padded ? (REAL)0 : dc * (g * i * (1 - i));
    grad_z[from + size] = padded ? (REAL)0 : dc * (cell[at] * f * (1 - f));
    grad_z[from + 2 * size] = padded ? (REAL)0 : dc * (i * (1 - g * g));
    grad_z[from + 3 * size] = padded ? (REAL)0 : dh * (bounded * o * (1 - o));
    grad_state[at] = padded ? dh : (REAL)0;
    grad_cell[at] = padded ? dc : dc * f;
  }
}

// product (n, 3 size) holds h W, but in the first step, where h is 0 and is written; gates (n, 4 size): r, u, n and
// q = h W_n + bias.  h' = (1 - u) n + u h with n = tanh(z_n + r q)
extern "C" __global__ void gru_forward(
    const REAL* z, const REAL* product, const REAL* bias, const unsigned char* keep, int has_keep, int is_first, int n,
    int size, REAL* gates, REAL* state, REAL* next_state) {
  for (index_t at = FIRST; at < (index_t)n * size; at += STEP) {
    int row = (int)(at / size), unit = (int)(at - (index_t)row * size);
    index_t from = 3 * (index_t)row * size + unit, into = 4 * (index_t)row * size + unit;
    REAL by_state[3];
    for (int k = 0; k < 3; ++k) by_state[k] = is_first ? (REAL)0 : product[from + k * size];
    if (is_first) state[at] = 0;
    REAL r = logistic(z[from] + by_state[0]), u = logistic(z[from + size] + by_state[1]);
    REAL q = by_state[2] + bias[unit], value = tanh(z[from + 2 * size] + r * q);
    if (has_keep && !keep[row]) u = 1;  // h stays as it is, and takes the whole gradient
    gates[into] = r;
    gates[into + size] = u;
    gates[into + 2 * size] = value;
    gates[into + 3 * size] = q;
    next_state[at] = (1 - u) * value + u * state[at];
  }
}

// dn' = dh (1 - u) (1 - n^2), dr' = dn' q r (1 - r), du' = dh (h - n) u (1 - u), dq = dn' r; dz = (dr', du', dn') and
// shared = (dr', du', dq), the gradient of h W. dh u is left for the step before, which adds shared W^T.
extern "C" __global__ void gru_backward(
    const REAL* received, index_t received_n, index_t received_c, int has_received, const REAL* gates,
    const REAL* state, int is_last, int n, int size, REAL* grad_state, REAL* shared, REAL* grad_z) {
  for (index_t at = FIRST; at < (index_t)n * size; at += STEP) {
    int row = (int)(at / size), unit = (int)(at - (index_t)row * size);
    index_t from = 4 * (index_t)row * size + unit, into = 3 * (index_t)row * size + unit;
    REAL dh = is_last ? (REAL)0 : grad_state[at];
    if (has_received) dh += received[row * received_n + unit * received_c];
    REAL r = gates[from], u = gates[from + size], value = gates[from + 2 * size], q = gates[from + 3 * size];
    REAL by_value = dh * ((1 - u) * (1 - value * value)), by_reset = by_value * (q * r * (1 - r));
    REAL by_update = dh * ((state[at] - value) * u * (1 - u));
    grad_z[into] = shared[into] = by_reset;
    grad_z[into + size] = shared[into + size] = by_update;
    grad_z[into + 2 * size] = by_value;
    shared[into + 2 * size] = by_value * r;
    grad_state[at] = dh * u;
  }
}
