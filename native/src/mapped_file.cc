#include "mapped_file.h"

#include <stdexcept>
#include <system_error>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace {

[[noreturn]] void fail(const std::string& path, int code) {
  throw std::runtime_error("cannot map " + path + ": " + std::system_category().message(code));
}

}  // namespace

#if defined(_WIN32)

MappedFile::MappedFile(const std::string& path) {
  std::wstring wide(MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), nullptr, 0), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), &wide[0], int(wide.size()));
  const HANDLE file =
      CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) fail(path, int(GetLastError()));
  LARGE_INTEGER size;
  DWORD code = GetFileSizeEx(file, &size) ? 0 : GetLastError();
  if (code == 0 && size.QuadPart > 0) {  // an empty file cannot be mapped and need not be
    const HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    if (mapping) data_ = (const unsigned char*)MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
    if (!data_) code = GetLastError();
    if (mapping) CloseHandle(mapping);
    size_ = size_t(size.QuadPart);
  }
  CloseHandle(file);  // the view keeps the mapping alive
  if (code != 0) fail(path, int(code));
}

MappedFile::~MappedFile() {
  if (data_) UnmapViewOfFile(data_);
}

#else

MappedFile::MappedFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, errno);
  struct stat status;
  int code = fstat(file, &status) == 0 ? 0 : errno;
  if (code == 0 && !S_ISREG(status.st_mode)) code = EINVAL;
  if (code == 0 && status.st_size > 0) {  // an empty file cannot be mapped and need not be
    void* view = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_SHARED, file, 0);
    if (view == MAP_FAILED) {
      code = errno;
    } else {
      data_ = static_cast<const unsigned char*>(view);
      size_ = size_t(status.st_size);
    }
  }
  close(file);  // the view keeps the file alive
  if (code != 0) fail(path, code);
}

MappedFile::~MappedFile() {
  if (data_) munmap(const_cast<unsigned char*>(data_), size_);
}

#endif
