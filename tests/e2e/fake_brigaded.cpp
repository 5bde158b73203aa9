// A daemon that trains nothing: it speaks the control service and misbehaves on demand, so that
// tests see how the CLI takes what a real daemon does once in a blue moon.
//
//   FAKE_BRIGADED=WORD    what goes wrong at stage 1 (else every stage behaves):
//     clash     the first start finds its port in use
//     hang      a stop is never obeyed, SIGTERM neither
//     blocked   reports the phase "blocked"
//     crash     segfaults after a few steps
//     leave     exits 0 although nobody asked
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "brigade/control/v1/control.grpc.pb.h"
#include "config/node_config.hpp"
#include "config/swarm_config.hpp"

namespace brigade {
namespace {

namespace control = brigade::control::v1;
using std::chrono::milliseconds;

constexpr milliseconds kStep{20};
constexpr std::uint64_t kFaultAt = 5;  // micro-batches before a fault shows

class FakeNode final : public control::Control::Service {
 public:
  FakeNode(const config::NodeConfig& node, const config::SwarmConfig& swarm, std::string fault)
      : node_(node), swarm_(swarm), fault_(std::move(fault)) {}

  grpc::Status GetStatus(grpc::ServerContext*, const control::GetStatusRequest*,
                         control::NodeStatus* status) override {
    *status = make_status();
    return grpc::Status::OK;
  }

  grpc::Status Watch(grpc::ServerContext* context, const control::WatchRequest*,
                     grpc::ServerWriter<control::WatchEvent>* writer) override {
    while (!context->IsCancelled() && !is_stopping_) {
      const bool has_step = !is_over();
      if (has_step) ++position_;
      if (node_.stage == 0) write_head_events(writer, has_step);
      control::WatchEvent event;
      *event.mutable_status() = make_status();
      if (!writer->Write(event)) break;
      misbehave();
      std::this_thread::sleep_for(kStep);
    }
    return grpc::Status::OK;
  }

  grpc::Status Stop(grpc::ServerContext*, const control::StopRequest*,
                    control::StopResponse*) override {
    if (fault_ != "hang") is_stopping_ = true;
    return grpc::Status::OK;
  }

  bool is_stopping() const { return is_stopping_; }

 private:
  void write_head_events(grpc::ServerWriter<control::WatchEvent>* writer, bool has_step) {
    control::WatchEvent event;
    if (has_step) {
      control::Step* step = event.mutable_step();
      step->set_position(position_);
      step->set_sequence(position_ - 1);
      step->set_tokens(position_ * swarm_.run.batch * swarm_.run.context);
      step->set_loss(3.0);
    } else {
      event.mutable_eval()->set_position(position_);
      event.mutable_eval()->set_loss(2.5);
      event.mutable_eval()->set_is_final(true);
    }
    writer->Write(event);
  }

  void misbehave() const {
    if (position_ < kFaultAt) return;
    if (fault_ == "crash") std::raise(SIGSEGV);
    if (fault_ == "leave") std::_Exit(0);
  }

  bool is_over() const { return swarm_.run.steps != 0 && position_ >= swarm_.run.steps; }

  control::NodeStatus make_status() const {
    control::NodeStatus status;
    status.set_node(std::string(64, static_cast<char>('a' + node_.stage)));
    status.set_stage(node_.stage);
    status.set_stages(swarm_.stages);
    status.set_pid(static_cast<std::uint32_t>(::getpid()));
    status.set_position(position_);
    status.set_phase(is_over() ? "over" : "training");
    if (fault_ == "blocked" && position_ >= kFaultAt) {
      status.set_phase("blocked");
      status.set_error("no checkpoint that all stages have");
    }
    return status;
  }

  const config::NodeConfig node_;
  const config::SwarmConfig swarm_;
  const std::string fault_;
  std::atomic<std::uint64_t> position_ = 0;
  std::atomic<bool> is_stopping_ = false;
};

std::string fault_of(const config::NodeConfig& node) {
  const char* fault = std::getenv("FAKE_BRIGADED");
  return fault == nullptr || node.stage != 1 ? "" : fault;
}

// True the first time that it is asked in this state directory.
bool is_first_start(const config::NodeConfig& node) {
  const auto mark = node.state_dir / "started";
  if (std::filesystem::exists(mark)) return false;
  std::ofstream(mark) << "once\n";
  return true;
}

int serve(const config::NodeConfig& node, int parent) {
  const auto swarm = config::load_swarm_config(node.swarm);
  if (!swarm) return std::fprintf(stderr, "brigaded: %s\n", swarm.error().message.c_str()), 1;
  const std::string fault = fault_of(node);
  if (fault == "clash" && is_first_start(node)) {
    return std::fprintf(stderr, "brigaded: %s: address in use\n", node.listen.c_str()), 1;
  }
  if (fault == "hang") std::signal(SIGTERM, SIG_IGN);
  FakeNode service(node, *swarm, fault);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + node.control, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server) return 1;
  std::jthread watcher([parent] {
    char byte = 0;
    if (parent >= 0 && ::read(parent, &byte, 1) == 0) std::_Exit(0);  // the CLI is gone
  });
  while (!service.is_stopping()) std::this_thread::sleep_for(milliseconds{10});
  std::_Exit(0);
}

int run(int argc, char** argv) {
  std::string file;
  int parent = -1;
  bool shows_id = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--config" && i + 1 < argc) file = argv[++i];
    if (argument == "--parent-fd" && i + 1 < argc) parent = std::atoi(argv[++i]);
    if (argument == "--show-id") shows_id = true;
  }
  const auto node = config::load_node_config(file);
  if (!node) return std::fprintf(stderr, "brigaded: %s\n", node.error().message.c_str()), 1;
  if (!shows_id) return serve(*node, parent);
  std::puts(std::string(64, static_cast<char>('a' + node->stage)).c_str());
  return 0;
}

}  // namespace
}  // namespace brigade

int main(int argc, char** argv) {
  return brigade::run(argc, argv);
}
