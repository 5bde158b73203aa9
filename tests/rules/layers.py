"""Who may know whom, as data. The picture is in docs/architecture.md."""

# Room → rooms of ours that it may include, beside itself. Longest prefix decides, so that a part
# of a room (stage_runtime/data, which needs no torch) can be opened to more than the whole.
MAY_INCLUDE = {
    "base": (),
    "config": ("base",),
    "swarm": ("base",),
    "sim": ("base", "swarm"),
    "stage_runtime/data": ("base",),
    "stage_runtime/commands": ("base", "config"),
    "stage_runtime/tools": ("base", "config", "stage_runtime", "stage_runtime/commands",
                            "stage_runtime/data"),
    "stage_runtime": ("base", "stage_runtime/data"),
    "trust": ("base", "proto"),
    "daemon": ("base", "config", "swarm", "trust", "stage_runtime", "stage_runtime/data", "proto"),
    "cli": ("base", "config", "swarm", "sim", "trust", "stage_runtime/commands",
            "stage_runtime/data", "proto"),
}
# Tests and benches may look at everything.
FREE_ROOMS = ("tests", "bench")

# Generated from proto/: included as "brigade/v1/link.pb.h".
GENERATED = "brigade/"

# Foreign headers: room → prefixes of what it must not include, and why.
TORCH = ("torch/", "ATen/", "c10/")
NETWORK = ("boost/asio", "boost/beast", "boost/process", "grpc", "google/protobuf", "sys/socket",
           "netinet/", "arpa/", "netdb", "opendht")
PURE = ("thread", "mutex", "shared_mutex", "condition_variable", "future", "stop_token",
        "semaphore", "barrier", "latch", "atomic", "coroutine", "ctime", "time.h", "sys/", "unistd",
        "pthread", "fcntl", "filesystem", "fstream", "iostream", "cstdlib", "fmt/", "spdlog",
        "nlohmann", "cuda", "xxhash", "sentencepiece", "openssl", "boost/thread", "boost/random")
BANNED_INCLUDES = {
    "base": (NETWORK + TORCH, "base/ is vocabulary: standard library and Boost headers only"),
    "config": (NETWORK + TORCH, "config/ reads text: no sockets, no tensors"),
    "swarm": (NETWORK + TORCH + PURE,
              "the core is pure: events in, actions out; pass what you need in an event"),
    "sim": (NETWORK + TORCH + PURE, "the simulator replays bit for bit: base/ and swarm/ only"),
    "trust": (NETWORK + TORCH, "trust/ signs and checks: no sockets, no tensors"),
    "stage_runtime": (NETWORK, "stage_runtime/ knows no sockets: daemon/ carries its bytes"),
    "stage_runtime/commands": (NETWORK + TORCH, "flags need no torch: the CLI links them"),
    "stage_runtime/data": (NETWORK + TORCH, "token data needs no torch: the CLI links it"),
    "daemon": (TORCH, "only stage_runtime/ includes torch: use the facade stage_runtime/stage.hpp"),
    "cli": (TORCH, "the CLI starts without torch: put it behind brigade-stage"),
}

# Calls that the pure rooms must not make, as (regular expression, what to do).
BANNED_CALLS = (
    (r"_clock\s*::\s*now|\bclock_gettime\b|\bgettimeofday\b|\bstd::time\s*\(",
     "no clock here: take `now` as an argument"),
    (r"\bsleep_(for|until)\b|\bu?sleep\s*\(|\bnanosleep\b",
     "no sleeping here: ask to be woken by next_wakeup()"),
    (r"\brandom_device\b|\bs?rand\s*\(|\bmt19937",
     "no other randomness than base/random.hpp, seeded and passed in"),
    (r"\bstd::(thread|jthread|mutex|atomic|async)\b", "no threads here: daemon/ owns them"),
    (r"\bgetenv\s*\(", "no environment here: options come in a struct"),
)
PURE_ROOMS = ("swarm", "sim")
# The programs in them: thin mains that read a command line and time a run from outside.
PURE_ROOMS_PROGRAMS = ("sim/brigade_sim.cpp",)

# Data of tests, whatever its files are called: not ours to style.
DATA = ("tests/fuzz/corpus/", "tests/vectors/golden/")

SLEEPLESS_TESTS = ("tests/unit", "tests/property", "tests/simulation")

# Facades: where foreign exceptions end, so the only places with `catch (...)`.
FACADES = ()


def room_of(path, table):
    """The longest key of `table` that `path` lies in, or None."""
    return max((room for room in table if path.startswith(room + "/")), key=len, default=None)
