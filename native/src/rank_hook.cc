#include "rank_hook.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "library.h"

// The scheduler renames its copies of a weight ("CUDA0#cls.output.weight#0").
bool RankHook::isLogits(const ggml_tensor *tensor) const {
  if (tensor->op == GGML_OP_MUL_MAT) {
    return std::strstr(tensor->src[0]->name, "cls.output.weight") != nullptr;
  }
  return product != nullptr && tensor->op == GGML_OP_ADD && tensor->src[0] == product;
}

void RankHook::prepare() {
  product = nullptr;
  logits.clear();
  failure.clear();
}

bool RankHook::callback(ggml_tensor *tensor, bool ask, void *user) {
  auto *hook = static_cast<RankHook *>(user);
  if (!hook->isLogits(tensor)) {
    return !ask;  // not wanted; and when not asking, go on
  }
  if (ask) {
    return true;
  }
  try {
    hook->read(tensor);
    return true;
  } catch (const std::exception &error) {  // must not cross llama.cpp's C frames
    hook->failure = error.what();
    return false;
  }
}

void RankHook::read(ggml_tensor *tensor) {
  if (tensor->type != GGML_TYPE_F32 || tensor->ne[0] != labels || tensor->ne[1] != 1) {
    throw std::runtime_error("the classification head's output has an unexpected type or size");
  }
  if (tensor->op == GGML_OP_MUL_MAT) {
    product = tensor;
  }
  logits.resize(labels);
  library().ggml_backend_tensor_get(tensor, logits.data(), 0, sizeof(float) * labels);
}
