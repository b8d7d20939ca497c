#include "abi/host_blocks.h"

#include "abi/memory.h"

namespace linnet::abi {

#ifdef __wasm_atomics__

HostBlock::Allocate host_blocks() {
  return nullptr;
}

#else

#define LINNET_ABI_IMPORT(result, name, arguments) \
  extern "C" __attribute__((import_module("linnet"), import_name(#name))) result linnet_##name arguments;
#include "abi/abi.def"

namespace {

class ImportedBlock final : public HostBlock {
 public:
  using HostBlock::HostBlock;
  ~ImportedBlock() override { linnet_block_drop(number()); }
  void write(uint64_t at, std::span<const std::byte> bytes) override {
    linnet_block_write(number(), static_cast<u32>(at), address(bytes.data()), static_cast<u32>(bytes.size()));
  }
  void read(std::byte* into) const override { linnet_block_read(number(), address(into)); }
};

Result<std::unique_ptr<HostBlock>> allocate(uint64_t bytes) {
  const u32 number = linnet_block_new(static_cast<u32>(bytes));
  if (number == 0)
    return fail(ErrorCode::OutOfMemory, "the host could not keep a weight of %llu bytes",
                static_cast<unsigned long long>(bytes));
  return std::make_unique<ImportedBlock>(number);
}

}  // namespace

HostBlock::Allocate host_blocks() {
  return allocate;
}

#endif

}  // namespace linnet::abi
