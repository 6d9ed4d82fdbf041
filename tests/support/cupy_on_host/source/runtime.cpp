// The CUDA runtime: the device's memory is the host's, and a copy or a wait is done when its call returns.
#include <sys/mman.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "gpu.h"

typedef int Status;
typedef void* Handle;
enum { OK = 0, INVALID_VALUE = 1, NO_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NOT_SUPPORTED = 801,
       CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, CAPTURE_IMPLICIT = 906 };
// of an H200
constexpr size_t MEMORY = 140ull << 30, PAGE = 4096, ALIGNED = 512;

// the part of cudaDeviceProp that CUDA 12 and 13 have alike
struct Properties {
  char name[288];
  size_t memory, shared_memory;
  int registers, warp_size;
  size_t pitch;
  int threads, block[3], grid[3];
  size_t constant_memory;
  int major, minor;
  char rest[600];
};
struct PointerAttributes { int type, device; void *device_pointer, *host_pointer; };

Long emulated_counts[COUNTS];
int option_denormals, option_guarded, option_idle, option_turned;
std::mutex emulated_lock;
static FILE* trace_file;
static char last_refusal[2048] = "emulated GPU";

void trace(const char* format, ...) {
  if (!trace_file) return;
  va_list words;
  va_start(words, format);
  std::vfprintf(trace_file, format, words);
  va_end(words);
}

int refuse(int status, const char* format, ...) {
  va_list words;
  va_start(words, format);
  std::vsnprintf(last_refusal, sizeof last_refusal, format, words);
  va_end(words);
  return status;
}

// what a stream was given while it recorded; CUDA too does nothing of it before the graph is launched
struct Graph { std::vector<std::function<int()>> work; bool broken; };
static Graph* recording;
static Handle recording_stream;

bool recorded(void* stream) { return recording && stream == recording_stream; }
void record(std::function<int()> work) { recording->work.push_back(std::move(work)); }
int refused_in_capture(void* stream, const char* what) {
  if (!recording || (stream && stream != recording_stream)) return OK;
  recording->broken = true;
  return refuse(stream ? CAPTURE_UNSUPPORTED : CAPTURE_IMPLICIT, "%s while a stream captures", what);
}

namespace {

struct Block { size_t size, whole; bool guarded; };
std::map<char*, Block> blocks;

bool on_device(const void* at) {
  auto found = blocks.upper_bound((char*)at);
  if (found == blocks.begin()) return false;
  --found;
  return (char*)at < found->first + found->second.size + (found->second.size == 0);
}

bool hidden() {
  const char* seen = getenv("CUDA_VISIBLE_DEVICES");
  return seen && !std::strcmp(seen, "-1");
}

int move(void* to, const void* from, size_t size, Count kind) {
  if (!option_idle || kind == TO_DEVICE) std::memmove(to, from, size);
  else if (kind == TO_HOST) std::memset(to, 0, size);  // nothing was computed
  return OK;
}

int moved(void* to, const void* from, size_t size, bool waits, Handle stream) {
  bool to_device = on_device(to), from_device = on_device(from);
  Count kind = to_device == from_device ? ON_DEVICE : to_device ? TO_DEVICE : TO_HOST;
  const char* names[] = {"to device", "to host", "on device"};
  ++emulated_counts[kind];
  if (kind == ON_DEVICE) emulated_counts[BYTES] += 2 * size;
  if (kind == TO_HOST && waits) ++emulated_counts[WAITS];
  trace("copy %s %zu\n", names[kind - TO_DEVICE], size);
  // CUDA lets a graph copy from the host, whose memory may hold something else by then
  if (waits || kind != ON_DEVICE || !stream)
    if (int refused = refused_in_capture(waits ? nullptr : stream, "a copy between host and device")) return refused;
  if (!recorded(stream)) return move(to, from, size, kind);
  record([=] { return move(to, from, size, ON_DEVICE); });
  return OK;
}

int set(void* at, int value, size_t size, Handle stream) {
  ++emulated_counts[SETS];
  emulated_counts[BYTES] += size;
  trace("set %zu\n", size);
  auto work = [=] { std::memset(at, value, size); return OK; };
  if (!stream)
    if (int refused = refused_in_capture(stream, "work for the default stream")) return refused;
  if (!recorded(stream)) return work();
  record(work);
  return OK;
}

int waited(const char* what) {
  ++emulated_counts[WAITS];
  trace("wait %s\n", what);
  return refused_in_capture(recording_stream, "a wait");
}

Handle handle() { return std::malloc(8); }

}  // namespace

extern "C" {
void emulated_trace(const char* path) {
  if (trace_file) std::fclose(trace_file);
  trace_file = path && *path ? std::fopen(path, "w") : nullptr;
}
const char* emulated_refusal() { return last_refusal; }

const char* cudaGetErrorName(Status status) {
  static char text[32];
  std::snprintf(text, sizeof text, "cudaError%d", status);
  return text;
}
const char* cudaGetErrorString(Status status) {
  if (status == NO_DEVICE) return "no CUDA-capable device is detected";
  return status == NO_MEMORY ? "out of memory" : cudaGetErrorName(status);
}
Status cudaGetLastError() { return OK; }
Status cudaDriverGetVersion(int* version) { *version = CUDA_VERSION; return OK; }
Status cudaRuntimeGetVersion(int* version) { *version = CUDA_VERSION; return OK; }
Status cudaGetDevice(int* device) { *device = 0; return hidden() ? NO_DEVICE : OK; }
Status cudaSetDevice(int device) { return device == 0 ? OK : INVALID_DEVICE; }
Status cudaGetDeviceCount(int* count) { *count = !hidden(); return hidden() ? NO_DEVICE : OK; }
Status cudaDeviceSynchronize() { return waited("device"); }
Status cudaDeviceGetAttribute(int* value, int attribute, int) {  // by cudaDeviceAttr, of an H200
  static const std::map<int, int> known = {{1, 1024}, {8, 49152}, {10, 32}, {16, 132}, {75, 9}, {97, 232448}};
  auto found = known.find(attribute);
  *value = found == known.end() ? 0 : found->second;
  return OK;
}
Status cudaGetDeviceProperties(Properties* of, int) {
  std::memset(of, 0, sizeof *of);
  std::strcpy(of->name, DEVICE_NAME);
  of->memory = MEMORY;
  of->shared_memory = 49152;
  of->registers = of->constant_memory = 65536;
  of->warp_size = 32;
  of->threads = of->block[0] = of->block[1] = 1024;
  of->block[2] = 64;
  of->grid[0] = 2147483647;
  of->grid[1] = of->grid[2] = 65535;
  of->major = 9;
  return OK;
}
Status cudaGetDeviceProperties_v2(Properties* of, int device) { return cudaGetDeviceProperties(of, device); }
Status emulated_not_supported() { return NOT_SUPPORTED; }

// new memory is full of NaN; guarded, an unreadable page follows it
Status cudaMalloc(void** at, size_t size) {
  std::lock_guard<std::mutex> hold(emulated_lock);
  ++emulated_counts[ALLOCATIONS];
  if (size > MEMORY) return NO_MEMORY;
  bool guarded = option_guarded;
  size_t unit = guarded ? PAGE : ALIGNED, whole = (size + unit - 1) / unit * unit;
  if (guarded) {
    char* base = (char*)mmap(nullptr, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NO_MEMORY;
    mprotect(base + whole, PAGE, PROT_NONE);
    *at = base + whole - (size + 15) / 16 * 16;
  } else {
    *at = std::aligned_alloc(ALIGNED, whole ? whole : ALIGNED);
    if (!*at) return NO_MEMORY;
  }
  std::memset(*at, 0xFF, size < (1 << 20) ? size : 1 << 20);
  blocks[(char*)*at] = {size, whole, guarded};
  return OK;
}
Status cudaFree(void* at) {
  if (!at) return OK;
  std::lock_guard<std::mutex> hold(emulated_lock);
  auto found = blocks.find((char*)at);
  if (found == blocks.end()) return INVALID_VALUE;
  Block block = found->second;
  blocks.erase(found);
  if (block.guarded) munmap((char*)at + (block.size + 15) / 16 * 16 - block.whole, block.whole + PAGE);
  else std::free(at);
  return OK;
}
Status cudaHostAlloc(void** at, size_t size, unsigned) { *at = std::malloc(size ? size : 1); return OK; }
Status cudaFreeHost(void* at) { std::free(at); return OK; }
Status cudaMemGetInfo(size_t* unused, size_t* total) {
  *total = *unused = MEMORY;
  for (auto& block : blocks) *unused -= block.second.size;
  return OK;
}
Status cudaMemcpy(void* to, const void* from, size_t size, int) { return moved(to, from, size, true, nullptr); }
Status cudaMemcpyAsync(void* to, const void* from, size_t size, int, Handle stream) {
  return moved(to, from, size, false, stream);
}
Status cudaMemset(void* at, int value, size_t size) { return set(at, value, size, nullptr); }
Status cudaMemsetAsync(void* at, int value, size_t size, Handle stream) { return set(at, value, size, stream); }
Status cudaPointerGetAttributes(PointerAttributes* of, const void* at) {
  *of = {on_device(at) ? 2 : 0, 0, (void*)at, nullptr};
  return OK;
}

Status cudaStreamCreate(Handle* stream) { *stream = handle(); return OK; }
Status cudaStreamCreateWithFlags(Handle* stream, unsigned) { *stream = handle(); return OK; }
Status cudaStreamCreateWithPriority(Handle* stream, unsigned, int) { *stream = handle(); return OK; }
Status cudaStreamDestroy(Handle stream) { std::free(stream); return OK; }
Status cudaStreamSynchronize(Handle) { return waited("stream"); }
Status cudaStreamQuery(Handle) { return OK; }
Status cudaStreamWaitEvent(Handle, Handle, unsigned) { return OK; }
Status cudaStreamIsCapturing(Handle stream, int* status) {
  *status = recorded(stream);
  return stream ? OK : refused_in_capture(stream, "a question about the default stream");
}
Status cudaStreamBeginCapture(Handle stream, int) {
  if (!stream || recording) return CAPTURE_UNSUPPORTED;
  recording = new Graph{};
  recording_stream = stream;
  return OK;
}
Status cudaStreamEndCapture(Handle stream, Handle* graph) {
  if (!recorded(stream)) return CAPTURE_UNSUPPORTED;
  *graph = recording;
  recording = nullptr;
  recording_stream = nullptr;
  return ((Graph*)*graph)->broken ? CAPTURE_INVALIDATED : OK;
}
Status cudaGraphInstantiate(Handle* made, Handle graph, unsigned long long) { *made = new Graph(*(Graph*)graph); return OK; }
Status cudaGraphDestroy(Handle graph) { delete (Graph*)graph; return OK; }
Status cudaGraphExecDestroy(Handle graph) { delete (Graph*)graph; return OK; }
Status cudaGraphLaunch(Handle graph, Handle stream) {
  if (int refused = refused_in_capture(stream, "a graph")) return refused;
  ++emulated_counts[GRAPHS];
  trace("graph of %zu\n", ((Graph*)graph)->work.size());
  for (auto& work : ((Graph*)graph)->work)
    if (int failed = work()) return failed;
  return OK;
}
Status cudaEventCreate(Handle* event) { *event = handle(); return OK; }
Status cudaEventCreateWithFlags(Handle* event, unsigned) { *event = handle(); return OK; }
Status cudaEventDestroy(Handle event) { std::free(event); return OK; }
Status cudaEventRecord(Handle, Handle) { return OK; }
Status cudaEventQuery(Handle) { return OK; }
Status cudaEventSynchronize(Handle) { return waited("event"); }
Status cudaEventElapsedTime(float* ms, Handle, Handle) { *ms = 1; return OK; }
}
