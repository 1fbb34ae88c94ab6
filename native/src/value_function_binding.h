// The JavaScript class ValueFunction; value-function.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "value_function.h"

class ValueFunctionBinding : public Napi::ObjectWrap<ValueFunctionBinding> {
 public:
  explicit ValueFunctionBinding(const Napi::CallbackInfo& info);

  // Whether Unwrap may be called on the value.
  static bool isInstance(Napi::Value value);

  std::shared_ptr<const ValueFunction> valueFunction() const { return valueFunction_; }

 private:
  friend void initValueFunction(Napi::Env env, Napi::Object exports);

  Napi::Value inputDim(const Napi::CallbackInfo& info);
  Napi::Value values(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value ascend(const Napi::CallbackInfo& info);
  Napi::Value ascendExplicit(const Napi::CallbackInfo& info);

  std::shared_ptr<const ValueFunction> valueFunction_;
};

void initValueFunction(Napi::Env env, Napi::Object exports);

// Reads [{weight, bias}, ...]. Throws a JavaScript TypeError for a wrong type, RangeError for a wrong shape
// or a number that is not finite; the messages begin with `name`.
std::vector<LinearLayer> layersFromJs(Napi::Value value, int inputDim, const char* name);
Napi::Array layersToJs(Napi::Env env, const std::vector<LinearLayer>& layers);

// Arguments read strictly, with the same errors.
Napi::Object requireObject(Napi::Value value, const std::string& name);
double requireNumber(Napi::Value value, const std::string& name);
int64_t requireInteger(Napi::Value value, const std::string& name, int64_t least, int64_t most);
Napi::Float32Array requireFloat32Array(Napi::Value value, const std::string& name);
Napi::Float32Array toFloat32Array(Napi::Env env, const std::vector<float>& numbers);
