#include "trainer_binding.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "arguments.h"
#include "cpu_network.h"
#include "graph_network.h"
#include "trainer_arguments.h"
#include "value_function_binding.h"

namespace {

// The networks of a training: of the device that the configuration names, or of the processor's own code where it is
// null or left out. Throws a JavaScript TypeError for what is no name, a RangeError for a loss that only that code has.
NetworkFactory networksOf(Napi::Value device, const TrainerConfig& config) {
  if (device.IsUndefined() || device.IsNull()) {
    return [loss = config.loss, threads = config.threads](auto layers) {
      return std::make_unique<CpuNetwork>(std::move(layers), loss, threads);
    };
  }
  const Objective objective = config.loss.objective;
  if (objective != Objective::semiGradient && objective != Objective::fullGradient) {
    throw Napi::RangeError::New(device.Env(), "this objective trains on the processor only, not on a device");
  }
  return [name = requireString(device, "device"), objective](auto layers) {
    return makeGraphNetwork(deviceNamed(name), layers, objective);
  };
}

}  // namespace

// One piece of work on a worker thread. Keeps the JavaScript object, and so the trainer, alive until it is done.
class TrainerBinding::Worker : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, TrainerBinding& binding, std::function<void()> work,
         std::function<Napi::Value(Napi::Env)> result)
      : Napi::AsyncWorker(env),
        binding_(binding),
        keepAlive_(Napi::Persistent(binding.Value())),
        deferred_(env),
        work_(std::move(work)),
        result_(std::move(result)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      work_();
    } catch (const TrainingCancelled& error) {
      code_ = "cancelled";
      SetError(error.what());
    } catch (const NotFinite& error) {
      code_ = "not-finite";
      SetError(error.what());
    } catch (const DeviceFailure& error) {
      code_ = "device-failed";
      SetError(error.what());
    } catch (const UnreadableStates& error) {
      code_ = "unreadable";
      SetError(error.what());
    }
  }

  void OnOK() override {
    binding_.running_ = nullptr;
    deferred_.Resolve(result_(Env()));
  }

  void OnError(const Napi::Error& error) override {
    binding_.running_ = nullptr;
    if (code_) error.Value().Set("code", code_);
    deferred_.Reject(error.Value());
  }

 private:
  TrainerBinding& binding_;
  Napi::ObjectReference keepAlive_;
  Napi::Promise::Deferred deferred_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> result_;
  const char* code_ = nullptr;
};

TrainerBinding::TrainerBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerBinding>(info) {
  const Napi::Env env = info.Env();
  const Napi::Object object = requireObject(info[0], "the configuration");
  const int inputDim = int(requireInteger(object.Get("inputDim"), "inputDim", 1, 1 << 20));
  TrainerConfig config = trainerConfigFromJs(object, inputDim);
  NetworkFactory networks = networksOf(object.Get("device"), config);
  try {
    trainer_ = std::make_unique<Trainer>(std::move(config), trainingDataFromJs(info[1], inputDim), std::move(networks));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

// While work runs its thread alone may touch the trainer.
void TrainerBinding::requireIdle(Napi::Env env) const {
  if (running_) {
    throw Napi::Error::New(env, std::string(running_) + " is running: wait for it or cancel it first");
  }
}

void TrainerBinding::requireReady(Napi::Env env) const {
  requireIdle(env);
  if (!trainer_->ready()) throw Napi::Error::New(env, "the trainer is not ready: prepare or restore it first");
}

Napi::Value TrainerBinding::start(Napi::Env env, const char* what, std::function<void()> work,
                                  std::function<Napi::Value(Napi::Env)> result) {
  running_ = what;
  cancelled_ = false;
  auto* worker = new Worker(env, *this, std::move(work), std::move(result));  // deletes itself when done
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

Napi::Value TrainerBinding::prepare(const Napi::CallbackInfo& info) {
  requireIdle(info.Env());
  return start(
      info.Env(), "the preparation", [this] { trainer_->prepare(cancelled_); },
      [](Napi::Env env) { return env.Undefined(); });
}

Napi::Value TrainerBinding::epoch(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  auto result = std::make_shared<EpochResult>();
  return start(
      info.Env(), "an epoch", [this, result] { *result = trainer_->epoch(cancelled_); },
      [result](Napi::Env env) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("trainLoss", result->trainLoss);
        object.Set("validationLoss", result->validationLoss);
        object.Set("returnError", result->returnError);
        object.Set("correlation", result->correlation);
        object.Set("states", double(result->states));
        return object;
      });
}

Napi::Value TrainerBinding::predict(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  auto predicted = std::make_shared<std::vector<float>>();
  return start(
      info.Env(), "a prediction", [this, predicted] { *predicted = trainer_->predict(cancelled_); },
      [predicted](Napi::Env env) { return toFloat32Array(env, *predicted); });
}

void TrainerBinding::cancel(const Napi::CallbackInfo&) { cancelled_ = true; }

Napi::Value TrainerBinding::layers(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  return layersToJs(info.Env(), trainer_->layers());
}

Napi::Value TrainerBinding::save(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  const std::vector<unsigned char> bytes = trainer_->save();
  Napi::Uint8Array array = Napi::Uint8Array::New(info.Env(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), array.Data());
  return array;
}

void TrainerBinding::restore(const Napi::CallbackInfo& info) {
  requireIdle(info.Env());
  const Napi::Uint8Array bytes = requireUint8Array(info[0], "the checkpoint");
  try {
    trainer_->restore(bytes.Data(), bytes.ElementLength());
  } catch (const DeviceFailure& error) {
    Napi::Error failure = Napi::Error::New(info.Env(), error.what());
    failure.Value().Set("code", "device-failed");
    throw failure;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Value TrainerBinding::mean(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  std::vector<float> mean = trainer_->standardisation().mean;
  mean.resize(trainer_->inputDim());  // zeros unless standardised
  return toFloat32Array(info.Env(), mean);
}

Napi::Value TrainerBinding::scale(const Napi::CallbackInfo& info) {
  requireReady(info.Env());
  return Napi::Number::New(info.Env(), trainer_->standardisation().scale);
}

void initTrainer(Napi::Env env, Napi::Object exports) {
  using Class = TrainerBinding;
  exports.Set("Trainer",
              Class::DefineClass(
                  env, "Trainer",
                  {Class::InstanceMethod<&Class::prepare>("prepare"), Class::InstanceMethod<&Class::epoch>("epoch"),
                   Class::InstanceMethod<&Class::predict>("predict"), Class::InstanceMethod<&Class::cancel>("cancel"),
                   Class::InstanceMethod<&Class::layers>("layers"), Class::InstanceMethod<&Class::save>("save"),
                   Class::InstanceMethod<&Class::restore>("restore"), Class::InstanceAccessor<&Class::mean>("mean"),
                   Class::InstanceAccessor<&Class::scale>("scale")}));
}
