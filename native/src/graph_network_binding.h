// The JavaScript class GraphNetwork; test/fixtures/graph.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <memory>

#include "graph_network.h"

class GraphNetworkBinding : public Napi::ObjectWrap<GraphNetworkBinding> {
 public:
  explicit GraphNetworkBinding(const Napi::CallbackInfo& info);

  static constexpr const char* className = "GraphNetwork";

 private:
  friend void initGraphNetwork(Napi::Env env, Napi::Object exports);

  Napi::Value values(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  void restore(const Napi::CallbackInfo& info);
  int requireRows(const Napi::Float32Array& states) const;

  int inputDim_;
  std::unique_ptr<TrainedNetwork> network_;
};

void initGraphNetwork(Napi::Env env, Napi::Object exports);
