#include "library.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <stdexcept>

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

Library table;
std::string openDirectory;  // empty until the table is filled

std::mutex logMutex;
std::string logLines;
constexpr size_t LOG_LIMIT = 4000;  // characters kept: an error's own lines, not a flood

void collectLog(ggml_log_level level, const char *text, void *) {
  static thread_local bool continues = false;
  if (level != GGML_LOG_LEVEL_CONT) {
    continues = level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN;
  }
  if (!continues) {
    return;
  }
  std::lock_guard<std::mutex> lock(logMutex);
  if (logLines.size() < LOG_LIMIT) {
    logLines += text;
  }
}

#ifdef _WIN32
using Handle = HMODULE;
Handle openFile(const std::filesystem::path &file) {
  Handle handle = LoadLibraryExW(file.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (!handle) {
    throw std::runtime_error("cannot open " + file.string() + ": error " + std::to_string(GetLastError()));
  }
  return handle;
}
void *findFunction(Handle handle, const char *name) { return reinterpret_cast<void *>(GetProcAddress(handle, name)); }
void closeFile(Handle handle) { FreeLibrary(handle); }
#else
using Handle = void *;
Handle openFile(const std::filesystem::path &file) {
  Handle handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    throw std::runtime_error(dlerror());
  }
  return handle;
}
void *findFunction(Handle handle, const char *name) { return dlsym(handle, name); }
void closeFile(Handle handle) { dlclose(handle); }
#endif

bool showsGpu() {
  for (size_t i = 0; i < table.ggml_backend_dev_count(); i++) {
    if (isGpu(table.ggml_backend_dev_get(i))) {
      return true;
    }
  }
  return false;
}

// Library names carry llama.cpp's version on some platforms (libllama.v0.4.0.so): match "libllama." or "llama.".
std::filesystem::path findFile(const std::filesystem::path &directory, const std::string &name) {
  for (const auto &entry : std::filesystem::directory_iterator(directory)) {
    std::string file = entry.path().filename().string();
    std::string extension = entry.path().extension().string();
    if (extension != ".so" && extension != ".dylib" && extension != ".dll") {
      continue;
    }
    if (file.rfind("lib" + name + ".", 0) == 0 || file.rfind(name + ".", 0) == 0) {
      return entry.path();
    }
  }
  throw std::runtime_error("no " + name + " library in " + directory.string());
}

}  // namespace

bool isGpu(ggml_backend_dev_t device) {
  const enum ggml_backend_dev_type type = table.ggml_backend_dev_type(device);
  return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

std::string libraryProblem(const std::string &library) {
  try {
    closeFile(openFile(library));
    return "";
  } catch (const std::runtime_error &error) {
    return error.what();
  }
}

void openLibrary(const std::string &directory, const std::string &fallbackDirectory) {
  if (!openDirectory.empty()) {
    if (openDirectory != directory) {
      throw std::runtime_error("llama.cpp is already open from " + openDirectory + "; one process takes one variant");
    }
    return;
  }
  std::vector<Handle> handles;
  for (const char *name : {"ggml-base", "ggml", "llama"}) {
    handles.push_back(openFile(findFile(directory, name)));
  }
  auto find = [&](const char *name) {
    for (Handle handle : handles) {
      if (void *function = findFunction(handle, name)) {
        return function;
      }
    }
    throw std::runtime_error(std::string("the llama.cpp libraries in ") + directory + " have no function " + name);
  };
#define RE_CONTROL_FIND(name) table.name = reinterpret_cast<decltype(&::name)>(find(#name));
  RE_CONTROL_FUNCTIONS(RE_CONTROL_FIND)
#undef RE_CONTROL_FIND

  table.llama_log_set(collectLog, nullptr);
  if (table.ggml_backend_reg_count() == 0) {
    table.ggml_backend_load_all_from_path(directory.c_str());
    if (!fallbackDirectory.empty() && !showsGpu()) {
      table.ggml_backend_load_all_from_path(fallbackDirectory.c_str());
    }
  }
  if (table.ggml_backend_dev_count() == 0) {
    throw std::runtime_error("no ggml backend could be loaded from " + directory);
  }
  table.llama_backend_init();
  openDirectory = directory;
}

const Library &library() {
  if (openDirectory.empty()) {
    throw std::runtime_error("the llama.cpp libraries are not open");
  }
  return table;
}

std::string takeLog() {
  std::lock_guard<std::mutex> lock(logMutex);
  std::string lines;
  lines.swap(logLines);
  while (!lines.empty() && lines.back() == '\n') {
    lines.pop_back();
  }
  for (size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 2) {
    lines.replace(at, 1, "; ");
  }
  return lines;
}
