// The JavaScript class Trainer; value-function.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "trainer.h"

class TrainerBinding : public Napi::ObjectWrap<TrainerBinding> {
 public:
  explicit TrainerBinding(const Napi::CallbackInfo& info);

 private:
  class EpochWorker;
  friend void initTrainer(Napi::Env env, Napi::Object exports);

  Napi::Value epoch(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value layers(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value mean(const Napi::CallbackInfo& info);
  Napi::Value scale(const Napi::CallbackInfo& info);

  void requireIdle(Napi::Env env) const;

  std::unique_ptr<Trainer> trainer_;
  bool running_ = false;  // an epoch, on a worker thread
  std::atomic<bool> cancelled_{false};
};

void initTrainer(Napi::Env env, Napi::Object exports);
