#include "config/hba_tokens.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "config/notation.hpp"

namespace forebay::config {
namespace {

constexpr int deepest = 10;                     // as PostgreSQL: files within files
constexpr std::size_t most_files = 1000;        // and not an avalanche of them
constexpr std::size_t longest_line = 1 << 20;   // with what continues it
constexpr std::size_t most_tokens = 1'000'000;  // of all files together

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// One line, read from the left.
struct cursor {
  std::string_view text;
  std::size_t at = 0;
  bool list_goes_on = false;  // the last token ended at a comma
  bool open = false;          // the last token's quotes are not closed

  std::optional<hba_token> next() {
    while (at < text.size() && (is_blank(text[at]) || text[at] == ','))
      ++at;
    hba_token made{"", false, static_cast<std::uint32_t>(at + 1)};
    bool in_quotes = false, was_quote = false, saw_quote = false;
    list_goes_on = false;
    for (; at < text.size() && (!is_blank(text[at]) || in_quotes); ++at) {
      const char c = text[at];
      if (c == '#' && !in_quotes) {
        at = text.size();
        break;
      }
      if (c == ',' && !in_quotes) {
        list_goes_on = true;
        ++at;
        break;
      }
      if (c != '"' || was_quote) made.text += c;
      was_quote = in_quotes && c == '"' && !was_quote;  // a quote inside quotes is written twice
      if (c != '"') continue;
      in_quotes = !in_quotes;
      saw_quote = true;
      made.quoted = made.quoted || made.text.empty();
    }
    open = in_quotes;
    if (made.text.empty() && !saw_quote) return std::nullopt;
    return made;
  }
};

class line_reader {
 public:
  line_reader(std::string_view key, const file_source& files, report& out) : key_(key), files_(files), out_(out) {}

  // `from`: the line that names the file; null: the configuration does.
  void read_file(const std::string& path, const hba_line* from, std::uint32_t column, int depth, bool may_be_missing) {
    const auto content = open(path, from, column, depth, may_be_missing);
    if (!content) return;
    std::string_view rest = *content;
    for (std::uint32_t number = 1; !rest.empty();) {
      hba_line line{{}, path, number};
      const auto text = take_line(rest, number);
      if (text.size() > longest_line) {
        complain(out_, key_, line, 1, "the line is too long");
        continue;
      }
      take_apart(text, line, depth);
      if (!line.fields.empty() && !include(line, depth)) lines.push_back(std::move(line));
    }
  }

  std::vector<hba_line> lines;

 private:
  // With the lines that continue it.
  static std::string take_line(std::string_view& rest, std::uint32_t& number) {
    std::string text;
    for (bool more = true; more;) {
      const auto end = std::min(rest.find('\n'), rest.size());
      auto part = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++number;
      if (part.ends_with('\r')) part.remove_suffix(1);
      more = part.ends_with('\\') && !rest.empty();
      if (part.ends_with('\\')) part.remove_suffix(1);
      text += part;
    }
    return text;
  }

  std::optional<std::string> open(const std::string& path, const hba_line* from, std::uint32_t column, int depth,
                                  bool may_be_missing) {
    const auto refuse = [&](const std::string& why) {
      from ? complain(out_, key_, *from, column, why) : out_.error(path_of_key(), why);
      return std::nullopt;
    };
    if (depth > deepest) return refuse("files are included in files more than 10 deep");
    if (++files_read_ > most_files)
      return files_read_ > most_files + 1 ? std::nullopt : refuse("includes too many files");
    auto text = files_.read(path);
    if (text.missing && may_be_missing) return std::nullopt;
    if (!text.failure.empty()) return refuse(in_quotes(path) + " " + text.failure);
    return std::move(text.content);
  }

  path path_of_key() const { return path{} / "auth" / key_; }

  void take_apart(std::string_view text, hba_line& line, int depth) {
    cursor at{text};
    bool goes_on = false;
    while (auto token = at.next()) {
      if (token->text.find('\0') != token->text.npos)
        complain(out_, key_, line, token->column, "a zero byte is not allowed");
      if (at.open) complain(out_, key_, line, token->column, "the quotes are not closed");
      if (!goes_on) line.fields.emplace_back();
      goes_on = at.list_goes_on;
      add(std::move(*token), line, line.fields.back(), depth);
    }
    // A list from an empty file is no field: PostgreSQL has it match nothing, and so do we.
  }

  void add(hba_token token, const hba_line& line, hba_field& to, int depth) {
    const bool from_file = !token.quoted && token.text.size() > 1 && token.text.front() == '@';
    if (from_file) return add_list(beside(line.file, token.text.substr(1)), line, token.column, to, depth + 1);
    if (++tokens_ == most_tokens) complain(out_, key_, line, token.column, "there are too many words");
    if (tokens_ < most_tokens) to.push_back(std::move(token));
  }

  // Of a list the lines do not matter.
  void add_list(const std::string& path, const hba_line& from, std::uint32_t column, hba_field& to, int depth) {
    const auto content = open(path, &from, column, depth, false);
    if (!content) return;
    std::string_view rest = *content;
    for (std::uint32_t number = 1; !rest.empty();) {
      const hba_line line{{}, path, number};
      const auto text = take_line(rest, number);
      cursor at{text};
      while (auto token = at.next()) {
        if (at.open) complain(out_, key_, line, token->column, "the quotes are not closed");
        add(std::move(*token), line, to, depth);
      }
    }
  }

  // True: the line was one of these.
  bool include(const hba_line& line, int depth) {
    const auto& first = line.fields.front();
    if (first.size() != 1 || first[0].quoted) return false;
    const auto& word = first[0].text;
    if (word != "include" && word != "include_if_exists" && word != "include_dir") return false;
    if (line.fields.size() != 2 || line.fields[1].size() != 1) {
      complain(out_, key_, line, first[0].column, "wanted one file name after " + word);
      return true;
    }
    const auto& name = line.fields[1][0];
    const auto where = beside(line.file, name.text);
    if (word != "include_dir") {
      read_file(where, &line, name.column, depth + 1, word == "include_if_exists");
      return true;
    }
    auto folder = files_.list(where);
    if (!folder.failure.empty()) complain(out_, key_, line, name.column, in_quotes(where) + " " + folder.failure);
    std::ranges::sort(folder.files);
    for (const auto& each : folder.files) {
      const auto file = std::filesystem::path(each).filename().string();
      if (file.ends_with(".conf") && !file.starts_with('.')) read_file(each, &line, name.column, depth + 1, true);
    }
    return true;
  }

  // Names in a file are relative to its folder.
  static std::string beside(const std::string& file, const std::string& name) {
    return (std::filesystem::path(file).parent_path() / name).string();
  }

  const std::string_view key_;
  const file_source& files_;
  report& out_;
  std::size_t files_read_ = 0, tokens_ = 0;
};

}  // namespace

std::vector<hba_line> read_hba_lines(const std::string& path, std::string_view key, const file_source& files,
                                     report& out) {
  line_reader reader(key, files, out);
  reader.read_file(path, nullptr, 0, 0, false);
  return std::move(reader.lines);
}

void complain(report& out, std::string_view key, const hba_line& line, std::uint32_t column, std::string_view text) {
  const path here{std::string(key), line.file};
  out.locate(here, {line.number, column}, line.file);
  out.error(here, text);
}

}  // namespace forebay::config
