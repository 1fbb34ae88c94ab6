#include "training_data.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "float16.h"

void TrainingData::check(double reward, uint64_t count) const {
  if (count == 0) throw std::invalid_argument(name(trajectories_.size()) + " has no states");
  if (!std::isfinite(reward)) throw std::invalid_argument(name(trajectories_.size()) + ": the reward is not finite");
}

void TrainingData::add(double reward, bool validation, const float* states, uint64_t count) {
  check(reward, count);
  trajectories_.push_back({reward, validation, count, memory_.size(), nullptr, StateType::float16});
  memory_.insert(memory_.end(), states, states + count * inputDim_);
}

void TrainingData::add(double reward, bool validation, const std::string& path, StateType type, uint64_t offset,
                       uint64_t count) {
  check(reward, count);
  std::unique_ptr<const StateFile>& file = files_[path];
  if (!file) file = std::make_unique<StateFile>(path);
  const uint64_t bytes = count * inputDim_ * sizeof(uint16_t);
  if (offset > file->size() || bytes > file->size() - offset) {
    throw UnreadableStates(name(trajectories_.size()) + " needs bytes " + std::to_string(offset) + " to " +
                           std::to_string(offset + bytes) + " of " + path + ", which has only " +
                           std::to_string(file->size()));
  }
  trajectories_.push_back({reward, validation, count, offset, file.get(), type});
}

void TrainingData::markAnswer() {
  trajectories_.back().answer = true;
  trajectories_.back().validation = true;  // read and checked, but not measured
}

void TrainingData::setPair(size_t trajectory, size_t preferred, size_t dispreferred) {
  for (const size_t i : {preferred, dispreferred}) {
    if (i >= trajectories_.size() || !trajectories_[i].answer) {
      throw std::invalid_argument(name(trajectory) + " has " + name(i) + " in its pair, which is no answer");
    }
  }
  if (trajectories_[trajectory].answer) throw std::invalid_argument(name(trajectory) + " is an answer and has a pair");
  trajectories_[trajectory].preferred = int64_t(preferred);
  trajectories_[trajectory].dispreferred = int64_t(dispreferred);
}

void TrainingData::read(const std::vector<Span>& spans, float* states) const {
  const size_t D = inputDim_;
  std::vector<unsigned char> bytes;
  for (const Span& span : spans) {
    const Trajectory& trajectory = trajectories_[span.trajectory];
    const size_t numbers = span.count * D;
    if (!trajectory.file) {
      std::copy_n(memory_.data() + trajectory.offset + span.first * D, numbers, states);
    } else {
      bytes.resize(numbers * sizeof(uint16_t));
      const uint64_t offset = trajectory.offset + span.first * D * sizeof(uint16_t);
      if (trajectory.file->read(offset, bytes.size(), bytes.data()) < bytes.size()) {
        throw UnreadableStates(trajectory.file->path() + " ended at byte " + std::to_string(trajectory.file->size()) +
                               ", " + name(span.trajectory) + " needs bytes " + std::to_string(trajectory.offset) +
                               " to " + std::to_string(trajectory.offset + trajectory.count * D * sizeof(uint16_t)) +
                               ": it was cut while it was read");
      }
      const auto widen = trajectory.type == StateType::float16 ? float16ToFloat32 : bfloat16ToFloat32;
      widen(bytes.data(), states, numbers);
    }
    states += numbers;
  }
}

std::vector<Pack> packTrajectories(const TrainingData& data, const std::vector<size_t>& order, int states, bool pairs) {
  const std::vector<Trajectory>& trajectories = data.trajectories();
  std::vector<Pack> packs;
  std::vector<Span> answers;  // of the pack at hand
  uint64_t packed = 0;
  const auto close = [&] {
    if (packs.empty()) return;
    Pack& pack = packs.back();
    int32_t row = int32_t(packed - answers.size());
    for (PairRows& pair : pack.pairs) {
      pair.preferred = row++;
      pair.dispreferred = row++;
    }
    pack.spans.insert(pack.spans.end(), answers.begin(), answers.end());
    answers.clear();
    packed = 0;
  };
  for (const size_t i : order) {
    const Trajectory& trajectory = trajectories[i];
    const bool paired = pairs && trajectory.preferred >= 0;
    const uint64_t rows = trajectory.count + (paired ? 2 : 0);
    if (packs.empty() || packed + rows > uint64_t(states)) {
      close();
      packs.emplace_back();
    }
    Pack& pack = packs.back();
    pack.spans.push_back({i, 0, trajectory.count});
    if (paired) {
      pack.pairs.push_back({int32_t(packed - answers.size() + trajectory.count) - 1, 0, 0});
      for (const int64_t answer : {trajectory.preferred, trajectory.dispreferred}) {
        answers.push_back({size_t(answer), trajectories[answer].count - 1, 1});
      }
    }
    packed += rows;
  }
  close();
  return packs;
}

std::vector<Pack> splitEvenly(const TrainingData& data, int states) {
  std::vector<Pack> pieces;
  uint64_t room = 0;
  for (size_t i = 0; i < data.trajectories().size(); i++) {
    const uint64_t count = data.trajectories()[i].count;
    for (uint64_t first = 0; first < count;) {
      if (room == 0) {
        pieces.emplace_back();
        room = uint64_t(states);
      }
      const uint64_t taken = std::min(room, count - first);
      pieces.back().spans.push_back({i, first, taken});
      first += taken;
      room -= taken;
    }
  }
  return pieces;
}
