// The products of cuBLAS that CuPy calls, as loops over matrices whose columns are contiguous.
#include <vector>

#include "gpu.h"

namespace {

enum { OK = 0, INVALID_VALUE = 7, FAILED = 13, NOT_SUPPORTED = 15 };
struct Handle { void* stream; };
enum { FLOAT = 0, DOUBLE = 1 };  // cudaDataType

// c = alpha a b + beta c; leading dimensions that cuBLAS refuses are refused
template <class T>
int product(int ta, int tb, int m, int n, int k, T alpha, const T* a, int lda, const T* b, int ldb, T beta, T* c, int ldc) {
  if (m < 0 || n < 0 || k < 0 || lda < 1 || ldb < 1 || ldc < 1 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m)
    return refuse(INVALID_VALUE, "cuBLAS refuses m %d n %d k %d lda %d ldb %d ldc %d", m, n, k, lda, ldb, ldc);
  if (option_idle) return OK;
  const Long b_row = tb ? ldb : 1, b_column = tb ? 1 : ldb;
  std::vector<T> column(m);
  for (Long j = 0; j < n; ++j) {
    if (ta) {
      for (Long i = 0; i < m; ++i) {
        T sum = 0;
        for (Long l = 0; l < k; ++l) sum += a[i * lda + l] * b[l * b_row + j * b_column];
        column[i] = sum;
      }
    } else {
      std::fill(column.begin(), column.end(), T(0));
      for (Long l = 0; l < k; ++l) {
        const T factor = b[l * b_row + j * b_column];
        for (Long i = 0; i < m; ++i) column[i] += a[l * lda + i] * factor;
      }
    }
    T* out = c + j * ldc;
    for (Long i = 0; i < m; ++i) out[i] = beta == 0 ? alpha * column[i] : alpha * column[i] + beta * out[i];
  }
  return OK;
}

void note(const char* name, int m, int n, int k, int batch, int item) {
  ++emulated_counts[PRODUCTS];
  emulated_counts[BYTES] += ((Long)m * k + (Long)k * n + (Long)m * n) * batch * item;
  emulated_counts[OPERATIONS] += 2ll * m * n * k * batch;
  trace("product %s %d x %d x %d, %d of them\n", name, m, n, k, batch);
}

// batches whose matrices stand a stride apart
// done now, or by the graph that the handle's stream records
template <class Work> int queue(void* handle, Work work) {
  void* stream = ((Handle*)handle)->stream;
  if (!stream && refused_in_capture(stream, "a product on the default stream")) return FAILED;
  if (!recorded(stream)) return work();
  record(work);
  return OK;
}

template <class T>
int strided(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int lda, Long sa, const void* b,
            int ldb, Long sb, const void* beta, void* c, int ldc, Long sc, int batch) {
  note("strided", m, n, k, batch, sizeof(T));
  const T factor = *(const T*)alpha, rest = *(const T*)beta;
  return queue(handle, [=] {
    for (int i = 0; i < batch; ++i)
      if (int bad = product<T>(ta, tb, m, n, k, factor, (const T*)a + i * sa, lda, (const T*)b + i * sb, ldb, rest,
                               (T*)c + i * sc, ldc)) return bad;
    return int(OK);
  });
}

// batches whose matrices stand at the addresses given
template <class T>
int batched(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* const* a, int lda, const T* const* b, int ldb,
            const T* beta, T* const* c, int ldc, int batch) {
  note("batched", m, n, k, batch, sizeof(T));
  const T factor = *alpha, rest = *beta;
  return queue(handle, [=] {
    if (option_idle) return int(OK);  // the addresses are on the device, where nothing is
    for (int i = 0; i < batch; ++i)
      if (int bad = product<T>(ta, tb, m, n, k, factor, a[i], lda, b[i], ldb, rest, c[i], ldc)) return bad;
    return int(OK);
  });
}

}  // namespace

extern "C" {
int cublasCreate_v2(void** handle) { *handle = new Handle{}; return OK; }
int cublasDestroy_v2(void* handle) { delete (Handle*)handle; return OK; }
int cublasSetStream_v2(void* handle, void* stream) { ((Handle*)handle)->stream = stream; return OK; }
int cublasGetStream_v2(void* handle, void** stream) { *stream = ((Handle*)handle)->stream; return OK; }
int cublasSetMathMode(void*, int) { return OK; }
int cublasGetMathMode(void*, int* mode) { *mode = 0; return OK; }
int cublasSetPointerMode_v2(void*, int) { return OK; }
int cublasGetPointerMode_v2(void*, int* mode) { *mode = 0; return OK; }
int cublasSetWorkspace_v2(void*, void*, size_t) { return OK; }
int cublasGetVersion_v2(void*, int* version) { *version = CUDA_VERSION * 10; return OK; }
int cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type,
    int lda, Long sa, const void* b, int, int ldb, Long sb, const void* beta, void* c, int, int ldc, Long sc, int batch,
    int, int) {
  if (type == FLOAT) return strided<float>(handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
  if (type == DOUBLE) return strided<double>(handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
  return NOT_SUPPORTED;
}
int cublasGemmEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type, int lda,
    const void* b, int, int ldb, const void* beta, void* c, int, int ldc, int compute, int algorithm) {
  return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, type, lda, 0, b, type, ldb, 0, beta, c, type, ldc,
                                    0, 1, compute, algorithm);
}
int cublasSgemmBatched(void* handle, int ta, int tb, int m, int n, int k, const float* alpha, const float* const* a, int lda,
    const float* const* b, int ldb, const float* beta, float* const* c, int ldc, int batch) {
  return batched(handle, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, batch);
}
int cublasDgemmBatched(void* handle, int ta, int tb, int m, int n, int k, const double* alpha, const double* const* a, int lda,
    const double* const* b, int ldb, const double* beta, double* const* c, int ldc, int batch) {
  return batched(handle, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, batch);
}
}
