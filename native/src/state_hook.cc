#include "state_hook.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace {

// With embeddings = true llama.cpp renames the same tensor, and a hook on the first name alone never fires.
bool isState(const ggml_tensor *tensor) {
  return std::strcmp(tensor->name, "result_norm") == 0 || std::strcmp(tensor->name, "result_embd_pooled") == 0;
}

}  // namespace

void StateHook::prepare(int rows, std::vector<Control> newControls, Team &newTeam, bool withHead) {
  controls = std::move(newControls);
  team = &newTeam;
  head = withHead;
  states.assign(static_cast<size_t>(rows) * stateSize, 0.0f);
  edited.clear();
  valueBefore.assign(rows, NAN);
  valueAfter.assign(rows, NAN);
  edits.assign(rows, NAN);
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
  const Library &lib = library();
  const size_t rowBytes = sizeof(float) * stateSize;
  float *block = states.data() + static_cast<size_t>(first) * stateSize;
  lib.ggml_backend_tensor_get(tensor, block, 0, rows * rowBytes);
  rowsSeen += rows;
  if (!edited.empty()) {
    std::memcpy(edited.data() + static_cast<size_t>(first) * stateSize, block, rows * rowBytes);
  }

  for (const Control &control : controls) {
    std::vector<int> here;
    for (int row : control.rows) {
      if (row >= first && row < first + rows) {
        here.push_back(row);
      }
    }
    if (here.empty()) {
      continue;
    }
    std::vector<float> gathered(here.size() * stateSize), before(here.size()), after(here.size()), edit(here.size());
    for (size_t i = 0; i < here.size(); i++) {
      std::memcpy(&gathered[i * stateSize], &states[static_cast<size_t>(here[i]) * stateSize], rowBytes);
    }
    control.valueFunction->ascend(gathered.data(), static_cast<int>(here.size()), control.ascent,
                                  {before.data(), after.data(), edit.data()}, *team);
    const bool changes = control.ascent.stepSize != 0 && control.ascent.updates > 0;
    if (changes && edited.empty()) {
      edited = states;
    }
    for (size_t i = 0; i < here.size(); i++) {
      const int row = here[i];
      if (!std::isfinite(before[i]) || !std::isfinite(after[i]) || !std::isfinite(edit[i])) {
        continue;  // left as it was, its values NaN
      }
      valueBefore[row] = before[i];
      valueAfter[row] = after[i];
      edits[row] = edit[i];
      if (changes) {
        std::memcpy(&edited[static_cast<size_t>(row) * stateSize], &gathered[i * stateSize], rowBytes);
        lib.ggml_backend_tensor_set(tensor, &gathered[i * stateSize], (row - first) * rowBytes, rowBytes);
      }
    }
  }
}
