#include "checkpoint.h"

#include <sstream>
#include <stdexcept>
#include <string>

namespace {

constexpr char magic[8] = {'R', 'C', 'T', 'R', 'A', 'I', 'N', '1'};  // the last is the version

class Writer {
 public:
  template <typename Number>
  void put(Number number) {
    put((const unsigned char*)&number, sizeof(number));
  }
  template <typename Number>
  void putAll(const Number* numbers, size_t count) {
    put(uint64_t(count));
    put((const unsigned char*)numbers, count * sizeof(Number));
  }
  std::vector<unsigned char> bytes;

 private:
  void put(const unsigned char* from, size_t size) { bytes.insert(bytes.end(), from, from + size); }
};

class Reader {
 public:
  Reader(const unsigned char* bytes, size_t size) : bytes_(bytes), left_(size) {}

  template <typename Number>
  Number take() {
    Number number;
    std::memcpy(&number, take(sizeof(number)), sizeof(number));
    return number;
  }
  template <typename Numbers>
  Numbers takeAll() {
    using Number = typename Numbers::value_type;
    const uint64_t count = take<uint64_t>();
    if (count > left_ / sizeof(Number)) fail();
    Numbers numbers;
    numbers.resize(count);
    if (count > 0) std::memcpy(&numbers[0], take(count * sizeof(Number)), count * sizeof(Number));
    return numbers;
  }
  bool atEnd() const { return left_ == 0; }

  [[noreturn]] static void fail() { throw std::invalid_argument("the checkpoint is damaged"); }

 private:
  const unsigned char* take(size_t size) {
    if (size > left_) fail();
    const unsigned char* at = bytes_;
    bytes_ += size;
    left_ -= size;
    return at;
  }

  const unsigned char* bytes_;
  size_t left_;
};

using Tensors = std::vector<std::vector<float>>;

void putTensors(Writer& to, const Tensors& tensors) {
  to.put(uint64_t(tensors.size()));
  for (const std::vector<float>& tensor : tensors) to.putAll(tensor.data(), tensor.size());
}

Tensors takeTensors(Reader& from) {
  Tensors tensors;
  for (uint64_t left = from.take<uint64_t>(); left > 0; left--) tensors.push_back(from.takeAll<std::vector<float>>());
  return tensors;
}

uint64_t checksum(const unsigned char* bytes, size_t size) {
  Fingerprint of;
  of.add(bytes, size);
  return of.value();
}

}  // namespace

std::vector<unsigned char> encodeCheckpoint(const Checkpoint& checkpoint) {
  std::ostringstream random;
  random << checkpoint.random;
  const std::string text = random.str();
  const OptimiserState& optimiser = checkpoint.optimiser;
  size_t parameters = 0;
  for (const std::vector<float>& tensor : optimiser.value) parameters += tensor.size();

  Writer to;
  to.bytes.reserve(3 * sizeof(float) * parameters + (1 << 16));
  for (const char letter : magic) to.put(letter);
  to.put(checkpoint.fingerprint);
  to.putAll(checkpoint.standardisation.mean.data(), checkpoint.standardisation.mean.size());
  to.put(checkpoint.standardisation.scale);
  to.putAll(text.data(), text.size());
  to.put(checkpoint.epochs);
  to.put(checkpoint.batches);
  to.put(checkpoint.states);
  to.put(checkpoint.squaredErrors);
  to.put(optimiser.steps);
  for (const Tensors* tensors : {&optimiser.value, &optimiser.firstMoment, &optimiser.secondMoment}) {
    putTensors(to, *tensors);
  }
  to.put(checksum(to.bytes.data(), to.bytes.size()));
  return std::move(to.bytes);
}

Checkpoint decodeCheckpoint(const unsigned char* bytes, size_t size) {
  constexpr size_t sum = sizeof(uint64_t);
  if (size < sizeof(magic) + sum || std::memcmp(bytes, magic, sizeof(magic)) != 0) Reader::fail();
  if (Reader(bytes + size - sum, sum).take<uint64_t>() != checksum(bytes, size - sum)) Reader::fail();

  Reader from(bytes + sizeof(magic), size - sizeof(magic) - sum);
  Checkpoint checkpoint;
  checkpoint.fingerprint = from.take<uint64_t>();
  checkpoint.standardisation.mean = from.takeAll<std::vector<float>>();
  checkpoint.standardisation.scale = from.take<float>();
  std::istringstream random(from.takeAll<std::string>());
  random >> checkpoint.random;
  checkpoint.epochs = from.take<uint64_t>();
  checkpoint.batches = from.take<uint64_t>();
  checkpoint.states = from.take<uint64_t>();
  checkpoint.squaredErrors = from.take<double>();
  checkpoint.optimiser.steps = from.take<int64_t>();
  checkpoint.optimiser.value = takeTensors(from);
  checkpoint.optimiser.firstMoment = takeTensors(from);
  checkpoint.optimiser.secondMoment = takeTensors(from);
  if (random.fail() || !from.atEnd()) Reader::fail();
  return checkpoint;
}
