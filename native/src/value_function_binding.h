// The JavaScript class ValueFunction; value-function.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "value_function.h"

class ValueFunctionBinding : public Napi::ObjectWrap<ValueFunctionBinding> {
 public:
  explicit ValueFunctionBinding(const Napi::CallbackInfo& info);

  static constexpr const char* className = "ValueFunction";
  static constexpr napi_type_tag tag = {0x5a1f3c0e7d2b4e86, 0x9b60d4f1c83e7a25};

  std::shared_ptr<const ValueFunction> valueFunction() const { return valueFunction_; }

 private:
  friend void initValueFunction(Napi::Env env, Napi::Object exports);

  Napi::Value inputDim(const Napi::CallbackInfo& info);
  Napi::Value values(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  void prepare(const Napi::CallbackInfo& info);
  Napi::Value ascend(const Napi::CallbackInfo& info);
  Napi::Value ascendExplicit(const Napi::CallbackInfo& info);

  std::shared_ptr<const ValueFunction> valueFunction_;
};

void initValueFunction(Napi::Env env, Napi::Object exports);

// Reads {stepSize, updates, target?, tolerance?, maxEdit?}. Throws a JavaScript TypeError or RangeError naming the one
// that is wrong.
Ascent ascentFromJs(const Napi::Object& options);

// Reads [{weight, bias}, ...]. Throws a JavaScript TypeError for a wrong type, RangeError for a wrong shape
// or a number that is not finite; the messages begin with `name`.
std::vector<LinearLayer> layersFromJs(Napi::Value value, int inputDim, const char* name);
Napi::Array layersToJs(Napi::Env env, const std::vector<LinearLayer>& layers);
