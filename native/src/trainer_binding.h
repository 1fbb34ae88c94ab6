// The JavaScript class Trainer; trainer.ts describes it to TypeScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>

#include "trainer.h"

class TrainerBinding : public Napi::ObjectWrap<TrainerBinding> {
 public:
  explicit TrainerBinding(const Napi::CallbackInfo& info);

 private:
  class Worker;
  friend void initTrainer(Napi::Env env, Napi::Object exports);

  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value epoch(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value layers(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  void restore(const Napi::CallbackInfo& info);
  Napi::Value mean(const Napi::CallbackInfo& info);
  Napi::Value scale(const Napi::CallbackInfo& info);

  void requireIdle(Napi::Env env) const;
  void requireReady(Napi::Env env) const;
  Napi::Value start(Napi::Env env, const char* what, std::function<void()> work,
                    std::function<Napi::Value(Napi::Env)> result);

  std::unique_ptr<Trainer> trainer_;
  const char* running_ = nullptr;  // what a worker thread does with the trainer
  std::atomic<bool> cancelled_{false};
};

void initTrainer(Napi::Env env, Napi::Object exports);
