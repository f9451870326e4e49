// Files that come in blocks, as the connections that bring them see them.
#include "engine/block_files.h"

#include "tests/check.h"

using namespace ktls;
using namespace ktls::engine;

TEST(of_connections_whose_blocks_fail_one_reports_the_file) {
  BlockFiles files;
  BlockFile file{};
  CHECK(!files.has_failed(file));
  CHECK(files.mark_failed(file));
  CHECK(!files.mark_failed(file));
  CHECK(files.has_failed(file));
}
