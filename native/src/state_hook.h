// Where the method touches the model: llama.cpp's cb_eval shows every tensor of the graph; `result_norm` holds
// the state of every output row just before the output head. The hook copies the states out and, for rows under
// control, writes the edited ones back, so that the logits come from them. Nothing else in the graph changes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "library.h"
#include "team.h"
#include "value_function.h"

// How the states of these output rows are edited.
struct Control {
  std::shared_ptr<const ValueFunction> valueFunction;
  Ascent ascent;
  std::vector<int> rows;
};

class StateHook {
 public:
  explicit StateHook(int stateSize) : stateSize(stateSize) {}

  // Before a decode that has `rows` outputs. The team edits the states of the controlled ones. Without `head` the graph
  // is stopped at the states, and there are no logits.
  void prepare(int rows, std::vector<Control> controls, Team& team, bool head);

  // cb_eval; `user` is the StateHook. Never throws: a failure is kept for `failure()` and the graph is stopped.
  static bool callback(ggml_tensor* tensor, bool ask, void* user);

  // After the decode: states (rows, D) as the model made them, and as the output head saw them (empty where no
  // row was edited).
  std::vector<float> states, edited;
  // V before and after the edit and |Delta h| / |h|, one a row. NaN for rows that no control names, and for those whose
  // ascent left the finite numbers: they are not edited.
  std::vector<float> valueBefore, valueAfter, edits;
  int rowsSeen = 0;
  std::string failure;

 private:
  void observe(ggml_tensor* tensor);

  int stateSize;
  bool head = true;
  std::vector<Control> controls;
  Team* team = nullptr;
};
