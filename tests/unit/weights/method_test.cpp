#include "stage_runtime/method/method.hpp"

#include <cmath>
#include <set>

#include "stage_runtime/optim/schedule.hpp"
#include "tests/catch.hpp"

namespace brigade::stage {
namespace {

MethodSettings golden_settings() {
  MethodSettings settings;
  settings.learning_rate = 3e-3;
  settings.total_updates = 52;
  settings.warmup_updates = 5;
  settings.correction_updates = 21;
  return settings;
}

}  // namespace

TEST_CASE("the learning rate warms up from 1e-7, reaches its peak and ends at a tenth") {
  const MethodSettings settings = golden_settings();
  CHECK(scheduled_rate(settings, 0) == Approx(1e-7 + (3e-3 - 1e-7) / 5));
  CHECK(scheduled_rate(settings, 4) == Approx(3e-3));
  CHECK(scheduled_rate(settings, 5) == Approx(3e-3));
  CHECK(scheduled_rate(settings, 51) ==
        Approx(3e-4 + 2.7e-3 * 0.5 * (1 + std::cos(M_PI * 46.0 / 47.0))));
  CHECK(scheduled_rate(settings, 52) == Approx(3e-4));
  CHECK(scheduled_rate(settings, 1'000'000) == Approx(3e-4));
}

TEST_CASE("a run without warm-up starts at its peak, one shorter than its warm-up stays sound") {
  MethodSettings settings = golden_settings();
  settings.warmup_updates = 0;
  CHECK(scheduled_rate(settings, 0) == Approx(3e-3));
  settings.warmup_updates = 100;
  CHECK(scheduled_rate(settings, 99) == Approx(3e-3));
  CHECK(scheduled_rate(settings, 200) == Approx(3e-4));
}

TEST_CASE("momentum grows with the delay and stops at its cap") {
  const MethodSettings settings = golden_settings();
  CHECK(stage_beta1(settings, 4, {3, 3}) == Approx(0.9675));
  CHECK(stage_beta1(settings, 4, {0, 0}) == Approx(0.9));
  CHECK(stage_beta1(settings, 4, {40, 40}) == Approx(0.99));
  CHECK(plain_beta1(settings, 4, {3, 3}) == Approx(0.9));
}

TEST_CASE("the learning rate's correction fades and is gone at update T") {
  const MethodSettings settings = golden_settings();
  CHECK(annealed_divisor(settings, {3, 3}, 0) == Approx(std::pow(3.0, 1 - 1.0 / 21)));
  CHECK(annealed_divisor(settings, {3, 3}, 19) == Approx(std::pow(3.0, 1.0 / 21)));
  CHECK(annealed_divisor(settings, {3, 3}, 20) == Approx(1.0));
  CHECK(annealed_divisor(settings, {3, 3}, 500) == Approx(1.0));
  CHECK(annealed_divisor(settings, {0.2, 0.2}, 0) == Approx(1.0));
}

TEST_CASE("staleness comes from where the settings say") {
  MethodSettings settings = golden_settings();
  settings.accumulate = 2;
  const Slice slice{.stage = 1, .stages = 8, .first_block = 1, .blocks = 1};
  const UpdateOrder order{
      .update = 9, .microbatches = 2, .delay_microbatches = 11, .staleness_updates = 5.5};
  settings.tau_source = TauSource::kMeasured;
  CHECK(effective_delay(settings, slice, order).microbatches == 11);
  CHECK(effective_delay(settings, slice, order).updates == 5.5);
  settings.tau_source = TauSource::kNominal;
  CHECK(effective_delay(settings, slice, order).microbatches == 6);
  CHECK(effective_delay(settings, slice, order).updates == 3);
  settings.tau_source = TauSource::kFixed;
  settings.tau_fixed = 2.5;
  CHECK(effective_delay(settings, slice, order).microbatches == 5);
  CHECK(effective_delay(settings, slice, order).updates == 2.5);
}

TEST_CASE("every method is found by its name and an unknown name lists them") {
  std::set<std::string_view> names;
  for (const Method* method : all_methods()) {
    const auto found = find_method(method->name);
    REQUIRE(found.has_value());
    CHECK(found.value() == method);
    names.insert(method->name);
  }
  CHECK(names.size() == all_methods().size());
  const auto unknown = find_method("adagrad");
  REQUIRE(unknown.has_error());
  CHECK(unknown.error().code == ErrorCode::kBadInput);
  CHECK(unknown.error().message.find("nesterov") != std::string::npos);
}

TEST_CASE("settings that no run can have are refused by name") {
  const auto refused = [](auto change, const char* field) {
    MethodSettings settings;
    change(settings);
    const auto result = check_settings(settings);
    REQUIRE(result.has_error());
    CHECK(result.error().message.find(field) != std::string::npos);
  };
  CHECK(check_settings(MethodSettings{}).has_value());
  refused([](MethodSettings& s) { s.accumulate = 0; }, "accumulate");
  refused([](MethodSettings& s) { s.learning_rate = -1; }, "learning_rate");
  refused([](MethodSettings& s) { s.learning_rate = NAN; }, "learning_rate");
  refused([](MethodSettings& s) { s.beta2 = 1; }, "beta2");
  refused([](MethodSettings& s) { s.clip = -0.5; }, "clip");
  refused([](MethodSettings& s) { s.average_share = 0; }, "average_share");
  refused([](MethodSettings& s) { s.average_share = 1.01; }, "average_share");
  refused([](MethodSettings& s) { s.average_share = NAN; }, "average_share");
}

}  // namespace brigade::stage
