#include "stage_runtime/data/yardstick.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "tests/catch.hpp"

using namespace brigade::stage;

namespace {

std::vector<std::uint8_t> bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

}  // namespace

TEST_CASE("a bigram model that has seen nothing of use knows a byte in 256") {
  const double loss = bigram_loss(bytes("ab"), bytes("zyzy")).value();
  CHECK(loss == Approx(std::log(256.0)));
}

TEST_CASE("the bigram loss is that of the smoothed counts, worked by hand") {
  // After 'a' came 'b' twice and 'c' once; 'b' was followed by 'a' twice.
  const double loss = bigram_loss(bytes("ababac"), bytes("aba"), 0.1).value();
  const double after_a = -std::log((2 + 0.1) / (3 + 25.6));
  const double after_b = -std::log((2 + 0.1) / (2 + 25.6));
  CHECK(loss == Approx((after_a + after_b) / 2));
}

TEST_CASE("a yardstick without data or smoothing is refused") {
  CHECK_FALSE(bigram_loss(bytes("a"), bytes("ab")));
  CHECK_FALSE(bigram_loss(bytes("ab"), bytes("")));
  CHECK_FALSE(bigram_loss(bytes("ab"), bytes("ab"), 0.0));
  CHECK_FALSE(bigram_loss(bytes("ab"), bytes("ab"), std::nan("")));
}

TEST_CASE("known words are counted whatever their case and punctuation") {
  const auto count = count_known_words("The cat, DON'T sit - blorp 42!", "the Cat don't sit. 42");
  CHECK(count.words == 5);
  CHECK(count.known == 4);
  CHECK(count.ratio() == Approx(0.8));
}

TEST_CASE("a part of a word is not the word") {
  CHECK(count_known_words("cat", "concatenate").known == 0);
  CHECK(count_known_words("", "text").ratio() == 0.0);
  CHECK(count_known_words("dogs'", "dogs").known == 1);
  CHECK(count_known_words("caf\xc3\xa9", "caf\xc3\xa9").words == 1);
}
