#include "graph_network_binding.h"

#include <limits>
#include <string>

#include "arguments.h"
#include "graph_binding.h"
#include "value_function_binding.h"

namespace {

constexpr int64_t largestDim = 1 << 20, largestInteger = int64_t(1) << 53;

Napi::Array toArrays(Napi::Env env, const std::vector<std::vector<float>>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) array.Set(uint32_t(i), toFloat32Array(env, tensors[i]));
  return array;
}

std::vector<std::vector<float>> fromArrays(Napi::Value value, const std::string& name) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), name + " must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::vector<float>> tensors;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Float32Array numbers = requireFloat32Array(array.Get(i), name);
    tensors.emplace_back(numbers.Data(), numbers.Data() + numbers.ElementLength());
  }
  return tensors;
}

}  // namespace

GraphNetworkBinding::GraphNetworkBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GraphNetworkBinding>(info) {
  const Napi::Env env = info.Env();
  const Napi::Object config = requireObject(info[0], "the argument of GraphNetwork");
  inputDim_ = int(requireInteger(config.Get("inputDim"), "inputDim", 1, largestDim));
  const std::vector<LinearLayer> layers = layersFromJs(config.Get("layers"), inputDim_, "layers");
  const std::string device = requireString(config.Get("device"), "device");
  const std::string objective = requireString(config.Get("objective"), "objective");
  if (objective != "semi-gradient" && objective != "full-gradient") {
    throw Napi::RangeError::New(env, "objective must be 'semi-gradient' or 'full-gradient', not '" + objective + "'");
  }
  network_ = withJsErrors(env, [&] {
    return makeGraphNetwork(deviceNamed(device), layers,
                            objective == "semi-gradient" ? Objective::semiGradient : Objective::fullGradient);
  });
}

// The number of states, at least one.
int GraphNetworkBinding::requireRows(const Napi::Float32Array& states) const {
  const size_t length = states.ElementLength(), rows = length / inputDim_;
  if (rows == 0 || rows * inputDim_ != length || rows > size_t(largestDim)) {
    throw Napi::RangeError::New(states.Env(), "input holds " + std::to_string(length) +
                                                  " numbers, not one or more states of " + std::to_string(inputDim_));
  }
  return int(rows);
}

Napi::Value GraphNetworkBinding::values(const Napi::CallbackInfo& info) {
  const Napi::Float32Array input = requireFloat32Array(info[0], "input");
  const int rows = requireRows(input);
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), rows);
  withJsErrors(info.Env(), [&] { network_->values(input.Data(), rows, out.Data()); });
  return out;
}

// step({input, next, reward, trajectories}, {learningRate, weightDecay, clipNorm?}) -> {squaredErrors, gradientNorm}
Napi::Value GraphNetworkBinding::step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object batch = requireObject(info[0], "the batch"), options = requireObject(info[1], "the settings");
  const Napi::Float32Array input = requireFloat32Array(batch.Get("input"), "input"),
                           reward = requireFloat32Array(batch.Get("reward"), "reward");
  const Napi::Int32Array next = requireInt32Array(batch.Get("next"), "next");
  const int rows = requireRows(input);
  if (next.ElementLength() != size_t(rows) || reward.ElementLength() != size_t(rows)) {
    throw Napi::RangeError::New(
        env, "next and reward must hold one number for each of the " + std::to_string(rows) + " states");
  }
  const int trajectories = int(requireInteger(batch.Get("trajectories"), "trajectories", 1, rows));
  StepSettings settings = {};
  settings.learningRate = requireNumber(options.Get("learningRate"), "learningRate");
  settings.weightDecay = requireNumber(options.Get("weightDecay"), "weightDecay");
  settings.clipNorm = options.Get("clipNorm").IsUndefined() ? std::numeric_limits<double>::infinity()
                                                            : requireNumber(options.Get("clipNorm"), "clipNorm");
  const StepResult done = withJsErrors(env, [&] {
    return network_->step({input.Data(), next.Data(), reward.Data(), rows, trajectories}, settings);
  });
  Napi::Object result = Napi::Object::New(env);
  result.Set("squaredErrors", done.squaredErrors);
  result.Set("gradientNorm", done.gradientNorm);
  return result;
}

Napi::Value GraphNetworkBinding::state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const OptimiserState state = withJsErrors(env, [&] { return network_->state(); });
  Napi::Object result = Napi::Object::New(env);
  result.Set("value", toArrays(env, state.value));
  result.Set("firstMoment", toArrays(env, state.firstMoment));
  result.Set("secondMoment", toArrays(env, state.secondMoment));
  result.Set("steps", double(state.steps));
  return result;
}

void GraphNetworkBinding::restore(const Napi::CallbackInfo& info) {
  const Napi::Object object = requireObject(info[0], "the state");
  OptimiserState state;
  state.value = fromArrays(object.Get("value"), "value");
  state.firstMoment = fromArrays(object.Get("firstMoment"), "firstMoment");
  state.secondMoment = fromArrays(object.Get("secondMoment"), "secondMoment");
  state.steps = requireInteger(object.Get("steps"), "steps", 0, largestInteger);
  withJsErrors(info.Env(), [&] { network_->restore(state); });
}

void initGraphNetwork(Napi::Env env, Napi::Object exports) {
  using Class = GraphNetworkBinding;
  exports.Set("GraphNetwork",
              Class::DefineClass(
                  env, Class::className,
                  {Class::InstanceMethod<&Class::values>("values"), Class::InstanceMethod<&Class::step>("step"),
                   Class::InstanceMethod<&Class::state>("state"), Class::InstanceMethod<&Class::restore>("restore")}));
}
