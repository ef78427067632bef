#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/hba.hpp"
#include "config/report.hpp"

// Reads files in the format of pg_hba.conf and pg_ident.conf (manual, "The pg_hba.conf File", "User Name Maps"):
// comments, quotes, a backslash at a line's end, lists, @file, include, include_if_exists, include_dir. Every mistake
// is reported with its file and line.
namespace forebay::config {

// Where the text of files comes from; paths as made from those in the files.
struct file_source {
  struct text {
    std::string content;
    std::string failure;  // "cannot be read: ..."; empty: it was read
    bool missing = false;
  };
  struct folder {
    std::vector<std::string> files;  // paths
    std::string failure;
  };
  std::function<text(const std::string& path)> read;
  std::function<folder(const std::string& path)> list;
};

std::vector<hba_rule> read_hba_file(const std::string& path, const file_source& files, report& out);
std::vector<ident_mapping> read_ident_file(const std::string& path, const file_source& files, report& out);

}  // namespace forebay::config
