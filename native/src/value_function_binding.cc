#include "value_function_binding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "graph_device.h"

namespace {

constexpr int64_t largestDim = 1 << 20;

// The number of states in an argument that holds whole ones.
int requireRows(const Napi::Float32Array& states, int inputDim) {
  const size_t rows = states.ElementLength() / inputDim;
  if (rows * inputDim != states.ElementLength() || rows > INT32_MAX) {
    throw Napi::RangeError::New(states.Env(), "states holds " + std::to_string(states.ElementLength()) +
                                                  " numbers, not a multiple of inputDim " + std::to_string(inputDim));
  }
  return int(rows);
}

template <class Run>
Napi::Value runAscent(const Napi::CallbackInfo& info, const ValueFunction& V, const Run& run) {
  const Napi::Float32Array given = requireFloat32Array(info[0], "states");
  const int rows = requireRows(given, V.inputDim());
  const Ascent settings = ascentFromJs(requireObject(info[1], "the second argument"));
  Napi::Float32Array states = Napi::Float32Array::New(info.Env(), given.ElementLength());
  std::copy_n(given.Data(), given.ElementLength(), states.Data());
  const auto numbers = [&] { return Napi::Float32Array::New(info.Env(), rows); };
  Napi::Float32Array before = numbers(), after = numbers(), edits = numbers();
  run(states.Data(), rows, settings, AscentReport{before.Data(), after.Data(), edits.Data()});

  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("states", states);
  result.Set("valueBefore", before);
  result.Set("valueAfter", after);
  result.Set("edits", edits);
  return result;
}

}  // namespace

Ascent ascentFromJs(const Napi::Object& options) {
  Ascent settings;
  const auto number = [&](const char* name, double least, float& to) {
    const Napi::Value value = options.Get(name);
    if (value.IsUndefined() || value.IsNull()) return;
    const double given = requireNumber(value, name);
    to = float(given);
    if (given < least || !std::isfinite(to)) {
      throw Napi::RangeError::New(options.Env(), std::string(name) + " is out of range");
    }
  };
  constexpr double any = -std::numeric_limits<double>::infinity();
  requireNumber(options.Get("stepSize"), "stepSize");
  number("stepSize", any, settings.stepSize);
  settings.updates = int(requireInteger(options.Get("updates"), "updates", 0, 100000));
  number("target", any, settings.target);
  number("tolerance", 0, settings.tolerance);
  number("maxEdit", 0, settings.maxEdit);
  return settings;
}

std::vector<LinearLayer> layersFromJs(Napi::Value value, int inputDim, const char* name) {
  const Napi::Env env = value.Env();
  if (!value.IsArray()) throw Napi::TypeError::New(env, std::string(name) + " must be an array");
  const Napi::Array array = value.As<Napi::Array>();
  if (array.Length() > 3) throw Napi::RangeError::New(env, std::string(name) + " must be two or three");
  std::vector<LinearLayer> layers;
  int64_t inputs = inputDim;
  for (uint32_t l = 0; l < array.Length(); l++) {
    const std::string at = std::string(name) + "[" + std::to_string(l) + "]";
    const Napi::Object object = requireObject(array.Get(l), at);
    const Napi::Float32Array weight = requireFloat32Array(object.Get("weight"), at + ".weight");
    const Napi::Float32Array bias = requireFloat32Array(object.Get("bias"), at + ".bias");
    const int64_t outputs = int64_t(bias.ElementLength());
    if (outputs < 1 || outputs > largestDim || int64_t(weight.ElementLength()) != outputs * inputs) {
      throw Napi::RangeError::New(env, at + ".weight holds " + std::to_string(weight.ElementLength()) +
                                           " numbers, but " + std::to_string(outputs) + " outputs (the bias) x " +
                                           std::to_string(inputs) + " inputs are " + std::to_string(outputs * inputs));
    }
    layers.push_back({int(inputs), int(outputs),
                      std::vector<float>(weight.Data(), weight.Data() + weight.ElementLength()),
                      std::vector<float>(bias.Data(), bias.Data() + bias.ElementLength())});
    inputs = outputs;
  }
  try {
    validateLayers(layers);
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, std::string(name) + ": " + error.what());
  }
  return layers;
}

Napi::Array layersToJs(Napi::Env env, const std::vector<LinearLayer>& layers) {
  Napi::Array array = Napi::Array::New(env, layers.size());
  for (size_t l = 0; l < layers.size(); l++) {
    Napi::Object layer = Napi::Object::New(env);
    layer.Set("weight", toFloat32Array(env, layers[l].weight));
    layer.Set("bias", toFloat32Array(env, layers[l].bias));
    array.Set(uint32_t(l), layer);
  }
  return array;
}

ValueFunctionBinding::ValueFunctionBinding(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ValueFunctionBinding>(info) {
  const Napi::Object config = requireObject(info[0], "the argument of ValueFunction");
  const int inputDim = int(requireInteger(config.Get("inputDim"), "inputDim", 1, largestDim));
  valueFunction_ = std::make_shared<ValueFunction>(layersFromJs(config.Get("layers"), inputDim, "layers"));
  info.This().As<Napi::Object>().TypeTag(&tag);
}

Napi::Value ValueFunctionBinding::inputDim(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), valueFunction_->inputDim());
}

Napi::Value ValueFunctionBinding::values(const Napi::CallbackInfo& info) {
  const Napi::Float32Array states = requireFloat32Array(info[0], "states");
  const int rows = requireRows(states, valueFunction_->inputDim());
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), rows);
  valueFunction_->values(states.Data(), rows, out.Data());
  return out;
}

Napi::Value ValueFunctionBinding::gradients(const Napi::CallbackInfo& info) {
  const Napi::Float32Array states = requireFloat32Array(info[0], "states");
  const int rows = requireRows(states, valueFunction_->inputDim());
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), states.ElementLength());
  valueFunction_->gradients(states.Data(), rows, out.Data());
  return out;
}

// prepare(device: string | null)
void ValueFunctionBinding::prepare(const Napi::CallbackInfo& info) {
  const bool onProcessor = info[0].IsNull();
  const std::string device = onProcessor ? "" : requireString(info[0], "device");
  withJsErrors(info.Env(), [&] {
    if (onProcessor || !valueFunction_->ascentOn(deviceNamed(device))) valueFunction_->prepare();
  });
}

Napi::Value ValueFunctionBinding::ascend(const Napi::CallbackInfo& info) {
  return runAscent(info, *valueFunction_, [this](float* states, int rows, const Ascent& settings, AscentReport report) {
    Solo solo;
    valueFunction_->ascend(states, rows, settings, report, solo);
  });
}

Napi::Value ValueFunctionBinding::ascendExplicit(const Napi::CallbackInfo& info) {
  return runAscent(info, *valueFunction_, [this](float* states, int rows, const Ascent& settings, AscentReport report) {
    valueFunction_->ascendExplicit(states, rows, settings, report);
  });
}

void initValueFunction(Napi::Env env, Napi::Object exports) {
  using Class = ValueFunctionBinding;
  exports.Set("ValueFunction", Class::DefineClass(env, "ValueFunction",
                                                  {Class::InstanceAccessor<&Class::inputDim>("inputDim"),
                                                   Class::InstanceMethod<&Class::values>("values"),
                                                   Class::InstanceMethod<&Class::gradients>("gradients"),
                                                   Class::InstanceMethod<&Class::prepare>("prepare"),
                                                   Class::InstanceMethod<&Class::ascend>("ascend"),
                                                   Class::InstanceMethod<&Class::ascendExplicit>("ascendExplicit")}));
}
