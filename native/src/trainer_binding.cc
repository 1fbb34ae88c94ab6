#include "trainer_binding.h"

#include <stdexcept>
#include <string>

#include "value_function_binding.h"

namespace {

constexpr int64_t largestSafeInteger = (int64_t(1) << 53) - 1;

TrainerConfig configFromJs(Napi::Value value) {
  const Napi::Env env = value.Env();
  const Napi::Object object = requireObject(value, "the configuration");
  TrainerConfig config;
  config.inputDim = int(requireInteger(object.Get("inputDim"), "inputDim", 1, 1 << 20));
  const Napi::Value hiddenDims = object.Get("hiddenDims");
  if (!hiddenDims.IsArray()) throw Napi::TypeError::New(env, "hiddenDims must be an array");
  const uint32_t hidden = hiddenDims.As<Napi::Array>().Length();
  if (hidden < 1 || hidden > 2) throw Napi::RangeError::New(env, "hiddenDims must have one or two entries");
  for (uint32_t l = 0; l < hidden; l++) {
    config.hiddenDims.push_back(int(requireInteger(hiddenDims.As<Napi::Array>().Get(l), "hiddenDims", 1, 1 << 20)));
  }
  const std::string objective = requireString(object.Get("objective"), "objective");
  if (objective != "semi-gradient" && objective != "full-gradient") {
    throw Napi::RangeError::New(env, "objective must be 'semi-gradient' or 'full-gradient', not '" + objective + "'");
  }
  config.objective = objective == "semi-gradient" ? Objective::semiGradient : Objective::fullGradient;
  config.learningRate = requireNumber(object.Get("learningRate"), "learningRate");
  if (config.learningRate <= 0) throw Napi::RangeError::New(env, "learningRate must be above 0");
  config.batchStates = int(requireInteger(object.Get("batchStates"), "batchStates", 1, 1 << 20));
  config.seed = uint64_t(requireInteger(object.Get("seed"), "seed", 0, largestSafeInteger));
  config.threads = int(requireInteger(object.Get("threads"), "threads", 1, 256));
  config.standardise = requireBoolean(object.Get("standardise"), "standardise");
  const Napi::Value initialLayers = object.Get("initialLayers");
  if (!initialLayers.IsUndefined()) {
    config.initialLayers = layersFromJs(initialLayers, config.inputDim, "initialLayers");
    std::vector<int> dims;
    for (size_t l = 0; l + 1 < config.initialLayers.size(); l++) dims.push_back(config.initialLayers[l].outputs);
    if (dims != config.hiddenDims) throw Napi::RangeError::New(env, "initialLayers have other widths than hiddenDims");
  }
  return config;
}

TrainingTrajectory trajectoryFromJs(Napi::Value value, const std::string& name, int inputDim) {
  const Napi::Object object = requireObject(value, name);
  TrainingTrajectory trajectory = {};
  trajectory.reward = requireNumber(object.Get("reward"), name + ".reward");
  trajectory.validation = requireBoolean(object.Get("validation"), name + ".validation");
  const Napi::Value inlineStates = object.Get("states");
  if (inlineStates.IsUndefined()) {
    trajectory.file = requireString(object.Get("file"), name + ".file");
    trajectory.offset = uint64_t(requireInteger(object.Get("offset"), name + ".offset", 0, largestSafeInteger));
    trajectory.count = uint64_t(requireInteger(object.Get("count"), name + ".count", 1, 1 << 24));
    return trajectory;
  }
  const Napi::Float32Array states = requireFloat32Array(inlineStates, name + ".states");
  if (states.ElementLength() == 0 || states.ElementLength() % inputDim != 0) {
    throw Napi::RangeError::New(value.Env(), name + ".states holds " + std::to_string(states.ElementLength()) +
                                                 " numbers, not one or more states of " + std::to_string(inputDim));
  }
  trajectory.states.assign(states.Data(), states.Data() + states.ElementLength());
  trajectory.count = states.ElementLength() / inputDim;
  return trajectory;
}

}  // namespace

// One epoch on a worker thread. Keeps the JavaScript object, and so the trainer, alive until it is done.
class TrainerBinding::EpochWorker : public Napi::AsyncWorker {
 public:
  EpochWorker(Napi::Env env, TrainerBinding& binding)
      : Napi::AsyncWorker(env), binding_(binding), keepAlive_(Napi::Persistent(binding.Value())), deferred_(env) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      result_ = binding_.trainer_->epoch(binding_.cancelled_);
    } catch (const TrainingCancelled& error) {
      cancelled_ = true;
      SetError(error.what());
    }
  }

  void OnOK() override {
    binding_.running_ = false;
    Napi::Object result = Napi::Object::New(Env());
    result.Set("trainLoss", result_.trainLoss);
    result.Set("validationLoss", result_.validationLoss);
    result.Set("returnError", result_.returnError);
    result.Set("correlation", result_.correlation);
    result.Set("states", double(result_.states));
    deferred_.Resolve(result);
  }

  void OnError(const Napi::Error& error) override {
    binding_.running_ = false;
    if (cancelled_) error.Value().Set("code", "cancelled");
    deferred_.Reject(error.Value());
  }

 private:
  TrainerBinding& binding_;
  Napi::ObjectReference keepAlive_;
  Napi::Promise::Deferred deferred_;
  EpochResult result_ = {};
  bool cancelled_ = false;
};

TrainerBinding::TrainerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerBinding>(info) {
  const Napi::Env env = info.Env();
  TrainerConfig config = configFromJs(info[0]);
  if (!info[1].IsArray()) throw Napi::TypeError::New(env, "trajectories must be an array");
  const Napi::Array array = info[1].As<Napi::Array>();
  std::vector<TrainingTrajectory> trajectories;
  trajectories.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(env);  // there may be very many
    trajectories.push_back(trajectoryFromJs(array.Get(i), "trajectories[" + std::to_string(i) + "]", config.inputDim));
  }
  try {
    trainer_ = std::make_unique<Trainer>(std::move(config), std::move(trajectories));
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

// While an epoch runs its worker alone may touch the trainer.
void TrainerBinding::requireIdle(Napi::Env env) const {
  if (running_) throw Napi::Error::New(env, "an epoch is running: wait for it or cancel it first");
}

Napi::Value TrainerBinding::epoch(const Napi::CallbackInfo& info) {
  requireIdle(info.Env());
  running_ = true;
  cancelled_ = false;
  auto* worker = new EpochWorker(info.Env(), *this);  // deletes itself when done
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

void TrainerBinding::cancel(const Napi::CallbackInfo&) { cancelled_ = true; }

Napi::Value TrainerBinding::layers(const Napi::CallbackInfo& info) {
  requireIdle(info.Env());
  return layersToJs(info.Env(), trainer_->layers());
}

Napi::Value TrainerBinding::predict(const Napi::CallbackInfo& info) {
  requireIdle(info.Env());
  return toFloat32Array(info.Env(), trainer_->predict());
}

Napi::Value TrainerBinding::mean(const Napi::CallbackInfo& info) {
  return toFloat32Array(info.Env(), trainer_->mean());
}

Napi::Value TrainerBinding::scale(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), trainer_->scale());
}

void initTrainer(Napi::Env env, Napi::Object exports) {
  using Class = TrainerBinding;
  exports.Set("Trainer",
              Class::DefineClass(
                  env, "Trainer",
                  {Class::InstanceMethod<&Class::epoch>("epoch"), Class::InstanceMethod<&Class::cancel>("cancel"),
                   Class::InstanceMethod<&Class::layers>("layers"), Class::InstanceMethod<&Class::predict>("predict"),
                   Class::InstanceAccessor<&Class::mean>("mean"), Class::InstanceAccessor<&Class::scale>("scale")}));
}
