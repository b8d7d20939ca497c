// What Linnet takes of RapidJSON: its reader and writer.
#pragma once

#include "base/result.h"

// The library grows its stack from a null pointer by arithmetic that is harmless but not defined.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#define RAPIDJSON_ASSERT(condition) CHECK(condition)
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#ifdef __clang__
#pragma clang attribute pop
#endif
