// What the parts of the emulated GPU share.
#pragma once
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>

typedef long long Long;

// in the order of COUNTS in __init__.py
enum Count {
  LAUNCHES, PRODUCTS, TO_DEVICE, TO_HOST, ON_DEVICE, SETS, WAITS, ALLOCATIONS, COMPILED, BYTES, OPERATIONS, GRAPHS,
  COUNTS
};

extern "C" {
extern Long emulated_counts[COUNTS];
// 0 or 1, set from Python at any time: see OPTIONS in __init__.py
extern int option_denormals, option_guarded, option_idle, option_turned;
}

// one line into the trace, if there is one
void trace(const char* format, ...) __attribute__((format(printf, 1, 2)));
// whether work for this stream goes into the graph that it records, in place of being done
bool recorded(void* stream);
void record(std::function<int()> work);
// 0, or the error of what may not be done while a stream records: work for the default stream, or a wait
int refused_in_capture(void* stream, const char* what);
// what the driver's next error says
int refuse(int status, const char* format, ...) __attribute__((format(printf, 2, 3)));
extern std::mutex emulated_lock;
