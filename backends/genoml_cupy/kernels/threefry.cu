// Threefry-2x32 with 20 rounds (Salmon et al. 2011, doi:10.1145/2063384.2063405): uniform numbers in [0, 1) with 24
// random bits each, the two halves of block (step, 0), of block (step, 1), and so on.

#define PARITY 0x1BD11BDAu

__device__ inline unsigned turned(unsigned word, int bits) { return word << bits | word >> (32 - bits); }

// one round: x0 takes in x1, x1 is turned and takes in x0
#define ROUND(BITS) (x0 += x1, x1 = turned(x1, BITS) ^ x0)

__device__ inline void draw(
    unsigned key0, unsigned key1, unsigned step, unsigned first_block, index_t skipped, index_t count,
    float* numbers) {
  const unsigned words[3] = {key0, key1, PARITY ^ key0 ^ key1};
  for (index_t i = FIRST; 2 * i < count + skipped; i += STEP) {
    unsigned x0 = step + words[0], x1 = first_block + (unsigned)i + words[1];
    for (int block = 0; block < 5; ++block) {
      if (block % 2 == 0) {
        ROUND(13), ROUND(15), ROUND(26), ROUND(6);
      } else {
        ROUND(17), ROUND(29), ROUND(16), ROUND(24);
      }
      x0 += words[(block + 1) % 3];
      x1 += words[(block + 2) % 3] + block + 1;
    }
    const unsigned halves[2] = {x0, x1};
    for (int half = 0; half < 2; ++half) {
      index_t place = 2 * i + half - skipped;
      if (place >= 0 && place < count) numbers[place] = (float)(halves[half] >> 8) * (1.0f / 16777216.0f);
    }
  }
}

extern "C" __global__ void random_uniform(
    unsigned key0, unsigned key1, unsigned step, unsigned first_block, index_t skipped, index_t count,
    float* numbers) {
  draw(key0, key1, step, first_block, skipped, count, numbers);
}

// in a CUDA graph, whose numbers stay as they are
extern "C" __global__ void random_uniform_at(
    unsigned key0, unsigned key1, const unsigned* step, unsigned first_block, index_t skipped, index_t count,
    float* numbers) {
  draw(key0, key1, *step, first_block, skipped, count, numbers);
}
