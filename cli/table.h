// Text in columns, for terminals.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace linnet {

// A printf text as a string.
[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...);

// Rows of cells; the first row is the titles. Each column is as wide as its longest cell: the first aligned
// to the left, the others to the right, where `text_columns` does not name them too. Ends each line without
// blanks.
class Table {
 public:
  explicit Table(std::vector<std::string> titles, size_t text_columns = 1)
      : text_columns_(text_columns), rows_{std::move(titles)} {}
  // A row may be shorter than the titles.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;
  void print() const { std::fputs(text().c_str(), stdout); }

 private:
  size_t text_columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace linnet
