// Rows of text as columns, two spaces apart.
#pragma once

#include <string>
#include <vector>

namespace brigade::cli {

using Row = std::vector<std::string>;

/// One line a row, without spaces at its end; the first row is the heading, and has as many cells
/// as any other.
std::vector<std::string> in_columns(const std::vector<Row>& rows);

}  // namespace brigade::cli
