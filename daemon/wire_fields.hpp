// What the fields of wire messages have in common: bounds, ids and times.
#pragma once

#include <brigade/v1/link.pb.h>

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace brigade::daemon {

namespace wire = brigade::v1;

Error protocol_error(std::string text);
/// kProtocol, with the field's name, what it says and what is allowed.
Result<> check_at_most(const char* what, std::uint64_t value, std::uint64_t most);
Result<> check_within(const char* what, std::uint64_t value, std::uint64_t most);  // from 1

Result<MicrobatchId> id_from(const wire::MicrobatchId& id);
void id_to(const MicrobatchId& id, wire::MicrobatchId& out);
Result<NodeId> node_from(const std::string& bytes);

Duration duration_from(std::uint64_t nanoseconds);
std::uint64_t nanoseconds_of(Duration duration);
/// Of a clock, or of a span that one measured.
Result<Duration> clock_from(const char* what, std::uint64_t nanoseconds);

}  // namespace brigade::daemon
