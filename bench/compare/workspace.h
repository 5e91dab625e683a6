// Workspace: a temporary folder with the roots that servers serve, their configurations and logs.
// make() creates it; the destructor removes it with all its contents.
#pragma once

#include <map>
#include <string>

#include "core/result.h"

namespace sluice::compare {

// The path of file number `index` in the roots "many" and "tree".
[[nodiscard]] std::string file_path(unsigned index);

class Workspace {
  public:
    [[nodiscard]] static Result<Workspace> make();
    Workspace(Workspace&& other) noexcept;
    Workspace& operator=(Workspace&&) = delete;
    ~Workspace();

    [[nodiscard]] const std::string& folder() const { return folder_; }
    // The root of that name, made when it is first asked for: "small" (page, logo, large file, the
    // files of scenario `border`), "many" (1,000 more files), "tree" (100,000 more).
    [[nodiscard]] Result<std::string> root(const std::string& name);

  private:
    explicit Workspace(std::string folder) : folder_(std::move(folder)) {}

    std::string folder_;
    std::map<std::string, std::string> roots_;
};

// The whole of a file; none when it cannot be read.
[[nodiscard]] Result<std::string> read_file(const std::string& path);
[[nodiscard]] Result<void> write_file(const std::string& path, const std::string& text);

}  // namespace sluice::compare
