#include "arguments.h"

#include <algorithm>
#include <cmath>

namespace {

template <typename Array>
Array requireTypedArray(Napi::Value value, const std::string& name, napi_typedarray_type type, const char* title) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Napi::TypeError::New(value.Env(), name + " must be " + title);
  }
  return value.As<Array>();
}

}  // namespace

Napi::Object requireObject(Napi::Value value, const std::string& name) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), name + " must be an object");
  return value.As<Napi::Object>();
}

std::string requireString(Napi::Value value, const std::string& name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), name + " must be a string");
  return value.As<Napi::String>();
}

bool requireBoolean(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) throw Napi::TypeError::New(value.Env(), name + " must be a boolean");
  return value.As<Napi::Boolean>();
}

double requireNumber(Napi::Value value, const std::string& name) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), name + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) throw Napi::RangeError::New(value.Env(), name + " must be finite");
  return number;
}

int64_t requireInteger(Napi::Value value, const std::string& name, int64_t least, int64_t most) {
  const double number = requireNumber(value, name);
  if (number != std::floor(number) || number < double(least) || number > double(most)) {
    throw Napi::RangeError::New(
        value.Env(), name + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return int64_t(number);
}

Napi::Int32Array requireInt32Array(Napi::Value value, const std::string& name) {
  return requireTypedArray<Napi::Int32Array>(value, name, napi_int32_array, "an Int32Array");
}

Napi::Uint8Array requireUint8Array(Napi::Value value, const std::string& name) {
  return requireTypedArray<Napi::Uint8Array>(value, name, napi_uint8_array, "a Uint8Array");
}

Napi::Float32Array requireFloat32Array(Napi::Value value, const std::string& name) {
  return requireTypedArray<Napi::Float32Array>(value, name, napi_float32_array, "a Float32Array");
}
