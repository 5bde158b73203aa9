// A loss curve of bounded size: neighbours merge when it is full, so that a run of any length
// keeps its whole shape in kCapacity points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace brigade::cli {

class Curve {
 public:
  static constexpr std::size_t kCapacity = 512;  // finer than any terminal is wide

  void add(double value);
  std::size_t size() const { return means_.size() + (open_count_ > 0 ? 1 : 0); }
  /// `count` values over the whole range, each the mean of its part; fewer where fewer are known.
  std::vector<double> resampled(std::size_t count) const;

 private:
  std::vector<double> means_;     // each of `width_` values
  std::uint64_t width_ = 1;       // values a point
  double open_sum_ = 0;           // of the point that is not full yet
  std::uint64_t open_count_ = 0;  // values in it
};

/// The curve in braille dots, two columns and four rows of dots a cell: `rows` strings of `columns`
/// cells, highest value on top. `low` and `high` are the values at the edges.
struct Plot {
  std::vector<std::string> rows;
  double low = 0;
  double high = 0;
};
Plot plot(const Curve& curve, std::size_t columns, std::size_t rows);

}  // namespace brigade::cli
