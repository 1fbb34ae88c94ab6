// One batch on its way through llama_decode, off the JS thread, and what it answers.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "comparisons.h"
#include "context.h"
#include "sampler.h"

class DecodeWorker : public Napi::AsyncWorker {
 public:
  DecodeWorker(Napi::Env env, ContextBinding& binding, Napi::Object object);

  std::vector<llama_token> tokens;
  std::vector<llama_pos> positions;
  std::vector<llama_seq_id> sequences;
  std::vector<int8_t> outputs;
  std::vector<std::shared_ptr<TokenSampler>> samplers;  // one a row, null where no token is drawn; or none at all
  Comparisons comparisons;
  StateFormat format = StateFormat::float32;
  bool head = true;

  Napi::Promise promise() { return deferred.Promise(); }

  void Execute() override;
  void OnOK() override;
  void OnError(const Napi::Error& error) override;

 private:
  void takeStates();
  const float* logitsOf(size_t row) const;
  void drawTokens();
  void compareRows();

  std::vector<uint16_t> halves;
  std::vector<uint8_t> finite;
  std::vector<llama_token> drawn;
  std::vector<float> logProbabilities;
  std::vector<Likelihood> likelihoods;
  Napi::Promise::Deferred deferred;
  ContextBinding& binding;
  Napi::ObjectReference self;  // keeps the context alive until the batch is through
};
