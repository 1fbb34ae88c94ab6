// The trajectories that a value function is trained on: their rewards in memory, their states mostly in files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "state_file.h"

enum class StateType { float16, bfloat16 };

// One response.
struct Trajectory {
  double reward;
  bool validation;
  uint64_t count;  // of states
  // Where they begin: in bytes in a file, or in floats in memory without one.
  uint64_t offset;
  const StateFile* file;
  StateType type;
  // An answer of a pair: neither trained on nor validated by itself.
  bool answer = false;
  // Indices of the answers to this response's prompt that people prefer and do not; -1 without a pair.
  int64_t preferred = -1, dispreferred = -1;
};

// The states [first, first + count) of one trajectory.
struct Span {
  size_t trajectory;
  uint64_t first, count;
};

class TrainingData {
 public:
  explicit TrainingData(int inputDim) : inputDim_(inputDim) {}

  // Both throw std::invalid_argument for no states or a reward that is not finite. `states` (count, inputDim) is
  // copied.
  void add(double reward, bool validation, const float* states, uint64_t count);
  // From byte `offset` of a file that stays open. Throws UnreadableStates when it cannot be read or is too short.
  void add(double reward, bool validation, const std::string& file, StateType type, uint64_t offset, uint64_t count);
  // Makes the trajectory that was added last an answer, which does not count in the standardisation.
  void markAnswer();
  // Throws std::invalid_argument unless the two are answers and `trajectory` is none.
  void setPair(size_t trajectory, size_t preferred, size_t dispreferred);

  int inputDim() const { return inputDim_; }
  const std::vector<Trajectory>& trajectories() const { return trajectories_; }

  // The states of the spans one after another, raw, to `states` (rows, inputDim). May be called from several threads
  // at once. Throws UnreadableStates when a file cannot be read, or was cut since it was opened.
  void read(const std::vector<Span>& spans, float* states) const;

 private:
  void check(double reward, uint64_t count) const;
  std::string name(size_t trajectory) const { return "trajectory " + std::to_string(trajectory); }

  int inputDim_;
  std::vector<Trajectory> trajectories_;
  std::vector<float> memory_;
  std::map<std::string, std::unique_ptr<const StateFile>> files_;
};

// Rows of a batch: the last states of a response and of the two answers of its pair.
struct PairRows {
  int32_t generated, preferred, dispreferred;
};

// What is read as one batch: whole trajectories, and behind them the last states of the pairs' answers, two a pair.
struct Pack {
  std::vector<Span> spans;
  std::vector<PairRows> pairs;
};

// Whole trajectories in the order given, up to `states` states a batch; a longer one is a batch of its own. With
// `pairs` each has the last states of its answers in its batch, which count, too.
std::vector<Pack> packTrajectories(const TrainingData& data, const std::vector<size_t>& order, int states, bool pairs);

// All states in order, `states` a piece.
std::vector<Pack> splitEvenly(const TrainingData& data, int states);
