// The driver and NVRTC: sources are compiled by g++ with words.h before them, and a launch runs what came out.
#include <dlfcn.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "gpu.h"

namespace {

enum { OK = 0, INVALID_VALUE = 1, INVALID_IMAGE = 200, NOT_FOUND = 500, LAUNCH_FAILED = 719, NVRTC_FAILED = 6 };
// what "machine code" begins with; a shared library follows its size
const std::string MAGIC = "ONHOST00";
constexpr unsigned FLUSH_DENORMALS = 0x8040;  // both of MXCSR's bits: results and operands
constexpr int DYNAMIC_SHARED_BYTES = 8;       // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES

struct Function {
  std::string name;
  int (*launch)(const unsigned*, const unsigned*, size_t, void**);
  size_t (*bytes)(void**);
  void (*parameters)(char*);
  size_t shared = 48 * 1024;
};
struct Program { std::string source, log, made; };
int reports;  // of undefined behaviour

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has(const std::string& text, const char* word) { return text.find(word) != std::string::npos; }

std::set<std::string> kernels_in(const std::string& text) {
  static const std::regex kernel(
      "extern\\s+\"C\"\\s+__global__\\s+void\\s+(?:__launch_bounds__\\([^)]*\\)\\s*)?(\\w+)\\s*\\(");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kernel), end; it != end; ++it) names.insert((*it)[1]);
  return names;
}

// the options that g++ knows too; CCCL's headers only where a source wants them, since they take seconds
std::string flags_of(const std::string& text, int count, const char** options) {
  bool cccl = has(text, "<cuda/std") || has(text, "xsf");
  std::string flags;
  for (int i = 0; i < count; ++i) {
    std::string option = options[i];
    bool known = option.rfind("-I", 0) == 0 || option.rfind("-D", 0) == 0;
    if (known && (cccl || !has(option, "cccl"))) flags += " '" + option + "'";
  }
  return flags;
}

int refuse_grid(Function* f, const unsigned* grid, const unsigned* block, unsigned shared) {
  Long threads = (Long)block[0] * block[1] * block[2];
  bool empty = !grid[0] || !grid[1] || !grid[2] || !threads;
  bool large = threads > 1024 || block[2] > 64 || grid[0] > 2147483647u || grid[1] > 65535 || grid[2] > 65535;
  if (!empty && !large && shared <= f->shared) return OK;
  return refuse(INVALID_VALUE, "%s: CUDA refuses %u x %u x %u blocks of %u x %u x %u threads with %u bytes", f->name.c_str(),
                grid[0], grid[1], grid[2], block[0], block[1], block[2], shared);
}

int run(Function* f, const unsigned* grid, const unsigned* block, unsigned shared, void** arguments) {
  std::lock_guard<std::mutex> hold(emulated_lock);
  if (option_idle) return OK;
  unsigned mode = _mm_getcsr();
  if (option_denormals) _mm_setcsr(mode | FLUSH_DENORMALS);
  int before = reports, fault = f->launch(grid, block, shared, arguments);
  _mm_setcsr(mode);
  const char* name = f->name.c_str();
  if (fault == 1) return refuse(LAUNCH_FAILED, "%s: a barrier that not all threads of a block reach", name);
  if (fault == 2) return refuse(LAUNCH_FAILED, "%s: writes behind its %u bytes of shared memory", name, shared);
  if (reports != before) return refuse(LAUNCH_FAILED, "%s: undefined behaviour, see standard error", name);
  return OK;
}

struct Launch { Function* f; unsigned grid[3], block[3], shared; };

// the launch with the values that its arguments have now
std::function<int()> kept(const Launch& of, void** arguments) {
  char text[4096];
  of.f->parameters(text);
  std::istringstream words(text);
  std::vector<std::string> values;
  for (std::string word; words >> word;) {
    size_t size = word[0] == 'p' ? sizeof(void*) : std::stoul(word.substr(1));
    values.emplace_back((const char*)arguments[values.size()], size);
  }
  return [=]() mutable {
    std::vector<void*> pointers;
    for (auto& value : values) pointers.push_back(value.data());
    return run(of.f, of.grid, of.block, of.shared, pointers.data());
  };
}

}  // namespace

// called by the sanitizer's library at each report
extern "C" void __ubsan_on_report() { ++reports; }

extern "C" {
const char* emulated_refusal();
int cuGetErrorName(int status, const char** text) {
  static char name[32];
  std::snprintf(name, sizeof name, "CUDA_ERROR_%d", status);
  *text = name;
  return OK;
}
int cuGetErrorString(int, const char** text) { *text = emulated_refusal(); return OK; }
int cuCtxGetCurrent(void** context) { *context = (void*)1; return OK; }
int cuCtxSetCurrent(void*) { return OK; }
int cuCtxGetDevice(int* device) { *device = 0; return OK; }

int cuModuleLoadData(void** module, const void* image) {
  static Long serial;
  const char* data = (const char*)image;
  if (std::memcmp(data, MAGIC.data(), 8)) return refuse(INVALID_IMAGE, "not made by the emulated NVRTC");
  Long size;
  std::memcpy(&size, data + 8, 8);
  std::string path = std::string(P_tmpdir) + "/on-host-" + std::to_string(getpid()) + "-" + std::to_string(serial++);
  std::ofstream(path, std::ios::binary).write(data + 16, size);
  *module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  unlink(path.c_str());
  return *module ? OK : refuse(INVALID_IMAGE, "%s", dlerror());
}
int cuModuleUnload(void*) { return OK; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
  auto found = [&](const char* what) { return dlsym(module, (std::string(what) + name).c_str()); };
  auto* made = new Function{name};
  made->launch = (decltype(made->launch))found("launch_");
  made->bytes = (decltype(made->bytes))found("bytes_");
  made->parameters = (decltype(made->parameters))found("parameters_");
  *function = made;
  return made->launch ? OK : refuse(NOT_FOUND, "no kernel %s", name);
}
// of each parameter: see describe in words.h
void emulated_parameters(void* function, char* text) { ((Function*)function)->parameters(text); }
int cuFuncSetAttribute(void* f, int what, int value) {
  if (what == DYNAMIC_SHARED_BYTES) ((Function*)f)->shared = value;
  return OK;
}
int cuFuncGetAttribute(int* value, int what, void*) {
  *value = what == 0 ? 1024 : what == DYNAMIC_SHARED_BYTES ? 49152 : what == 4 ? 32 : 0;
  return OK;
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int, size_t) { *blocks = 4; return OK; }
int cuOccupancyMaxPotentialBlockSize(int* grid, int* block, void*, void*, size_t, int) {
  *grid = 528;
  *block = 256;
  return OK;
}
int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** arguments, void**) {
  auto* f = (Function*)function;
  const Launch launch = {f, {gx, gy, gz}, {bx, by, bz}, shared};
  size_t bytes = f->bytes(arguments);
  ++emulated_counts[LAUNCHES];
  emulated_counts[BYTES] += bytes;
  trace("launch %s grid %u,%u,%u block %u,%u,%u bytes %zu\n", f->name.c_str(), gx, gy, gz, bx, by, bz, bytes);
  if (int refused = refuse_grid(f, launch.grid, launch.block, shared)) return refused;
  if (recorded(stream)) {
    record(kept(launch, arguments));
    return OK;
  }
  if (!stream)
    if (int refused = refused_in_capture(stream, "work for the default stream")) return refused;
  return run(f, launch.grid, launch.block, shared, arguments);
}

const char* nvrtcGetErrorString(int) { return "emulated NVRTC: see the log"; }
int nvrtcVersion(int* major, int* minor) { *major = CUDA_VERSION / 1000; *minor = CUDA_VERSION % 1000 / 10; return OK; }
int nvrtcCreateProgram(void** program, const char* source, const char*, int, const char**, const char**) {
  *program = new Program{source};
  return OK;
}
int nvrtcDestroyProgram(void** program) {
  delete (Program*)*program;
  *program = nullptr;
  return OK;
}
int nvrtcCompileProgram(void* of, int count, const char** options) {
  static const std::regex shared("extern\\s+__shared__\\s+(\\w[\\w ]*?)\\s+(\\w+)\\[\\];");
  auto* program = (Program*)of;
  ++emulated_counts[COMPILED];
  std::string text = std::regex_replace(program->source, shared, "$1* $2 = ($1*)cuda::dynamic_shared;");
  bool barriers = has(text, "__sync") || has(text, "__shfl");
  // CuPy's elementwise kernels go on in steps of the whole grid: one thread does all
  bool alone = !barriers && has(text, "CUPY_FOR") && !has(text, "return");
  std::string flags = flags_of(text, count, options);
  bool own = has(flags, "-DREAL=");  // genoml's kernels; CuPy's rely on what GPUs do beyond what CUDA promises
  std::string made = std::string("#include \"") + (own ? "own.h" : "all.h") + "\"\n" + text;
  std::string way = std::string(", ") + "01"[barriers] + ", " + "01"[alone] + ", " + "01"[own];
  for (auto& name : kernels_in(text)) made += "\nEXPORT(" + name + way + ")";
  char folder[] = P_tmpdir "/on-host-XXXXXX";
  if (!mkdtemp(folder)) return NVRTC_FAILED;
  std::string here = folder;
  std::ofstream(here + "/kernel.cpp") << made << "\n";
  std::string command = "cd " + here + " && exec g++ " FLAGS " -shared -I" HOME " -I" HOME "/thrust_words" +
      flags + (own ? " " OWN_FLAGS : "") + " -o kernel.so kernel.cpp > log 2>&1";
  int status = std::system(command.c_str());
  program->log = content(here + "/log");
  if (!status) {
    std::string library = content(here + "/kernel.so");
    Long size = library.size();
    program->made = MAGIC + std::string((char*)&size, 8) + library;
  }
  for (const char* file : {"/log", "/kernel.cpp", "/kernel.so"}) unlink((here + file).c_str());
  rmdir(folder);
  return status ? NVRTC_FAILED : OK;
}
int nvrtcGetPTXSize(void*, size_t* size) { *size = 9; return OK; }
int nvrtcGetPTX(void*, char* text) { std::strcpy(text, "emulated"); return OK; }
int nvrtcGetCUBINSize(void* program, size_t* size) { *size = ((Program*)program)->made.size(); return OK; }
int nvrtcGetCUBIN(void* program, char* made) {
  auto& from = ((Program*)program)->made;
  std::memcpy(made, from.data(), from.size());
  return OK;
}
int nvrtcGetProgramLogSize(void* program, size_t* size) { *size = ((Program*)program)->log.size() + 1; return OK; }
int nvrtcGetProgramLog(void* program, char* log) { std::strcpy(log, ((Program*)program)->log.c_str()); return OK; }
}
