#include "daemon/relay/tunnel.hpp"

#include <brigade/v1/link.pb.h>

#include <algorithm>

#include "trust/fields.hpp"

namespace brigade::daemon {

std::string to_bytes(const TunnelRequest& request) {
  brigade::v1::TunnelRequest message;
  if (request.callee) {
    trust::set_bytes(message.mutable_callee(), request.callee->bytes);
  } else {
    message.set_answers(request.answers);
  }
  return message.SerializeAsString();
}

std::optional<TunnelRequest> read_tunnel_request(std::string_view bytes) {
  brigade::v1::TunnelRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  TunnelRequest request;
  if (message.callee().empty()) {
    request.answers = message.answers();
    return request;
  }
  NodeId callee;
  if (!trust::get_bytes(message.callee(), callee.bytes)) return std::nullopt;
  request.callee = callee;
  return request;
}

}  // namespace brigade::daemon
