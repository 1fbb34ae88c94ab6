// The JavaScript class GraphValueFunction; test/fixtures/graph.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <memory>

#include "graph_ascent.h"

class GraphValueFunctionBinding : public Napi::ObjectWrap<GraphValueFunctionBinding> {
 public:
  explicit GraphValueFunctionBinding(const Napi::CallbackInfo& info);

  static constexpr const char* className = "GraphValueFunction";
  static constexpr napi_type_tag tag = {0x8d1e64b2f09a4c37, 0xb3c57a0e2d964f18};

 private:
  friend void initGraph(Napi::Env env, Napi::Object exports);

  Napi::Value ascend(const Napi::CallbackInfo& info);

  std::unique_ptr<GraphAscent> ascent_;
};

void initGraph(Napi::Env env, Napi::Object exports);
