// Runs a fuzz target over its corpus without libFuzzer: every file as it is, cut short at 16
// places, and with 64 of its bits flipped one at a time. The same inputs on every run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kCuts = 16;
constexpr std::size_t kFlips = 64;

std::vector<std::filesystem::path> corpus_files(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::size_t replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::uint8_t> input{std::istreambuf_iterator<char>(stream), {}};
  LLVMFuzzerTestOneInput(input.data(), input.size());
  std::size_t runs = 1;
  for (std::size_t cut = 0; cut < std::min(kCuts, input.size()); ++cut, ++runs) {
    // A copy of the exact size, so that AddressSanitizer sees a read past its end.
    const std::vector<std::uint8_t> head(
        input.begin(), input.begin() + static_cast<std::ptrdiff_t>(cut * input.size() / kCuts));
    LLVMFuzzerTestOneInput(head.data(), head.size());
  }
  for (std::size_t flip = 0; flip < std::min(kFlips, input.size() * 8); ++flip, ++runs) {
    const std::size_t bit = flip * input.size() * 8 / kFlips;
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    input[bit / 8] = static_cast<std::uint8_t>(input[bit / 8] ^ mask);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    input[bit / 8] = static_cast<std::uint8_t>(input[bit / 8] ^ mask);
  }
  return runs;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  std::size_t runs = 0;
  for (int i = 1; i < argc; ++i)
    for (const auto& file : corpus_files(argv[i])) {
      runs += replay(file);
      ++files;
    }
  std::printf("%zu corpus files, %zu inputs replayed\n", files, runs);
  return files == 0 ? 1 : 0;
}
