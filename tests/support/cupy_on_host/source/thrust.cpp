// The sorts of Thrust, under the names that CuPy's module has them by: NaN come last, and equals stay in order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

namespace {

template <class T>
bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (b != b) return a == a;
  return a < b;
}

// CuPy's numbers of dtypes; half and complex are none that genoml has
template <class F>
void with_type(int id, F work) {
  switch (id) {
    case 0: return work((int8_t*)0);
    case 1: return work((uint8_t*)0);
    case 2: return work((int16_t*)0);
    case 3: return work((uint16_t*)0);
    case 4: return work((int32_t*)0);
    case 5: return work((uint32_t*)0);
    case 6: return work((int64_t*)0);
    case 7: return work((uint64_t*)0);
    case 9: return work((float*)0);
    case 10: return work((double*)0);
    case 13: return work((bool*)0);
  }
}

size_t product(const std::vector<ptrdiff_t>& shape) {
  size_t all = 1;
  for (auto size : shape) all *= size;
  return all;
}

}  // namespace

void thrust_sort(int id, void* data, size_t*, const std::vector<ptrdiff_t>& shape, intptr_t, void*) {
  with_type(id, [&](auto* type) {
    typedef std::remove_pointer_t<decltype(type)> T;
    T* rows = (T*)data;
    size_t size = shape.back();
    for (size_t i = 0; i < product(shape); i += size) std::stable_sort(rows + i, rows + i + size, before<T>);
  });
}

void thrust_argsort(int id, size_t* index, void* data, void*, const std::vector<ptrdiff_t>& shape, intptr_t, void*) {
  with_type(id, [&](auto* type) {
    typedef std::remove_pointer_t<decltype(type)> T;
    size_t size = shape.back();
    for (size_t i = 0; i < product(shape); i += size) {
      const T* row = (const T*)data + i;
      std::iota(index + i, index + i + size, 0);
      std::stable_sort(index + i, index + i + size, [&](size_t a, size_t b) { return before<T>(row[a], row[b]); });
    }
  });
}

void thrust_lexsort(int id, size_t* index, void* keys, size_t count, size_t size, intptr_t, void*) {
  std::iota(index, index + size, 0);
  with_type(id, [&](auto* type) {
    typedef std::remove_pointer_t<decltype(type)> T;
    for (size_t key = 0; key < count; ++key) {
      const T* row = (const T*)keys + key * size;
      std::stable_sort(index, index + size, [&](size_t a, size_t b) { return before<T>(row[a], row[b]); });
    }
  });
}
