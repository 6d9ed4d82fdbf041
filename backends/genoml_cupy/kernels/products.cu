// Where the matrices of batched products begin: heads of examples lie at two distances, which one stride cannot say.

// operands of a launch, as in twins/attention.py
#define MOST 8

// By value: the first matrix of each operand, and the distances of examples and of heads, in bytes.
struct Operands {
  unsigned long long first[MOST];
  index_t example_step[MOST], head_step[MOST];
};

extern "C" __global__ void addresses(Operands all, index_t operands, index_t examples, index_t heads, index_t* found) {
  for (index_t i = FIRST; i < operands * examples * heads; i += STEP) {
    index_t own = i / (examples * heads), example = i / heads % examples, head = i % heads;
    found[i] = (index_t)all.first[own] + example * all.example_step[own] + head * all.head_step[own];
  }
}
