// A member of a real swarm that breaks one rule: brigaded with a transport that lies, or one that
// besides its honest work holds connections of others open. For tests.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "config/node_config.hpp"
#include "daemon/address.hpp"
#include "daemon/daemon.hpp"
#include "daemon/log.hpp"
#include "daemon/members/entry.hpp"
#include "daemon/settings.hpp"
#include "stage_runtime/stage.hpp"
#include "tests/e2e/hostile_frames.hpp"
#include "tests/e2e/hostile_transport.hpp"

namespace brigade::hostile {
namespace {

namespace asio = boost::asio;

constexpr char kSlowLoris[] = "slow-loris";
constexpr std::size_t kConnections = 64;  // that say one byte a second
constexpr std::size_t kStreams = 4;       // that never say hello
constexpr std::chrono::seconds kStreamLasts{11};

struct Arguments {
  std::filesystem::path config;
  std::string misdeed;
  std::string victim;     // host:port, of slow-loris
  std::string victim_id;  // 64 hex digits
};

int fail(const std::string& what) {
  fmt::print(stderr, "hostile_member: {}\n", what);
  return 1;
}

daemon::StageLibrary stage_library() {
  return {.make = &stage::Stage::make,
          .cost =
              [](const config::SwarmConfig& swarm) {
                return stage::model_cost(daemon::to_model_shape(swarm.model), swarm.run.context);
              },
          .estimate =
              [](const stage::StageOptions& options) {
                return stage::estimate_memory(options.model, options.slice, options.batch,
                                              options.tokens, options.method, options.recompute);
              },
          .checkpoints = {.verify = &stage::verify_checkpoint, .write = &stage::write_snapshot}};
}

/// Connections that begin a TLS handshake and go on with a byte a second, opened anew as they are
/// closed.
void trickle(const std::string& victim) {
  const auto where = daemon::split_address(victim).value();
  asio::io_context context;
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(where.host), where.port);
  std::vector<std::unique_ptr<asio::ip::tcp::socket>> held(kConnections);
  constexpr unsigned char kClientHello[] = {0x16, 0x03, 0x01, 0x40, 0x00, 0x01};
  for (std::size_t second = 0;; ++second) {
    for (auto& socket : held) {
      boost::system::error_code failure;
      if (!socket) {
        socket = std::make_unique<asio::ip::tcp::socket>(context);
        socket->connect(endpoint, failure);
        if (!failure) asio::write(*socket, asio::buffer(kClientHello), failure);
      } else {
        asio::write(*socket, asio::buffer(kClientHello, 1), failure);
      }
      if (failure) socket.reset();
    }
    std::this_thread::sleep_for(std::chrono::seconds{1});
  }
}

/// Streams with this member's own key that are opened and left alone.
void say_no_hello(const Arguments& arguments, const daemon::Identity& identity) {
  NodeId victim;
  if (!from_hex(arguments.victim_id, victim)) return;
  while (true) {
    std::vector<std::unique_ptr<RawLink>> held;
    for (std::size_t i = 0; i < kStreams; ++i)
      held.push_back(std::make_unique<RawLink>(arguments.victim, identity, victim));
    std::this_thread::sleep_for(kStreamLasts);
  }
}

int run(const Arguments& arguments) {
  auto node = config::load_node_config(arguments.config);
  if (node.has_error()) return fail(node.error().message);
  if (auto log = daemon::start_log(node->log); log.has_error()) return fail(log.error().message);
  std::filesystem::create_directories(node->identity.parent_path());
  const auto identity = daemon::load_or_create_identity(node->identity);
  if (identity.has_error()) return fail(identity.error().message);
  auto entry = daemon::enter_swarm(
      *node, *identity, [](const std::string& line) { spdlog::info("entering: {}", line); });
  if (entry.has_error()) return fail(entry.error().message);
  node->stage = entry->stage;
  daemon::DaemonOptions options;
  options.node = *node;
  options.swarm = entry->swarm;
  options.entry = std::move(*entry);
  options.around = [misdeed = arguments.misdeed](daemon::TransportCallbacks callbacks,
                                                 const daemon::MakeTransport& make) {
    return make_hostile_transport(misdeed, std::move(callbacks), make);
  };
  auto made = daemon::Daemon::make(std::move(options), stage_library());
  if (made.has_error()) return fail(made.error().message);
  if (arguments.misdeed == kSlowLoris) {
    std::thread(trickle, arguments.victim).detach();
    std::thread(say_no_hello, arguments, *identity).detach();
  }
  const auto served = (*made)->run();
  if (served.has_error()) return fail(served.error().message);
  std::fflush(nullptr);
  std::_Exit(0);  // what was detached has no end
}

std::string describe() {
  std::string text = "Misdeeds:\n";
  for (const Misdeed& one : misdeeds()) text += fmt::format("  {:<14} {}\n", one.name, one.what);
  return text + fmt::format("  {:<14} {}\n", kSlowLoris,
                            "connections to --victim that trickle, or say no hello");
}

}  // namespace
}  // namespace brigade::hostile

int main(int argc, char** argv) {
  brigade::hostile::Arguments arguments;
  CLI::App app("A member of a swarm that breaks one of Brigade's rules, for tests.");
  app.footer(brigade::hostile::describe());
  app.add_option("--config", arguments.config, "node.toml, as brigade join --prepare writes it")
      ->required();
  app.add_option("--misdeed", arguments.misdeed, "what to do wrong")->required();
  app.add_option("--victim", arguments.victim, "host:port of the node that slow-loris is for");
  app.add_option("--victim-id", arguments.victim_id, "its id, 64 hexadecimal digits");
  CLI11_PARSE(app, argc, argv);
  return brigade::hostile::run(arguments);
}
