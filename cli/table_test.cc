#include "cli/table.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(Table, AlignsColumns) {
  Table table({"name", "n", "top"});
  table.add({"a", "1000", "2 %"});
  table.add({"longer", "1"});
  EXPECT_EQ(table.text(),
            "name       n  top\n"
            "a       1000  2 %\n"
            "longer     1\n");
}

TEST(Table, HasTextColumnsToTheLeft) {
  Table table({"a", "b", "c"}, 2);
  table.add({"x", "yyy", "10"});
  table.add({"x", "y", "1"});
  EXPECT_EQ(table.text(),
            "a  b     c\n"
            "x  yyy  10\n"
            "x  y     1\n");
}

TEST(Table, FormatsLongText) {
  EXPECT_EQ(formatted("%s %d", std::string(3000, 'x').c_str(), 7), std::string(3000, 'x') + " 7");
}

}  // namespace
}  // namespace linnet
