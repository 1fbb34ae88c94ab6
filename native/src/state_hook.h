// Where the method touches the model: llama.cpp's cb_eval shows every tensor of the graph; `result_norm` holds
// the state of every output row just before the output head. For rows under control the hook puts the edited state in
// its place, so that the logits come from it. Nothing else in the graph changes. Where the tensor is on a GPU the edit
// is made there, and states are copied out only when they are wanted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "finite_rows.h"
#include "library.h"
#include "team.h"
#include "value_function.h"

// How the states of these output rows are edited.
struct Control {
  std::shared_ptr<const ValueFunction> valueFunction;
  Ascent ascent;
  std::vector<int> rows;
};

// How states are handed out.
enum class StateFormat { none, float16, float32 };

class StateHook {
 public:
  explicit StateHook(int stateSize) : stateSize(stateSize) {}

  // Before a decode that has `rows` outputs. The team edits the states of the controlled ones that are in the host's
  // memory; no row is named twice. Without `head` the graph is stopped at the states, and there are no logits.
  void prepare(int rows, std::vector<Control> controls, Team& team, bool head, StateFormat format);

  // For the next decode, after `prepare`: row `to` gets the state of row `from` before any edit. Both must be in one
  // graph, as they are where a batch is one.
  struct Copy {
    int from, to;
  };
  void copyStates(std::vector<Copy> newCopies) { copies = std::move(newCopies); }

  // cb_eval; `user` is the StateHook. Never throws: a failure is kept for `failure()` and the graph is stopped.
  static bool callback(ggml_tensor* tensor, bool ask, void* user);

  // After the decode: states (rows, D) as the model made them, not written to where they stayed on a GPU; and as the
  // output head saw them, empty where no row was edited or the format is not float32.
  std::vector<float> states, edited;
  std::vector<uint8_t> finite;  // one a row: 1 where all of its numbers are, before any edit
  // V before and after the edit and |Delta h| / |h|, one a row. NaN for rows that no control names, and for those whose
  // ascent left the finite numbers: they are not edited.
  std::vector<float> valueBefore, valueAfter, edits;
  std::string editedOn;  // the device that ran the ascents; empty without control
  int rowsSeen = 0;
  std::string failure;

 private:
  void observe(ggml_tensor* tensor);
  void readStates(ggml_tensor* tensor, int first, int rows);
  void checkFinite(ggml_tensor* tensor, int first);
  void apply(const Control& control, ggml_tensor* tensor, int first, int rows);
  void copyWithin(ggml_tensor* tensor, int first, int rows) const;

  int stateSize;
  bool head = true;
  StateFormat format = StateFormat::float32;
  std::unique_ptr<FiniteRows> finiteRows;  // for states on a GPU, from the first of them on
  std::vector<Control> controls;
  std::vector<Copy> copies;
  Team* team = nullptr;
};
