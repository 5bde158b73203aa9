// The header of a safetensors file and the checkpoint metadata in it: what is accepted can be read
// without leaving the file.
#include <cstdint>
#include <string>
#include <string_view>

#include "stage_runtime/checkpoint_metadata.hpp"
#include "stage_runtime/safetensors.hpp"
#include "tests/fuzz/check.hpp"

using namespace brigade;

namespace {

void demand_sound(const stage::SafetensorsHeader& header, std::uint64_t file_bytes) {
  FUZZ_DEMAND(header.header_bytes + header.data_bytes == file_bytes);
  std::uint64_t end = 0;
  for (const stage::TensorEntry& tensor : header.tensors) {
    FUZZ_DEMAND(tensor.begin == end);
    FUZZ_DEMAND(tensor.end >= tensor.begin && tensor.end <= header.data_bytes);
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : tensor.shape) elements *= extent;
    FUZZ_DEMAND(elements * stage::bytes_of(tensor.type) == tensor.end - tensor.begin);
    FUZZ_DEMAND(header.find(tensor.name) == &tensor);
    end = tensor.end;
  }
}

void try_metadata(std::string_view json) {
  const auto checkpoint = stage::parse_checkpoint_header(json);
  if (!checkpoint) {
    fuzz::demand_readable(checkpoint.error());
    return;
  }
  const auto again = stage::parse_checkpoint_header(stage::to_json(*checkpoint));
  FUZZ_DEMAND(again.has_value());
  FUZZ_DEMAND(again->info.position == checkpoint->info.position);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_metadata(bytes);
  // The second size lets large offsets through: only the header is read, the data never.
  for (const std::uint64_t file_bytes : {std::uint64_t{size}, std::uint64_t{1} << 40}) {
    const auto header = stage::parse_safetensors_header(bytes, file_bytes);
    if (!header) {
      fuzz::demand_readable(header.error());
      continue;
    }
    demand_sound(*header, file_bytes);
    const auto metadata = header->metadata.find(std::string(stage::kMetadataKey));
    if (metadata != header->metadata.end()) try_metadata(metadata->second);
  }
  return 0;
}
