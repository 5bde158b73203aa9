// What brigade doctor says of one thing that it looked at.
#pragma once

#include <string>
#include <utility>

namespace brigade::cli {

enum class Verdict {
  kOk,
  kNote,  // it works; it could be better, or ought to be known
  kBad,
};

struct Finding {
  Verdict verdict = Verdict::kOk;
  std::string group;  // "this machine", "reachability", …
  std::string what;   // was looked at: one or two words
  std::string found;
  std::string remedy;  // a command or a setting; empty where all is well
};

inline const char* to_string(Verdict verdict) {
  if (verdict == Verdict::kOk) return "ok";
  return verdict == Verdict::kNote ? "note" : "bad";
}

inline Finding ok(std::string found) {
  return {Verdict::kOk, {}, {}, std::move(found), {}};
}
inline Finding note(std::string found, std::string remedy) {
  return {Verdict::kNote, {}, {}, std::move(found), std::move(remedy)};
}
inline Finding bad(std::string found, std::string remedy) {
  return {Verdict::kBad, {}, {}, std::move(found), std::move(remedy)};
}

}  // namespace brigade::cli
