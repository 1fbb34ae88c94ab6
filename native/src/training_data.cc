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

std::vector<std::vector<Span>> packTrajectories(const TrainingData& data, const std::vector<size_t>& order,
                                                int states) {
  std::vector<std::vector<Span>> batches;
  uint64_t packed = 0;
  for (const size_t i : order) {
    const uint64_t count = data.trajectories()[i].count;
    if (batches.empty() || packed + count > uint64_t(states)) {
      batches.emplace_back();
      packed = 0;
    }
    batches.back().push_back({i, 0, count});
    packed += count;
  }
  return batches;
}

std::vector<std::vector<Span>> splitEvenly(const TrainingData& data, int states) {
  std::vector<std::vector<Span>> pieces;
  uint64_t room = 0;
  for (size_t i = 0; i < data.trajectories().size(); i++) {
    const uint64_t count = data.trajectories()[i].count;
    for (uint64_t first = 0; first < count;) {
      if (room == 0) {
        pieces.emplace_back();
        room = uint64_t(states);
      }
      const uint64_t taken = std::min(room, count - first);
      pieces.back().push_back({i, first, taken});
      first += taken;
      room -= taken;
    }
  }
  return pieces;
}
