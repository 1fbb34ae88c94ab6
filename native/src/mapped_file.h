// A file mapped read-only into memory. The system brings its pages in as they are read and may drop them
// again, so a collection of states larger than the memory can be walked through.
#pragma once

#include <cstddef>
#include <string>

class MappedFile {
 public:
  // `path` is UTF-8. Throws std::runtime_error naming the path and the system's reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // The file must not be cut while it is mapped: reading a page that is gone ends the process (SIGBUS).
  const unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const unsigned char* data_ = nullptr;
  size_t size_ = 0;
};
