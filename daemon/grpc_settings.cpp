#include "daemon/grpc_settings.hpp"

#include <grpc/support/log.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "daemon/frame.hpp"

namespace brigade::daemon {

void quiet_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) {
      gpr_set_log_function([](gpr_log_func_args*) {});
    }
  });
}

std::string innermost(const std::string& text) {
  const std::size_t marker = text.rfind(": ");
  return printable_line(marker == std::string::npos ? text : text.substr(marker + 2));
}

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

grpc::ChannelArguments dial_arguments() {
  grpc::ChannelArguments arguments;
  set_arguments([&](const char* name, int value) { arguments.SetInt(name, value); });
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace brigade::daemon
