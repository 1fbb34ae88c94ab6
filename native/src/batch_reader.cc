#include "batch_reader.h"

#include <system_error>
#include <utility>

#include "gemm.h"

BatchReader::BatchReader(const TrainingData& data, const Standardisation& by, std::vector<Pack> batches, size_t first)
    : data_(data), by_(by), batches_(std::move(batches)), position_(first) {
  if (position_ < batches_.size()) readAhead({});
}

const StateBatch* BatchReader::next() {
  if (!ahead_.valid()) return nullptr;
  StateBatch used = std::exchange(current_, ahead_.get());
  if (++position_ < batches_.size()) readAhead(std::move(used));
  return &current_;
}

// Into the buffers of a batch that is done with. A small batch is read when it is asked for: starting a thread
// would take longer.
void BatchReader::readAhead(StateBatch buffers) {
  buffers.spans = batches_[position_].spans;
  buffers.pairs = batches_[position_].pairs;
  size_t rows = 0;
  for (const Span& span : buffers.spans) rows += span.count;
  buffers.next.resize(rows);
  buffers.reward.resize(rows);
  buffers.input.resize(rows * data_.inputDim());
  const auto work = [this](StateBatch batch) { return read(std::move(batch)); };
  if (buffers.input.size() >= worthAThread) {
    try {
      ahead_ = std::async(std::launch::async, work, std::move(buffers));
      return;
    } catch (const std::system_error&) {
      // The system has no more threads to give: as for a small batch.
    }
  }
  ahead_ = std::async(std::launch::deferred, work, std::move(buffers));
}

StateBatch BatchReader::read(StateBatch batch) const {
  data_.read(batch.spans, batch.input.data());
  by_.apply(batch.input.data(), batch.next.size());
  int32_t row = 0;
  for (const Span& span : batch.spans) {
    for (uint64_t t = 0; t < span.count; t++, row++) {
      batch.next[row] = t + 1 < span.count ? row + 1 : -1;
      batch.reward[row] = float(data_.trajectories()[span.trajectory].reward);
    }
  }
  return batch;
}
