// Figures as people read them: "1,234,567", "212 MB", "1 min 35 s".
#pragma once

#include <cstdint>
#include <string>

namespace brigade {

std::string with_commas(std::uint64_t value);  // "1,234,567"
std::string in_millions(std::uint64_t value);  // "842", "12.3 thousand", "0.84 million"
std::string in_bytes(std::uint64_t bytes);     // "512 B", "3.4 MB", "1.2 GB"; powers of 1000
std::string in_words(double seconds);          // "45 s", "1 min 35 s", "2 h 05 min"
std::string as_clock(double seconds);          // "1:23", "1:02:03"
std::string as_utc(std::uint64_t unix_s);      // "2026-12-22 05:05 UTC"; up to the year 9999

}  // namespace brigade
