#include "trainer_arguments.h"

#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include "arguments.h"
#include "value_function_binding.h"

namespace {

constexpr int64_t largestSafeInteger = (int64_t(1) << 53) - 1;

// A number that may be left out; `otherwise` then.
double optionalNumber(Napi::Object object, const std::string& name, double otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() || value.IsNull() ? otherwise : requireNumber(value, name);
}

StepSettings stepFromJs(Napi::Object object) {
  const Napi::Env env = object.Env();
  StepSettings step;
  step.learningRate = requireNumber(object.Get("learningRate"), "learningRate");
  if (step.learningRate <= 0) throw Napi::RangeError::New(env, "learningRate must be above 0");
  step.weightDecay = optionalNumber(object, "weightDecay", 0);
  if (step.weightDecay < 0) throw Napi::RangeError::New(env, "weightDecay must not be below 0");
  step.clipNorm = optionalNumber(object, "clipNorm", std::numeric_limits<double>::infinity());
  if (step.clipNorm <= 0) throw Napi::RangeError::New(env, "clipNorm must be above 0, or null");
  return step;
}

Loss lossFromJs(Napi::Object object) {
  const std::map<std::string, Objective> objectives = {{"semi-gradient", Objective::semiGradient},
                                                       {"full-gradient", Objective::fullGradient},
                                                       {"td-lambda", Objective::lambdaReturn},
                                                       {"as-published", Objective::asPublished},
                                                       {"pref-ctrl", Objective::prefCtrl}};
  const std::string name = requireString(object.Get("objective"), "objective");
  const auto objective = objectives.find(name);
  if (objective == objectives.end()) {
    throw Napi::RangeError::New(
        object.Env(),
        "objective must be 'semi-gradient', 'full-gradient', 'td-lambda', 'as-published' or 'pref-ctrl', not '" + name +
            "'");
  }
  const double lambda = optionalNumber(object, "lambda", 0);
  if (lambda < 0 || lambda > 1) throw Napi::RangeError::New(object.Env(), "lambda must be from 0 to 1");
  Loss loss = {objective->second, lambda};
  loss.marginWeight = optionalNumber(object, "marginWeight", 1);
  loss.regulariserWeight = optionalNumber(object, "regulariserWeight", 1);
  if (loss.marginWeight < 0 || loss.regulariserWeight < 0) {
    throw Napi::RangeError::New(object.Env(), "marginWeight and regulariserWeight must not be below 0");
  }
  return loss;
}

void addTrajectory(TrainingData& data, Napi::Value value, const std::string& name) {
  const Napi::Object object = requireObject(value, name);
  const bool answer = !object.Get("answer").IsUndefined();
  const double reward = answer ? 0 : requireNumber(object.Get("reward"), name + ".reward");
  const bool validation = answer || requireBoolean(object.Get("validation"), name + ".validation");
  const Napi::Value inlineStates = object.Get("states");
  if (inlineStates.IsUndefined()) {
    const std::string file = requireString(object.Get("file"), name + ".file");
    const Napi::Value dtype = object.Get("dtype");
    const std::string type = dtype.IsUndefined() ? "f16" : requireString(dtype, name + ".dtype");
    if (type != "f16" && type != "bf16") {
      throw Napi::RangeError::New(value.Env(), name + ".dtype must be 'f16' or 'bf16', not '" + type + "'");
    }
    const uint64_t offset = uint64_t(requireInteger(object.Get("offset"), name + ".offset", 0, largestSafeInteger));
    const uint64_t count = uint64_t(requireInteger(object.Get("count"), name + ".count", 1, 1 << 24));
    data.add(reward, validation, file, type == "f16" ? StateType::float16 : StateType::bfloat16, offset, count);
    if (answer) data.markAnswer();
    return;
  }
  const Napi::Float32Array states = requireFloat32Array(inlineStates, name + ".states");
  if (states.ElementLength() == 0 || states.ElementLength() % data.inputDim() != 0) {
    throw Napi::RangeError::New(value.Env(), name + ".states holds " + std::to_string(states.ElementLength()) +
                                                 " numbers, not one or more states of " +
                                                 std::to_string(data.inputDim()));
  }
  data.add(reward, validation, states.Data(), states.ElementLength() / data.inputDim());
  if (answer) data.markAnswer();
}

// Behind all trajectories, as the answers may come after what they are answers of.
void setPair(TrainingData& data, Napi::Value value, size_t trajectory, const std::string& name) {
  const Napi::Value pair = value.As<Napi::Object>().Get("pair");
  if (pair.IsUndefined()) return;
  const Napi::Object object = requireObject(pair, name);
  const size_t preferred = size_t(requireInteger(object.Get("preferred"), name + ".preferred", 0, 1 << 30));
  const size_t dispreferred = size_t(requireInteger(object.Get("dispreferred"), name + ".dispreferred", 0, 1 << 30));
  data.setPair(trajectory, preferred, dispreferred);
}

}  // namespace

TrainerConfig trainerConfigFromJs(Napi::Object object, int inputDim) {
  const Napi::Env env = object.Env();
  TrainerConfig config;
  const Napi::Value hiddenDims = object.Get("hiddenDims");
  if (!hiddenDims.IsArray()) throw Napi::TypeError::New(env, "hiddenDims must be an array");
  const uint32_t hidden = hiddenDims.As<Napi::Array>().Length();
  if (hidden > 2) throw Napi::RangeError::New(env, "hiddenDims must have at most two entries");
  for (uint32_t l = 0; l < hidden; l++) {
    config.hiddenDims.push_back(int(requireInteger(hiddenDims.As<Napi::Array>().Get(l), "hiddenDims", 1, 1 << 20)));
  }
  config.loss = lossFromJs(object);
  config.step = stepFromJs(object);
  const Napi::Value warmupSteps = object.Get("warmupSteps");
  config.warmupSteps =
      warmupSteps.IsUndefined() ? 0 : requireInteger(warmupSteps, "warmupSteps", 0, largestSafeInteger);
  config.batchStates = int(requireInteger(object.Get("batchStates"), "batchStates", 1, 1 << 20));
  config.seed = uint64_t(requireInteger(object.Get("seed"), "seed", 0, largestSafeInteger));
  config.threads = int(requireInteger(object.Get("threads"), "threads", 1, 256));
  config.standardise = requireBoolean(object.Get("standardise"), "standardise");
  const Napi::Value initialLayers = object.Get("initialLayers");
  if (!initialLayers.IsUndefined()) {
    config.initialLayers = layersFromJs(initialLayers, inputDim, "initialLayers");
    std::vector<int> dims;
    for (size_t l = 0; l + 1 < config.initialLayers.size(); l++) dims.push_back(config.initialLayers[l].outputs);
    if (dims != config.hiddenDims) throw Napi::RangeError::New(env, "initialLayers have other widths than hiddenDims");
  }
  return config;
}

TrainingData trainingDataFromJs(Napi::Value trajectories, int inputDim) {
  const Napi::Env env = trajectories.Env();
  if (!trajectories.IsArray()) throw Napi::TypeError::New(env, "trajectories must be an array");
  const Napi::Array array = trajectories.As<Napi::Array>();
  TrainingData data(inputDim);
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(env);  // there may be very many
    addTrajectory(data, array.Get(i), "trajectories[" + std::to_string(i) + "]");
  }
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(env);
    setPair(data, array.Get(i), i, "trajectories[" + std::to_string(i) + "].pair");
  }
  return data;
}
