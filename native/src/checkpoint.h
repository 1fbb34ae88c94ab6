// What a training goes on from, as bytes: little-endian, with a version and a checksum of everything.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "standardisation.h"
#include "trained_network.h"

struct Checkpoint {
  uint64_t fingerprint;  // of configuration and data
  Standardisation standardisation;
  std::mt19937_64 random;            // as it was when the epoch at hand began
  uint64_t epochs, batches, states;  // epochs finished; batches and states of the one at hand
  double squaredErrors;              // of those states
  OptimiserState optimiser;
};

std::vector<unsigned char> encodeCheckpoint(const Checkpoint& checkpoint);

// Throws std::invalid_argument for bytes that encodeCheckpoint has not made, all of them and in this order.
Checkpoint decodeCheckpoint(const unsigned char* bytes, size_t size);

// A checksum (FNV-1a over 8 bytes at a time): it tells damage and change, not malice.
class Fingerprint {
 public:
  void add(const unsigned char* bytes, size_t size) {
    for (; size >= sizeof(uint64_t); bytes += sizeof(uint64_t), size -= sizeof(uint64_t)) {
      uint64_t word;
      std::memcpy(&word, bytes, sizeof(word));
      mix(word);
    }
    uint64_t rest = 0;
    std::memcpy(&rest, bytes, size);
    mix(rest);
  }
  template <typename Number>
  void add(Number number) {
    uint64_t word = 0;
    std::memcpy(&word, &number, sizeof(number));
    mix(word);
  }
  uint64_t value() const { return value_; }

 private:
  void mix(uint64_t word) { value_ = (value_ ^ word) * 0x100000001b3, value_ ^= value_ >> 32; }

  uint64_t value_ = 0xcbf29ce484222325;
};
