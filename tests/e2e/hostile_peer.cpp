// A peer that breaks the rules, one at a time: connects to a node with a pinned key, sends what the
// mode says, prints how the node answered. Exit 0: the node ended the stream (and gave the expected
// reason, where it can); 1: it did not; 2: wrong usage.
#include <fmt/format.h>
#include <openssl/sha.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <optional>

#include "config/swarm_config.hpp"
#include "tests/e2e/hostile_frames.hpp"

namespace brigade::hostile {
namespace {

constexpr std::chrono::seconds kPatience{20};  // longer than a node's with a peer

struct Arguments {
  std::string node;      // host:port
  std::string node_id;   // 64 hex digits
  std::string swarm;     // swarm.toml
  std::string identity;  // PEM; empty: a fresh key, that nobody pinned
  std::uint32_t stage = 0;
  std::string mode;
  std::vector<std::uint32_t> shape{8, 128, 128};
  std::uint32_t epoch = 1;
  std::uint64_t sequence = 0;
};

bool read_hex(const std::string& text, NodeId& id) {
  if (from_hex(text, id)) return true;
  fmt::print(stderr, "hostile_peer: {}: expected 64 hexadecimal digits\n", text);
  return false;
}

/// The Goodbye's reason, once the node says one or ends.
std::optional<std::string> wait_goodbye(RawLink& link) {
  while (auto frame = link.receive(kPatience)) {
    if (const auto* goodbye = std::get_if<daemon::Goodbye>(&frame->body)) return goodbye->reason;
  }
  return std::nullopt;
}

int report(RawLink& link, const std::string& expected) {
  const std::optional<std::string> reason = wait_goodbye(link);
  if (reason) fmt::print("goodbye: {}\n", *reason);
  link.half_close();
  const std::optional<grpc::Status> status = link.wait_end(kPatience);
  if (!status) {
    fmt::print("the node did not end the stream within {} s\n", kPatience.count());
    return 1;
  }
  fmt::print("status: {} {}\n", static_cast<int>(status->error_code()), status->error_message());
  const bool is_as_expected =
      expected.empty() || (reason && reason->find(expected) != std::string::npos);
  return is_as_expected ? 0 : 1;
}

/// An honest hello, then a tensor of NaN: prints the receipts that come back for a while.
int send_nan(RawLink& link, const daemon::Hello& hello, const Arguments& arguments) {
  link.send(daemon::encode_frame(hello));
  link.send(nan_forward(arguments.epoch, arguments.sequence, arguments.shape[0], arguments.shape[1],
                        arguments.shape[2]));
  while (auto frame = link.receive(kPatience)) {
    const auto* message = std::get_if<swarm::Message>(&frame->body);
    const auto* receipt = message ? std::get_if<swarm::Receipt>(message) : nullptr;
    if (receipt == nullptr) continue;
    fmt::print("receipt: kind {}\n", static_cast<int>(receipt->kind));
    if (receipt->kind == swarm::Receipt::Kind::kRejected) return 0;
  }
  fmt::print("the node did not reject the tensor within {} s\n", kPatience.count());
  return 1;
}

int run(const Arguments& arguments) {
  NodeId node;
  if (!read_hex(arguments.node_id, node)) return 2;
  const auto swarm = config::load_swarm_config(arguments.swarm);
  if (swarm.has_error()) {
    fmt::print(stderr, "hostile_peer: {}\n", swarm.error().message);
    return 2;
  }
  const Result<daemon::Identity> identity =
      arguments.identity.empty() ? daemon::make_identity()
                                 : daemon::load_or_create_identity(arguments.identity);
  if (identity.has_error()) {
    fmt::print(stderr, "hostile_peer: {}\n", identity.error().message);
    return 2;
  }
  fmt::print("id: {}\n", to_hex(identity->id));
  daemon::Hello hello;
  const std::string text = config::canonical_text(*swarm);
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hello.swarm.data());
  hello.stage = StageIndex(arguments.stage);
  hello.software = "hostile";
  RawLink link(arguments.node, *identity, node);
  if (arguments.mode == "honest") {
    link.send(daemon::encode_frame(hello));
    return link.receive(kPatience) ? 0 : 1;
  }
  if (arguments.mode == "nan-tensor") return send_nan(link, hello, arguments);
  if (arguments.mode == "silent") return report(link, "no hello came");
  for (const Case& one : all_cases(hello)) {
    if (one.name != arguments.mode) continue;
    for (const grpc::ByteBuffer& frame : one.frames) link.send(frame);
    return report(link, one.reason);
  }
  fmt::print(stderr, "hostile_peer: unknown mode {}: see --help\n", arguments.mode);
  return 2;
}

std::string describe_modes() {
  std::string text = "Modes:\n";
  const auto line = [&](const std::string& name, const std::string& what) {
    text += fmt::format("  {:<20} {}\n", name, what);
  };
  line("honest", "a correct hello; exit 0 if the node answers");
  line("silent", "no frame at all");
  line("nan-tensor", "a forward of NaN that is correct otherwise; exit 0 on a rejecting receipt");
  for (const Case& one : all_cases(daemon::Hello{})) line(one.name, one.what);
  return text;
}

}  // namespace
}  // namespace brigade::hostile

int main(int argc, char** argv) {
  brigade::hostile::Arguments arguments;
  CLI::App app("A peer that breaks one rule of Brigade's protocol, for tests.");
  app.footer(brigade::hostile::describe_modes());
  app.add_option("--node", arguments.node, "host:port of the node")->required();
  app.add_option("--node-id", arguments.node_id, "its id, 64 hexadecimal digits")->required();
  app.add_option("--swarm", arguments.swarm, "its swarm.toml")->required();
  app.add_option("--identity", arguments.identity,
                 "key that the node has pinned; without: a fresh one, that it must refuse");
  app.add_option("--stage", arguments.stage, "the stage that the node expects of that key");
  app.add_option("--mode", arguments.mode, "what to do wrong")->required();
  app.add_option("--shape", arguments.shape, "batch tokens width of nan-tensor")->expected(3);
  app.add_option("--epoch", arguments.epoch, "epoch of nan-tensor");
  app.add_option("--sequence", arguments.sequence, "micro-batch of nan-tensor");
  CLI11_PARSE(app, argc, argv);
  return brigade::hostile::run(arguments);
}
