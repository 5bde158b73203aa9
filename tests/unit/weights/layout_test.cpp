#include "stage_runtime/layout.hpp"

#include <set>

#include "tests/catch.hpp"
#include "tests/unit/weights/fixtures.hpp"

namespace brigade::stage {

TEST_CASE("parameters are aligned, do not overlap and fill the buffer") {
  const Layout layout = Layout::make(small_model(), whole(small_model()));
  std::size_t end = 0;
  std::size_t count = 0;
  for (const Parameter& parameter : layout.parameters()) {
    CHECK(parameter.offset % kAlignElements == 0);
    CHECK(parameter.offset >= end);
    CHECK(parameter.offset - end < kAlignElements);
    end = parameter.offset + parameter.size;
    count += parameter.size;
  }
  CHECK(layout.buffer_size() >= end);
  CHECK(layout.buffer_size() - end < kAlignElements);
  CHECK(layout.parameter_count() == count);
}

TEST_CASE("the stages of any split hold each parameter of the model exactly once") {
  const ModelShape model = small_model();
  const Layout all = Layout::make(model, whole(model));
  for (const std::uint32_t stages : {1U, 2U, 4U}) {
    std::multiset<std::string> names;
    for (std::uint32_t i = 0; i < stages; ++i) {
      const Layout part = Layout::make(model, slice_of(model, i, stages));
      for (const Parameter& parameter : part.parameters()) {
        names.insert(parameter.name);
        REQUIRE(all.find(parameter.name) != nullptr);
        CHECK(all.find(parameter.name)->shape == parameter.shape);
      }
    }
    CHECK(names.size() == all.parameters().size());
    CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  }
}

TEST_CASE("a tied head has no matrix of its own at one stage and has one at two") {
  ModelShape model = small_model();
  model.tied_head = true;
  CHECK(Layout::make(model, whole(model)).find(kHead) == nullptr);
  CHECK(Layout::make(model, slice_of(model, 1, 2)).find(kHead) != nullptr);
}

TEST_CASE("the fused attention matrix says that it is three") {
  const Layout layout = Layout::make(small_model(), whole(small_model()));
  const Parameter* qkv = layout.find("transformer.h.2.attn.c_attn.weight");
  REQUIRE(qkv != nullptr);
  CHECK(qkv->parts == 3);
  CHECK(qkv->kind == ParameterKind::kMatrix);
  CHECK(qkv->shape == std::vector<std::int64_t>{8, 24});
}

TEST_CASE("impossible models and slices are refused with the field's name") {
  ModelShape model = small_model();
  model.heads = 3;
  REQUIRE(check_shape(model).has_error());
  CHECK(check_shape(model).error().message.find("heads = 3") != std::string::npos);
  model = small_model();
  model.width = 0;
  CHECK(check_shape(model).has_error());
  model = small_model();
  model.layer_norm_epsilon = 0;
  CHECK(check_shape(model).has_error());

  model = small_model();
  CHECK(check_slice(model, {.stage = 2, .stages = 2, .first_block = 0, .blocks = 1}).has_error());
  CHECK(check_slice(model, {.stage = 0, .stages = 2, .first_block = 3, .blocks = 2}).has_error());
  CHECK(check_slice(model, {.stage = 0, .stages = 1, .first_block = 0, .blocks = 3}).has_error());
  CHECK(check_slice(model, {.stage = 0, .stages = 2, .first_block = 4294967295U, .blocks = 2})
            .has_error());
}

TEST_CASE("weights start the same whatever the split") {
  const ModelShape model = small_model();
  const Snapshot all = make_snapshot(model, whole(model));
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Snapshot part = make_snapshot(model, slice_of(model, i, 4));
    for (const Parameter& parameter : part.layout.parameters()) {
      const Parameter* same = all.layout.find(parameter.name);
      REQUIRE(same != nullptr);
      const auto left = part.weights.span().subspan(parameter.offset, parameter.size);
      const auto right = all.weights.span().subspan(same->offset, same->size);
      CHECK(std::ranges::equal(left, right));
    }
  }
}

TEST_CASE("matrices start with the asked deviation, gains at one, biases and gaps at zero") {
  ModelShape model = small_model();
  model.width = 128;
  model.init_std = 0.02;
  const Snapshot snapshot = make_snapshot(model, whole(model));
  std::vector<bool> is_parameter(snapshot.layout.buffer_size());
  for (const Parameter& parameter : snapshot.layout.parameters()) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < parameter.size; ++i) {
      is_parameter[parameter.offset + i] = true;
      const double value = snapshot.weights.span()[parameter.offset + i];
      sum += value;
      squares += value * value;
    }
    const auto size = static_cast<double>(parameter.size);
    if (parameter.kind == ParameterKind::kGain) {
      CHECK(sum == size);
    } else if (parameter.kind == ParameterKind::kBias) {
      CHECK(squares == 0);
    } else {
      CHECK(std::abs(sum / size) < 4 * 0.02 / std::sqrt(size));
      CHECK(std::sqrt(squares / size) == Approx(0.02).epsilon(4 / std::sqrt(2 * size)));
    }
  }
  for (std::size_t i = 0; i < is_parameter.size(); ++i) {
    if (!is_parameter[i]) CHECK(snapshot.weights.span()[i] == 0.0F);
  }
}

TEST_CASE("another seed or another name gives other weights") {
  const ModelShape model = small_model();
  const Snapshot snapshot = make_snapshot(model, whole(model));
  const Parameter* first = snapshot.layout.find("transformer.h.0.mlp.c_fc.weight");
  const Parameter* second = snapshot.layout.find("transformer.h.1.mlp.c_fc.weight");
  const auto at = [&](const HostBuffer& buffer, const Parameter* parameter) {
    return buffer.span()[parameter->offset];
  };
  CHECK(at(snapshot.weights, first) != at(snapshot.weights, second));
  CHECK(at(snapshot.weights, first) != at(snapshot.moments[0], first));
}

TEST_CASE("a tied head that lives apart starts as the embedding's copy") {
  ModelShape model = small_model();
  model.tied_head = true;
  const Snapshot head = make_snapshot(model, slice_of(model, 0, 2));
  const Snapshot tail = make_snapshot(model, slice_of(model, 1, 2));
  const Parameter* embedding = head.layout.find(kTokenEmbedding);
  const Parameter* output = tail.layout.find(kHead);
  CHECK(std::ranges::equal(head.weights.span().subspan(embedding->offset, embedding->size),
                           tail.weights.span().subspan(output->offset, output->size)));
}

}  // namespace brigade::stage
