#include "graph_ascent.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "float16.h"

// The ascent happens in the space of the first layer's pre-activations z1 = W1 h + b1, as in value_function.cc. With
// s_k = dV/dz1 at step k and a_k the step's length, all updates together are
//   Delta h = W1^T n,  n = sum of a_k s_k,  and  z1 = z1(0) + q,  q = G n,  G = W1 W1^T,
// so that |Delta h|^2 = n . q: the trust region needs no D-sized product either. With one hidden layer s = w2 where
// z1 > 0, and with two s = W2^T (w3 where z2 > 0) where z1 > 0: w2 and w3 are taken into the matrices, and a dense
// product is one with zeros and ones.

struct GraphAscent::Graph {
  DeviceGraph nodes;
  ggml_tensor* states;                               // (D, rows): in
  ggml_tensor *edited = nullptr, *report = nullptr;  // (D, rows); (3, rows): V before, V after, edit
  uint64_t lastUse = 0;
};

namespace {

constexpr size_t rowsAtOnce = 64;
constexpr size_t mostGraphs = 32;

constexpr float largestSplit = 1024;  // of a split matrix's numbers: its small ones are far from float16's smallest
constexpr int64_t gramRowsAtOnce = 256;

float largest(const std::vector<float>& numbers) {
  float most = 0;
  for (const float x : numbers) most = std::max(most, std::fabs(x));
  return most > 0 ? most : 1;
}

// The weight (outputs, inputs) row-major, transposed.
std::vector<float> transposed(const LinearLayer& layer) {
  std::vector<float> result(layer.weight.size());
  for (int j = 0; j < layer.outputs; j++) {
    for (int i = 0; i < layer.inputs; i++) {
      result[size_t(i) * layer.outputs + j] = layer.weight[size_t(j) * layer.inputs + i];
    }
  }
  return result;
}

void uploadSplit(ggml_tensor* high, ggml_tensor* low, std::vector<float> numbers) {
  std::vector<uint16_t> rounded(numbers.size());
  float32ToFloat16(numbers.data(), rounded.data(), numbers.size());
  std::vector<float> rest(numbers.size());
  float16ToFloat32(rounded.data(), rest.data(), numbers.size());
  for (size_t i = 0; i < numbers.size(); i++) rest[i] = numbers[i] - rest[i];
  upload(high, numbers);
  upload(low, rest);
}

const std::vector<LinearLayer>& validated(const std::vector<LinearLayer>& layers) {
  validateLayers(layers);
  return layers;
}

bool changes(const Ascent& settings) { return settings.stepSize != 0 && settings.updates > 0; }

}  // namespace

GraphAscent::GraphAscent(ggml_backend_dev_t device, const std::vector<LinearLayer>& layers)
    : device_(device),
      inputDim_(validated(layers)[0].inputs),
      hidden1_(layers[0].outputs),
      hidden2_(layers.size() == 3 ? layers[1].outputs : 0),
      tensors_(16),
      on_() {
  const auto addSplit = [&](int64_t columns, int64_t rows) {
    return Split{tensors_.add(GGML_TYPE_F16, columns, rows), tensors_.add(GGML_TYPE_F16, columns, rows)};
  };
  on_.W1 = tensors_.add(GGML_TYPE_F32, inputDim_, hidden1_);
  on_.b1 = tensors_.add(GGML_TYPE_F32, hidden1_);
  on_.W1T = tensors_.add(GGML_TYPE_F32, hidden1_, inputDim_);
  if (hidden2_) {
    on_.gram = tensors_.add(GGML_TYPE_F32, hidden1_, hidden1_);
    on_.W2 = tensors_.add(GGML_TYPE_F32, hidden1_, hidden2_);
    on_.b2 = tensors_.add(GGML_TYPE_F32, hidden2_);
    on_.weightedW2T = addSplit(hidden2_, hidden1_);
  } else {
    on_.weightedGram = addSplit(hidden1_, hidden1_);
  }
  on_.wOut = tensors_.add(GGML_TYPE_F32, hidden2_ ? hidden2_ : hidden1_);
  on_.bOut = tensors_.add(GGML_TYPE_F32, 1);
  for (ggml_tensor** scalar : {&on_.zStep, &on_.stateStep, &on_.target, &on_.tolerance, &on_.maxEdit}) {
    *scalar = tensors_.add(GGML_TYPE_F32, 1);
  }
  tensors_.allocate(device_);

  const std::vector<float>& outputWeight = layers.back().weight;
  upload(on_.W1, layers[0].weight);
  upload(on_.b1, layers[0].bias);
  upload(on_.W1T, transposed(layers[0]));
  if (hidden2_) {
    upload(on_.W2, layers[1].weight);
    upload(on_.b2, layers[1].bias);
    std::vector<float> weighted = transposed(layers[1]);
    for (size_t i = 0; i < weighted.size(); i++) weighted[i] *= outputWeight[i % hidden2_];
    secondScale_ = largest(weighted) / largestSplit;
    for (float& w : weighted) w /= secondScale_;
    uploadSplit(on_.weightedW2T.high, on_.weightedW2T.low, std::move(weighted));
  }
  upload(on_.wOut, outputWeight);
  upload(on_.bOut, layers.back().bias);
  computeGram(largest(outputWeight));
  settings_.updates = -1;     // none on the device yet
  build({1, 1, true, true});  // fails here, and not in the middle of a response, where an operation is missing
}

GraphAscent::~GraphAscent() = default;

void GraphAscent::computeGram(float largestOutputWeight) {
  DeviceGraph lengths(device_, 32);
  ggml_tensor* norms = lengths.norms(on_.W1);  // the longest row's square is G's largest number
  lengths.output(norms);
  lengths.allocate();
  lengths.compute();
  const float longest = largest(download(norms));
  if (!hidden2_) gramScale_ = longest * longest * largestOutputWeight / largestSplit;

  // In parts, since no single computation may keep a graphics card for seconds. G is symmetric.
  for (int64_t first = 0; first < hidden1_; first += gramRowsAtOnce) {
    const int64_t rows = std::min(gramRowsAtOnce, hidden1_ - first);
    DeviceGraph graph(device_, 32);
    const auto part = [&](ggml_tensor* matrix) { return graph.rowsOf(matrix, first, rows); };
    ggml_tensor* G = graph.exactProduct(on_.W1, part(on_.W1));
    if (hidden2_) {
      graph.append(graph.copy(G, part(on_.gram)));
    } else {
      G = graph.scale(graph.multiply(G, on_.wOut), 1 / gramScale_);
      ggml_tensor* high = graph.copy(G, part(on_.weightedGram.high));
      ggml_tensor* rest = graph.subtract(G, graph.cast(high, GGML_TYPE_F32));
      graph.append(graph.copy(rest, part(on_.weightedGram.low)));
    }
    graph.allocate();
    graph.compute();
  }
}

// V (1, rows) from the last hidden layer's pre-activations.
ggml_tensor* GraphAscent::values(const DeviceGraph& graph, ggml_tensor* z) const {
  return graph.add(graph.exactProduct(on_.wOut, graph.relu(z)), on_.bOut);
}

// V, but NaN where z1 has numbers that are not finite, of which relu would make zeros.
ggml_tensor* GraphAscent::reported(const DeviceGraph& graph, ggml_tensor* V, ggml_tensor* z1) const {
  return graph.add(V, graph.scale(graph.sumRows(z1), 0));
}

std::unique_ptr<GraphAscent::Graph> GraphAscent::build(const Shape& shape) const {
  auto graph = std::make_unique<Graph>(Graph{DeviceGraph(device_, 128 + 64 * shape.updates), nullptr});
  DeviceGraph& g = graph->nodes;
  graph->states = g.input(GGML_TYPE_F32, inputDim_, shape.rows);
  ggml_tensor* h = graph->states;

  ggml_tensor* const z0 = g.add(g.exactProduct(on_.W1, h), on_.b1);
  const auto second = [&](ggml_tensor* z1) { return g.add(g.exactProduct(on_.W2, g.relu(z1)), on_.b2); };
  ggml_tensor *z1 = z0, *z2 = hidden2_ ? second(z1) : nullptr;
  ggml_tensor* V = values(g, hidden2_ ? z2 : z1);
  if (shape.updates == 0) {
    graph->report = reported(g, V, z1);
    g.output(graph->report);
    g.allocate();
    return graph;
  }

  ggml_tensor* const valueBefore = reported(g, V, z1);
  ggml_tensor* const norms = g.norms(h);
  ggml_tensor* const radius = shape.trustRegion ? g.multiply(norms, on_.maxEdit) : nullptr;
  // min(1, radius / length), (1, rows); a length of 0 is within any radius.
  const auto shrink = [&](ggml_tensor* length) {
    return g.clamp(g.divide(radius, g.clamp(length, FLT_MIN, FLT_MAX)), 0, 1);
  };
  const auto splitProduct = [&](const Split& W, ggml_tensor* zerosAndOnes) {
    return g.add(g.product(W.high, zerosAndOnes), g.product(W.low, zerosAndOnes));
  };
  // n before stateStep and, with one hidden layer, before w2.
  const auto stepsTo = [&](ggml_tensor* n) {
    return g.multiply(hidden2_ ? n : g.multiply(n, on_.wOut), on_.stateStep);
  };
  ggml_tensor *n = nullptr, *q = nullptr;  // (H1, rows)
  ggml_tensor* going = nullptr;            // (1, rows): 0 once a row came within tolerance of the target
  for (int k = 0; k < shape.updates; k++) {
    ggml_tensor* s = g.step(hidden2_ ? z2 : z1);
    if (hidden2_) s = g.multiply(splitProduct(on_.weightedW2T, s), g.step(z1));
    ggml_tensor* Gs = hidden2_ ? g.exactProduct(on_.gram, s) : splitProduct(on_.weightedGram, s);
    if (shape.target) {
      ggml_tensor* miss = g.subtract(V, on_.target);
      ggml_tensor* outside = g.step(g.subtract(g.absolute(miss), on_.tolerance));
      going = going ? g.multiply(going, outside) : outside;
      ggml_tensor* length = g.scale(g.multiply(miss, going), -2);
      s = g.multiply(s, length);
      Gs = g.multiply(Gs, length);
    }
    n = n ? g.add(n, s) : s;
    Gs = g.multiply(Gs, on_.zStep);
    if (shape.trustRegion) {
      q = q ? g.add(q, Gs) : Gs;
      ggml_tensor* length = g.squareRoot(g.clamp(g.sumRows(g.multiply(stepsTo(n), q)), 0, FLT_MAX));
      ggml_tensor* by = shrink(length);
      n = g.multiply(n, by);
      q = g.multiply(q, by);
      z1 = g.add(z0, q);
    } else {
      z1 = g.add(z1, Gs);
    }
    if (hidden2_) z2 = second(z1);
    if (shape.target || k + 1 == shape.updates) V = values(g, hidden2_ ? z2 : z1);
    g.append(z1);  // in this order: each update's memory is free for the next one's, and the walk stays shallow
    g.append(n);
  }

  ggml_tensor* change = g.exactProduct(on_.W1T, stepsTo(n));
  if (shape.trustRegion) change = g.multiply(change, shrink(g.norms(change)));  // |change|^2 and n . q are rounded
  graph->edited = g.add(h, change);
  ggml_tensor* edit = g.divide(g.norms(change), norms);
  graph->report = g.besideEachOther(g.besideEachOther(valueBefore, reported(g, V, z1)), edit);
  g.output(graph->edited);
  g.output(graph->report);
  g.allocate();
  return graph;
}

GraphAscent::Graph& GraphAscent::graphFor(const Shape& shape) {
  auto found = graphs_.find(shape);
  if (found == graphs_.end()) {
    if (graphs_.size() == mostGraphs) {
      graphs_.erase(std::min_element(graphs_.begin(), graphs_.end(), [](const auto& a, const auto& b) {
        return a.second->lastUse < b.second->lastUse;
      }));
    }
    found = graphs_.emplace(shape, build(shape)).first;
  }
  found->second->lastUse = ++uses_;
  return *found->second;
}

void GraphAscent::setSettings(const Ascent& settings) {
  const auto same = [](float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); };
  if (settings_.updates == settings.updates && same(settings_.stepSize, settings.stepSize) &&
      same(settings_.target, settings.target) && same(settings_.tolerance, settings.tolerance) &&
      same(settings_.maxEdit, settings.maxEdit)) {
    return;
  }
  // A step s is over secondScale_, and G s over both scales.
  upload(on_.zStep, {settings.stepSize * gramScale_ * secondScale_});
  upload(on_.stateStep, {settings.stepSize * secondScale_});
  upload(on_.target, {settings.target});
  upload(on_.tolerance, {settings.tolerance});
  upload(on_.maxEdit, {settings.maxEdit});
  settings_ = settings;
}

void GraphAscent::ascendSome(ggml_tensor* states, const std::vector<int>& rows, const Ascent& settings,
                             AscentReport report) {
  const size_t count = rows.size();
  const bool target = !std::isnan(settings.target), trustRegion = std::isfinite(settings.maxEdit);
  Graph& graph = changes(settings) ? graphFor({int(count), settings.updates, target, trustRegion})
                                   : graphFor({int(count), 0, false, false});
  std::vector<int> places(count);
  std::iota(places.begin(), places.end(), 0);
  copyRows(states, rows, graph.states, places);
  graph.nodes.compute();
  const std::vector<float> numbers = download(graph.report);
  if (!graph.edited) {
    std::copy(numbers.begin(), numbers.end(), report.valueBefore);
    std::copy(numbers.begin(), numbers.end(), report.valueAfter);
    std::fill_n(report.edit, count, 0.0f);
    return;
  }
  std::vector<int> movedPlaces, movedRows;
  for (size_t i = 0; i < count; i++) {
    report.valueBefore[i] = numbers[3 * i];
    report.valueAfter[i] = numbers[3 * i + 1];
    report.edit[i] = numbers[3 * i + 2];
    const bool finite =
        std::isfinite(numbers[3 * i]) && std::isfinite(numbers[3 * i + 1]) && std::isfinite(report.edit[i]);
    if (report.edit[i] == 0 || !finite) continue;
    movedPlaces.push_back(int(i));
    movedRows.push_back(rows[i]);
  }
  copyRows(graph.edited, movedPlaces, states, movedRows);
}

void GraphAscent::ascend(ggml_tensor* states, const std::vector<int>& rows, const Ascent& settings,
                         AscentReport report) {
  if (states->type != GGML_TYPE_F32 || states->ne[0] != inputDim_ || states->ne[2] != 1 || states->ne[3] != 1 ||
      !library().ggml_is_contiguous(states)) {
    throw std::invalid_argument("the states are not a contiguous float32 matrix of " + std::to_string(inputDim_) +
                                " numbers a row");
  }
  for (const int row : rows) {
    if (row < 0 || row >= states->ne[1]) {
      throw std::invalid_argument("there is no state " + std::to_string(row) + " among " +
                                  std::to_string(states->ne[1]));
    }
  }
  if (settings.updates < 0 || settings.updates > mostUpdates) {
    throw std::invalid_argument("updates must be 0 to " + std::to_string(mostUpdates) + " on a device");
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  setSettings(settings);
  for (size_t first = 0; first < rows.size(); first += rowsAtOnce) {
    const size_t count = std::min(rowsAtOnce, rows.size() - first);
    ascendSome(states, {rows.begin() + first, rows.begin() + first + count}, settings,
               {report.valueBefore + first, report.valueAfter + first, report.edit + first});
  }
}
