#include "daemon/control_server.hpp"

#include <brigade/control/v1/control.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "tests/unit/daemon/fakes.hpp"

namespace brigade::daemon::testing {
namespace {

namespace fs = std::filesystem;
using namespace control::v1;  // NOLINT: the messages under test

/// A control server with its strand on a thread.
struct Served {
  TempFolder folder;
  boost::asio::io_context core;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      core.get_executor()};
  std::optional<Duration> stop_deadline;
  int stops = 0;
  std::uint32_t patience_ms = 0;
  ControlServer server{
      core,
      {.status =
           [] {
             NodeStatus status;
             status.set_stage(3);
             status.set_phase("training");
             return status;
           },
       .stop =
           [this](std::optional<Duration> deadline) {
             stop_deadline = deadline;
             ++stops;
           },
       .drain = [](const ControlServer::Answer& answer) { answer({}); },
       .resume =
           [](const ControlServer::Answer& answer) {
             answer(make_error(ErrorCode::kBadInput, "not drained"));
           },
       .leave =
           [this](const LeaveRequest& wish, const ControlServer::Answer& answer) {
             patience_ms = wish.patience_ms();
             answer({});
           },
       .revoke = [](const RevokeRequest& request) -> Result<RevokeResponse> {
         if (request.revocations().empty()) return make_error(ErrorCode::kBadInput, "none of ours");
         RevokeResponse response;
         response.set_added(static_cast<std::uint32_t>(request.revocations_size()));
         return response;
       }}};
  std::thread strand;

  Served() {
    REQUIRE(server.start(socket()).has_value());
    strand = std::thread([this] { core.run(); });
  }
  ~Served() {
    server.shut_down();
    core.stop();
    strand.join();
  }
  fs::path socket() const { return folder.path() / "control.sock"; }
  std::unique_ptr<Control::Stub> client() const {
    return Control::NewStub(
        grpc::CreateChannel("unix:" + socket().string(), grpc::InsecureChannelCredentials()));
  }
  void publish_step(std::uint64_t position) {
    WatchEvent event;
    event.mutable_step()->set_position(position);
    boost::asio::post(core, [this, event] { server.publish(event); });
  }
  void close() {
    boost::asio::post(core, [this] { server.close(); });
  }
};

TEST_CASE("the control socket is its owner's alone and answers with the status") {
  Served served;
  CHECK(fs::status(served.socket()).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  grpc::ClientContext context;
  NodeStatus status;
  REQUIRE(served.client()->GetStatus(&context, {}, &status).ok());
  CHECK(status.stage() == 3);
  CHECK(status.phase() == "training");
}

TEST_CASE("revocations are handed over, and what is wrong with them is told") {
  Served served;
  RevokeRequest request;
  RevokeResponse response;
  grpc::ClientContext refused;
  const auto status = served.client()->Revoke(&refused, request, &response);
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(status.error_message() == "none of ours");
  request.add_revocations("one");
  grpc::ClientContext context;
  REQUIRE(served.client()->Revoke(&context, request, &response).ok());
  CHECK(response.added() == 1);
}

TEST_CASE("a watcher gets a status at once, every event in order, and an end with the daemon") {
  Served served;
  grpc::ClientContext context;
  WatchRequest request;
  request.set_interval_ms(1000);
  const auto client = served.client();
  auto reader = client->Watch(&context, request);
  WatchEvent event;
  REQUIRE(reader->Read(&event));
  CHECK(event.status().stage() == 3);
  for (std::uint64_t position = 1; position <= 100; ++position) served.publish_step(position);
  served.close();
  std::uint64_t next = 1;
  while (reader->Read(&event)) {
    if (event.has_step()) CHECK(event.step().position() == next++);
  }
  CHECK(next == 101);
  CHECK(event.has_status());  // the last word
  CHECK(reader->Finish().ok());
}

TEST_CASE("what happened before the first watcher came is not lost for it, only for it") {
  Served served;
  served.publish_step(1);
  served.publish_step(2);
  const auto steps_seen = [&] {
    grpc::ClientContext context;
    const auto client = served.client();
    auto reader = client->Watch(&context, {});
    WatchEvent event;
    REQUIRE(reader->Read(&event));
    served.publish_step(3);
    std::vector<std::uint64_t> seen;
    while (reader->Read(&event)) {
      if (!event.has_step()) continue;
      seen.push_back(event.step().position());
      if (seen.back() == 3) break;
    }
    context.TryCancel();
    reader->Finish();
    return seen;
  };
  CHECK(steps_seen() == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(steps_seen() == std::vector<std::uint64_t>{3});
}

TEST_CASE("a stop is passed on with its deadline, or without one") {
  Served served;
  const auto client = served.client();
  StopResponse answer;
  {
    grpc::ClientContext context;
    StopRequest request;
    request.set_deadline_ms(1500);
    REQUIRE(client->Stop(&context, request, &answer).ok());
  }
  grpc::ClientContext asking;
  NodeStatus status;  // behind the stop on the strand
  REQUIRE(client->GetStatus(&asking, {}, &status).ok());
  CHECK(served.stops == 1);
  CHECK(served.stop_deadline == Duration(std::chrono::milliseconds(1500)));
}

TEST_CASE("a wish is granted, or refused with the reason") {
  Served served;
  const auto client = served.client();
  DrainResponse drained;
  grpc::ClientContext draining;
  CHECK(client->Drain(&draining, {}, &drained).ok());
  ResumeResponse resumed;
  grpc::ClientContext resuming;
  const auto refused = client->Resume(&resuming, {}, &resumed);
  CHECK(refused.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(refused.error_message() == "not drained");
  LeaveRequest wish;
  wish.set_patience_ms(1500);
  LeaveResponse left;
  grpc::ClientContext leaving;
  CHECK(client->Leave(&leaving, wish, &left).ok());
  CHECK(served.patience_ms == 1500);
}

TEST_CASE("a socket that another daemon serves is left alone, a dead one is taken over") {
  Served served;
  boost::asio::io_context core;
  ControlServer second(core, {});
  const auto started = second.start(served.socket());
  REQUIRE(started.has_error());
  CHECK(started.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a socket path that the system can't hold is refused with what to do") {
  TempFolder folder;
  boost::asio::io_context core;
  ControlServer server(core, {});
  const auto started = server.start(folder.path() / std::string(120, 'x'));
  REQUIRE(started.has_error());
  CHECK(started.error().message.find("set 'control' in node.toml") != std::string::npos);
}

}  // namespace
}  // namespace brigade::daemon::testing
