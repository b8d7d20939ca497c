// Machine output: one JSON document on stdout.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "graph/type.h"

namespace linnet {

class JsonOut {
 public:
  JsonOut& begin_object() { return writer_.StartObject(), *this; }
  JsonOut& end_object() { return writer_.EndObject(), *this; }
  JsonOut& begin_array() { return writer_.StartArray(), *this; }
  JsonOut& end_array() { return writer_.EndArray(), *this; }
  JsonOut& key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    return *this;
  }

  JsonOut& value(std::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    return *this;
  }
  JsonOut& value(const char* text) { return value(std::string_view(text)); }
  JsonOut& value(const std::string& text) { return value(std::string_view(text)); }
  JsonOut& value(bool flag) { return writer_.Bool(flag), *this; }
  JsonOut& value(int number) { return writer_.Int(number), *this; }
  JsonOut& value(int64_t number) { return writer_.Int64(number), *this; }
  JsonOut& value(uint64_t number) { return writer_.Uint64(number), *this; }
  // null for what JSON cannot say.
  JsonOut& value(double number) {
    std::isfinite(number) ? writer_.Double(number) : writer_.Null();
    return *this;
  }
  JsonOut& value(const Shape& shape) {
    begin_array();
    for (const int32_t dim : shape.dims()) value(dim);
    return end_array();
  }
  template <class T>
  JsonOut& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  std::string_view text() const { return {buffer_.GetString(), buffer_.GetSize()}; }
  // Writes the document and a line's end to stdout.
  void print() const;

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

// `number` rounded to `digits` after the point: times and percentages, not measurements to compute with.
inline double rounded(double number, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(number * scale) / scale;
}

}  // namespace linnet
