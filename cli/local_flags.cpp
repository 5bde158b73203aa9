#include "cli/local_flags.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "config/methods.hpp"
#include "config/node_config.hpp"
#include "config/presets.hpp"

namespace brigade::cli {

namespace {

struct Group {
  std::string_view prefix;  // of the keys in it
  const char* title;
};
constexpr std::array<Group, 3> kGroups = {
    {{"method.", "How it learns"}, {"run.", "The run"}, {"", "The line"}}};

const char* group_of(std::string_view key) {
  for (const Group& group : kGroups) {
    if (key.starts_with(group.prefix)) return group.title;
  }
  return kGroups.back().title;
}

// What stands for the value in the help: "N", "X", "auto|on|off", "A,B,…".
std::string placeholder(const config::Option& option) {
  struct Visitor {
    std::string operator()(const config::Whole& whole) const { return with_word(whole.zero, "N"); }
    std::string operator()(const config::Number& number) const {
      return with_word(number.zero, "X");
    }
    std::string operator()(const config::Switch&) const { return ""; }
    std::string operator()(const config::OneOf& one) const { return joined(one.words, ""); }
    std::string operator()(const config::WordOrNumber& either) const {
      return joined(either.words, "X");
    }
    std::string operator()(const config::WholeList&) const { return "A,B,.."; }
    std::string operator()(const config::Text&) const { return "TEXT"; }
    std::string operator()(const config::TextList&) const { return "TEXT,.."; }

    static std::string with_word(std::string_view zero, std::string_view value) {
      return zero.empty() ? std::string(value) : fmt::format("{}|{}", zero, value);
    }
    static std::string joined(std::span<const std::string_view> words, std::string_view last) {
      constexpr std::size_t kShown = 4;  // a long list is in the description
      if (words.size() > kShown) return "NAME";
      std::string text;
      for (const std::string_view word : words)
        text += fmt::format("{}{}", text.empty() ? "" : "|", word);
      return last.empty() ? text : fmt::format("{}|{}", text, last);
    }
  };
  return std::visit(Visitor{}, option.domain);
}

std::string method_list() {
  std::string names;
  for (const std::string_view name : config::method_names()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  return names;
}

std::string preset_names() {
  std::string names;
  for (const config::Preset& preset : config::presets()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  }
  return names;
}

void add_table_flag(CLI::App& command, const std::shared_ptr<LocalFlags>& flags,
                    const config::OptionOf<config::SwarmConfig>& option) {
  std::string meaning(option.meaning);
  if (option.flag == "--method") meaning += ": " + method_list();
  const std::string name(option.flag);
  const auto keep = [flags, chosen = &option](const std::string& text) {
    flags->settings.push_back({chosen, text});
  };
  CLI::Option* added = nullptr;
  if (std::holds_alternative<config::Switch>(option.domain)) {
    added = command.add_flag_callback(
        name, [keep] { keep("true"); }, meaning);
  } else {
    added = command.add_option_function<std::string>(name, keep, meaning)
                ->type_name(placeholder(option));
  }
  added->group(group_of(option.key));
}

}  // namespace

void add_local_flags(CLI::App& command, const std::shared_ptr<LocalFlags>& flags) {
  static constexpr const char* kModel = "The model and its data";
  static constexpr const char* kMachine = "This machine";
  static constexpr const char* kFiles = "What is kept and shown";
  command
      .add_option("--preset", flags->preset,
                  fmt::format("model and run to start from: {} (default: {})", preset_names(),
                              kDefaultPreset))
      ->type_name("NAME")
      ->group(kModel);
  command.add_option("--model", flags->model, "the [model] section of a swarm.toml")
      ->type_name("FILE")
      ->group(kModel);
  command
      .add_option("--swarm", flags->swarm,
                  "a whole swarm.toml to start from, its data included; flags go before it")
      ->type_name("FILE")
      ->group(kModel);
  command
      .add_option(
          "--data", flags->data,
          "text file, folder of text, or folder of token files (default: Debian's fortunes)")
      ->type_name("FILE|DIR")
      ->group(kModel);
  for (const auto& option : config::swarm_options()) {
    if (!option.flag.empty()) add_table_flag(command, flags, option);
  }
  command.add_option("--replicas", flags->replicas, "nodes a stage (this version: 1)")
      ->type_name("R")
      ->group("The line");
  command.add_option("--device", flags->device, "where stages compute (default: auto)")
      ->type_name("auto|cpu|cuda:N")
      ->group(kMachine);
  command
      .add_option("--threads", flags->threads,
                  "compute threads a stage (default: cores / stages, at least 1)")
      ->type_name("N")
      ->check(CLI::Range(1u, 1024u))
      ->group(kMachine);
  command
      .add_option(
          "--link-delay", flags->link_delay_ms,
          "round trip between stages, imitated by a delay line in each daemon; needs no root")
      ->type_name("MS")
      ->check(CLI::Range(0u, config::kMaxLinkDelayMs))
      ->group(kMachine);
  command.add_option("--log", flags->log, "append the run's events as JSON lines")
      ->type_name("FILE")
      ->group(kFiles);
  command
      .add_option("--out", flags->out, fmt::format("folder of the run (default: {})", kDefaultOut))
      ->type_name("DIR")
      ->group(kFiles);
  command.add_option("--resume", flags->resume, "go on with the run in DIR, with its settings")
      ->type_name("DIR")
      ->group(kFiles);
  command.add_flag("--json", flags->prints_json, "events as JSON lines on stdout, nothing else")
      ->group(kFiles);
  command.add_flag("--force", flags->replaces, "delete the run that --out holds")->group(kFiles);
}

}  // namespace brigade::cli
