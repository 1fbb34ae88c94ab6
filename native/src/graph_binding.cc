#include "graph_binding.h"

#include <numeric>
#include <string>

#include "arguments.h"
#include "value_function_binding.h"

namespace {

constexpr int64_t largestDim = 1 << 20;

}  // namespace

GraphValueFunctionBinding::GraphValueFunctionBinding(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<GraphValueFunctionBinding>(info) {
  const Napi::Env env = info.Env();
  const Napi::Object config = requireObject(info[0], "the argument of GraphValueFunction");
  const int inputDim = int(requireInteger(config.Get("inputDim"), "inputDim", 1, largestDim));
  const std::vector<LinearLayer> layers = layersFromJs(config.Get("layers"), inputDim, "layers");
  const std::string device = requireString(config.Get("device"), "device");
  ascent_ = withJsErrors(env, [&] { return std::make_unique<GraphAscent>(deviceNamed(device), layers); });
  info.This().As<Napi::Object>().TypeTag(&tag);
}

Napi::Value GraphValueFunctionBinding::ascend(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Float32Array given = requireFloat32Array(info[0], "states");
  const Napi::Object options = requireObject(info[1], "the second argument");
  const Ascent settings = ascentFromJs(options);
  const size_t inputDim = ascent_->inputDim(), count = given.ElementLength() / inputDim;
  if (count == 0 || count * inputDim != given.ElementLength()) {
    throw Napi::RangeError::New(env, "states holds " + std::to_string(given.ElementLength()) +
                                         " numbers, not one or more states of " + std::to_string(inputDim));
  }
  std::vector<int> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  if (!options.Get("rows").IsUndefined()) {
    const Napi::Int32Array named = requireInt32Array(options.Get("rows"), "rows");
    rows.assign(named.Data(), named.Data() + named.ElementLength());
  }

  Napi::Float32Array before = Napi::Float32Array::New(env, rows.size()),
                     after = Napi::Float32Array::New(env, rows.size()),
                     edits = Napi::Float32Array::New(env, rows.size());
  const std::vector<float> states = withJsErrors(env, [&] {
    const GraphDevice device(ascent_->device());
    DeviceTensors tensors(1);
    ggml_tensor* tensor = tensors.add(GGML_TYPE_F32, int64_t(inputDim), int64_t(count));
    tensors.allocate(device);
    upload(tensor, {given.Data(), given.Data() + given.ElementLength()});
    ascent_->ascend(tensor, rows, settings, {before.Data(), after.Data(), edits.Data()});
    return download(tensor);
  });
  Napi::Object result = Napi::Object::New(env);
  result.Set("states", toFloat32Array(env, states));
  result.Set("valueBefore", before);
  result.Set("valueAfter", after);
  result.Set("edits", edits);
  return result;
}

void initGraph(Napi::Env env, Napi::Object exports) {
  using Class = GraphValueFunctionBinding;
  exports.Set("GraphValueFunction",
              Class::DefineClass(env, Class::className, {Class::InstanceMethod<&Class::ascend>("ascend")}));
}
