#include "stage_runtime/data/token_writer.hpp"

#include <xxhash.h>

#include <limits>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/file.hpp"

namespace brigade::stage {
namespace {

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

template <class T>
std::vector<T> narrowed(std::span<const std::int32_t> ids, std::uint32_t vocabulary) {
  std::vector<T> out;
  out.reserve(ids.size());
  for (const std::int32_t id : ids) {
    BRIGADE_CHECK(id >= 0 && static_cast<std::uint32_t>(id) < vocabulary, "a tokeniser's own id");
    out.push_back(static_cast<T>(id));
  }
  return out;
}

}  // namespace

struct TokenWriter::State {
  std::filesystem::path file;
  AtomicFile out;
  TokenManifest manifest;
  std::unique_ptr<XXH3_state_t, FreeHash> hash{XXH3_createState()};

  Result<> write(std::span<const std::byte> bytes) {
    XXH3_64bits_update(hash.get(), bytes.data(), bytes.size());
    return out.write(bytes);
  }
};

TokenWriter::TokenWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TokenWriter::TokenWriter(TokenWriter&&) noexcept = default;
TokenWriter::~TokenWriter() = default;

Result<TokenWriter> TokenWriter::create(const std::filesystem::path& file, std::uint32_t vocabulary,
                                        const std::string& tokenizer) {
  BRIGADE_ASSIGN(AtomicFile out, AtomicFile::create(file));
  TokenManifest manifest;
  const bool is_narrow = vocabulary - 1 <= std::numeric_limits<std::uint16_t>::max();
  manifest.bytes_per_token = is_narrow ? 2 : 4;
  manifest.vocabulary = vocabulary;
  manifest.tokenizer = tokenizer;
  auto state = std::make_unique<State>(State{file, std::move(out), manifest});
  XXH3_64bits_reset(state->hash.get());
  return TokenWriter(std::move(state));
}

Result<> TokenWriter::append(std::span<const std::int32_t> ids, std::uint64_t text_bytes) {
  TokenManifest& manifest = state_->manifest;
  manifest.tokens += ids.size();
  manifest.text_bytes += text_bytes;
  if (manifest.bytes_per_token == 2) {
    const auto narrow = narrowed<std::uint16_t>(ids, manifest.vocabulary);
    return state_->write(std::as_bytes(std::span(narrow)));
  }
  const auto wide = narrowed<std::uint32_t>(ids, manifest.vocabulary);
  return state_->write(std::as_bytes(std::span(wide)));
}

const TokenManifest& TokenWriter::manifest() const {
  return state_->manifest;
}

Result<TokenManifest> TokenWriter::commit() {
  state_->manifest.checksum = XXH3_64bits_digest(state_->hash.get());
  BRIGADE_TRY(state_->out.commit());
  BRIGADE_TRY(write_file_atomically(manifest_path(state_->file), to_json(state_->manifest)));
  return state_->manifest;
}

}  // namespace brigade::stage
