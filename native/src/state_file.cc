#include "state_file.h"

#include <algorithm>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace {

constexpr size_t largestRead = 1 << 30;  // what every system takes at once

[[noreturn]] void fail(const char* action, const std::string& path, int code) {
  throw UnreadableStates(std::string("cannot ") + action + " " + path + ": " + std::system_category().message(code));
}

}  // namespace

#if defined(_WIN32)

StateFile::StateFile(std::string path) : path_(std::move(path)) {
  std::wstring wide(MultiByteToWideChar(CP_UTF8, 0, path_.data(), int(path_.size()), nullptr, 0), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path_.data(), int(path_.size()), &wide[0], int(wide.size()));
  file_ = CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING,
                      FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file_ == INVALID_HANDLE_VALUE) fail("open", path_, int(GetLastError()));
}

StateFile::~StateFile() { CloseHandle(file_); }

uint64_t StateFile::size() const {
  LARGE_INTEGER size;
  if (!GetFileSizeEx(file_, &size)) fail("read", path_, int(GetLastError()));
  return uint64_t(size.QuadPart);
}

size_t StateFile::read(uint64_t offset, size_t size, void* to) const {
  size_t done = 0;
  while (done < size) {
    OVERLAPPED at = {};
    at.Offset = DWORD(offset + done);
    at.OffsetHigh = DWORD((offset + done) >> 32);
    DWORD got = 0;
    if (!ReadFile(file_, static_cast<char*>(to) + done, DWORD(std::min(size - done, largestRead)), &got, &at)) {
      if (GetLastError() == ERROR_HANDLE_EOF) break;
      fail("read", path_, int(GetLastError()));
    }
    if (got == 0) break;
    done += got;
  }
  return done;
}

#else

StateFile::StateFile(std::string path) : path_(std::move(path)), file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) fail("open", path_, errno);
  struct stat status;
  int code = fstat(file_, &status) == 0 ? 0 : errno;
  if (code == 0 && !S_ISREG(status.st_mode)) code = EINVAL;
  if (code != 0) {
    close(file_);
    fail("open", path_, code);
  }
}

StateFile::~StateFile() { close(file_); }

uint64_t StateFile::size() const {
  struct stat status;
  if (fstat(file_, &status) != 0) fail("read", path_, errno);
  return uint64_t(status.st_size);
}

size_t StateFile::read(uint64_t offset, size_t size, void* to) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(file_, static_cast<char*>(to) + done, std::min(size - done, largestRead), off_t(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path_, errno);
    if (got == 0) break;
    done += size_t(got);
  }
  return done;
}

#endif
