#include "base/ids.hpp"

#include "base/random.hpp"
#include "tests/catch.hpp"

namespace brigade {

TEST_CASE("a node id survives hexadecimal text and refuses what is not one") {
  NodeId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(7 * i);
  NodeId back;
  REQUIRE(from_hex(to_hex(id), back));
  CHECK(back == id);
  CHECK(to_short(id).size() == 8);
  const NodeId before = back;
  CHECK_FALSE(from_hex(to_hex(id).substr(1), back));
  CHECK_FALSE(from_hex(std::string(63, 'a') + "g", back));
  CHECK(back == before);
}

TEST_CASE("micro-batch ids name epoch, head and sequence, evaluation apart") {
  const MicrobatchId train{Epoch{3}, HeadIndex{0}, Sequence{1742}};
  MicrobatchId eval = train;
  eval.kind = MicrobatchId::Kind::kEval;
  CHECK(to_string(train) == "3/0/1742");
  CHECK(to_string(eval) == "3/0/e1742");
  CHECK(std::hash<MicrobatchId>{}(train) != std::hash<MicrobatchId>{}(eval));
}

TEST_CASE("seeded randomness is the same everywhere and bounded") {
  Random random{42};
  const std::uint64_t first = random();
  Random again{42};
  CHECK(first == again());
  CHECK(first == mix64(42));
  for (int i = 0; i < 1000; ++i) {
    CHECK(random.below(7) < 7);
    const double u = random.uniform();
    CHECK((u >= 0.0 && u < 1.0));
  }
  CHECK(mix_seed(1, 2, 3) != mix_seed(1, 3, 2));
}

}  // namespace brigade
