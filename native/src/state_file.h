// A file of states, read at positions. Not mapped into memory: a mapped page of a file that was cut meanwhile
// would end the process (SIGBUS), and the pages would count as this process's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

// A file of states that cannot be opened or read, or that ends too early.
struct UnreadableStates : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class StateFile {
 public:
  // `path` is UTF-8. Throws UnreadableStates naming the path and the system's reason.
  explicit StateFile(std::string path);
  ~StateFile();
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const;  // in bytes, now

  // Copies bytes [offset, offset + size) and returns how many of them the file still has. May be called from several
  // threads at once. Throws UnreadableStates when the system cannot read them.
  size_t read(uint64_t offset, size_t size, void* to) const;

 private:
  std::string path_;
#if defined(_WIN32)
  void* file_;
#else
  int file_;
#endif
};
