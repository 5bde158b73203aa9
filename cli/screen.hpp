// A terminal and lines that know their width on it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::cli {

/// What the terminal can show.
struct Style {
  std::size_t columns = 80;
  std::size_t rows = 24;
  bool has_colour = true;   // off with NO_COLOR, or TERM=dumb
  bool has_unicode = true;  // off where the locale is not UTF-8: bars of '#', no curve
};

enum class Tint { kPlain, kBold, kDim, kGreen, kYellow, kRed, kCyan };

/// One line of text that never grows beyond `columns` cells; each code point counts as one cell
/// (none of ours is wider). Escape codes are counted as nothing and always closed.
class Line {
 public:
  explicit Line(const Style& style) : style_(&style) {}
  Line& add(std::string_view text, Tint tint = Tint::kPlain);
  /// Pads with spaces up to cell `column`; at least one space if the text is already there.
  Line& to_column(std::size_t column);
  std::size_t width() const { return width_; }
  const std::string& text() const { return text_; }

 private:
  const Style* style_;
  std::string text_;
  std::size_t width_ = 0;
};

std::size_t cells(std::string_view text);  // code points of UTF-8

/// The lower lines of the terminal, redrawn in place. Text printed with `print` scrolls by above
/// them. Hides the cursor while it lives; the destructor and, on a fatal signal, restore() show it.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Is stdout a terminal that can redraw?
  static bool is_available();
  Style style() const;  // asks for the size each time: the window may have changed
  void draw(const std::vector<std::string>& lines);
  void print(const std::string& line);
  static void restore();  // async-signal-safe

 private:
  std::string erase_sequence();

  std::vector<std::string> shown_;
  std::size_t columns_ = 0;  // of the terminal when they were drawn
};

}  // namespace brigade::cli
