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

// Whole trajectories in the order given, up to `states` states a batch; a longer one is a batch of its own.
std::vector<std::vector<Span>> packTrajectories(const TrainingData& data, const std::vector<size_t>& order, int states);

// All states in order, `states` a piece.
std::vector<std::vector<Span>> splitEvenly(const TrainingData& data, int states);
