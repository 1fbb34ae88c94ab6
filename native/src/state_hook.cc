#include "state_hook.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "graph_ascent.h"

namespace {

// With embeddings = true llama.cpp renames the same tensor, and a hook on the first name alone never fires.
bool isState(const ggml_tensor *tensor) {
  return std::strcmp(tensor->name, "result_norm") == 0 || std::strcmp(tensor->name, "result_embd_pooled") == 0;
}

bool allFinite(const float *numbers, int count) {
  int wrong = 0;
  for (int i = 0; i < count; i++) wrong |= !(std::fabs(numbers[i]) <= FLT_MAX);
  return wrong == 0;
}

// The ascent on the device that holds the states; null where that is the host's memory, or where the device cannot.
GraphAscent *ascentBeside(const ggml_tensor *states, const Control &control) {
  const bool possible = onDevice(states) && control.ascent.updates <= GraphAscent::mostUpdates;
  return possible ? control.valueFunction->ascentOn(deviceOf(states)) : nullptr;
}

}  // namespace

void StateHook::prepare(int rows, std::vector<Control> newControls, Team &newTeam, bool withHead,
                        StateFormat newFormat) {
  controls = std::move(newControls);
  team = &newTeam;
  head = withHead;
  format = newFormat;
  states.resize(static_cast<size_t>(rows) * stateSize);
  finite.assign(rows, 1);
  edited.clear();
  valueBefore.assign(rows, NAN);
  valueAfter.assign(rows, NAN);
  edits.assign(rows, NAN);
  editedOn.clear();
  copies.clear();
  rowsSeen = 0;
  failure.clear();
}

bool StateHook::callback(ggml_tensor *tensor, bool ask, void *user) {
  if (!isState(tensor)) {
    return !ask;  // not wanted; and when not asking, go on
  }
  if (ask) {
    return true;
  }
  auto *hook = static_cast<StateHook *>(user);
  try {
    hook->observe(tensor);
    return hook->head;
  } catch (const std::exception &error) {  // must not cross llama.cpp's C frames
    hook->failure = error.what();
    return false;
  }
}

// One graph holds a part of the batch (a ubatch); its output rows come in the batch's order after those before.
void StateHook::observe(ggml_tensor *tensor) {
  const int rows = static_cast<int>(tensor->ne[1]);
  const int first = rowsSeen;
  if (tensor->type != GGML_TYPE_F32 || tensor->ne[0] != stateSize) {
    throw std::runtime_error("the state tensor has an unexpected type or size");
  }
  if (static_cast<size_t>(first + rows) * stateSize > states.size()) {
    throw std::runtime_error("the graph has more output rows than the batch asked for");
  }
  if (rows == 0) {
    return;
  }
  rowsSeen += rows;
  const bool away = onDevice(tensor);
  if (away && format == StateFormat::none) {
    checkFinite(tensor, first);
  } else {
    readStates(tensor, first, rows);
  }
  copyWithin(tensor, first, rows);
  for (const Control &control : controls) {
    apply(control, tensor, first, rows);
  }
}

void StateHook::copyWithin(ggml_tensor *tensor, int first, int rows) const {
  const Library &lib = library();
  const size_t rowBytes = sizeof(float) * stateSize;
  std::vector<float> state(stateSize);
  for (const auto [from, to] : copies) {
    const bool here = from >= first && from < first + rows;
    if (here != (to >= first && to < first + rows)) {
      throw std::runtime_error("a batch whose rows are compared became two graphs");
    }
    if (here) {
      lib.ggml_backend_tensor_get(tensor, state.data(), (from - first) * rowBytes, rowBytes);
      lib.ggml_backend_tensor_set(tensor, state.data(), (to - first) * rowBytes, rowBytes);
    }
  }
}

void StateHook::readStates(ggml_tensor *tensor, int first, int rows) {
  float *block = states.data() + static_cast<size_t>(first) * stateSize;
  library().ggml_backend_tensor_get(tensor, block, 0, sizeof(float) * stateSize * rows);
  for (int row = 0; row < rows; row++) {
    finite[first + row] = allFinite(block + static_cast<size_t>(row) * stateSize, stateSize);
  }
  if (!edited.empty()) {
    std::copy_n(block, static_cast<size_t>(rows) * stateSize, edited.begin() + static_cast<size_t>(first) * stateSize);
  }
}

void StateHook::checkFinite(ggml_tensor *tensor, int first) {
  if (!finiteRows || finiteRows->device() != deviceOf(tensor)) {
    finiteRows = std::make_unique<FiniteRows>(deviceOf(tensor), stateSize);
  }
  finiteRows->check(tensor, &finite[first]);
}

void StateHook::apply(const Control &control, ggml_tensor *tensor, int first, int rows) {
  std::vector<int> here;  // of the tensor's rows
  for (int row : control.rows) {
    if (row >= first && row < first + rows) {
      here.push_back(row - first);
    }
  }
  if (here.empty()) {
    return;
  }
  const Library &lib = library();
  const size_t count = here.size(), rowBytes = sizeof(float) * stateSize;
  std::vector<float> before(count), after(count), edit(count), moved;
  const AscentReport report = {before.data(), after.data(), edit.data()};
  GraphAscent *beside = ascentBeside(tensor, control);
  if (beside) {
    beside->ascend(tensor, here, control.ascent, report);
    editedOn = lib.ggml_backend_dev_name(beside->device());
  } else {
    moved.resize(count * stateSize);
    for (size_t i = 0; i < count; i++) {
      lib.ggml_backend_tensor_get(tensor, &moved[i * stateSize], here[i] * rowBytes, rowBytes);
    }
    control.valueFunction->ascend(moved.data(), static_cast<int>(count), control.ascent, report, *team);
    editedOn = lib.ggml_backend_dev_name(lib.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
  }

  const bool changes = control.ascent.stepSize != 0 && control.ascent.updates > 0;
  if (changes && format == StateFormat::float32 && edited.empty()) {
    edited = states;
  }
  for (size_t i = 0; i < count; i++) {
    const int row = first + here[i];
    if (!std::isfinite(before[i]) || !std::isfinite(after[i]) || !std::isfinite(edit[i])) {
      continue;  // left as it was, its values NaN
    }
    valueBefore[row] = before[i];
    valueAfter[row] = after[i];
    edits[row] = edit[i];
    if (changes && !beside) {
      lib.ggml_backend_tensor_set(tensor, &moved[i * stateSize], here[i] * rowBytes, rowBytes);
    }
    if (!edited.empty()) {
      lib.ggml_backend_tensor_get(tensor, &edited[static_cast<size_t>(row) * stateSize], here[i] * rowBytes, rowBytes);
    }
  }
}
