#include "cli/screen.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>

namespace brigade::cli {

namespace {

constexpr std::string_view kHideCursor = "\x1b[?25l";
constexpr std::string_view kShowCursor = "\x1b[?25h";
// Synchronised update: terminals that know it show the frame at once, others ignore it.
constexpr std::string_view kBeginFrame = "\x1b[?2026h";
constexpr std::string_view kEndFrame = "\x1b[?2026l";

std::string_view code_of(Tint tint) {
  switch (tint) {
    case Tint::kPlain:
      return "";
    case Tint::kBold:
      return "\x1b[1m";
    case Tint::kDim:
      return "\x1b[2m";
    case Tint::kGreen:
      return "\x1b[32m";
    case Tint::kYellow:
      return "\x1b[33m";
    case Tint::kRed:
      return "\x1b[31m";
    case Tint::kCyan:
      return "\x1b[36m";
  }
  return "";
}

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::size_t cells(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

Line& Line::add(std::string_view text, Tint tint) {
  std::size_t bytes = 0;
  std::size_t width = width_;
  while (bytes < text.size()) {
    if (starts_code_point(text[bytes])) {
      if (width == style_->columns) break;
      ++width;
    }
    ++bytes;
  }
  if (bytes == 0) return *this;
  const std::string_view code = style_->has_colour ? code_of(tint) : std::string_view{};
  text_ += code;
  text_ += text.substr(0, bytes);
  if (!code.empty()) text_ += "\x1b[0m";
  width_ = width;
  return *this;
}

Line& Line::to_column(std::size_t column) {
  return add(std::string(column > width_ ? column - width_ : 1, ' '));
}

bool Screen::is_available() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

Screen::Screen() {
  std::setlocale(LC_CTYPE, "");
  write_all(kHideCursor);
}

Screen::~Screen() {
  restore();
}

void Screen::restore() {
  write_all(kShowCursor);
}

Style Screen::style() const {
  Style style;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.columns = size.ws_col;
    style.rows = size.ws_row;
  }
  const char* no_colour = std::getenv("NO_COLOR");
  style.has_colour = no_colour == nullptr || *no_colour == '\0';
  style.has_unicode = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  return style;
}

std::string Screen::erase_sequence() {
  const std::size_t columns = style().columns;
  const bool was_resized = columns != columns_ && columns_ != 0;
  columns_ = columns;
  // A terminal that was resized has folded our lines anew, each its own way: start on a clean page.
  if (was_resized) return "\x1b[H\x1b[2J";
  return shown_.empty() ? std::string() : "\x1b[" + std::to_string(shown_.size()) + "A\r";
}

void Screen::draw(const std::vector<std::string>& lines) {
  std::string frame(kBeginFrame);
  frame += erase_sequence();
  for (const std::string& line : lines) frame += line + "\x1b[K\n";
  frame += "\x1b[J";
  frame += kEndFrame;
  write_all(frame);
  shown_ = lines;
}

void Screen::print(const std::string& line) {
  std::string frame(kBeginFrame);
  frame += erase_sequence() + "\x1b[J" + line + "\n";
  for (const std::string& kept : shown_) frame += kept + "\x1b[K\n";
  frame += kEndFrame;
  write_all(frame);
}

}  // namespace brigade::cli
