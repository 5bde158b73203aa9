// Tables of text for people.
#pragma once

#include <string>
#include <vector>

namespace brigade::cli {

using Row = std::vector<std::string>;

/// A line a row, each column as wide as its widest cell. All rows have as many cells; none: none.
std::vector<std::string> in_columns(const std::vector<Row>& rows);

}  // namespace brigade::cli
