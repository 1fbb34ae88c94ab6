// Arguments from JavaScript, read strictly: a TypeError for a wrong type, a RangeError for a wrong number, and the
// message begins with the argument's name. llama.cpp aborts on much of what is refused here.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

Napi::Object requireObject(Napi::Value value, const std::string& name);
std::string requireString(Napi::Value value, const std::string& name);
bool requireBoolean(Napi::Value value, const std::string& name);
double requireNumber(Napi::Value value, const std::string& name);
int64_t requireInteger(Napi::Value value, const std::string& name, int64_t least, int64_t most);
Napi::Int32Array requireInt32Array(Napi::Value value, const std::string& name);
Napi::Uint8Array requireUint8Array(Napi::Value value, const std::string& name);
Napi::Float32Array requireFloat32Array(Napi::Value value, const std::string& name);

template <typename Array, typename Number>
Array toTypedArray(Napi::Env env, const std::vector<Number>& numbers) {
  Array array = Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), array.Data());
  return array;
}

inline Napi::Float32Array toFloat32Array(Napi::Env env, const std::vector<float>& numbers) {
  return toTypedArray<Napi::Float32Array>(env, numbers);
}

// Marks the objects of one class, so that no other object is taken for one; `Class::tag` is its napi_type_tag,
// set by its constructor.
template <typename Class>
bool isInstance(Napi::Value value) {
  return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&Class::tag);
}

// The C++ object behind an instance of `Class`.
template <typename Class>
Class* requireInstance(Napi::Value value, const std::string& name) {
  if (!isInstance<Class>(value)) throw Napi::TypeError::New(value.Env(), name + " must be a " + Class::className);
  return Class::Unwrap(value.As<Napi::Object>());
}

// Runs `body`; what it throws becomes a RangeError for a bad argument, an Error for all else.
template <typename Body>
auto withJsErrors(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(env, error.what());
  }
}
