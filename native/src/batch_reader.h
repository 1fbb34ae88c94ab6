// Reads batches of states one after another, each on a thread of its own while the one before it is used. Two
// batches are in memory at a time, whatever the files' size.
#pragma once

#include <future>
#include <vector>

#include "standardisation.h"
#include "trained_network.h"
#include "training_data.h"

struct StateBatch {
  std::vector<Span> spans;
  std::vector<float> input;   // (rows, inputDim)
  std::vector<int32_t> next;  // (rows): as in TrainingBatch
  std::vector<float> reward;  // (rows)
  std::vector<PairRows> pairs;  // their answers are the last rows, two a pair

  int rows() const { return int(next.size()); }
  // of the trajectories, without the answers
  int states() const { return rows() - 2 * int(pairs.size()); }
  TrainingBatch forTraining() const {
    const int trajectories = int(spans.size()) - 2 * int(pairs.size());
    return {input.data(), next.data(), reward.data(), states(), trajectories, pairs.data(), int(pairs.size())};
  }
};

class BatchReader {
 public:
  // Of `batches` those from number `first` on, standardised. Both references must stay valid.
  BatchReader(const TrainingData& data, const Standardisation& by, std::vector<Pack> batches, size_t first = 0);

  // The next batch, valid until the next call; null after the last. Throws what TrainingData::read throws.
  const StateBatch* next();

 private:
  void readAhead(StateBatch buffers);
  StateBatch read(StateBatch batch) const;

  const TrainingData& data_;
  const Standardisation& by_;
  const std::vector<Pack> batches_;
  size_t position_;  // of the batch that is being read
  StateBatch current_;
  std::future<StateBatch> ahead_;  // last, as its end waits for the reading, which uses the others
};
